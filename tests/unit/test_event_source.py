# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that the event source agrees with its documentation, schema, guide and rulebook, and that it finds its code."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import ansible
import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.doc_fragments.api import ModuleDocFragment
from ansible_collections.serverprism.cloud.plugins.module_utils._events.changes import EVENTS, Change
from ansible_collections.serverprism.cloud.plugins.module_utils._events.poller import ARGUMENT_SPEC, OPTIONS, read_arguments
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path("extensions", "eda", "plugins", "event_source")
SPEC = importlib.util.spec_from_file_location("server_state", ROOT / SOURCES / "server_state.py")
SOURCE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SOURCE)
DOCUMENTED = yaml.safe_load(SOURCE.DOCUMENTATION)
SCHEMA = json.loads((ROOT / SOURCES / "schemas" / "server_state.json").read_text())
PAGE = (ROOT / "docs" / "docsite" / "rst" / "event_driven.rst").read_text()
TYPES = {"str": "string", "path": "string", "float": "number", "int": "integer", "bool": "boolean", "list": "array"}


def test_documentation_has_the_arguments():
    shown = ("type", "default", "required", "elements")
    spec = {name: {key: entry[key] for key in shown if entry.get(key) is not None} for name, entry in ARGUMENT_SPEC.items()}
    assert {name: {key: entry[key] for key in shown if key in entry} for name, entry in DOCUMENTED["options"].items()} == spec
    for name, entry in DOCUMENTED["options"].items():
        assert entry["description"]
        assert (f"E(SERVERPRISM_{name.upper()})" in " ".join(entry["description"])) == (name not in OPTIONS), name


def variables(text):
    """Return the environment variables that a text names."""
    return re.findall(r"\bSERVERPRISM_[A-Z_]+", text)


def test_api_arguments_match_the_options_of_the_modules():
    assert not set(OPTIONS) & set(API_ARGUMENT_SPEC), "an argument of the source has the name of an API option"
    fragment = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    plugins = yaml.safe_load(ModuleDocFragment.PLUGIN)["options"]
    assert [name for name in DOCUMENTED["options"] if name not in OPTIONS] == list(API_ARGUMENT_SPEC) == list(fragment) == list(plugins)
    for name, entry in API_ARGUMENT_SPEC.items():
        own, shared, schema = DOCUMENTED["options"][name], fragment[name], SCHEMA["properties"][name]
        assert own["type"] == shared["type"] == entry["type"], name
        for key in ("default", "required", "choices"):
            assert own.get(key) == shared.get(key) == entry.get(key), f"{name}: {key}"
        _env_fallback, (variable,) = entry["fallback"]
        assert [env["name"] for env in plugins[name]["env"]] == [variable], name
        # Earlier sentences can name other environment variables.
        assert variables(own["description"][-1]) == variables(shared["description"][-1]) == [variable], name
        assert variables(schema["description"]) == [variable], name


def test_schema_has_the_arguments():
    assert SCHEMA["additionalProperties"] is False and "required" not in SCHEMA, "the token can come from an environment variable"
    for name, entry in ARGUMENT_SPEC.items():
        prop = SCHEMA["properties"][name]
        assert prop["type"] == TYPES[entry["type"]] and prop.get("default") == entry.get("default"), name
        assert prop["title"] and prop["description"]
    assert set(SCHEMA["properties"]) == set(ARGUMENT_SPEC)
    # The address of a ledger can hold a password.
    assert {name for name, prop in SCHEMA["properties"].items() if prop.get("format") == "password"} == {"api_token", "ledger"}


def test_examples_are_valid():
    for example in yaml.safe_load(SOURCE.EXAMPLES):
        assert read_arguments({"api_token": "x", **example["serverprism.cloud.server_state"]})


def rows(heading):
    """Return the first column of the table under a heading of the guide."""
    part = re.split(r"\n.+\n-{3,}\n", PAGE.split(f"\n{heading}\n---")[1])[0]
    return re.findall(r"^   \* - ``(\w+)``", part, re.MULTILINE)


def test_guide_has_the_arguments_events_and_fields():
    assert rows("Arguments") == list(OPTIONS)
    assert set(rows("Events")) == set(EVENTS)
    assert rows("Fields of an event") == [field.name for field in fields(Change)]
    assert all(f"C({name})" in " ".join(DOCUMENTED["description"]) for name in (*EVENTS, *(field.name for field in fields(Change))))


@pytest.mark.parametrize("other", [False, True])
def test_source_finds_its_collection_if_it_is_not_importable(tmp_path, other):
    place = tmp_path / "somewhere" / "ansible_collections" / "serverprism"
    place.mkdir(parents=True)
    (place / "cloud").symlink_to(ROOT)
    if other:
        # Like in the package "ansible": a regular package, which hides every folder of the same name.
        (tmp_path / "site" / "ansible_collections").mkdir(parents=True)
        (tmp_path / "site" / "ansible_collections" / "__init__.py").touch()
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['_import_poller']().__file__)"
    # ansible-test installs Ansible outside of this Python.
    paths = [str(tmp_path / "site"), str(Path(ansible.__file__).parents[1])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code, str(place / "cloud" / SOURCES / "server_state.py")],
        env=env,
        text=True,
        capture_output=True,
        check=False,
    )
    assert run.stdout.startswith(str(place)), run.stderr


def test_variables_of_the_bring_back_role_match_its_defaults_and_readme():
    role = ROOT / "roles" / "bring_back"
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    # An argument spec of type "int" cannot have a template as its default.
    assert defaults.pop("bring_back_server_id") == "{{ serverprism_id | default(0) }}"
    assert defaults == {name: option["default"] for name, option in options.items() if "default" in option}
    assert re.findall(r"^\| `(bring_back_\w+)`", (role / "README.md").read_text(), re.MULTILINE) == list(options)


def test_rulebook_passes_its_variables_to_the_playbook():
    (ruleset,) = yaml.safe_load((ROOT / "extensions" / "eda" / "rulebooks" / "bring_back.yml").read_text())
    options = yaml.safe_load((ROOT / "roles" / "bring_back" / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    (source,) = (source["serverprism.cloud.server_state"] for source in ruleset["sources"])
    playbook = ruleset["rules"][0]["action"]["run_playbook"]
    assert playbook["name"] == "serverprism.cloud.bring_back" and set(playbook["extra_vars"]) == set(options)
    assert set(source) <= set(OPTIONS)
    given = {name: value for name, value in playbook["extra_vars"].items() if "event." not in value}
    for name, value in given.items():
        assert re.fullmatch(r"\{\{ (\w+) \| default\((.*)\) \}\}", value), value
        assert yaml.safe_load(re.search(r"default\((.*)\)", value)[1]) == options[name]["default"], name
    # Every variable of the rulebook is in the guide.
    used = set(given) | set(re.findall(r"\{\{ (bring_back_\w+)", json.dumps(source)))
    assert used == set(rows("Variables of the rulebook"))

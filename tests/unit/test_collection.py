# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that documentation, argument specs, actions, action group, roles and versions agree."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import VERSION
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC
from ansible_collections.serverprism.cloud.plugins.plugin_utils._orders import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
BASE = "ansible_collections.serverprism.cloud.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
PLAYBOOKS_AND_ROLES = sorted(path for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml"))
# The length of a Jinja expression. A longer one belongs in Python.
LONGEST = 120
SHOWN = ("type", "default", "required", "choices", "elements", "aliases")


def load(module):
    return importlib.import_module(f"{BASE}.modules.{module}")


def options_of(spec):
    """Return the options of an argument spec in the form of the documentation."""
    out = {}
    for name, entry in spec.items():
        out[name] = {key: entry[key] for key in SHOWN if entry.get(key) not in (None, False)}
        if entry.get("default") is False:
            out[name]["default"] = False
        if "options" in entry:
            out[name]["suboptions"] = options_of(entry["options"])
    return out


def documented(options):
    """Return the options of the documentation in the same form."""
    out = {}
    for name, entry in options.items():
        assert entry["description"]
        out[name] = {key: entry[key] for key in SHOWN if key in entry}
        if not out[name].get("required", True):
            # It overrides a fragment.
            del out[name]["required"]
        if "suboptions" in entry:
            out[name]["suboptions"] = documented(entry["suboptions"])
    return out


@pytest.mark.parametrize("module", MODULES)
def test_documentation_has_the_options_of_the_argument_spec(module):
    loaded = load(module)
    documentation = yaml.safe_load(loaded.DOCUMENTATION)
    assert documentation["module"] == loaded.OPERATION.name == module
    fragments = documentation["extends_documentation_fragment"]
    assert fragments[:2] == ["serverprism.cloud.api", "serverprism.cloud.attributes"]
    more = [importlib.import_module(f"{BASE}.doc_fragments.{name.rpartition('.')[2]}").ModuleDocFragment for name in fragments[2:]]
    options = [yaml.safe_load(fragment.DOCUMENTATION)["options"] for fragment in more] + [documentation["options"]]
    # No option is documented in both the module and a fragment.
    assert len({name for one in options for name in one}) == sum(map(len, options))
    assert documented({name: entry for one in options for name, entry in one.items()}) == options_of(loaded.OPERATION.options)


def test_api_fragment_has_the_shared_options_and_their_environment_variables():
    fragment = importlib.import_module(f"{BASE}.doc_fragments.api").ModuleDocFragment
    options = yaml.safe_load(fragment.DOCUMENTATION)["options"]
    assert documented(options) == options_of(API_ARGUMENT_SPEC)
    for name, option in options.items():
        assert f"E(SERVERPRISM_{name.upper()})" in " ".join(option["description"])


def test_attributes_have_descriptions_and_valid_support_values():
    fragment = importlib.import_module(f"{BASE}.doc_fragments.attributes").ModuleDocFragment
    attributes = yaml.safe_load(fragment.DOCUMENTATION)["attributes"]
    assert {"check_mode", "diff_mode"} <= set(attributes)
    for attribute in attributes.values():
        assert attribute["description"] and attribute.get("support", "full") in ("full", "partial", "none", "N/A")
    for module in MODULES:
        assert set(yaml.safe_load(load(module).DOCUMENTATION)["attributes"]) <= set(attributes)


@pytest.mark.parametrize("module", MODULES)
def test_examples_use_existing_options_and_set_required_ones(module):
    loaded = load(module)
    spec = loaded.OPERATION.argument_spec
    for task in yaml.safe_load(loaded.EXAMPLES):
        given = task.get(f"serverprism.cloud.{module}")
        if given is not None:
            assert set(given) <= set(spec) | {alias for entry in spec.values() for alias in entry.get("aliases", [])}, task["name"]
            assert {name for name, entry in loaded.OPERATION.options.items() if entry.get("required")} <= set(given)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_an_action_with_the_same_operation(module):
    action = importlib.import_module(f"{BASE}.action.{module}").ActionModule
    assert action.operation is load(module).OPERATION


def test_action_group_has_every_module():
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    assert groups == {"api": MODULES}


def test_every_module_that_writes_counts_its_servers_as_nodes():
    queries = yaml.safe_load((ROOT / "extensions" / "audit" / "event_query.yml").read_text())
    writing = {name for name in MODULES if load(name).OPERATION.writes}
    assert set(queries) == {f"serverprism.cloud.{name}" for name in writing}


def test_index_of_the_documentation_lists_every_module():
    index = (ROOT / "docs" / "docsite" / "home.rst").read_text()
    assert re.findall(r"<(serverprism_\w+)_module>", index) == MODULES


def test_versions_of_galaxy_yml_and_client_are_equal():
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == VERSION


def test_defaults_of_the_maintenance_role_match_its_argument_specs():
    role = ROOT / "roles" / "maintenance"
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    # An argument spec of type "int" cannot have a template as its default.
    assert defaults.pop("maintenance_server_id") == "{{ serverprism_id | default(0) }}"
    # An "int" with a default in the argument specs could not be empty.
    assert defaults.pop("maintenance_max_failures") == 0
    assert defaults == {name: option["default"] for name, option in options.items() if "default" in option}


def test_maintenance_role_has_a_variable_for_each_option_of_the_module():
    role = ROOT / "roles" / "maintenance"
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    for name, entry in load("serverprism_maintenance").OPERATION.options.items():
        assert options[VARIABLES[name]].get("choices") == entry.get("choices"), name


def test_every_variable_of_the_maintenance_role_is_in_its_readme():
    role = ROOT / "roles" / "maintenance"
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert set(re.findall(r"^\| `(maintenance_\w+)`", (role / "README.md").read_text(), re.MULTILINE)) == set(options)


CONDITIONS = ("when", "that", "until", "failed_when", "changed_when")


def expressions(text):
    """Return every Jinja expression and condition of a YAML file. Expressions in braces keep their line breaks."""

    def conditions(node):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            if key in CONDITIONS:
                yield from (str(one) for one in (value if isinstance(value, list) else [value]))
            yield from conditions(value)

    return [*re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text, re.DOTALL), *conditions(yaml.safe_load(text))]


@pytest.mark.parametrize("text", ["a: >-\n  {{ b\n  + c }}", f"a: '{{{{ {'b' * 120} }}}}'", f"- when:\n    - {'b' * 121}"])
def test_long_expressions_are_found(text):
    assert any("\n" in one or len(one) > LONGEST for one in expressions(text))


@pytest.mark.parametrize("path", PLAYBOOKS_AND_ROLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_expressions_of_playbooks_and_roles_are_short(path):
    assert [one for one in expressions(path.read_text()) if "\n" in one or len(one) > LONGEST] == []


def test_module_utils_are_marked_as_private():
    for path in (ROOT / "plugins" / "module_utils").glob("*.py"):
        assert path.name == "__init__.py" or (path.name.startswith("_") and "Private to this collection." in path.read_text()), path

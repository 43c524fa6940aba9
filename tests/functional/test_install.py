# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the published artifact: its content, and that it works where nothing else of the checkout is."""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
import shutil
import tarfile

import documents
import published
import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from functional.harness import ROOT, Ansible
from published import call

PUBLISHED = {
    "CHANGELOG.md",
    "CHANGELOG.md.license",
    "CHANGELOG.rst",
    "CHANGELOG.rst.license",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "bindep.txt",
    "requirements.txt",
}
# The community package requires that playbooks, roles and plugins need no other folders.
RUN_TIME = {"meta", "playbooks", "plugins", "roles"}
FOLDERS = {"LICENSES", "changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return an environment with an empty home and nothing of this checkout but the programs."""
    return published.environment(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def artifact(environment, tmp_path_factory):
    """Return the published artifact."""
    return published.build(environment, tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def files(artifact):
    """Return the names of the files in the artifact."""
    with tarfile.open(artifact) as archive:
        return {member.name for member in archive if member.isfile()}


@pytest.fixture(scope="module")
def installed(environment, artifact, tmp_path_factory):
    """Return a collections path that contains only the artifact, and of that only what may be needed at run time."""
    path = tmp_path_factory.mktemp("collections")
    published.install(environment, artifact, path)
    for folder in (path / "ansible_collections" / "serverprism" / "cloud").iterdir():
        if folder.is_dir() and folder.name not in RUN_TIME:
            shutil.rmtree(folder)
    return path


def test_files_of_development_are_not_published(files):
    assert {name for name in files if "/" not in name} == PUBLISHED
    assert {name.split("/")[0] for name in files if "/" in name} == FOLDERS
    tools = [
        "*.pyc",
        "*.tar.gz",
        "*/.*",
        "docs/antsibull-docs.cfg",
        "docs/build",
        "docs/conf.py",
        "docs/site.css",
        "docs/*.txt",
        "*/molecule/*",
    ]
    assert not [name for name in files for pattern in tools if fnmatch.fnmatch(name, pattern)]


def test_everything_that_users_run_and_read_is_published(files):
    known = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    wanted = [name for name in known if not name.startswith(("changelogs/", "docs/", "extensions/molecule/")) and "__pycache__" not in name]
    assert set(wanted) <= files and {"extensions/eda/rulebooks/bring_back.yml", "meta/execution-environment.yml"} <= set(wanted)
    pages = [name for name in known if name.startswith(("docs/docsite/", "docs/examples/"))]
    assert {*pages, "README.md", "COPYING", "changelogs/changelog.yaml", "docs/docsite/rst/event_driven.rst"} <= files


def test_installed_collection_has_its_version(environment, installed):
    found = json.loads(call(environment, "ansible-galaxy", "collection", "list", "--format", "json", "-p", installed))
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert found[str(installed / "ansible_collections")]["serverprism.cloud"] == {"version": version}


@pytest.mark.parametrize("kind", ["module", "inventory", "role"])
def test_documentation_of_the_installed_collection_is_readable(environment, installed, kind):
    path = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    listed = json.loads(call(environment, "ansible-doc", "-t", kind, "-l", "-j", "serverprism.cloud", **path))
    assert listed and all(name.startswith("serverprism.cloud.") for name in listed)
    shown = json.loads(call(environment, "ansible-doc", "-t", kind, "-j", *listed, **path))
    assert set(shown) == set(listed)


def test_links_of_published_pages_lead_to_published_files(files):
    for name in [name for name in files if name.endswith(".md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text()):
            if not re.match(r"[a-z]+:", target):
                goal = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
                assert goal in files or any(other.startswith(f"{goal}/") for other in files), f"{name}: {target}"


@pytest.fixture
def fleet(simulator, tmp_path, installed):
    """Simulate a running and a crashed server; ``run(playbook, *args)`` uses only the installed collection."""
    sim = simulator([{"id": 1, "boot_seconds": 3.0, "stop_seconds": 2.0}, {"id": 2, "state": "offline", "auto_restart": False}])
    ansible = Ansible(tmp_path)
    quick = {"maintenance_announcements": [{"before": "1s", "text": "Restart"}], "maintenance_command_wait": 0.2}
    inventory = tmp_path / "inventory.json"
    hosts = {"survival": {"serverprism_id": 1}, "creative": {"serverprism_id": 2}}
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**quick, "maintenance_poll_interval": 0.2}}}))

    FileLog(str(tmp_path / "ledger"), "CHG-7").add("begun", 0.0, owner="", servers=[], plan="", timezone="UTC")

    def run(playbook, *args, path=installed):
        return ansible.run(sim, playbook, "-i", str(inventory), *args, env={"ANSIBLE_COLLECTIONS_PATH": str(path)})

    return sim, run


def maintained(sim):
    return sim.states(1)[-2:] == ["starting", "running"] and sim.console(1) == ["say Restart", "save-all"] and sim.states(2) == ["offline"]


# The arguments of each playbook, a text of its output, and the requests it sends.
DONE = {
    "announce": (["-e", "announce_text=Hello"], "changed=1", lambda sim: sim.console(1) == ["say Hello"] and not sim.console(2)),
    "maintenance": ([], "changed=1", maintained),
    "power": (["-e", "power_state=stopped"], "changed=1", lambda sim: sim.states(1)[-1] == sim.states(2)[-1] == "offline"),
    "status": ([], "survival", lambda sim: not sim.posts()),
    "hold": (["-e", "hold_until=23:59:59"], "changed=1", lambda sim: not sim.requests()),
    "release": ([], "was not on hold", lambda sim: not sim.requests()),
    "progress": (["-e", "maintenance_run=CHG-7"], "Run CHG-7: ", lambda sim: not sim.requests()),
    "report": (["-e", "maintenance_run=CHG-7"], "Run CHG-7: ", lambda sim: not sim.requests()),
}


def test_every_playbook_is_run():
    assert set(DONE) == set(documents.PLAYBOOKS)


@pytest.mark.parametrize("name", sorted(DONE))
def test_playbook_of_the_installed_collection_works(fleet, name):
    sim, run = fleet
    args, says, did = DONE[name]
    done = run(f"serverprism.cloud.{name}", *args)
    assert done.rc == 0 and says in done.stdout and did(sim), done.output


def test_playbooks_of_the_installed_collection_can_be_imported(fleet):
    sim, run = fleet
    variables = {
        "announce": {"announce_text": "Hello"},
        "maintenance": {},
        "status": {},
        "power": {"power_state": "stopped"},
        "hold": {"hold_until": "23:59:59"},
        "release": {},
        "progress": {},
        "report": {},
    }
    assert set(variables) == set(documents.PLAYBOOKS)
    done = run(
        [{"name": "Mine", "ansible.builtin.import_playbook": f"serverprism.cloud.{name}", "vars": its} for name, its in variables.items()]
    )
    assert done.rc == 0 and sim.console(1) == ["say Hello", "say Restart", "save-all"], done.output
    assert sim.states(1)[-5:] == ["offline", "starting", "running", "stopping", "offline"], done.output
    assert sim.states(2) == ["offline"] and "survival" in done.stdout, done.output


def test_playbook_is_not_found_without_the_installed_collection(fleet, tmp_path):
    _sim, run = fleet
    done = run("serverprism.cloud.maintenance", path=tmp_path)
    assert done.rc != 0 and "serverprism.cloud.maintenance" in done.output, done.output

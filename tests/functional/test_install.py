# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artifact that is published: what is in it, and that it works where nothing else of the checkout is."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from functional.harness import ROOT, Ansible
from staging import stage

PROGRAMS = Path(sys.executable).parent
PUBLISHED = {"COPYING", "README.md", "CONTRIBUTING.md", "SECURITY.md", "REUSE.toml", "requirements.txt", "MANIFEST.json", "FILES.json"}
FOLDERS = {"LICENSES", "changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An empty home, and nothing of this checkout but the programs."""
    home = tmp_path_factory.mktemp("home")
    return {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(home), "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "true"}


def call(environment, *command, **more):
    """The output of one of Ansible's programs; it has to end well."""
    run = subprocess.run(
        [str(PROGRAMS / command[0]), *map(str, command[1:])],
        env={**environment, **more},
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def artifact(environment, tmp_path_factory):
    """As "make build" makes it."""
    folder = tmp_path_factory.mktemp("build")
    call(environment, "ansible-galaxy", "collection", "build", "--output-path", folder, stage(tmp_path_factory.mktemp("staged")))
    (path,) = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def files(artifact):
    """The names of the files in it."""
    with tarfile.open(artifact) as archive:
        return {member.name for member in archive if member.isfile()}


@pytest.fixture(scope="module")
def installed(environment, artifact, tmp_path_factory):
    """An empty collections path, and the artifact in it."""
    path = tmp_path_factory.mktemp("collections")
    call(environment, "ansible-galaxy", "collection", "install", "--offline", "--collections-path", path, artifact)
    return path


def test_nothing_of_the_checkout_is_published(files):
    assert {name for name in files if "/" not in name} <= PUBLISHED
    assert {name.split("/")[0] for name in files if "/" in name} == FOLDERS
    tools = ["*.pyc", "*.tar.gz", "*/.*", "docs/antsibull-docs.cfg", "docs/build", "docs/conf.py", "docs/*.txt"]
    assert not [name for name in files for pattern in tools if fnmatch.fnmatch(name, pattern)]


def test_all_that_users_run_and_read_is_published(files):
    known = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    wanted = [name for name in known if not name.startswith(("changelogs/", "docs/")) and "__pycache__" not in name]
    assert set(wanted) <= files and {"extensions/eda/rulebooks/bring_back.yml", "meta/execution-environment.yml"} <= set(wanted)
    pages = [name for name in known if name.startswith(("docs/docsite/", "docs/examples/"))]
    assert {*pages, "README.md", "COPYING", "changelogs/changelog.yaml", "docs/docsite/rst/event_driven.rst"} <= files


def test_it_is_found_in_its_version(environment, installed):
    found = json.loads(call(environment, "ansible-galaxy", "collection", "list", "--format", "json", "-p", installed))
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert found[str(installed / "ansible_collections")]["serverprism.cloud"] == {"version": version}


@pytest.mark.parametrize("kind", ["module", "inventory", "filter", "role"])
def test_its_documentation_can_be_read(environment, installed, kind):
    path = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    listed = json.loads(call(environment, "ansible-doc", "-t", kind, "-l", "-j", "serverprism.cloud", **path))
    assert listed and all(name.startswith("serverprism.cloud.") for name in listed)
    shown = json.loads(call(environment, "ansible-doc", "-t", kind, "-j", *listed, **path))
    assert set(shown) == set(listed)


def test_the_playbook_of_an_installed_collection_does_its_work(simulator, tmp_path, installed):
    sim = simulator([{"id": 1, "boot_seconds": 3.0, "stop_seconds": 2.0}])
    ansible = Ansible(tmp_path)
    quick = {"maintenance_announcements": [{"before": "1s", "text": "Restart"}], "maintenance_command_wait": 0.2}
    inventory = tmp_path / "inventory.json"
    hosts = {"survival": {"serverprism_id": 1}}
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**quick, "maintenance_poll_interval": 0.2}}}))
    path = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-v", "-i", str(inventory), env=path)
    assert run.rc == 0 and "changed=1" in run.stdout, run.output
    assert sim.states(1)[-2:] == ["starting", "running"] and "say Restart" in sim.console(1)
    # It was the installed one: without it there is none.
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(inventory), env={"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)})
    assert run.rc != 0 and "serverprism.cloud.maintenance" in run.output, run.output

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example of the documentation runs, in check mode against the simulator."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "roles/maintenance/README.md"]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
FLEET = [{"id": 1234}, {"id": 1290, "product": "Palworld 8 GB"}]


def blocks():
    """Every YAML block of the pages, with where it stands."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        for match in re.finditer(r"```yaml\n(.*?)```", text, re.DOTALL):
            yield pytest.param(yaml.safe_load(match[1]), id=f"{page}:{text[: match.start()].count(chr(10)) + 2}")


@pytest.mark.parametrize("block", list(blocks()))
def test_the_examples_of_the_pages_run(simulator, ansible, block):
    sim = simulator(FLEET)
    inventory = ansible.folder / "inventory.json"
    if "plugin" in block:
        inventory = inventory.with_name("fleet.serverprism.yml")
    if isinstance(block, dict):
        inventory.write_text(json.dumps(block))
        playbook = "serverprism.cloud.maintenance"
    else:
        hosts = {"survival": {"serverprism_id": 1234}, "pals": {"serverprism_id": 1290}}
        inventory.write_text(json.dumps({"game_servers": {"hosts": hosts}}))
        playbook = block
    run = ansible.run(sim, playbook, "-i", str(inventory), "--check", "-e", json.dumps({"vault_serverprism_token": sim.token}))
    assert run.rc == 0 and "failed=0" in run.stdout and not sim.posts(), run.output


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_the_modules_run(simulator, ansible, module):
    sim = simulator(FLEET)
    tasks = yaml.safe_load(importlib.import_module(f"ansible_collections.serverprism.cloud.plugins.modules.{module}").EXAMPLES)
    run = ansible.run(sim, [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], "--check", "--diff")
    assert run.rc == 0 and not sim.posts(), run.output


@pytest.mark.parametrize("name", ["maintenance_plan", "maintenance_report"])
def test_the_examples_of_the_filters_run(simulator, ansible, name):
    tasks = yaml.safe_load(importlib.import_module(f"ansible_collections.serverprism.cloud.plugins.filter.{name}").EXAMPLES)
    run = ansible.run(simulator(FLEET), [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])
    assert run.rc == 0, run.output


def test_the_examples_of_the_inventory_list_the_fleet(simulator, ansible):
    sim = simulator(FLEET)
    examples = importlib.import_module("ansible_collections.serverprism.cloud.plugins.inventory.servers").EXAMPLES
    for index, example in enumerate(yaml.safe_load_all(examples)):
        path = ansible.folder / f"{index}.serverprism.yml"
        path.write_text(json.dumps(example))
        tasks = [{"ansible.builtin.assert": {"that": "ansible_play_hosts | length == 2"}}]
        run = ansible.run(
            sim, [{"hosts": "all", "gather_facts": False, "tasks": tasks}], "-i", str(path), env={"COMMUNITY_TOKEN": sim.token}
        )
        assert run.rc == 0 and "failed=0" in run.stdout, run.output

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the indirect node count: its queries on the events of a real job, evaluated by the library that AWX uses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT
from published import call
from simulator.process import Simulator

QUERIES = yaml.safe_load((ROOT / "extensions" / "audit" / "event_query.yml").read_text())
EVALUATE = "import jq, json, sys; print(json.dumps([jq.compile(query).input_value(value).all() for query, value in json.load(sys.stdin)]))"
FLEET = [
    {"id": 1},
    {"id": 2, "boot_seconds": 3.0, "stop_seconds": 3.0},
    {"id": 3},
    {"id": 4, "state": "offline"},
    {"id": 5},
    {"id": 6, "state": "offline", "boot_seconds": 3.0},
    {"id": 7, "boot_seconds": 3.0, "stop_seconds": 3.0},
    {"id": 8, "boot_seconds": 3.0, "stop_seconds": 3.0},
]
QUICK = {"maintenance_announcements": [], "maintenance_command_wait": 0.2, "maintenance_poll_interval": 0.2}


def task(module: str, server: int, **options: Any) -> dict[str, Any]:
    """Return a task of a module. Some of them fail."""
    return {f"serverprism.cloud.serverprism_{module}": {"server_id": server, **options}, "ignore_errors": True}


# The servers 4, 98 and 99 are not reached: nothing was sent to the one that is offline, and the others do not exist.
TASKS = [
    task("power", 1, state="started"),
    task("power", 2, state="restarted", wait=False),
    {**task("command", 3, command="{{ item }}"), "loop": ["save-all", "save-on"]},
    task("command", 4, command="save-all"),
    task("announce", 4, text="Hello"),
    task("announce", 5, text="Hello"),
    task("power", 6, state="started", poll_interval=0.2),
    task("maintenance", 7, announcements=[], commands=[], poll_interval=0.2),
    task("maintenance", 98, announcements=[], commands=[]),
    task("power", 99, state="started"),
    {"serverprism.cloud.serverprism_server_info": {"details": True}},
]
PLAYS = [
    {"hosts": "localhost", "gather_facts": False, "tasks": TASKS},
    {"import_playbook": "serverprism.cloud.maintenance", "vars": {"maintenance_hosts": "survival"}},
]


@pytest.fixture
def events(tools: dict[str, str], simulator: Callable[..., Simulator], installed: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """Return the data of each event of a job that uses every module."""
    env = {
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "SERVERPRISM_LEDGER": str(tmp_path / "ledger"),
        **simulator(FLEET, write_limit=60).environment(),
        "SERVERPRISM_WRITE_LIMIT": "60",
    }
    hosts = {"localhost": {"ansible_connection": "local"}, "survival": {"serverprism_id": 8}}
    files = {"inventory/hosts.json": {"all": {"hosts": hosts, "vars": QUICK}}, "env/envvars": env, "project/site.yml": PLAYS}
    for name, content in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    out = call(tools, "ansible-runner", "run", tmp_path / "data", "--playbook", "site.yml", "--ident", "job", timeout=590)
    assert "failed=0" in out, out
    paths = (tmp_path / "data" / "artifacts" / "job" / "job_events").glob("*.json")
    return [json.loads(path.read_text())["event_data"] for path in paths]


@pytest.mark.timeout(600)
def test_servers_that_a_job_manages_are_counted_once(tools: dict[str, str], events: list[dict[str, Any]]) -> None:
    work = [(QUERIES[one["resolved_action"]]["query"], one["res"]) for one in events if "res" in one and one["resolved_action"] in QUERIES]
    used = {one["resolved_action"] for one in events if "res" in one}
    assert set(QUERIES) <= used, used
    done = subprocess.run(["python", "-c", EVALUATE], env=tools, input=json.dumps(work), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [node for nodes in json.loads(done.stdout) for node in nodes]
    assert {node["name"] for node in found} == {f"serverprism-{number}" for number in (1, 2, 3, 5, 6, 7, 8)}
    assert all(node["canonical_facts"] == {"serverprism_id": int(node["name"].rpartition("-")[2])} for node in found)
    assert all(set(node["facts"]) == {"infra_type", "infra_bucket", "device_type"} for node in found)

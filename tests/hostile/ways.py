# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a case in this process, as an action in a real ansible-playbook, or as a module in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from functional.harness import Ansible, perform_here
from hostile.cases import VERBS, Case
from simulator.process import Simulator

# The cases mostly wait.
THREADS, FORKS, PROCESSES = 40, 30, 6
Results = dict[int, dict[str, Any]]


def in_process(sim: Simulator, rows: list[Case], folder: Path) -> Results:
    """Run the operations that action and module call; an exception counts as a traceback."""

    def one(case: Case) -> dict[str, Any]:
        warnings: list[str] = []
        try:
            result = perform_here(sim, folder / case.token, VERBS[case.verb].module, warn=warnings.append, **case.options())
        except Exception as exc:
            return {"exception": repr(exc), "failed": True, "msg": ""}
        return {**result, "warnings": warnings}

    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip([case.number for case in rows], pool.map(one, rows)))


def _settings(sim: Simulator) -> dict[str, Any]:
    return {"api_url": sim.url, "limit_window": sim.seconds(60), "status_cache": sim.seconds(20)}


def by_action(sim: Simulator, rows: list[Case], folder: Path) -> tuple[Results, str]:
    """Run all cases in one ansible-playbook -vvvv, one host a case. Return the results and the whole output."""
    ansible = Ansible(folder)
    hosts = {}
    for case in rows:
        options = {**case.options(), **_settings(sim), "ledger": str(folder / "ledgers" / str(case.number))}
        hosts[f"case{case.number}"] = {"module": VERBS[case.verb].module, "options": options}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}}))
    tasks = []
    for name in sorted({verb.module for verb in VERBS.values()}):
        known = sorted({key for host in hosts.values() if host["module"] == name for key in host["options"]})
        given = {key: f"{{{{ options.{key} | default(omit) }}}}" for key in known}
        tasks.append({f"serverprism.cloud.serverprism_{name}": given, "when": f"module == '{name}'"})
    play = [{"hosts": "all", "gather_facts": False, "strategy": "free", "tasks": tasks}]
    tree = folder / "tree"
    # This callback writes each result to a file.
    env: dict[str, str | None] = {"ANSIBLE_CALLBACKS_ENABLED": "tree", "ANSIBLE_CALLBACK_TREE_DIR": str(tree)}
    process = ansible.start(sim, play, "-vvvv", "-i", str(inventory), "--forks", str(FORKS), env=env)
    stdout, stderr = process.communicate(timeout=900)
    results = {}
    for case in rows:
        path = tree / f"case{case.number}"
        result = json.loads(path.read_text()) if path.exists() else {"exception": "no result", "msg": ""}
        # The callback's result does not say that the task failed; only failures have a message.
        results[case.number] = {**result, "failed": "msg" in result}
    return results, stdout + stderr


def by_module(sim: Simulator, rows: list[Case], folder: Path) -> Results:
    """Run each case in a separate process, as Ansible would start it on a remote host."""
    home = Ansible(folder)

    def one(case: Case) -> dict[str, Any]:
        options = {**case.options(), **_settings(sim), "ledger": str(folder / "ledgers" / str(case.number))}
        name = f"ansible_collections.serverprism.cloud.plugins.modules.serverprism_{VERBS[case.verb].module}"
        arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_remote_tmp": str(folder), "_ansible_keep_remote_files": False}}
        env = {**home.environment(sim), "PYTHONPATH": str(home_path())}
        done = subprocess.run(
            [sys.executable, "-m", name], input=json.dumps(arguments), env=env, capture_output=True, text=True, timeout=60, check=False
        )
        try:
            result: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"exception": done.stdout + done.stderr, "failed": True}
        return result

    with ThreadPoolExecutor(PROCESSES) as pool:
        return dict(zip([case.number for case in rows], pool.map(one, rows)))


def home_path() -> Path:
    """Return the folder from which the collection can be imported."""
    from functional.harness import COLLECTIONS

    return COLLECTIONS

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the cost of one task: the same GET by this collection and by ansible.builtin.uri, side by side in one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simulator.process import Simulator

from benchmarks.figures import put

TASKS, ROUNDS = 40, 3


def plays() -> dict[str, list[dict[str, Any]]]:
    """Return a playbook for each way, and one without tasks, whose time is subtracted."""
    uri = {
        "url": "{{ lookup('env', 'SERVERPRISM_API_URL') }}/api/v1/client/servers",
        "headers": {"Authorization": "Bearer {{ lookup('env', 'SERVERPRISM_API_TOKEN') }}", "Accept": "application/json"},
    }
    return {
        "nothing": [],
        "ansible.builtin.uri": [{"ansible.builtin.uri": uri}] * TASKS,
        "serverprism.cloud.serverprism_server_info": [{"serverprism.cloud.serverprism_server_info": {}}] * TASKS,
    }


def run(tasks: list[dict[str, Any]], folder: Path, env: dict[str, str]) -> float:
    """Return the seconds of one run of ansible-playbook."""
    play = folder / "play.json"
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(play)]
    begun = time.monotonic()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def measure() -> dict[str, float]:
    """Return the milliseconds of a task, by way."""
    times: dict[str, list[float]] = {name: [] for name in plays()}
    with tempfile.TemporaryDirectory() as name, Simulator([{"id": 1234}], read_limit=10**6) as sim:
        env = {**os.environ, **sim.environment(), "SERVERPRISM_LEDGER": name + "/ledger", "SERVERPRISM_READ_LIMIT": str(10**6)}
        for _round in range(ROUNDS):
            for way, tasks in plays().items():
                times[way].append(run(tasks, Path(name), env))
    empty = statistics.median(times.pop("nothing"))
    return {way: (statistics.median(values) - empty) / TASKS * 1000 for way, values in times.items()}


def table(costs: dict[str, float]) -> str:
    """Return the figures as Markdown."""
    uri = costs["ansible.builtin.uri"]
    rows = [f"| `{way}` | {cost:.0f} ms | {cost / uri:.2f} |" for way, cost in costs.items()]
    return "\n".join(["| the same GET, by | a task | ratio |", "|---|---|---|", *rows])


if __name__ == "__main__":
    figures = table(measure())
    print(figures)
    put("cost", figures)

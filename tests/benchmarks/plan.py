# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the plan of a large fleet: ``--check`` over 200 servers, beside one task of ansible.builtin.debug over the same hosts."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from simulator.process import Simulator

from benchmarks.figures import put

SERVERS, ROUNDS, PLENTY = 200, 3, 10**6


def cpu(what: str, inventory: Path, env: dict[str, str]) -> float:
    """Return the CPU seconds of one run of ansible-playbook, all of its processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), "--check", "-e", "maintenance_canary=0", what]
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure() -> dict[str, float]:
    """Return the median of CPU seconds by way."""
    times: dict[str, list[float]] = {"one task of ansible.builtin.debug": [], "serverprism.cloud.maintenance --check": []}
    with tempfile.TemporaryDirectory() as name, Simulator([{"id": i} for i in range(1, SERVERS + 1)], read_limit=PLENTY) as sim:
        folder = Path(name)
        env = {**os.environ, **sim.environment(), "SERVERPRISM_LEDGER": f"{name}/ledger", "SERVERPRISM_READ_LIMIT": str(PLENTY)}
        inventory, debug = folder / "hosts.json", folder / "debug.json"
        hosts = {f"h{i:04}": {"serverprism_id": i, "serverprism_product": "Minecraft"} for i in range(1, SERVERS + 1)}
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}}))
        debug.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "x"}}]}]))
        for _round in range(ROUNDS):
            for way, what in zip(times, (str(debug), "serverprism.cloud.maintenance")):
                times[way].append(cpu(what, inventory, env))
    return {way: statistics.median(values) for way, values in times.items()}


def table(seconds: dict[str, float]) -> str:
    """Return the figures as Markdown."""
    base = next(iter(seconds.values()))
    rows = [f"| {way} | {taken / SERVERS * 1000:.0f} ms | {taken / base:.1f} |" for way, taken in seconds.items()]
    return "\n".join([f"| over {SERVERS} servers | CPU a server | ratio |", "|---|---|---|", *rows])


if __name__ == "__main__":
    figures = table(measure())
    print(figures)
    put("plan", figures)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A maintenance of whole fleets against what the quota allows, and beside it the same job written by hand with ansible.builtin.uri.

``python -m benchmarks.fleet 4 20 60 200``; sizes by hand are those up to BY_HAND_UP_TO. The API runs SPEED times as fast, and so do the
announcements: 300, 60 and 10 seconds before the restart become 15, 3 and 0.5.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.process import Simulator

from benchmarks.figures import put

SPEED = 20.0
BEFORES = [15.0, 3.0, 0.5]
SAVE_WAIT = 0.05
LIMIT, WINDOW = 20, 60.0 / SPEED
BY_HAND_UP_TO = 60
HERE = Path(__file__).resolve().parent


@dataclass
class Outcome:
    """One run: seconds, refused requests, the worst notice error, reads a server, CPU seconds a server."""

    seconds: float
    bound: float
    refused: int
    notice: float
    reads: float
    cpu: float


def bound(servers: int) -> float:
    """What the quota allows: all writes beyond the first window at its rate, and one countdown."""
    writes = servers * (len(BEFORES) + 2)
    return max(0.0, (writes - LIMIT) / LIMIT * WINDOW) + BEFORES[0]


def worst_notice(sim: Simulator, servers: int) -> float:
    """The largest difference between the notice that a line gave and the time until the server went down; negative is too little."""
    down: dict[int, float] = {}
    for row in sim.state_logs():
        if row["state"] == "stopping":
            down.setdefault(row["server"], row["time"])
    errors = []
    for row in sim.console_log():
        word = row["line"].split()[-1]
        if row["line"].startswith("say ") and row["server"] in down:
            errors.append(down[row["server"]] - row["time"] - float(word))
    assert len(down) == servers, f"only {len(down)} of {servers} servers went down"
    return max(errors, key=abs)


def play(servers: int, by_hand: bool) -> Outcome:
    """Run it, and read what happened from the log of the API."""
    fleet = [{"id": i, "boot_seconds": 20.0, "stop_seconds": 5.0} for i in range(1, servers + 1)]
    with tempfile.TemporaryDirectory() as name, Simulator(fleet, speed=SPEED) as sim:
        inventory = Path(name) / "hosts.json"
        hosts = {f"h{i:04}": {"serverprism_id": i, "serverprism_product": "Minecraft"} for i in range(1, servers + 1)}
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"ansible_python_interpreter": sys.executable}}}))
        options: dict[str, Any] = {
            "maintenance_canary": 0,
            "maintenance_announcements": [{"before": f"{before}s", "text": str(before)} for before in BEFORES],
            "maintenance_command_wait": SAVE_WAIT,
            "maintenance_poll_interval": 0.1,
            "befores": BEFORES,
            "retry_delay": WINDOW / 6,
        }
        env = {**os.environ, **sim.environment(), "SERVERPRISM_LEDGER": f"{name}/ledger", "SERVERPRISM_WRITE_HEADROOM": "0"}
        what = str(HERE / "by_hand.yml") if by_hand else "serverprism.cloud.maintenance"
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", str(inventory), "-f", str(min(servers, 60)), "-e", json.dumps(options), what]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        requests = sim.requests()
        last = max(row["time"] for row in requests if row["method"] == "POST")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        first = min(row["time"] for row in requests if row["method"] == "POST")
        refused = sum(row["status"] == 429 for row in requests)
        reads = sum(row["method"] == "GET" for row in requests) / servers
        del begun
        return Outcome(last - first, bound(servers), refused, worst_notice(sim, servers), reads, cpu / servers)


def row(servers: int, way: str, one: Outcome) -> str:
    """One line of the table."""
    figures = [
        f"{one.seconds:.1f} s",
        f"{one.seconds / one.bound:.2f}",
        str(one.refused),
        f"{one.notice:+.2f} s",
        f"{one.reads:.1f}",
        f"{one.cpu:.2f} s",
    ]
    return f"| {servers} | {way} | {' | '.join(figures)} |"


def main() -> None:
    """Measure, print and write down."""
    sizes = [int(size) for size in sys.argv[1:]] or [4, 20, 60, 200]
    lines = [
        "| servers | by | time | of the quota's bound | 429s | worst notice error | reads a server | CPU a server |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for servers in sizes:
        lines.append(row(servers, "`serverprism.cloud.maintenance`", play(servers, by_hand=False)))
        print(lines[-1], flush=True)
        if servers <= BY_HAND_UP_TO:
            lines.append(row(servers, "hand, with `ansible.builtin.uri`", play(servers, by_hand=True)))
            print(lines[-1], flush=True)
    put("fleet", "\n".join(lines))


if __name__ == "__main__":
    main()

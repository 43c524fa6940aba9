# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the maintenance of whole fleets against the quota, beside the same job written with ansible.builtin.uri.

``python -m benchmarks.fleet`` measures everything; with sizes (``4 10 20``) only their rows, with ``notice`` only the notice. The API runs
SPEED times as fast, and so do the announcements: 300, 60 and 10 seconds before the restart become 15, 3 and 0.5. The last measurement
runs a few servers in real time, for the notice alone.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.process import Simulator

from benchmarks.figures import merged, put, rows

SPEED = 20.0
BEFORES = [15.0, 3.0, 0.5]
LIMIT, WINDOW = 20, 60.0 / SPEED
# In real time: so few servers that the quota moves nothing, and so many that it moves every timeline.
REAL_TIME_FEW, REAL_TIME_FLEET = 3, 60
# The fastest rows leave no headroom, on which a late line normally falls back. From this many servers on, both are measured.
DEFAULT_HEADROOM, LARGE = 2, 60
# Ansible's default.
FORKS = 5
OURS, HAND = "`serverprism.cloud.maintenance`", "hand, with `ansible.builtin.uri`"
HERE = Path(__file__).resolve().parent
KEPT = HERE.parents[1] / ".dev" / "bench"


@dataclass
class Outcome:
    """The figures of one run: seconds, refused requests, worst notice error, reads and CPU seconds a server, peak MB of all processes."""

    seconds: float
    bound: float
    refused: int
    notice: float
    reads: float
    cpu: float
    memory: float


class Memory:
    """The peak memory of a run: all of its processes, with shared pages counted in part."""

    def __init__(self, parent: int) -> None:
        self.parent, self.peak = parent, 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        """Measure once a second."""
        while not self.over.wait(1.0):
            self.peak = max(self.peak, sum(map(proportional, [str(self.parent), *children(self.parent)])))

    def end(self) -> float:
        """Return the peak in MB."""
        self.over.set()
        self.thread.join()
        return self.peak


def children(parent: int) -> list[str]:
    """Return the processes that a process has started."""
    try:
        return Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return []


def proportional(pid: str) -> float:
    """Return the memory of a process (PSS) in MB; 0 for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def bound(servers: int) -> float:
    """Return the seconds that the quota requires: all writes beyond the first window at its rate, and one countdown."""
    writes = servers * (len(BEFORES) + 2)
    return max(0.0, (writes - LIMIT) / LIMIT * WINDOW) + BEFORES[0]


def worst_notice(sim: Simulator, servers: int) -> tuple[float, int]:
    """Return the largest difference between an announced notice and the time until its server went down, and that server's ID.

    A negative difference is too little notice.
    """
    down: dict[int, float] = {}
    for row in sim.state_logs():
        if row["state"] == "stopping":
            down.setdefault(row["server"], row["time"])
    errors = []
    for row in sim.console_log():
        word = row["line"].split()[-1]
        if row["line"].startswith("say ") and row["server"] in down:
            errors.append((down[row["server"]] - row["time"] - float(word), row["server"]))
    assert len(down) == servers, f"only {len(down)} of {servers} servers went down"
    return max(errors, key=lambda one: abs(one[0]))


def keep(name: str, output: str, sim: Simulator, server: int) -> None:
    """Keep the output of a run and the requests for the server with the worst notice, to explain an unexpected figure."""
    KEPT.mkdir(parents=True, exist_ok=True)
    seen = [json.dumps(row) for row in sim.requests() if row.get("server") == server]
    (KEPT / f"{name}.txt").write_text("\n".join([output, f"The worst notice was that of server {server}:", *seen, ""]))


def play(servers: int, by_hand: bool, speed: float = SPEED, befores: Sequence[float] = tuple(BEFORES), headroom: int = 0) -> Outcome:
    """Run the playbook, and take the figures from the log of the API."""
    fleet = [{"id": i, "boot_seconds": 20.0, "stop_seconds": 5.0} for i in range(1, servers + 1)]
    with tempfile.TemporaryDirectory() as name, Simulator(fleet, speed=speed) as sim:
        inventory = Path(name) / "hosts.json"
        hosts = {f"h{i:04}": {"serverprism_id": i, "serverprism_product": "Minecraft"} for i in range(1, servers + 1)}
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"ansible_python_interpreter": sys.executable}}}))
        options: dict[str, Any] = {
            "maintenance_canary": 0,
            "maintenance_announcements": [{"before": f"{before}s", "text": str(before)} for before in befores],
            "maintenance_command_wait": 1.0 / speed,
            "maintenance_poll_interval": 2.0 / speed,
            "befores": list(befores),
            "retry_delay": 10.0 / speed,
        }
        env = {**os.environ, **sim.environment(), "SERVERPRISM_LEDGER": f"{name}/ledger", "SERVERPRISM_WRITE_HEADROOM": str(headroom)}
        what = str(HERE / "by_hand.yml") if by_hand else "serverprism.cloud.maintenance"
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        # The hand-written playbook needs a fork for each server in flight; the conductor needs none.
        forks = min(servers, 60) if by_hand else FORKS
        command = [program, "-i", str(inventory), "-f", str(forks), "-e", json.dumps(options), what]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        memory = Memory(process.pid)
        output, _nothing = process.communicate()
        peak = memory.end()
        assert process.returncode == 0, output[-3000:]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        requests = sim.requests()
        last = max(row["time"] for row in requests if row["method"] == "POST")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        first = min(row["time"] for row in requests if row["method"] == "POST")
        refused = sum(row["status"] == 429 for row in requests)
        reads = sum(row["method"] == "GET" for row in requests) / servers
        notice, worst = worst_notice(sim, servers)
        keep(f"{servers}-{'by-hand' if by_hand else 'maintenance'}-speed-{speed:g}", output, sim, worst)
        return Outcome(last - first, bound(servers), refused, notice, reads, cpu / servers, peak)


def row(servers: int, way: str, one: Outcome) -> str:
    """Return one line of the table."""
    figures = [
        f"{one.seconds:.1f} s",
        f"{one.seconds / one.bound:.2f}",
        str(one.refused),
        f"{one.notice:+.2f} s",
        f"{one.reads:.1f}",
        f"{one.cpu:.2f} s",
        f"{one.memory:.0f} MB",
    ]
    return f"| {servers} | {way} | {' | '.join(figures)} |"


def in_real_time() -> str:
    """Measure the notice in real time, for a few servers by both ways and for a fleet, and return it as Markdown."""
    befores = [30.0, 10.0, 3.0]
    lines = ["| servers, in real time | by | worst notice error | allowed, 1 s + 1 % |", "|---|---|---|---|"]
    for servers, way, by_hand in ((REAL_TIME_FEW, OURS, False), (REAL_TIME_FEW, HAND, True), (REAL_TIME_FLEET, OURS, False)):
        one = play(servers, by_hand, speed=1.0, befores=befores, headroom=DEFAULT_HEADROOM)
        lines.append(f"| {servers} | {way} | {one.notice:+.2f} s | {1 + 0.01 * befores[0]:.2f} s |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Measure, print and store the figures."""
    if sys.argv[1:] == ["notice"]:
        return put("notice", in_real_time())
    sizes = [int(size) for size in sys.argv[1:]] or [4, 10, 20, 60, 200, 500]
    for servers in sizes:
        ways: list[tuple[str, dict[str, Any]]] = [(OURS, {"by_hand": False}), (HAND, {"by_hand": True})]
        if servers >= LARGE:
            ways.insert(1, (f"{OURS}, `write_headroom` {DEFAULT_HEADROOM}", {"by_hand": False, "headroom": DEFAULT_HEADROOM}))
        for way, options in ways:
            measured = row(servers, way, play(servers, **options))
            print(measured, flush=True)
            # Stored at once, so that an interrupted benchmark keeps its figures.
            put("fleet", "\n".join(merged(rows("fleet"), measured, 2)))
    if not sys.argv[1:]:
        put("notice", in_real_time())


if __name__ == "__main__":
    main()

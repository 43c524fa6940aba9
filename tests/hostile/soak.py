# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulate hours of a fleet in minutes: ``python -m hostile.soak --minutes 60 --seed 1``.

Several processes work without a pause on the servers of several customers, while the API fails at random, games crash, processes are
killed, another client spends the quota, and real playbooks run in between. At the end the soak checks that the results were true, that
every server ended as they said, that each 429 has a cause, and that a long-lived process has not grown.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from functional.harness import Ansible, perform_here
from hostile import soak_judge
from hostile.soak_worker import THREADS, Api, options
from hostile.table import note
from simulator.process import Simulator

SPEED = 20.0
CUSTOMERS = ("alone", "alone too", "shared", "shared too")
PROCESSES = 3
FAULTS: list[dict[str, Any]] = [
    {"status": 503, "body": '{"message": "Service Unavailable"}'},
    {"status": 503, "body": "{}", "headers": {"Retry-After": "1"}},
    {"status": 502, "body": "<html>Bad gateway</html>"},
    {"status": 500, "body": '{"message": "Server Error"}'},
    {"status": 200, "body": "<html>Sign in</html>"},
    {"drop": True},
    {"drop": True, "done": True},
    {"truncate": True},
    {"delay": 1.5},
    {"method": "POST", "status": 409, "body": '{"message": "no"}'},
    {"method": "GET", "fields": {"data.resources": None}},
    {"method": "GET", "fields": {"data.resources.current_state": "hibernating"}},
]


@dataclass
class Outcome:
    """The result of a soak: lines for people, and every broken rule."""

    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Soak:
    """One soak; ``seconds`` are real seconds."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self.folder, self.seconds, self.seed = folder, seconds, seed
        self.dice = random.Random(seed)
        self.mark = f"soak-{os.getpid()}-{time.time():.0f}"
        fast = {"boot_seconds": 6.0, "stop_seconds": 4.0}
        # The last process is Ansible: one run has one ledger, so all of its servers belong to one customer.
        count = PROCESSES * THREADS * 2
        owners = [number % len(CUSTOMERS) for number in range(count)] + [0] * THREADS * 2
        self.servers = [{"id": 1 + n, "customer": CUSTOMERS[owner], "token": f"t-{owner}"} for n, owner in enumerate(owners)]
        tokens = [{"token": f"t-{number}", "name": f"t-{number}", "customer": name} for number, name in enumerate(CUSTOMERS)]
        tokens += [{"token": f"f-{name}", "name": f"foreign-{name}", "customer": name} for name in CUSTOMERS[2:]]
        served = [{"id": server["id"], "customer": server["customer"], **fast} for server in self.servers]
        self.sim = Simulator(served, tokens=tokens, speed=SPEED)
        self.crashes: list[tuple[float, int]] = []
        self.killed = 0
        self.playbooks: list[int] = []
        self.until = time.time() + seconds
        self.processes: list[subprocess.Popen[bytes]] = []

    def lanes(self, process: int) -> list[list[dict[str, Any]]]:
        """Return the servers of a process, two for each of its threads."""
        own = self.servers[process * THREADS * 2 : (process + 1) * THREADS * 2]
        return [own[number * 2 : number * 2 + 2] for number in range(THREADS)]

    def start(self, process: int, generation: int = 0) -> subprocess.Popen[bytes]:
        """Start a process; one that was killed starts again under another name."""
        name = f"p{process}g{generation}"
        plan = {"url": self.sim.url, "speed": SPEED, "folder": str(self.folder), "until": self.until, "seed": self.seed, "name": name}
        path = self.folder / f"{name}.plan"
        path.write_text(json.dumps({**plan, "lanes": self.lanes(process)}))
        env = {**os.environ, "SOAK": self.mark}
        return subprocess.Popen([sys.executable, "-m", "hostile.soak_worker", str(path)], env=env)

    def disturb(self) -> None:
        """Cause one random fault."""
        kind = self.dice.choices(("fault", "crash", "foreign", "kill"), (12, 5, 3, 1))[0]
        if kind == "fault":
            where = {"token": f"t-{self.dice.randrange(len(CUSTOMERS))}"}
            self.sim.fault(**{**self.dice.choice(FAULTS), **where, "count": self.dice.randint(1, 4)})
        elif kind == "crash":
            server = self.dice.choice(self.servers)["id"]
            self.crashes.append((time.time(), server))
            self.sim.patch(server, crash=True)
        elif kind == "foreign":
            self.spend(self.dice.choice(CUSTOMERS[2:]))
        elif time.time() < self.until - 2:
            number = self.dice.randrange(1, PROCESSES)
            self.processes[number].kill()
            self.processes[number].wait()
            self.killed += 1
            self.processes[number] = self.start(number, self.killed)

    def spend(self, customer: str) -> None:
        """Spend half of a window's quota at once, as another client with a separate token and no ledger."""
        headers = {"Authorization": f"Bearer f-{customer}", "Accept": "application/json"}
        address = f"{self.sim.url}/api/v1/client/servers"
        with requests.Session() as session:
            session.trust_env = False
            for _each in range(30):
                session.get(address, headers=headers, timeout=5)
            server = next(server["id"] for server in self.servers if server["customer"] == customer)
            for _each in range(10):
                session.post(f"{address}/{server}/command", json={"command": "list"}, headers=headers, timeout=5)

    def playbook(self, number: int) -> None:
        """Run a real playbook over the servers that no other process has."""
        folder = self.folder / f"ansible{number}"
        folder.mkdir()
        ansible = Ansible(folder)
        own = [server for lane in self.lanes(PROCESSES) for server in lane]
        hosts = {f"h{one['id']}": {"serverprism_id": one["id"], "serverprism_api_token": one["token"]} for one in own}
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
        state = self.dice.choice(("started", "stopped", "restarted"))
        env: dict[str, str | None] = {
            "SERVERPRISM_API_TOKEN": None,
            "SOAK": self.mark,
            "SERVERPRISM_LEDGER": str(self.folder / CUSTOMERS[0]),
        }
        args = ["-i", str(folder / "hosts.json"), "--forks", "6", "-e", f"power_state={state}", "-e", "power_wait_timeout=8"]
        process = ansible.start(self.sim, "serverprism.cloud.power", *args, env=env)
        out = "".join(process.communicate(timeout=300))
        note("soak", f"ansible-playbook, {state}", "ansible-playbook", failed=process.returncode != 0, broken="Traceback" in out)
        assert "Traceback" not in out and process.returncode in (0, 2), out
        self.playbooks.append(process.returncode)

    def run(self) -> Outcome:
        """Run the whole soak and return its result."""
        self.processes = [self.start(number) for number in range(PROCESSES)]
        with ThreadPoolExecutor(1) as pool:
            runs = []
            while time.time() < self.until:
                self.disturb()
                if all(run.done() for run in runs) and time.time() < self.until - self.seconds / 3:
                    runs.append(pool.submit(self.playbook, len(runs)))
                # The pause between two faults.
                time.sleep(self.dice.uniform(0.1, 0.5))
            for process in self.processes:
                process.wait(timeout=120)
            for run in runs:
                run.result()
        self.sim.clear_faults()
        notes = self.notes()
        notes.final = self.sweep()
        notes.at_last = {row["server"]: row["state"] for row in self.sim.state_logs()}
        return self.judge(notes)

    def notes(self) -> soak_judge.Notes:
        """Collect all logs, with the servers as the last operations left them."""
        rows = [json.loads(line) for path in sorted(self.folder.glob("p*.jsonl")) for line in path.read_text().splitlines()]
        sim = self.sim
        settled = [rows, sim.requests(), sim.console_log(), sim.state_logs(), self.crashes]
        return soak_judge.Notes(*settled, sim.seconds(60), sim.seconds(20), set(CUSTOMERS[2:]))

    def sweep(self) -> list[dict[str, Any]]:
        """Start or stop every server once nothing else runs, and return the results."""

        def tell(server: dict[str, Any]) -> dict[str, Any]:
            verb = "start" if (server["id"] + self.seed) % 2 else "stop"
            _name, given = options(verb, server["id"], "")
            api = Api(self.sim.url, server["token"], SPEED)
            result = perform_here(api, self.folder / server["customer"], "power", max_wait=60.0, **{**given, "wait_timeout": 30.0})  # type: ignore[arg-type]
            return {"server": server["id"], "verb": verb, "result": result}

        with ThreadPoolExecutor(len(self.servers)) as pool:
            return list(pool.map(tell, self.servers))

    def left(self) -> list[str]:
        """Return processes of this soak that still run but must not."""
        out = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if f"SOAK={self.mark}".encode() in (path / "environ").read_bytes():
                    out.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:100])
            except OSError:
                continue
        return out

    def judge(self, notes: soak_judge.Notes) -> Outcome:
        """Return the table and the broken rules."""
        broken = soak_judge.broken(notes)
        known, wrong = soak_judge.ends(notes)
        why, unexplained = soak_judge.refusals(notes, {f"t-{number}": name for number, name in enumerate(CUSTOMERS)})
        held, grown = soak_judge.growth([row for row in notes.rows if "sizes" in row and row["process"] == "p0g0"])
        left = [f"still running: {line}" for line in self.left()]
        counts: Counter[tuple[str, bool]] = Counter()
        for row in notes.ended:
            failed = bool(row["result"].get("failed"))
            counts[(row["verb"], failed)] += 1
            note("soak", row["verb"], "operation", failed=failed, broken=row["mark"] in broken)
        for row, faults in (("servers end as told", wrong), ("429 explained", unexplained), ("nothing grows", grown + left)):
            note("soak", row, "whole soak", failed=False, broken=bool(faults))
        lines = [f"{self.seconds * SPEED / 60:.0f} minutes of the fleet, seed {self.seed}, {len(self.servers)} servers"]
        lines += [
            f"{verb:12} {counts[(verb, False)]:6} done {counts[(verb, True)]:6} failed"
            for verb in sorted({verb for verb, _failed in counts})
        ]
        lines += [
            f"requests     {len(notes.requests):6}, of them 429: " + (", ".join(f"{n} by {k}" for k, n in why.items()) or "none"),
            f"crashes      {len(self.crashes):6} of games, {self.killed} processes killed, {len(self.playbooks)} playbooks",
            f"ends         {known:6} known, {len(wrong)} wrong",
        ]
        lines += [f"{name:12} {early:6.1f} early, {late:.1f} late" for name, (early, late) in held.items()]
        return Outcome(lines, [*(text for texts in broken.values() for text in texts), *wrong, *unexplained, *grown, *left])

    def stop(self) -> None:
        """End the remaining processes."""
        for process in self.processes:
            process.kill()
            process.wait()
        self.sim.stop()


def soak(minutes: float, seed: int) -> Outcome:
    """Run a soak of ``minutes`` of the fleet's time."""
    with tempfile.TemporaryDirectory() as folder:
        one = Soak(Path(folder), minutes * 60 / SPEED, seed)
        try:
            return one.run()
        finally:
            one.stop()


def main() -> None:
    """Run a soak from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the fleet's time; a minute takes three seconds")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    outcome = soak(args.minutes, args.seed)
    print("\n".join(outcome.lines))
    if outcome.broken:
        sys.exit("\n".join([f"{len(outcome.broken)} laws broken:", *outcome.broken[:50]]))


if __name__ == "__main__":
    main()

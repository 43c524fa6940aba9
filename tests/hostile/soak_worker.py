# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One process of the soak: endless operations on its servers, each logged before it begins and after it has ended."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functional.harness import perform_here

# In one process. Each thread has separate servers, so that nobody else changes the state that a result reports.
THREADS = 6
VERBS = ("list", "details", "start", "stop", "restart", "command", "maintenance")
WEIGHTS = (4, 3, 3, 3, 3, 6, 1)
STATES = {"start": "started", "stop": "stopped", "restart": "restarted"}


@dataclass(frozen=True)
class Api:
    """The address of the simulator, and the token of the customer."""

    url: str
    token: str
    speed: float

    def seconds(self, seconds: float) -> float:
        """Return the real seconds of a duration of the API's time."""
        return seconds / self.speed


def options(verb: str, server: int, mark: str) -> tuple[str, dict[str, Any]]:
    """Return the module of a verb and its options. Every command is unique, so that a repeated one is found."""
    waits = {"wait_timeout": 8.0, "poll_interval": 0.3}
    if verb == "list":
        return "server_info", {}
    if verb == "details":
        return "server_info", {"server_ids": [server], "missing": "report"}
    if verb == "command":
        return "command", {"server_id": server, "command": f"say {mark}"}
    if verb == "maintenance":
        words = [{"before": "0.4s", "text": f"{mark} {{remaining}}"}]
        return "maintenance", {"server_id": server, "announcements": words, "command_wait": 0.1, "maintenance_id": mark, **waits}
    return "power", {"server_id": server, "state": STATES[verb], **waits}


def sizes() -> dict[str, float]:
    """Return the resources of this process: memory in MB, open files, threads, children."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    children = 0
    for task in Path("/proc/self/task").iterdir():
        # A thread may end in the meantime.
        with contextlib.suppress(OSError):
            children += len((task / "children").read_text().split())
    return {
        "memory": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "children": children,
    }


class Worker:
    """A worker whose plan is a JSON file: ``url``, ``speed``, ``folder``, ``until`` (epoch), ``seed``, ``name``, and ``lanes``."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.folder = Path(plan["folder"])
        self._log = (self.folder / f"{plan['name']}.jsonl").open("a")
        self._lock = threading.Lock()

    def log(self, **row: Any) -> None:
        """Write a line that survives even if the process is killed right after it."""
        with self._lock:
            self._log.write(json.dumps({"time": time.time(), "process": self.plan["name"], **row}) + "\n")
            self._log.flush()

    def lane(self, number: int, servers: list[dict[str, Any]]) -> None:
        """Run one operation after the other, each on a random server of the list."""
        dice = random.Random(f"{self.plan['seed']} {self.plan['name']} {number}")
        count = 0
        while time.time() < self.plan["until"]:
            count += 1
            server, verb = dice.choice(servers), dice.choices(VERBS, WEIGHTS)[0]
            mark = f"{self.plan['name']}-{number}-{count}"
            name, given = options(verb, server["id"], mark)
            self.log(mark=mark, verb=verb, server=server["id"], begun=True)
            api = Api(self.plan["url"], server["token"], self.plan["speed"])
            try:
                result = perform_here(api, self.folder / server["customer"], name, max_wait=10.0, timeout=1.0, **given)  # type: ignore[arg-type]
            except Exception as exc:
                result = {"failed": True, "exception": repr(exc)}
            result.pop("servers", None)
            self.log(mark=mark, verb=verb, server=server["id"], result=result)

    def run(self) -> None:
        """Run all lanes, and log the resources of the process from time to time."""
        threads = [threading.Thread(target=self.lane, args=(number, servers)) for number, servers in enumerate(self.plan["lanes"])]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.log(sizes=sizes())
            threads[0].join(0.5)
            for thread in threads[1:]:
                thread.join(0)


if __name__ == "__main__":
    Worker(json.loads(Path(sys.argv[1]).read_text())).run()

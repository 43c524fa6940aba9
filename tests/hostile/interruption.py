# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real run of the maintenance playbook that is interrupted at a stage, and the rules that hold for every interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.events import DONE, SIGNAL, UNCONFIRMED
from functional.harness import Ansible
from simulator.process import Simulator

PLAYBOOK = "serverprism.cloud.maintenance"
FLEET = 3
CANCEL = "say It is cancelled"
FIRST, LAST, SAVE = "say First call", "say Last call", "save-all"
ANNOUNCEMENTS = [{"before": "3s", "text": "First call"}, {"before": "1.5s", "text": "Last call"}]
GAME = {"boot_seconds": 30.0, "stop_seconds": 10.0}
LONG = 60.0


@dataclass
class Scene:
    """One run over three servers, in a simulator and a ledger that it may share with other runs."""

    sim: Simulator
    folder: Path
    name: str
    first_id: int
    process: subprocess.Popen[str] | None = None
    workers: list[int] = field(default_factory=list)
    rc: int | None = None
    output: str = ""
    reached: bool = False
    waited_forever: bool = False
    late: int = 0

    @property
    def ids(self) -> range:
        """Return the IDs of its servers."""
        return range(self.first_id, self.first_id + FLEET)

    @property
    def ledger(self) -> Path:
        """Return the folder of ledger and run log."""
        return self.folder / "ledger"

    @property
    def report(self) -> Path:
        """Return the folder of the report."""
        return self.folder / f"report-{self.first_id}"

    def hosts(self) -> dict[str, Any]:
        """Return the hosts of the inventory."""
        common = {"serverprism_product": "Minecraft 4 GB", "maintenance_id": f"CHG-{self.first_id}"}
        return {f"h{i}": {"serverprism_id": i, **common} for i in self.ids}

    def begin(self, **variables: Any) -> None:
        """Start the run."""
        self.process = start(self.sim, self.folder, f"run-{self.first_id}", self.hosts(), **variables)

    def posts(self) -> list[dict[str, Any]]:
        """Return all writes for its servers, accepted or refused."""
        return [row for row in self.sim.posts() if self._server(row) in self.ids]

    def reads(self) -> set[int]:
        """Return the IDs of its servers that were read."""
        return {self._server(row) for row in self.sim.requests("GET")} & set(self.ids)

    @staticmethod
    def _server(row: dict[str, Any]) -> int:
        part = row["path"].split("/servers/")[-1].split("/")[0]
        return int(part) if part.isdigit() else 0

    def told(self, line: str) -> int:
        """Return the number of its servers that got a line."""
        return len({row["server"] for row in self.sim.console_log() if row["server"] in self.ids and row["line"] == line})

    def signals(self) -> list[int]:
        """Return the servers that a signal was sent to, once for each signal."""
        return [self._server(row) for row in self.posts() if row["path"].endswith("/power")]

    def is_up_to(self, state: str) -> bool:
        """Return true if one of its servers has been in a state."""
        return any(row["state"] == state for row in self.sim.state_logs() if row["server"] in self.ids)

    def noted(self, server: int) -> str | None:
        """Return the last event of a server in the run log."""
        return virtual.noted(self.ledger, f"CHG-{self.first_id}", server, self.sim.url)

    def left_unseen(self) -> bool:
        """Return whether the outcome of any signal was not seen."""
        return any(self.noted(server) in (SIGNAL, UNCONFIRMED) for server in self.ids)

    def interrupt(self, reached: Callable[[Scene], bool], how: Callable[[Scene], None], *, may_wait: bool = False) -> None:
        """Wait until a stage is reached, interrupt the run, and wait until all of its processes have ended.

        With ``may_wait`` the run may wait forever, because a worker died while it held the lock of Ansible's queue; Ctrl-C then ends it.
        """
        assert self.process is not None
        until = time.monotonic() + LONG
        while not reached(self) and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        self.reached = self.process.poll() is None and time.monotonic() < until
        self.workers = children(self.process.pid)
        if self.reached:
            how(self)
        try:
            self.output = self.process.communicate(timeout=LONG)[0]
        except subprocess.TimeoutExpired:
            if not may_wait:
                raise
            # An operator would press Ctrl-C now.
            self.waited_forever, sent = True, len(self.posts())
            os.killpg(self.process.pid, signal.SIGINT)
            self.output = self.process.communicate(timeout=LONG)[0]
            self.late = len(self.posts()) - sent
        self.rc = self.process.returncode
        while any(is_alive(pid) for pid in self.workers):
            assert time.monotonic() < until + LONG, "a worker hangs"
            time.sleep(0.02)

    def broken(self, *, lost: int = 0, ends_well: bool = False) -> list[str]:
        """Return the rules that the run broke, as texts; ``lost`` workers were killed, so their players could not be told."""
        if not self.reached:
            return ["the stage was not reached"]
        out = [f"{self.late} requests were still to be made when Ansible waited for ever"] if self.late else []
        if self.rc == 0 and not ends_well:
            out.append("exit code 0")
        if "Traceback" in self.output:
            out.append("a traceback")
        untold = [i for i in self.ids if self._untold(i)]
        if len(untold) > lost:
            out.append(f"the players of {untold} were warned, and not told that it is cancelled")
        out += [text for i in self.ids for text in self._of(i, killed=bool(lost))]
        return out + [f"HTTP {row['status']}" for row in self.posts() if row.get("status") == 429]

    def _untold(self, server: int) -> bool:
        lines = self.sim.console(server)
        return FIRST in lines and server not in self.signals() and CANCEL not in lines

    def _of(self, server: int, *, killed: bool) -> list[str]:
        lines, signals, said = self.sim.console(server), self.signals().count(server), self.noted(server)
        out = [f"{count} x {line} to {server}" for line, count in Counter(lines).items() if count > 1]
        if signals > 1:
            out.append(f"{signals} signals to {server}")
        if signals and CANCEL in lines:
            out.append(f"the players of {server} were told that it is off, and it was not")
        if signals and said not in (SIGNAL, DONE, UNCONFIRMED):
            out.append(f"the run log says {said} of {server}, which has its signal")
        if not signals and said is not None and not killed:
            out.append(f"the run log says {said} of {server}, which has no signal")
        return out

    def unfinished(self) -> list[str]:
        """Return the servers that a repeated run left undone or did twice."""
        starts = Counter(row["server"] for row in self.sim.state_logs() if row["state"] == "starting")
        out = [f"{starts[i]} starts of {i}, run log: {self.noted(i)}" for i in self.ids if starts[i] != 1]
        # The log of a worker that was killed between its event and the signal may claim the signal, but never miss it.
        return [text for text in out if not (text.startswith("0 starts") and text.endswith(SIGNAL) and "KILL" in self.name)]


# Makes Ansible's screen accept no more lines after this one.
_HALTED = """
import multiprocessing.queues, time
put = multiprocessing.queues.SimpleQueue.put
halted = False
def perhaps(self, what):
    global halted
    halted = halted or "sent: say First call" in repr(getattr(what, "args", ""))
    while halted and hasattr(what, "args"):
        time.sleep(60)
    return put(self, what)
multiprocessing.queues.SimpleQueue.put = perhaps
"""


def halted_screen(folder: Path) -> dict[str, str]:
    """Return an environment whose output stops after the first line, as after Ctrl-S, Ctrl-Z, or in a pager."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(_HALTED)
    return {"PYTHONPATH": str(folder / "site")}


def start(
    sim: Simulator,
    folder: Path,
    name: str,
    hosts: dict[str, Any],
    more: dict[str, str] | None = None,
    wrapper: Sequence[str] = (),
    **variables: Any,
) -> subprocess.Popen[str]:
    """Start the playbook as the leader of a new process group, as a shell does; ``wrapper`` is a command that runs it."""
    common = {
        "maintenance_announcements": ANNOUNCEMENTS,
        "maintenance_cancel_text": "It is cancelled",
        "maintenance_command_wait": 0.7,
        "maintenance_poll_interval": 0.2,
        **variables,
    }
    inventory = folder / f"{name}.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
    env = {**Ansible(folder).environment(sim), "SERVERPRISM_WRITE_LIMIT": "1000", "SERVERPRISM_READ_LIMIT": "1000", **(more or {})}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [*wrapper, program, "-i", str(inventory), PLAYBOOK, "--forks", "30", "-e", "maintenance_canary=0"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, env=env, cwd=folder, text=True, start_new_session=True, **streams)


def later(seconds: float) -> str:
    """Return the time ``seconds`` from now in ISO 8601."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def children(pid: int) -> list[int]:
    """Return the running child processes of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def is_alive(pid: int) -> bool:
    """Return true if a process runs and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _to_the_group(number: int) -> Callable[[Scene], None]:
    def send(scene: Scene) -> None:
        assert scene.process is not None
        os.killpg(scene.process.pid, number)

    return send


def _to_the_parent(number: int) -> Callable[[Scene], None]:
    def send(scene: Scene) -> None:
        assert scene.process is not None
        scene.process.send_signal(number)

    return send


def _twice(scene: Scene) -> None:
    """Press Ctrl-C twice."""
    _to_the_group(signal.SIGINT)(scene)
    time.sleep(0.05)
    if scene.process is not None and scene.process.poll() is None:
        _to_the_group(signal.SIGINT)(scene)


def _to_a_worker(scene: Scene) -> None:
    if scene.workers:
        os.kill(scene.workers[-1], signal.SIGKILL)


HOW: dict[str, Callable[[Scene], None]] = {
    "Ctrl-C": _to_the_group(signal.SIGINT),
    "Ctrl-C, twice": _twice,
    "SIGTERM": _to_the_parent(signal.SIGTERM),
    "KILL of ansible-playbook": _to_the_parent(signal.SIGKILL),
    "KILL of a worker": _to_a_worker,
}
STAGES: dict[str, Callable[[Scene], bool]] = {
    "before the first line": lambda scene: len(scene.reads()) == FLEET,
    "after the first announcement": lambda scene: scene.told(FIRST) > 0,
    "between two announcements": lambda scene: scene.told(FIRST) == FLEET,
    "between the commands and the signal": lambda scene: scene.told(SAVE) > 0,
    "right after the signal": lambda scene: len(scene.signals()) > 0,
    "while it boots": lambda scene: scene.is_up_to("starting"),
    "during the report": lambda scene: scene.report.exists(),
}

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server with a real process, run as a node runs it: console on its standard input, state from its output."""

from __future__ import annotations

import ctypes
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .config import ServerConfig
from .node import Node

PAGE = 4096


def _end_with_parent() -> None:
    """End the game with the thread that started it, even if the simulator was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Game(Node):
    """A node whose states come from a process: ``starting`` until a line matches the "done" pattern, ``offline`` when it has ended.

    ``clock`` gives the API's own time. A game takes the time that it takes: of the durations only ``stop_timeout`` is used. One
    thread of its own starts the process, reads it to its end, and waits to be told to start it again.
    """

    def __init__(self, config: ServerConfig, clock: Callable[[], float], speed: float) -> None:
        self.clock, self.speed = clock, speed
        self.lock = threading.RLock()
        self.process: subprocess.Popen[str] | None = None
        self.pids: list[int] = []
        self.output: list[dict[str, Any]] = []
        self._starts: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._closing = False
        was_running, config.state = config.state == "running", "offline"
        super().__init__(config, clock())
        threading.Thread(target=self._hold, daemon=True).start()
        if was_running:
            self._begin(clock())

    def _hold(self) -> None:
        while self._starts.get():
            try:
                process = subprocess.Popen(
                    shlex.split(self.config.exec),
                    cwd=self.config.exec_folder or None,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    bufsize=1,
                    preexec_fn=_end_with_parent,
                )
            except OSError as exc:
                self._says(f"cannot be started: {exc}")
                print(f"server {self.config.id} cannot be started: {exc}", file=sys.stderr, flush=True)
                self._ended()
                continue
            with self.lock:
                self.process = process
                self.pids.append(process.pid)
            assert process.stdout is not None
            for line in process.stdout:
                self._says(line.rstrip("\n"))
            process.wait()
            self._ended()

    def _says(self, line: str) -> None:
        with self.lock:
            self.output.append({"time": time.time(), "server": self.config.id, "pid": self.pids[-1] if self.pids else 0, "line": line})
            if self.state == "starting" and re.search(self.config.exec_done, line):
                self._enter("running", self.clock())

    def _ended(self) -> None:
        """Handle the end of the process: a stop, or a crash, after which a node starts it again unless it crashed a moment ago."""
        with self.lock:
            now, self.process = self.clock(), None
            if self._closing:
                return
            if self.state in ("stopping", "offline"):
                again = self.restarting
                self._enter("offline", now)
                if again:
                    self._begin(now)
                return
            super().crash(now)
            if self.plan:
                self._begin(now)

    def advance(self, now: float) -> None:
        """Do nothing: the state comes from the process."""
        self.plan = []

    def _begin(self, at: float) -> None:
        with self.lock:
            self._enter("starting", at)
            self.started_at = at
            self.starts += 1
            self._starts.put(True)

    def signal(self, signal: str, now: float) -> bool:
        """Carry out a signal, see Node."""
        with self.lock:
            return super().signal(signal, now)

    def _stop(self, now: float, restart: bool) -> None:
        self.restarting = restart
        self._enter("stopping", now)
        self.write(self.config.stop_command)
        ended, process = self.config.stop_timeout / self.speed, self.process
        timer = threading.Timer(ended, lambda: process and process.poll() is None and process.kill())
        timer.daemon = True
        timer.start()

    def _kill(self, now: float) -> bool:
        if self.process is None:
            return False
        # This end is not a crash, and leads to a start only during a restart.
        self._enter("offline", now)
        self.process.kill()
        return True

    def crash(self, now: float) -> None:
        """Kill the process; the thread that reads its output handles the rest."""
        with self.lock:
            if self.process is not None:
                self.process.kill()

    def write(self, line: str) -> None:
        """Write one line to the console."""
        with self.lock:
            try:
                if self.process is not None and self.process.stdin is not None:
                    self.process.stdin.write(line + "\n")
                    self.process.stdin.flush()
            except BrokenPipeError:
                # It has just ended; the thread that reads it will notice.
                pass

    def resources(self, now: float) -> dict[str, Any] | None:
        """Return the resources, see Node; memory is that of the process."""
        with self.lock:
            told = super().resources(now)
            if told is not None and self.process is not None:
                try:
                    with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as stream:
                        told["memory_bytes"] = int(stream.read().split()[1]) * PAGE
                except (OSError, IndexError):
                    told["memory_bytes"] = 0
            return told

    def close(self) -> None:
        """End the process with the simulator."""
        with self.lock:
            self._closing = True
            self._starts.put(False)
            if self.process is not None:
                self.process.kill()

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One server on its node: the effect of each signal in each state. Time is an argument; nothing here waits."""

from __future__ import annotations

from typing import Any

from .config import ServerConfig

CRASH_GRACE = 60.0
GIB = 1024**3


class Node:
    """The state machine of a server. ``now`` is seconds of the API's own time and never falls."""

    def __init__(self, config: ServerConfig, now: float) -> None:
        self.config = config
        self.state = config.state
        self.since = now
        self.started_at = now - config.uptime
        self.restarting = False
        self.saving_until = 0.0
        self.last_crash: float | None = None
        self.plan: list[tuple[float, str]] = []
        self.history: list[tuple[float, str]] = [(now, self.state)]
        self.starts = 0

    def advance(self, now: float) -> None:
        """Carry out everything that is due by ``now``."""
        while self.plan and self.plan[0][0] <= now:
            at, what = self.plan.pop(0)
            if what == "start":
                self._begin(at)
            else:
                self._enter(what, at)

    def _enter(self, state: str, at: float) -> None:
        self.state, self.since = state, at
        if state == "running":
            self.restarting = False
        self.history.append((at, state))

    def _begin(self, at: float) -> None:
        """Start a new container: its network counters begin at 0."""
        self._enter("starting", at)
        self.started_at = at
        self.starts += 1
        boot = self.config.boot_seconds
        if self.config.failed_start:
            self.plan = [(at + boot, "stopping"), (at + boot + 1, "offline")]
            self.restarting = False
        elif not self.config.stuck_starting:
            self.plan = [(at + boot, "running")]
        else:
            self.restarting = False

    def signal(self, signal: str, now: float) -> bool:
        """Carry out a signal or drop it. Return true if it had an effect; the API never says so."""
        self.advance(now)
        if signal in self.config.drop_signals:
            return False
        if signal == "kill":
            return self._kill(now)
        if self.restarting or self.state == "stopping" or now < self.saving_until:
            return False
        if self.state == "offline":
            if signal in ("start", "restart"):
                self._begin(now)
                return True
            return False
        if signal == "start":
            return False
        if self.state == "starting" and signal == "stop" and now - self.since < self.config.early_boot_seconds:
            return False
        self._stop(now, restart=signal == "restart")
        return True

    def _stop(self, now: float, restart: bool) -> None:
        config = self.config
        down = now + (config.stop_timeout if config.hanging_stop else min(config.stop_seconds, config.stop_timeout))
        self.restarting = restart
        if config.offline_while_saving:
            self._enter("offline", now)
            self.saving_until = down
            self.plan = [(down, "start")] if restart else []
            return
        self._enter("stopping", now)
        self.plan = [(down, "offline")] + ([(down, "start")] if restart else [])

    def _kill(self, now: float) -> bool:
        if self.state == "offline" and now >= self.saving_until:
            return False
        again = self.restarting
        self.saving_until = 0.0
        self.plan = [(now, "start")] if again else []
        self._enter("offline", now)
        self.restarting = again
        return True

    def write(self, line: str) -> None:
        """Write one line to the console; a simulated server ignores it."""

    def close(self) -> None:
        """End with the simulator."""

    def crash(self, now: float) -> None:
        """Crash the game; the node starts it again unless it crashed a moment ago."""
        self.advance(now)
        recent = self.last_crash is not None and now - self.last_crash < CRASH_GRACE
        self.last_crash = now
        self._enter("offline", now)
        self.plan = [] if recent or not self.config.auto_restart else [(now + 1, "start")]

    def takes_commands(self, while_starting: bool) -> bool:
        """Return true if the console accepts a command now."""
        return self.state == "running" or (while_starting and self.state in ("starting", "stopping"))

    def resources(self, now: float) -> dict[str, Any] | None:
        """Return the resources that the node reports, uncached."""
        self.advance(now)
        if self.config.null or self.config.node_down:
            return None
        state = self.config.shown_state or self.state
        up = self.state != "offline" and state != "missing"
        counted = int(max(0.0, now - self.started_at) * self.config.bytes_per_second) if up else 0
        return {
            "current_state": state,
            "memory_bytes": GIB if up else 0,
            "cpu_absolute": 18.5 if up else 0.0,
            "disk_bytes": 0 if state == "missing" else 7_300_000_000,
            "network_rx_bytes": counted,
            "network_tx_bytes": counted * 3,
        }

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet in flight without HTTP and without waiting: each worker is a thread, and one at a time runs, by a clock that all share.

What takes hours at a real API takes seconds here, and comes out the same each time.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._base_ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import READ, WRITE, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import Fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._transport import Reply
from simulator.config import ServerConfig


class SharedClock:
    """Whoever sleeps lets the one run that wakes next; the time jumps to then. UTC seconds."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._count = 0

    def now(self) -> float:
        """UTC seconds since the epoch."""
        return self.time

    def wall(self) -> float:
        """The same: nobody sets this clock."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let others run until so many seconds have passed."""
        awake = self._enter(self.time + max(0.0, seconds))
        self._let_next_run()
        awake.wait()

    def run(self, jobs: list[Callable[[], None]]) -> None:
        """Run all jobs, each in a thread, until the last has ended."""
        threads = [threading.Thread(target=self._job, args=(job, self._enter(self.time)), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        self._let_next_run()
        for thread in threads:
            thread.join()

    def _job(self, job: Callable[[], None], awake: threading.Event) -> None:
        awake.wait()
        try:
            job()
        finally:
            self._let_next_run()

    def _enter(self, at: float) -> threading.Event:
        awake = threading.Event()
        self._count += 1
        heapq.heappush(self._sleepers, (at, self._count, awake))
        return awake

    def _let_next_run(self) -> None:
        if self._sleepers:
            at, _order, awake = heapq.heappop(self._sleepers)
            self.time = max(self.time, at)
            awake.set()


@dataclass
class FleetApi(virtual.VirtualApi):
    """The API as a fleet meets it: ``latency()`` is the seconds that a request takes there, and those that its answer takes back."""

    latency: Callable[[], tuple[float, float]] = lambda: (0.04, 0.04)
    refused: int = 0

    def attempt(self, method: str, path: str, body: Any = None) -> Reply:
        """One request; the clock lets others run meanwhile."""
        there, back = self.latency()
        self.clock.sleep(there)
        reply = self.answer(method, path, body)
        self.refused += reply.status == 429
        self.clock.sleep(back)
        return reply

    def spend(self, writes: int) -> None:
        """Somebody else of the customer, who knows of no ledger, makes so many writes at once."""
        for _each in range(writes):
            self.limiters["POST"].hit(self.clock.now())


def maintain(
    servers: int,
    *,
    forks: int = 60,
    latency: Callable[[], tuple[float, float]] = lambda: (0.04, 0.04),
    besides: Callable[[FleetApi], None] = lambda api: None,
    **options: Any,
) -> tuple[FleetApi, dict[int, dict[str, Any]]]:
    """Maintain so many servers as a run does, in ``forks`` workers; ``besides`` runs beside it. The API, and the result of each server."""
    clock = SharedClock()
    api = FleetApi(clock, [ServerConfig(id=one, boot_seconds=20.0, stop_seconds=5.0) for one in range(1, servers + 1)], latency=latency)
    ledger = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, clock)
    waiting, results = list(range(1, servers + 1)), {}

    def work() -> None:
        while waiting:
            server_id = waiting.pop(0)
            results[server_id] = virtual.operate(
                api, OPERATION, server_id=server_id, fleet=Fleet.whole("run", servers, forks), use=ledger, **options
            )

    clock.run([work] * min(forks, servers) + [lambda: besides(api)])
    return api, results

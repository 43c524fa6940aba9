# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet without HTTP and without waiting: the conductor drives all servers by a clock that jumps to the next event.

Hours at a real API take seconds here, and the result is the same each time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import Exchange
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION, Conductor
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota
from simulator.config import ServerConfig
from simulator.limiter import Limiter


@dataclass
class FleetApi(virtual.VirtualApi):
    """The API for a fleet: ``latency()`` returns the seconds that a request takes to arrive, and those that its answer takes back."""

    latency: Callable[[], tuple[float, float]] = lambda: (0.04, 0.04)
    refused: int = 0
    # The ledger of the run, and the messages of the run and its servers, each with the ID of its server, 0 for the run.
    ledger: MemoryLedger | None = None
    told: list[tuple[int, str]] = field(default_factory=list)

    def spend(self, writes: int) -> None:
        """Make this many writes at once, as another client of the customer without a ledger."""
        for _each in range(writes):
            self.limiters["POST"].hit(self.clock.now())


class Requests:
    """The requests of a loop in virtual time: each takes its latency while everything else goes on."""

    def __init__(self, api: FleetApi) -> None:
        self.api = api
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.count = 0

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Schedule a call."""
        self.count += 1
        heapq.heappush(self.events, (when, self.count, call))

    def start(self, exchange: Exchange, reply: Callable[[Any, BaseException | None], None]) -> None:
        """Begin a request."""
        there, back = self.api.latency()
        fault = self.api.fault(exchange.method, exchange.path) or virtual.Fault()

        def arrive() -> None:
            answer = self.api.answer(exchange.method, exchange.path, exchange.body) if fault.done else None
            if fault.status:
                answer = virtual.Reply(fault.status, {}, fault.body)
            self.api.refused += answer is not None and answer.status == 429
            error = virtual.Lost("the connection ended") if fault.lost else None
            self.at(self.api.clock.now() + back, lambda: reply(None if error else answer or virtual.reply(500, {}), error))

        self.at(self.api.clock.now() + there + fault.delay, arrive)

    def wait(self, seconds: float) -> list[Callable[[], None]]:
        """Let the time pass to the next event, but at most this many seconds."""
        clock = self.api.clock
        until = clock.now() + seconds
        if self.events and self.events[0][0] <= until:
            when, _order, call = heapq.heappop(self.events)
            clock.time = max(clock.time, when)
            return [call]
        clock.time = until
        return []

    def wake(self) -> None:
        """Do nothing, since nothing waits."""

    def close(self) -> None:
        """Do nothing, since there are no threads."""


def maintain(
    servers: int,
    *,
    latency: Callable[[], tuple[float, float]] = lambda: (0.04, 0.04),
    besides: Callable[[FleetApi, Requests], None] = lambda api, requests: None,
    run: dict[str, Any] | None = None,
    configs: list[ServerConfig] | None = None,
    **options: Any,
) -> tuple[FleetApi, dict[int, dict[str, Any]]]:
    """Maintain this many servers as one run; ``besides`` schedules other events. Return the API, and the result of each server.

    The API has the limits that the options say. Each server must end exactly once.
    """
    clock = virtual.VirtualClock()
    configs = configs or [ServerConfig(id=one, boot_seconds=20.0, stop_seconds=5.0) for one in range(1, servers + 1)]
    window = options.get("limit_window", 60.0)
    quotas = {READ: Quota(options.get("read_limit", 60), window), WRITE: Quota(options.get("write_limit", 20), window)}
    ledger = MemoryLedger(quotas, clock)
    api = FleetApi(clock, configs, latency=latency, ledger=ledger)
    api.limiters = {method: Limiter(quotas[name].limit, window, True) for method, name in (("GET", READ), ("POST", WRITE))}
    requests = Requests(api)
    results: dict[int, dict[str, Any]] = {}
    conductor = Conductor(clock, requests, **{"tell": lambda text: api.told.append((0, text)), **(run or {})})

    def add(server_id: int) -> None:
        def ended(result: dict[str, Any], _row: Mapping[str, Any]) -> None:
            assert "exception" not in result, result["exception"]
            assert server_id not in results, f"server {server_id} ended twice"
            results[server_id] = result

        listeners = {name: lambda text: api.told.append((server_id, text)) for name in ("progress", "warn")}
        conductor.add(virtual.context(api, OPERATION, server_id=server_id, use=ledger, **{**listeners, **options}), ended)

    for config in configs:
        add(config.id)
    besides(api, requests)
    conductor.run()
    return api, results

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model of one server without HTTP and without waiting: the node, the API's cache, a network, and interference by other users."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._api.client import Client
from ansible_collections.serverprism.cloud.plugins.module_utils._api.responses import Reply
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import Lost, NotSent
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Context, OperationFailed
from ansible_collections.serverprism.cloud.plugins.module_utils._power.operation import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.open import open_ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from simulator.config import ServerConfig
from simulator.node import Node

ID = 7
CACHE = 20.0
LATENCY = 0.05
# Faults of a request, each with a flag: true if its work is done anyway.
FAULTS = {
    "unsent": False,
    "lost before": False,
    "lost after": True,
    "429": False,
    "503": False,
    "502 before": False,
    "504 after": True,
    "401": False,
    "404": False,
}


class World:
    """A clock that moves only by sleeping, a transport, and a log of events. Times are seconds since the start of the model."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.node = Node(ServerConfig(id=ID, boot_seconds=8.0, stop_seconds=3.0), self.time)
        self.cached: tuple[float, Any] | None = None
        self.faults: list[str] = []
        self.events: list[tuple[float, str]] = []
        # Our signals: time, signal, accepted by the API, possibly accepted.
        self.sent: list[tuple[float, str, bool, bool]] = []

    def now(self) -> float:
        """Return the time, see Clock."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass, see Clock, and carry out the events that fall into it."""
        end = self.time + max(0.0, seconds)
        while self.events and min(self.events)[0] <= end:
            event = min(self.events)
            self.events.remove(event)
            self.time = max(self.time, event[0])
            self.node.crash(self.time) if event[1] == "crash" else self.node.signal(event[1], self.time)
        self.time = end
        self.node.advance(self.time)

    def attempt(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Reply:
        """Make a request, see Transport."""
        self.sleep(LATENCY)
        fault = self.faults.pop(0) if self.faults else ""
        done = not fault or FAULTS[fault]
        if body:
            self.sent.append((self.time, body["signal"], done, done or fault in ("lost before", "502 before")))
        answer = self._work(body) if done else b""
        self.sleep(LATENCY)
        if fault == "unsent":
            raise NotSent("no route")
        if fault.startswith("lost"):
            raise Lost("connection reset")
        if fault:
            return Reply(int(fault[:3]), {"retry-after": "1"}, b'{"message": "no"}')
        return Reply(200, {}, answer)

    def _work(self, body: Mapping[str, str] | None) -> bytes:
        if body:
            self.node.signal(body["signal"], self.time)
            return json.dumps({"data": {"signal": body["signal"], "sent": True}}).encode()
        if self.cached is None or self.time - self.cached[0] >= CACHE:
            self.cached = (self.time, self.node.resources(self.time))
        limits = {"memory_mb": 1, "disk_mb": 1, "cpu_percent": 1}
        server = {"id": ID, "name": "n", "service_status": "active", "limits": limits, "resources": self.cached[1]}
        return json.dumps({"data": server}).encode()

    def was(self, states: tuple[str, ...], since: float) -> bool:
        """Return true if the server was in one of these states at any time after ``since``."""
        before = [state for at, state in self.node.history if at <= since][-1:]
        return any(state in states for state in [*before, *(state for at, state in self.node.history if at > since)])

    def began(self, since: float) -> bool:
        """Return true if a new process was started after ``since``."""
        return any(state == "starting" and at >= since for at, state in self.node.history)

    def operate(self, *, check_mode: bool = False, **options: Any) -> tuple[dict[str, Any], list[str]]:
        """Run a power operation in this model. Return its result and its warnings."""
        spec = OPERATION.argument_spec
        params = {name: option.get("default") for name, option in spec.items()}
        params.update(api_token="a-long-token", api_url="http://127.0.0.1", ledger="none", server_id=ID, max_wait=120.0, **options)
        settings = Settings.from_params(params)
        warnings: list[str] = []
        client = Client(settings, self, open_ledger(settings, self), self, warnings.append)
        context = Context(params, client, self, settings, check_mode=check_mode, warn=warnings.append)
        try:
            return OPERATION.run(context), warnings
        except OperationFailed as exc:
            return {"changed": False, **exc.result, "failed": True, "msg": str(exc)}, warnings

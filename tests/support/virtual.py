# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API without HTTP and without waiting: the simulated nodes, with a clock that moves only by sleeping.

Unit tests of whole operations use it, with the real API's times.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._api.client import BASE, Client
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import Exchange
from ansible_collections.serverprism.cloud.plugins.module_utils._api.responses import Reply
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import Lost
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import maintain_one
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.games import GENERIC, completed
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Context, Operation, OperationFailed
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import Ledger, MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from simulator.config import ServerConfig
from simulator.limiter import Limiter
from simulator.node import Node

STATUS_CACHE = 20.0
# The seconds that a request takes.
LATENCY = 0.08


class VirtualClock:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.set_by = 0.0

    def now(self) -> float:
        """Return UTC seconds since the epoch."""
        return self.time

    def wall(self) -> float:
        """Return the wall clock: the same, unless a test has set it by ``set_by`` seconds."""
        return self.time + self.set_by

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self.time += max(0.0, seconds)


@dataclass
class Fault:
    """A fault of a request: a delay, another answer, or no answer, before or after the work was done."""

    delay: float = 0.0
    status: int = 0
    lost: bool = False
    done: bool = True
    body: bytes = b"{}"


@dataclass
class VirtualApi:
    """A transport for a client. ``fault(method, path)`` may spoil a request."""

    clock: VirtualClock
    servers: list[ServerConfig]
    fault: Callable[[str, str], Fault | None] = lambda method, path: None
    lines: list[tuple[float, int, str]] = field(default_factory=list)
    signals: list[tuple[float, int, str]] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = {config.id: Node(config, self.clock.now()) for config in self.servers}
        self.limiters = {"GET": Limiter(60, 60.0, True), "POST": Limiter(20, 60.0, True)}
        self.cache: dict[int, tuple[float, Any]] = {}

    def attempt(self, method: str, path: str, body: Any = None) -> Reply:
        """Make one request."""
        fault = self.fault(method, path) or Fault()
        self.clock.sleep(LATENCY / 2 + fault.delay)
        answered = self.answer(method, path, body) if fault.done else None
        self.clock.sleep(LATENCY / 2)
        if fault.lost:
            raise Lost("the connection ended")
        return Reply(fault.status, {}, fault.body) if fault.status else answered or reply(500, {})

    def answer(self, method: str, path: str, body: Any) -> Reply:
        """Return the answer of the API to a request that reaches it."""
        now = self.clock.now()
        wait = self.limiters[method].hit(now)
        if wait is not None:
            return replace(reply(429, {"message": "Too Many Attempts."}), headers={"retry-after": str(math.ceil(wait))})
        if path == BASE:
            return reply(200, {"data": [_listed(config) for config in self.servers]})
        parts = path.removeprefix(BASE).strip("/").split("/")
        node = self.nodes.get(int(parts[0]))
        if node is None:
            return reply(404, {"message": "No query results for model"})
        node.advance(now)
        if method == "GET":
            self.reads.append(now)
            return self.details(node, now)
        return self.power(node, body["signal"], now) if parts[1] == "power" else self.command(node, body["command"], now)

    def details(self, node: Node, now: float) -> Reply:
        """Return one server; its live part comes from a cache that signals do not clear."""
        kept = self.cache.get(node.config.id)
        if kept is None or now - kept[0] >= STATUS_CACHE:
            kept = self.cache[node.config.id] = (now, node.resources(now))
        limits = {"memory_mb": 4096, "disk_mb": 25600, "cpu_percent": 200}
        config = node.config
        data = {"id": config.id, "name": config.name, "service_status": config.service_status, "limits": limits, "resources": kept[1]}
        return reply(200, {"data": data})

    def power(self, node: Node, signal: str, now: float) -> Reply:
        """Send a signal. It is accepted in every state, even if the node drops it."""
        if node.config.conflict:
            return reply(409, {"message": "busy"})
        self.signals.append((now, node.config.id, signal))
        node.signal(signal, now)
        return reply(200, {"data": {"signal": signal, "sent": True}})

    def command(self, node: Node, line: str, now: float) -> Reply:
        """Run a console command, which only a running game accepts."""
        if not node.takes_commands(False):
            return reply(412, {"message": "Server must be online"})
        self.lines.append((now, node.config.id, line))
        return reply(200, {"data": {"command": line, "sent": True}})

    def said(self, server_id: int = 1) -> list[str]:
        """Return the lines on the console of a server."""
        return [line for _at, one, line in self.lines if one == server_id]

    def sent(self, server_id: int = 1) -> list[str]:
        """Return the signals that reached a server."""
        return [signal for _at, one, signal in self.signals if one == server_id]

    def went_down(self, server_id: int = 1) -> float:
        """Return the time at which a server first left its initial state."""
        return self.nodes[server_id].history[1][0]


def reply(status: int, payload: Any) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, {}, json.dumps(payload).encode())


def _listed(config: ServerConfig) -> dict[str, Any]:
    return {"id": config.id, "product": config.product, "service_status": config.service_status}


def api(*servers: dict[str, Any]) -> VirtualApi:
    """Return an API with these servers: ``api({"id": 1, "state": "offline"})``."""
    return VirtualApi(VirtualClock(), [ServerConfig(**server) for server in servers])


class Here:
    """A driver of a loop that makes requests at once and lets the clock jump to the next due time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.calls: list[Callable[[], None]] = []

    def start(self, exchange: Exchange, reply: Callable[[Any, BaseException | None], None]) -> None:
        """Make a request."""
        try:
            result = exchange.block(self.clock)
        except BaseException as exc:
            error = exc
            self.calls.append(lambda: reply(None, error))
        else:
            self.calls.append(lambda: reply(result, None))

    def wait(self, seconds: float) -> list[Callable[[], None]]:
        """Return the replies; without any, let this many seconds pass."""
        calls, self.calls = self.calls, []
        if not calls:
            self.clock.sleep(seconds)
        return calls

    def wake(self) -> None:
        """Do nothing, since nothing waits."""

    def close(self) -> None:
        """Do nothing, since there are no threads."""


URL = "https://serverprism.com"


def note(folder: Path | str, run: str, server_id: int, event: str, url: str = URL) -> None:
    """Write an event of another process into the log of a run."""
    FileLog(str(folder), run).add(event, 0.0, api_url=url, server_id=server_id)


def noted(folder: Path | str, run: str, server_id: int, url: str = URL) -> str | None:
    """Return the last event in the log of a run that decides whether a server is maintained."""
    return FileLog(str(folder), run).last(url, server_id)


def context(api: VirtualApi, operation: Operation, *, use: Ledger | None = None, **options: Any) -> Context:
    """Return the context of an operation, with the defaults of its argument spec; ``check_mode`` and the like are passed on.

    ``use`` is a ledger that it shares with others.
    """
    names = ("check_mode", "diff", "progress", "warn")
    mode = {name: options.pop(name) for name in names if name in options}
    checked = ArgumentSpecValidator(operation.argument_spec).validate({"api_token": "the-token", "ledger": "none", **options})
    assert not checked.error_messages, checked.error_messages
    params: dict[str, Any] = checked.validated_parameters
    if "game" in params and "game" not in options:
        # Send only lines that a test names.
        params = completed({**params, "game": "generic"}, GENERIC)
    settings = Settings.from_params(params)
    quotas = {READ: Quota(settings.read_limit, settings.limit_window), WRITE: Quota(settings.write_limit, settings.limit_window)}
    client = Client(settings, api.clock, use or MemoryLedger(quotas, api.clock), api, mode.get("warn", lambda text: None))
    return Context(params, client, api.clock, settings, **mode)


def run(operation: Operation, ctx: Context) -> dict[str, Any]:
    """Run an operation in virtual time. Raise its failures."""
    if operation.name != "serverprism_maintenance":
        return operation.run(ctx)
    result = maintain_one(ctx, Here(ctx.clock))
    if result.get("failed"):
        raise OperationFailed(result["msg"], result)
    return result


def operate(api: VirtualApi, operation: Operation, **options: Any) -> dict[str, Any]:
    """Return the result of an operation; a failure is ``failed`` and ``msg`` in it."""
    ctx = context(api, operation, **options)
    try:
        operation.check(ctx.params)
        return run(operation, ctx)
    except ServerPrismError as exc:
        known = exc.result if isinstance(exc, OperationFailed) else {}
        return {"changed": False, **known, "failed": True, "msg": str(exc)}

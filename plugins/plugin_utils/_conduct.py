# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conduct a run: plan it, show the plan, and maintain all its servers in this process. Private to this collection."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.serverprism.cloud.plugins.module_utils._api.client import Client
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import run
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import Transport
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import Conductor
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.exclusions import excluding, parse_exclusions
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.loop import Threads
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.outcome import blank
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.plan import Batch, Plan, left_out, make_plan, summarize
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.product import read_products
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import opening_of, window_of, zone
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.steps import ACTION_WORDS, make_timeline, parse_announcements
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Context, Result, failure, with_usage
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Observation
from ansible_collections.serverprism.cloud.plugins.module_utils._power.follow import look_until_known
from ansible_collections.serverprism.cloud.plugins.module_utils._process import name_of
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.holds import find
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import Ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.open import open_ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import Hold, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._report.progress import ServerState, state_of
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.events import DONE, ENDED, RESULT
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import RunLog
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.open import make_id, open_log
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso
from ansible_collections.serverprism.cloud.plugins.plugin_utils._began import BEGAN
from ansible_collections.serverprism.cloud.plugins.plugin_utils._orders import Order, complete


class Listener(Protocol):
    """A receiver of the lines and results of a run. The host is empty for the whole run."""

    def tell(self, host: str, text: str) -> None:
        """Show a progress line."""

    def warn(self, host: str, text: str) -> None:
        """Show a warning."""

    def planned(self, plan: str) -> None:
        """Take the text of the plan, before anything is sent."""

    def ended(self, host: str, result: Result, row: Mapping[str, Any]) -> None:
        """Take the result of a host, and its row of the report."""

    def beat(self) -> None:
        """Do what is due every few seconds."""


class Quiet:
    """Ignores what a run reports."""

    def tell(self, host: str, text: str) -> None:
        """See Listener."""

    def warn(self, host: str, text: str) -> None:
        """See Listener."""

    def planned(self, plan: str) -> None:
        """See Listener."""

    def ended(self, host: str, result: Result, row: Mapping[str, Any]) -> None:
        """See Listener."""

    def beat(self) -> None:
        """See Listener."""


@dataclass
class Run:
    """A run of ``orders``. It also locks the servers of ``earlier`` and ``later`` batches, and its plan includes the later ones.

    ``failed_before`` is the number of servers of earlier batches that failed. In check mode those batches took no time, so this one starts
    when they would have ended.
    """

    orders: Sequence[Order]
    later: Sequence[Order]
    listener: Listener
    check_mode: bool = False
    diff: bool = False
    max_failures: int | None = None
    failed_before: int = 0
    shows_plan: bool = True
    earlier: Sequence[Order] = ()
    # Returns the products that a token lists. The default is a read with the client of the run.
    products: Callable[[dict[str, Any]], dict[int, str]] | None = None
    clock: SystemClock = field(default_factory=SystemClock)
    _ledgers: dict[tuple[Any, ...], Ledger] = field(default_factory=dict)
    _transports: dict[tuple[Any, ...], Transport] = field(default_factory=dict)
    _products: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    # Other readers of the logs, for another thread.
    _watched: list[RunLog] | None = None

    def conduct(self) -> str:
        """Maintain all servers, and return the text of the plan."""
        complete([*self.earlier, *self.orders, *self.later], self._read_products)
        for order in self.orders:
            if order.notice:
                self.listener.tell(order.host, order.notice)
        run_id = make_id(BEGAN, os.getppid())
        plan = self._plan()
        if plan and not self.check_mode:
            named = next((order.params["maintenance_id"] for order in self.orders if not order.refused), None)
            plan += f" This run is {named or run_id}."
        if self.shows_plan and plan:
            self.listener.tell("", plan)
        self.listener.planned(plan)
        if self.check_mode:
            self._start_after([order for order in self.earlier if not order.refused])
        conductor = Conductor(
            self.clock,
            Threads(),
            check_mode=self.check_mode,
            max_failures=self.max_failures,
            failed_before=self.failed_before,
            owner=name_of(os.getppid()),
            keeps_locks=bool(self.later),
            run_id=run_id,
            begun=self._begun(plan),
            later=[
                {"host": one.host, "server_id": one.server_id, "api_url": one.params["api_url"]} for one in self.later if not one.refused
            ],
            beat=self.listener.beat,
            tell=lambda text: self.listener.tell("", text),
            warn=lambda text: self.listener.warn("", text),
        )
        for order in self.orders:
            self._add(conductor, order)
        for order in (*self.earlier, *self.later):
            if not order.refused:
                conductor.lock_also(self._ledger(Settings.from_params(order.params)), [order.server_id])
        conductor.run()
        return plan

    def known_rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows that earlier parts of this maintenance have left, by host. Without ``maintenance_id`` there are none."""
        named = next((one for one in self.orders if one.params.get("maintenance_id") and not one.refused), None)
        if named is None or self.check_mode:
            return {}
        settings = Settings.from_params(named.params)
        found = state_of(named.params["maintenance_id"], log_of(named, self._ledger(settings)).events())
        # Another fleet may use the same ID.
        return {host: one.as_row() for host, one in found.servers.items() if one.api_url in ("", settings.api_url)}

    def _begun(self, plan: str) -> dict[str, Any]:
        first = next((one.params for one in self.orders if not one.refused), {})
        return {"plan": plan, "timezone": first.get("timezone") or "UTC", "reason": first.get("reason") or ""}

    def look(self, order: Order) -> Observation:
        """Return the present state of a server. Raise ServerPrismError if it is not known."""
        client = self._client(Settings.from_params(order.params), order.host)
        context = Context(order.params, client, self.clock, client.settings)
        return run(look_until_known(context, order.server_id), self.clock)[1]

    def present_state(self) -> dict[str, ServerState]:
        """Return the state of each host of this batch as the logs have it. May be called in another thread."""
        if self._watched is None:
            logs = {order.params["maintenance_id"]: order for order in self.orders if not order.refused}
            self._watched = [log_of(order) for order in logs.values()]
        servers: dict[str, ServerState] = {}
        for log in self._watched:
            servers.update(state_of(log.run, log.events()).servers)
        mine = {order.host for order in self.orders}
        return {host: one for host, one in servers.items() if host in mine}

    def _add(self, conductor: Conductor, order: Order) -> None:
        host = order.host
        try:
            if order.refused:
                raise order.refused
            client = self._client(Settings.from_params(order.params), host)
            context = Context(
                order.params,
                client,
                self.clock,
                client.settings,
                self.check_mode,
                self.diff,
                lambda text: self.listener.tell(host, text),
                lambda text: self.listener.warn(host, text),
            )
            conductor.add(context, lambda result, row: self._ended(host, result, row), host)
        except ServerPrismError as exc:
            result = with_usage({**blank(order.server_id), **failure(exc)}, None)
            row = server(host, result)
            conductor.refused(row)
            self._ended(host, result, row)

    def _ended(self, host: str, result: Result, row: Mapping[str, Any]) -> None:
        if result.get("failed"):
            self.listener.tell(host, f"{result.get('outcome', 'failed')}: {result['msg']}")
        self.listener.ended(host, result, row)

    def _client(self, settings: Settings, host: str) -> Client:
        key = (settings.api_url, settings.api_token, settings.ca_path, settings.validate_certs, settings.timeout)
        if key not in self._transports:
            self._transports[key] = Transport(settings)
        return Client(
            settings,
            self.clock,
            self._ledger(settings),
            self._transports[key],
            warn=lambda text: self.listener.warn(host, text),
            progress=lambda text: self.listener.tell(host, text),
        )

    def _ledger(self, settings: Settings) -> Ledger:
        key = (settings.ledger, settings.api_url, settings.read_limit, settings.write_limit, settings.limit_window, settings.ca_path)
        if key not in self._ledgers:
            self._ledgers[key] = open_ledger(settings, self.clock, lambda text: self.listener.warn("", text))
        return self._ledgers[key]

    def _read_products(self, params: dict[str, Any]) -> dict[int, str]:
        """Return the products that a token lists. Read the list once for all hosts with that token."""
        settings = Settings.from_params(params)
        key = (settings.api_url, settings.api_token)
        if key not in self._products:
            try:
                read = self.products or (lambda _params: run(read_products(self._client(settings, "")), self.clock))
                self._products[key] = read(params)
            except ServerPrismError as exc:
                self._products[key] = exc
        found = self._products[key]
        if isinstance(found, ServerPrismError):
            raise found
        products: dict[int, str] = found
        return products

    def _plan(self) -> str:
        """Return the text of the plan, for the quota of the first server. A plan that cannot be made must not stop the run."""
        known = [order for order in self.orders if not order.refused]
        if not known:
            return ""
        try:
            return self._planned(known, [order for order in self.later if not order.refused])
        except (ServerPrismError, ValueError) as exc:
            return f"The plan cannot be computed: {exc}"

    def _start_after(self, earlier: Sequence[Order]) -> None:
        """Move the start of all orders to the expected end of earlier batches."""
        if not earlier:
            return
        params, now = earlier[0].params, self.clock.now()
        settings = Settings.from_params(params)
        settled = self._settled(settings, params["maintenance_id"], [order.server_id for order in earlier])
        left = [order for order in earlier if order.server_id not in settled]
        begin = min((_start_of(order, now) for order in left), default=now)
        took = make_plan(Quota(settings.write_limit, settings.limit_window), settings.write_headroom, [_batch(left, begin, now)]).duration
        for order in self.orders:
            if not order.refused:
                order.params = {**order.params, "at": None, "start": iso(max(begin + took, _start_of(order, now)))}

    def _planned(self, orders: Sequence[Order], later: Sequence[Order]) -> str:
        params, now = orders[0].params, self.clock.now()
        settings = Settings.from_params(params)
        end = window_of(params, now)[1]
        settled = self._settled(settings, params["maintenance_id"], [order.server_id for order in (*orders, *later)])
        unsettled = [[order for order in part if order.server_id not in settled] for part in (orders, later)]
        holds = self._ledger(settings).holds()
        parts = [[order for order in part if not _is_held_back(order, holds, now)] for part in unsettled]
        held = sum(map(len, unsettled)) - sum(map(len, parts))
        begin = min((_start_of(order, now) for part in parts for order in part), default=now)
        batches = [_batch(part, begin, now) for part in parts if part]
        done = sum(event == DONE for event in settled.values())
        rest = left_out(done, len(settled) - done, params["maintenance_id"], held)
        quota = Quota(settings.write_limit, settings.limit_window)
        plan = (
            make_plan(quota, settings.write_headroom, batches, math.inf if end is None else end - begin) if batches else Plan(0, 0, 0.0, "")
        )
        action = ACTION_WORDS[params["state"]] if params["at"] else ""
        return summarize(plan, begin, now, rest, zone(params["timezone"]), action)

    def _settled(self, settings: Settings, maintenance_id: str | None, servers: Sequence[int]) -> dict[int, str]:
        """Return the last event of each server that is not maintained again under this ID."""
        if not maintenance_id:
            return {}
        log = open_log(settings, self._ledger(settings), maintenance_id, is_named=True)
        found = ((one, log.last(settings.api_url, one)) for one in servers)
        return {one: last for one, last in found if last is not None}


def log_of(order: Order, ledger: Ledger | None = None) -> RunLog:
    """Return the log of the run in which the server of an order is maintained."""
    settings, named = Settings.from_params(order.params), order.params["maintenance_id"]
    ledger = ledger or open_ledger(settings, SystemClock())
    return open_log(settings, ledger, named or make_id(BEGAN, os.getppid()), is_named=bool(named), keep_days=order.params["keep_runs"])


def _named(order: Order) -> dict[str, Any]:
    return {"host": order.host, "server_id": order.server_id, "api_url": order.params["api_url"]}


def end_runs(orders: Iterable[Order], known: Mapping[str, Mapping[str, Any]]) -> None:
    """Write into the logs that the run of these orders has ended, with the rows of hosts that were never begun."""
    logs: dict[str, RunLog] = {}
    now, owner = SystemClock().now(), name_of(os.getppid())
    for order in orders:
        if order.refused:
            continue
        try:
            log = logs.setdefault(order.params["maintenance_id"] or "", log_of(order))
            if order.host in known:
                log.add(RESULT, now, api_url=order.params["api_url"], server_id=order.server_id, row=known[order.host])
        except ServerPrismError:
            # Only later reports need it.
            return
    for log in logs.values():
        with suppress(ServerPrismError):
            log.add(ENDED, now, owner=owner, interrupted="")


def _offsets(order: Order) -> tuple[float, ...]:
    params = order.params
    announcements = parse_announcements(params["announcements"])
    return make_timeline(announcements, params["commands"] or [], params["command_wait"], "restart").offsets


def _start_of(order: Order, now: float) -> float:
    """Return the time of the first step of a server, UTC seconds, if nobody else uses the quota."""
    begin = window_of(order.params, now)[0]
    if begin is None:
        return now
    return max(now, begin - _offsets(order)[-1] if opening_of(order.params) == "at" else begin)


def _is_held_back(order: Order, holds: Sequence[Hold], now: float) -> bool:
    """Return whether a server is on hold when it begins, or its action is in an exclusion, if nobody else uses the quota."""
    begin, exclusions = _start_of(order, now), parse_exclusions(order.params["exclusions"], zone(order.params["timezone"]))
    return find(holds, order.server_id, begin) is not None or excluding(exclusions, begin + _offsets(order)[-1]) is not None


def _batch(orders: Sequence[Order], begin: float, now: float) -> Batch:
    """Return the batch of these servers in a run that begins at a time, UTC seconds. As in the run, the earliest start comes first."""
    orders = sorted(orders, key=lambda one: _start_of(one, now))
    speaking = [one for one in orders if one.params["done_text"] and one.params["state"] == "restarted"]
    return Batch(
        [_offsets(one) for one in orders],
        len(speaking),
        max((one.params["done_delay"] for one in speaking), default=0.0),
        [_start_of(one, now) - begin for one in orders],
    )

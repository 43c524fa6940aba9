# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching all servers round by round, within a share of the quota. Private to this collection.

A round is one read for the list and one for each server, evenly spread: other runs that share the quota never meet a burst.
"""

from __future__ import annotations

import math
import re
import threading
from typing import Any, Callable, Dict, List, Mapping, Optional

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._api.client import Client, Patience
from .._api.coroutines import run
from .._api.models import Server, ServerSummary
from .._clock import Clock, SystemClock
from .._errors import (
    BadAnswer,
    BadOption,
    LedgerLost,
    MissingLibrary,
    MissingScope,
    NodeUnavailable,
    RateLimited,
    ServerNotFound,
    ServerPrismError,
    SlotTooLate,
    Unauthenticated,
    Unreachable,
)
from .._info import check as check_filters
from .._info import wanted
from .._operation import open_client
from .._quota.reservations import READ
from .._settings import API_ARGUMENT_SPEC, Settings
from .._text import iso, printable
from .changes import Change, Records, Rules, listed, looked

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "server_ids": {"type": "list", "elements": "int"},
    "product": {"type": "str"},
    "initial": {"type": "bool", "default": False},
    "poll_interval": {"type": "float"},
    "max_reads": {"type": "int"},
    "unreachable_after": {"type": "int", "default": 2},
    "stop_takes": {"type": "float", "default": 0.0},
}
ARGUMENT_SPEC: Mapping[str, Mapping[str, Any]] = {**API_ARGUMENT_SPEC, **OPTIONS}
# What only a person can mend. The rest passes by itself, or is given a few tries.
_FINAL = (Unauthenticated, MissingScope, BadOption, MissingLibrary)
_PASSING = (RateLimited, NodeUnavailable, Unreachable, BadAnswer, SlotTooLate, LedgerLost)
STUBBORN_TRIES = 4
# The first pause after a failure is a twelfth of the window (5 s of a minute); it doubles up to five windows.
_FIRST_PAUSE, _LONGEST_PAUSE = 1 / 12, 5.0
# A status is new only when the cache of the last one has surely run out.
_PAST_CACHE = 1.01


class Stopped(Exception):
    """The watch was called off."""


class StoppableClock(SystemClock):
    """A clock whose sleep ends with Stopped once somebody calls stop(), from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End every sleep, now and from now on."""
        self._stopped.set()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        until = self.now() + seconds
        while not self._stopped.is_set() and (left := until - self.now()) > 0:
            self._stopped.wait(min(left, 60.0))
        if self._stopped.is_set():
            raise Stopped


def as_data(text: Optional[str]) -> Optional[str]:
    """Text of the API as it may travel in an event: rules hand events to playbooks as variables, where a template would run."""
    return None if text is None else re.sub(r"\{(?=[{%#])", "{ ", printable(text))


def event_of(change: Change) -> Dict[str, Any]:
    """The event of a change: plain data under one key."""
    out = change.as_dict()
    for key in ("name", "product", "service_status"):
        out[key] = as_data(out[key])
    out["at"] = iso(change.at)
    return {"serverprism": out}


def read_arguments(args: Mapping[str, Any]) -> Dict[str, Any]:
    """The arguments of the source, with variables and defaults filled in; BadOption names one that makes no sense.

    One that is null counts as not given, since rulebooks have no other way to pass a variable on only where it is set.
    """
    given = {name: value for name, value in args.items() if value is not None}
    for name in sorted(set(given) - set(ARGUMENT_SPEC), key=str):
        raise BadOption(printable(str(name)), f"is no argument of server_state; it has {', '.join(sorted(ARGUMENT_SPEC))}")
    checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given)
    if checked.error_messages:
        hint = "; each one of the API can come from its variable, such as SERVERPRISM_API_TOKEN"
        raise BadOption("server_state", printable(str(checked.error_messages[0])) + hint)
    params: Dict[str, Any] = checked.validated_parameters
    check_filters(params)
    _check_numbers(params)
    return params


def _check_numbers(params: Mapping[str, Any]) -> None:
    for name in ("poll_interval", "stop_takes"):
        value = params[name]
        if value is not None and (not math.isfinite(value) or value < 0):
            raise BadOption(name, f"{value} is not a number of seconds from 0")
    if params["unreachable_after"] < 2:
        raise BadOption("unreachable_after", f"{params['unreachable_after']} is not a number of looks from 2: one alone can fail")
    if params["max_reads"] is not None and not 1 <= params["max_reads"] <= params["read_limit"]:
        raise BadOption("max_reads", f"{params['max_reads']} is not a number of reads from 1 to read_limit ({params['read_limit']})")


class Patrol:
    """One watch. ``step`` blocks for at most one turn and one read; ``stop`` may be called from any thread."""

    def __init__(self, params: Mapping[str, Any], client: Client, clock: Clock, warn: Callable[[str], None]) -> None:
        settings = client.settings
        self._params = params
        self._client = client
        self._clock = clock
        self._warn = warn
        self._rules = Rules(params["unreachable_after"], params["stop_takes"], settings.status_cache)
        self._reads = params["max_reads"] or max(1, settings.read_limit // 2)
        self._fresh = settings.status_cache * _PAST_CACHE + 0.01
        self._records: Optional[Records] = None
        # The servers still to look at in this round; when each was last looked at; when the next read and round may begin.
        self._due: List[int] = []
        self._looked: Dict[int, float] = {}
        self._next_read = self._next_round = 0.0
        self._failures = 0

    def step(self) -> List[Dict[str, Any]]:
        """Wait for a turn, make one read, and return the events that it shows.

        A failure that passes is a warning and a pause. Raises ServerPrismError for one that does not, Stopped after ``stop``.
        """
        try:
            changes = self._look(self._due[0]) if self._due else self._list()
        except ServerPrismError as exc:
            self._ride_out(exc)
            return []
        if self._failures:
            self._warn("The API answers again; the watch goes on.")
        self._failures = 0
        return [event_of(change) for change in changes]

    def stop(self) -> None:
        """Let a step under way end soon."""
        if isinstance(self._clock, StoppableClock):
            self._clock.stop()

    def _turn(self, not_before: float) -> float:
        """Reserve a read where enough of the window is left to others, and sleep until then."""
        settings = self._client.settings
        start = max(not_before, self._next_read)
        turn = self._client.ledger.reserve(READ, not_before=start, headroom=settings.read_limit - self._reads)[0]
        # Never all at once: who shares the quota finds room in every part of the window.
        self._next_read = turn + settings.limit_window / self._reads
        self._clock.sleep(max(0.0, turn - self._clock.now()))
        return turn

    def _list(self) -> List[Change]:
        turn = self._turn(self._next_round)
        # A failed read is not repeated by the client but by the next step, which begins with a turn of its own.
        summaries = run(self._client.list_servers(slot=turn, patience=Patience(0.0, self._clock)), self._clock)
        self._next_round = turn + max(self._params["poll_interval"] or 0.0, self._fresh)
        first = self._records is None
        known = self._records or {}
        chosen = [one for one in summaries if one.id in known or self._chosen(one)]
        if first:
            self._check_ids(chosen)
        self._records, changes = listed(known, chosen, self._clock.now(), announce=not first or self._params["initial"])
        self._due = [server_id for server_id, record in self._records.items() if not record.suspended]
        self._looked = {server_id: at for server_id, at in self._looked.items() if server_id in self._records}
        return changes

    def _chosen(self, summary: ServerSummary) -> bool:
        ids = self._params["server_ids"]
        return (not ids or summary.id in ids) and wanted(summary, self._params["product"], None)

    def _check_ids(self, found: List[ServerSummary]) -> None:
        missing = sorted(set(self._params["server_ids"] or []) - {one.id for one in found})
        if missing:
            names = ", ".join(str(one) for one in missing)
            raise BadOption(
                "server_ids",
                f"server {names} is not there, not this customer's, or not of the product asked for; "
                "check the number in its /services/ID address",
            )

    def _look(self, server_id: int) -> List[Change]:
        records = self._records or {}
        turn = self._turn(self._looked.get(server_id, 0.0) + self._fresh)
        server: Optional[Server] = None
        try:
            server = run(self._client.get_server(server_id, slot=turn, patience=Patience(0.0, self._clock)), self._clock)
        except ServerNotFound:
            # The next list tells whether it is gone.
            self._due.pop(0)
            return []
        except (NodeUnavailable, BadAnswer) as exc:
            # The list was there, so it is this server that cannot be read: its state is unknown.
            if not records[server_id].blanks:
                self._warn(f"Server {server_id} cannot be looked at: {exc}")
        self._due.pop(0)
        self._looked[server_id] = turn
        records[server_id], changes = looked(records[server_id], server, self._clock.now(), self._rules)
        return changes

    def _ride_out(self, exc: ServerPrismError) -> None:
        """Pause after a failure, longer each time; raise one that needs a person, or that does not go away."""
        self._failures += 1
        if isinstance(exc, _FINAL) or (not isinstance(exc, _PASSING) and self._failures >= STUBBORN_TRIES):
            raise exc
        window = self._client.settings.limit_window
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures - 1, 16)) * window
        self._next_read = max(self._next_read, self._clock.now() + pause)
        self._warn(f"The watch pauses for {pause:.0f} s: {exc}")


def open_patrol(args: Mapping[str, Any], warn: Callable[[str], None]) -> Patrol:
    """A watch of what the arguments say; nothing is sent yet. Raises BadOption or MissingLibrary."""
    params = read_arguments(args)
    settings = Settings.from_params(params)
    clock = StoppableClock()

    def tell(text: str) -> None:
        warn(printable(text))

    return Patrol(params, open_client(settings, clock, tell), clock, tell)

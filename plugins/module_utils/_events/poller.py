# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Poll all servers in rounds, within a share of the quota. Private to this collection.

A round is one read of the list and one of each server. They are evenly spread, so that other users of the quota never meet a burst.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import asdict
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
from .changes import Change, Records, Rules, after_list, after_read

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
# Errors that only a person can fix end the source at once. Temporary ones never do, and all others after a few tries.
_PERMANENT = (Unauthenticated, MissingScope, BadOption, MissingLibrary)
_TEMPORARY = (RateLimited, NodeUnavailable, Unreachable, BadAnswer, SlotTooLate, LedgerLost)
UNKNOWN_ERROR_TRIES = 4
# The pause after a failure, in windows of the quota. It doubles from 5 s to 5 min with a window of a minute.
_FIRST_PAUSE, _LONGEST_PAUSE = 1 / 12, 5.0
# A status is new only after the cache of the last one has certainly expired.
_CACHE_MARGIN = 1.01


class Stopped(Exception):
    """The poller was stopped."""


class StoppableClock(SystemClock):
    """A clock whose sleep raises Stopped after a call of stop() from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the current sleep and all later ones."""
        self._stopped.set()

    def sleep(self, seconds: float) -> None:
        """Wait a number of seconds. Raise Stopped after a call of stop()."""
        until = self.now() + seconds
        while not self._stopped.is_set() and (left := until - self.now()) > 0:
            self._stopped.wait(min(left, 60.0))
        if self._stopped.is_set():
            raise Stopped


def as_data(text: Optional[str]) -> Optional[str]:
    """Return a text of the API for an event. It must not be a template, since rules pass events to playbooks as variables."""
    return None if text is None else re.sub(r"\{(?=[{%#])", "{ ", printable(text))


def event_of(change: Change) -> Dict[str, Any]:
    """Return the event of a change as plain data under one key."""
    out = asdict(change)
    for key in ("name", "product", "service_status"):
        out[key] = as_data(out[key])
    out["at"] = iso(change.at)
    return {"serverprism": out}


def read_arguments(args: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the arguments of the source, completed from environment variables and defaults. Raise BadOption for a bad one.

    An argument that is null counts as not given, since a rulebook cannot leave out an argument if a variable is not set.
    """
    given = {name: value for name, value in args.items() if value is not None}
    for name in sorted(set(given) - set(ARGUMENT_SPEC), key=str):
        raise BadOption(printable(str(name)), f"is not an argument of server_state. Its arguments are {', '.join(sorted(ARGUMENT_SPEC))}")
    checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given)
    if checked.error_messages:
        hint = ". Arguments of the API can be set with environment variables, such as SERVERPRISM_API_TOKEN"
        raise BadOption("server_state", printable(str(checked.error_messages[0])) + hint)
    params: Dict[str, Any] = checked.validated_parameters
    check_filters(params)
    _check_numbers(params)
    return params


def _check_numbers(params: Mapping[str, Any]) -> None:
    for name in ("poll_interval", "stop_takes"):
        value = params[name]
        if value is not None and (not math.isfinite(value) or value < 0):
            raise BadOption(name, f"must be 0 seconds or greater, got {value:g}")
    if params["unreachable_after"] < 2:
        raise BadOption("unreachable_after", f"must be 2 or greater, got {params['unreachable_after']}: a single read can fail")
    if params["max_reads"] is not None and not 1 <= params["max_reads"] <= params["read_limit"]:
        raise BadOption("max_reads", f"must be from 1 to read_limit ({params['read_limit']}), got {params['max_reads']}")


class Poller:
    """The poller of the event source. ``step`` blocks for at most one slot and one read; ``stop`` may be called from any thread."""

    def __init__(self, params: Mapping[str, Any], client: Client, clock: Clock, warn: Callable[[str], None]) -> None:
        settings = client.settings
        self._params = params
        self._client = client
        self._clock = clock
        self._warn = warn
        self._rules = Rules(params["unreachable_after"], params["stop_takes"], settings.status_cache)
        self._reads = params["max_reads"] or max(1, settings.read_limit // 2)
        self._fresh = settings.status_cache * _CACHE_MARGIN + 0.01
        self._records: Optional[Records] = None
        # The servers still to read in this round, the time of the last read of each, and the earliest times of the next read and round.
        self._due: List[int] = []
        self._read_at: Dict[int, float] = {}
        self._next_read = self._next_round = 0.0
        self._failures = 0

    def step(self) -> List[Dict[str, Any]]:
        """Wait for a slot, make one read, and return its events.

        A temporary failure is a warning and a pause. Raise ServerPrismError for any other, and Stopped after ``stop``.
        """
        try:
            changes = self._read_server(self._due[0]) if self._due else self._read_list()
        except ServerPrismError as exc:
            self._pause_or_raise(exc)
            return []
        if self._failures:
            self._warn("The API answers again. Polling continues.")
        self._failures = 0
        return [event_of(change) for change in changes]

    def stop(self) -> None:
        """End the current step soon."""
        if isinstance(self._clock, StoppableClock):
            self._clock.stop()

    def _await_slot(self, not_before: float) -> float:
        """Reserve a slot that leaves the rest of the quota to others, sleep until then, and return its time."""
        settings = self._client.settings
        start = max(not_before, self._next_read)
        slot = self._client.ledger.reserve(READ, not_before=start, headroom=settings.read_limit - self._reads)[0]
        # Reads are spread, so that others find free slots in every part of the window.
        self._next_read = slot + settings.limit_window / self._reads
        self._clock.sleep(max(0.0, slot - self._clock.now()))
        return slot

    def _read_list(self) -> List[Change]:
        slot = self._await_slot(self._next_round)
        # A failed read is repeated by the next step and not by the client, so that it gets a slot of its own.
        summaries = run(self._client.list_servers(slot=slot, patience=Patience(0.0)), self._clock)
        self._next_round = slot + max(self._params["poll_interval"] or 0.0, self._fresh)
        first = self._records is None
        known = self._records or {}
        chosen = [one for one in summaries if one.id in known or self._chosen(one)]
        if first:
            self._check_ids(chosen)
        self._records, changes = after_list(known, chosen, self._clock.now(), announce=not first or self._params["initial"])
        self._due = [server_id for server_id, record in self._records.items() if not record.suspended]
        self._read_at = {server_id: at for server_id, at in self._read_at.items() if server_id in self._records}
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
                f"server {names} does not exist, is not owned by the customer of this token, or has another product. "
                "Check the number in its /services/ID address",
            )

    def _read_server(self, server_id: int) -> List[Change]:
        records = self._records or {}
        slot = self._await_slot(self._read_at.get(server_id, 0.0) + self._fresh)
        server: Optional[Server] = None
        try:
            server = run(self._client.get_server(server_id, slot=slot, patience=Patience(0.0)), self._clock)
        except ServerNotFound:
            # The next read of the list shows whether the server is gone.
            self._due.pop(0)
            return []
        except (NodeUnavailable, BadAnswer) as exc:
            # The list could be read, so only the state of this server is unknown.
            if not records[server_id].unknown_reads:
                self._warn(f"Server {server_id} cannot be read: {exc}")
        self._due.pop(0)
        self._read_at[server_id] = slot
        records[server_id], changes = after_read(records[server_id], server, self._clock.now(), self._rules)
        return changes

    def _pause_or_raise(self, exc: ServerPrismError) -> None:
        """Pause after a failure, longer each time. Raise it again if it is permanent, or if it does not go away."""
        self._failures += 1
        if isinstance(exc, _PERMANENT) or (not isinstance(exc, _TEMPORARY) and self._failures >= UNKNOWN_ERROR_TRIES):
            raise exc
        window = self._client.settings.limit_window
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures - 1, 16)) * window
        self._next_read = max(self._next_read, self._clock.now() + pause)
        self._warn(f"Polling pauses for {pause:.0f} s: {exc}")


def open_poller(args: Mapping[str, Any], warn: Callable[[str], None]) -> Poller:
    """Return a poller for the arguments. Send nothing yet. Raise BadOption or MissingLibrary."""
    params = read_arguments(args)
    settings = Settings.from_params(params)
    clock = StoppableClock()

    def tell(text: str) -> None:
        warn(printable(text))

    return Poller(params, open_client(settings, clock, tell), clock, tell)

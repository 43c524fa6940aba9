# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The present state of a run, from its events. Pure. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from .._errors import BadOption
from .._maintenance.durations import say_duration
from .._maintenance.schedule import local_time, zone
from .._runs.events import BEGUN, COUNTDOWN, DONE, ENDED, FAILED, REFUSED, RESULT, SIGNAL, STATUS, STEP, UNCONFIRMED, Event, Key, key_of
from .._runs.rows import complete, server, with_error
from .._text import iso, printable
from .data import ACTING, GOING_ON, IN_COUNTDOWN, WAITING, epoch
from .table import table

RUNNING, OVER, INTERRUPTED, VANISHED = "running", "ended", "interrupted", "vanished"
# What is known of a server whose run vanished.
NOT_TOLD = "the run vanished in the countdown: no signal was sent, and the players were not told that it is off"
NOT_SEEN = "the run vanished after the signal, whose outcome was not seen. Look at the server's console"
NOT_BEGUN = "the run vanished before anything was sent to this server"


@dataclass
class ServerState:
    """The present state of one server. ``action`` is the time of its signal, planned or sent, UTC seconds. ``row`` is set at its end."""

    host: str
    server_id: int = 0
    api_url: str = ""
    name: Optional[str] = None
    state: str = WAITING
    signal: str = ""
    is_sent: bool = False
    first: Optional[float] = None
    action: Optional[float] = None
    timeline: List[Mapping[str, Any]] = field(default_factory=list)
    row: Optional[Dict[str, Any]] = None

    def end(self, row: Mapping[str, Any]) -> None:
        """Store the row of a server that has ended."""
        self.row, self.state = complete(row), str(row["outcome"])

    @property
    def lost(self) -> str:
        """Return what is known if the run has vanished."""
        return NOT_SEEN if self.is_sent else NOT_TOLD if self.timeline else NOT_BEGUN

    def as_row(self, running: bool = False, timezone: str = "UTC") -> Dict[str, Any]:
        """Return the row of the report. Of a server that has not ended, it says what is known: in a running run, its state."""
        if self.row is not None:
            return self.row
        signal = self.signal if self.is_sent else None
        # Written right before it is sent, so it may not have been.
        at = iso(self.action) if self.is_sent and self.action is not None else None
        last = [{"kind": "signal", "text": self.signal, "planned": at, "at": at, "outcome": "unknown"}] if at else []
        row = server(self.host, {"server_id": self.server_id, "name": self.name, "timeline": [*self.timeline, *last], "signal": signal})
        if running:
            at = None if self.action is None else local_time(self.action, zone(timezone))
            return {**row, "outcome": self.state, "reason": at and f"{self.signal} at {at}"}
        return {**row, "outcome": UNCONFIRMED if self.is_sent else FAILED, "reason": self.lost}


@dataclass
class RunState:
    """The present state of a run. ``owners`` are its processes, with the name of the signal that ended each, or None."""

    run: str
    plan: str = ""
    timezone: str = "UTC"
    reason: str = ""
    begun: Optional[float] = None
    last: Optional[float] = None
    ends: Optional[float] = None
    owners: Dict[str, Optional[str]] = field(default_factory=dict)
    servers: Dict[str, ServerState] = field(default_factory=dict)

    def state(self, dead: Iterable[str] = ()) -> str:
        """Return whether the run goes on. ``dead`` are the processes that are known to be gone."""
        going = [owner for owner, how in self.owners.items() if how is None]
        if going:
            return VANISHED if set(going) <= set(dead) else RUNNING
        return INTERRUPTED if self.owners and list(self.owners.values())[-1] else OVER


def state_of(run: str, events: Iterable[Event]) -> RunState:
    """Return the state of a run after these events."""
    out = RunState(run)
    hosts: Dict[Key, str] = {}
    for event in events:
        kind = event["event"]
        out.last = _time(event.get("time"))
        if kind == BEGUN:
            _begin(out, event, hosts)
        elif kind == STATUS:
            out.ends = _time(event["ends"])
        elif kind == ENDED:
            out.owners[event["owner"]] = str(event["interrupted"])
        elif kind == RESULT:
            host = str(event["row"]["host"])
            out.servers.setdefault(host, ServerState(host)).end(event["row"])
        elif kind == FAILED:
            one = out.servers.setdefault(event["host"], ServerState(event["host"]))
            one.end(with_error(one.as_row(), event["error"]))
        elif key_of(event) in hosts:
            _change(out.servers[hosts[key_of(event)]], kind, event)
    return out


def _begin(out: RunState, event: Event, hosts: Dict[Key, str]) -> None:
    owner = str(event.get("owner"))
    lost = [one for one, how in out.owners.items() if how is None and one != owner]
    if lost:
        # A run that is repeated takes the place of one that has vanished.
        out.owners.update(dict.fromkeys(lost, ""))
        for one in out.servers.values():
            if one.row is None:
                one.end(one.as_row())
    out.owners[owner] = None
    out.begun = out.begun or _time(event.get("time"))
    out.plan, out.reason = (str(event.get(name) or "") for name in ("plan", "reason"))
    out.timezone = _known_zone(str(event.get("timezone") or "UTC"))
    for one in event["servers"]:
        hosts[key_of(one)] = one["host"]
        out.servers[one["host"]] = ServerState(one["host"], one["server_id"], one["api_url"])


def _time(text: Any) -> Optional[float]:
    """Return the UTC epoch seconds of a time in a log, None if it is none."""
    try:
        return epoch(text)
    except (AttributeError, TypeError, ValueError):
        return None


def _known_zone(name: str) -> str:
    """Return the name of a time zone, or UTC if this machine does not know it."""
    try:
        zone(name)
    except BadOption:
        return "UTC"
    return name


def _change(one: ServerState, kind: str, event: Event) -> None:
    if kind == COUNTDOWN:
        one.state, one.name, one.signal = IN_COUNTDOWN, event["name"], event["signal"]
        one.first, one.action = _time(event["first"]), _time(event["action"])
    elif kind == STEP:
        one.timeline.append({name: event.get(name) for name in ("kind", "text", "planned", "at", "outcome")})
    elif kind == SIGNAL:
        one.signal = str(event.get("signal") or "restart")
        one.state, one.action = ACTING.get(one.signal, ACTING["restart"]), _time(event.get("time"))
        one.is_sent = True
    elif kind == REFUSED:
        one.state, one.is_sent = IN_COUNTDOWN, False
    elif kind in (DONE, UNCONFIRMED):
        one.state = kind


def lines(now: float, run: RunState, state: str, quota: str) -> List[str]:
    """Return the state of a run for a terminal. ``quota`` is a text about its use."""
    tz = zone(run.timezone)
    begun = "" if run.begun is None else f" since {local_time(run.begun, tz)}"
    heads = {
        RUNNING: f"running{begun}" + ("" if run.ends is None else f", ends at about {local_time(run.ends, tz, with_seconds=False)}"),
        VANISHED: f"vanished: its process is gone. Repeat the run with -e maintenance_id={run.run}",
        INTERRUPTED: "interrupted",
        OVER: "ended" if run.last is None else f"ended at {local_time(run.last, tz)}",
    }
    head = f"Run {run.run}: {heads[state]}"
    if state == RUNNING:
        silent = "" if run.last is None else f", last event {say_duration(int(max(0.0, now - run.last)))} ago"
        head += f"{silent}; {quota}"
    known = [[one.host, one.state, _known(one, now, run, state == VANISHED)] for one in run.servers.values()]
    return [printable(head), *table([["server", "state", "why"], *known]), printable(counts(run.servers.values()))]


def counts(servers: Iterable[ServerState]) -> str:
    """Return the number of servers by state."""
    numbers: Dict[str, int] = {}
    for one in servers:
        numbers[one.state] = numbers.get(one.state, 0) + 1
    known = [state for state in GOING_ON if state in numbers]
    return (
        ", ".join(f"{numbers[state]} {'in ' * (state == IN_COUNTDOWN)}{state}" for state in [*known, *sorted(set(numbers) - set(known))])
        or "no servers"
    )


def describe(one: ServerState, now: float, run: RunState) -> str:
    """Return what is known of a server beside its state, after a colon, empty if that is nothing."""
    known = _known(one, now, run, False)
    return f": {known}" if known else ""


def _known(one: ServerState, now: float, run: RunState, is_lost: bool) -> str:
    if one.row is not None:
        return str(one.row["reason"] or "")
    if is_lost:
        return one.lost
    if one.action is None:
        return ""
    at = local_time(one.action, zone(run.timezone))
    if one.state == IN_COUNTDOWN:
        said = sum(step["kind"] == "announcement" and step["outcome"] == "sent" for step in one.timeline)
        announced = {0: "not announced yet", 1: "announced once"}.get(said, f"announced {said} times")
        left = max(0, round(one.action - now))
        return f"{one.signal} at {at}, in {say_duration(left)}; {announced}"
    return f"{one.signal} at {at}, its outcome is not seen yet" if one.state in ACTING.values() else ""


def changes(before: Optional[RunState], after: RunState) -> Sequence[ServerState]:
    """Return the servers whose state has changed."""
    old = {} if before is None else before.servers
    return [one for host, one in after.servers.items() if host not in old or old[host].state != one.state]

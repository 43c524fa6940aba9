# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed between two looks at a server, and how certain that is. Pure. Private to this collection.

Looks are far apart, and what they show may be ``status_cache`` seconds old. So a short stop can pass unseen, and a
kill never shows itself as one: an event says what is likeliest, and ``certain`` whether it can be anything else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from .._api.models import Server, ServerSummary
from .._power.evidence import UP, Observation, fell

CRASHED, STOPPED, STARTED, SUSPENDED = "crashed", "stopped", "started", "suspended"
APPEARED, GONE, UNREACHABLE = "appeared", "gone", "unreachable"
# The ends of "unreachable" and "suspended": without them, whoever was told of the one would never hear that it is over.
RECOVERED, RESUMED = "recovered", "resumed"
EVENTS = (CRASHED, STOPPED, STARTED, SUSPENDED, APPEARED, GONE, UNREACHABLE, RECOVERED, RESUMED)


@dataclass(frozen=True)
class Rules:
    """How looks are read. Times are seconds.

    So many looks in a row without a state make a server unreachable. ``stop_takes`` is how long its stops are seen as
    ``stopping`` at least, 0 where nobody knows. A status may be ``status_cache`` old.
    """

    unreachable_after: int = 2
    stop_takes: float = 0.0
    status_cache: float = 20.0


@dataclass(frozen=True)
class Change:
    """One event. ``before`` and ``after`` are run states, None where unknown; ``at`` is UTC epoch seconds.

    ``unseen`` is how many seconds at most lie between what the two looks show, None where there is only one look.
    """

    event: str
    server_id: int
    name: Optional[str]
    product: str
    service_status: str
    before: Optional[str]
    after: Optional[str]
    at: float
    certain: bool
    why: str
    unseen: Optional[float] = None

    def as_dict(self) -> Dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What a pair of looks amounts to."""

    event: str
    certain: bool
    why: str


@dataclass(frozen=True)
class Record:
    """What is known of one server.

    ``pending`` is an event that waits for the next look, so that it can tell the state; ``last`` the last look that told one;
    ``traffic`` its network counters then (a server that is stopping has some, too); ``origin`` the state it was stopping from,
    None where another process than the one seen before may be what is stopping; ``blanks`` the looks in a row that told none.
    """

    summary: ServerSummary
    pending: Optional[str] = None
    name: Optional[str] = None
    last: Optional[Observation] = None
    traffic: Optional[Tuple[int, int]] = None
    origin: Optional[str] = None
    blanks: int = 0
    unreachable: bool = False

    @property
    def suspended(self) -> bool:
        """Suspended servers are not looked at: billing has stopped them, and that is no news of the game."""
        return self.summary.service_status == SUSPENDED

    @property
    def state(self) -> Optional[str]:
        """The state last seen."""
        return self.last.state if self.last is not None else None


Records = Dict[int, Record]
_BEGAN = Verdict(STARTED, True, "It was down, and is up.")
_BEGAN_UNSEEN = Verdict(
    STARTED,
    True,
    "A new process runs, and the end of the last one was not seen: it was restarted, or crashed and the node brought it back.",
)
_STARTED_AND_ENDING = Verdict(STARTED, True, "It was down, and is stopping: it was started in between.")
_STOPPED = Verdict(STOPPED, True, "It was running, was seen stopping, and is down.")
_STOPPED_PERHAPS = Verdict(STOPPED, False, "It was seen stopping, but not running before: a start that failed shows itself the same way.")
_CRASHED = Verdict(CRASHED, True, "It went down, and no stop fits between the two looks; a kill shows itself the same way.")
_CRASHED_PERHAPS = Verdict(CRASHED, False, "It went down and was not seen stopping; a short stop or a kill shows itself the same way.")

# Before and after, as two looks one after the other show them. What is not here is no event, or is decided in transition().
_TABLE: Mapping[Tuple[str, str], Verdict] = {
    ("offline", "starting"): _BEGAN,
    ("offline", "running"): _BEGAN,
    ("offline", "stopping"): _STARTED_AND_ENDING,
    ("running", "starting"): _BEGAN_UNSEEN,
    ("stopping", "starting"): _BEGAN,
    ("stopping", "running"): _BEGAN,
    ("starting", "offline"): _CRASHED_PERHAPS,
    ("running", "offline"): _CRASHED_PERHAPS,
    ("stopping", "offline"): _STOPPED_PERHAPS,
}


def unseen(before: Observation, after: Observation, rules: Rules) -> float:
    """Seconds at most between what the two looks show: the first may have been old already, the second new."""
    return after.at - before.at + rules.status_cache


def transition(before: Observation, after: Observation, origin: Optional[str], rules: Rules) -> Optional[Verdict]:
    """What two looks that told a state amount to; None where nothing has changed. ``origin``: the state before ``stopping``."""
    if before.state is None or after.state is None:
        return None
    if before.state in UP and after.state in UP and fell(before.counters, after.counters):
        return _BEGAN_UNSEEN
    verdict = _TABLE.get((before.state, after.state))
    if verdict is _STOPPED_PERHAPS and origin == "running":
        return _STOPPED
    if verdict is _CRASHED_PERHAPS and unseen(before, after, rules) < rules.stop_takes:
        return _CRASHED
    return verdict


def _change(record: Record, verdict: Verdict, at: float, before: Optional[str], after: Optional[str], gap: Optional[float]) -> Change:
    summary = record.summary
    return Change(
        verdict.event,
        summary.id,
        record.name,
        summary.product,
        summary.service_status,
        before,
        after,
        at,
        verdict.certain,
        verdict.why,
        gap,
    )


_WORDS = {
    SUSPENDED: "Its service was suspended (billing).",
    APPEARED: "It is in the list of servers.",
    GONE: "It is in the list of servers no more.",
    UNREACHABLE: "Its node does not tell its state, several looks in a row; it may run all the same.",
    RECOVERED: "Its node tells its state again.",
    RESUMED: "Its service is suspended no more.",
}


def _news(event: str) -> Verdict:
    """An event that is what the API says, so it is certain."""
    return Verdict(event, True, _WORDS[event])


def listed(records: Mapping[int, Record], summaries: Iterable[ServerSummary], at: float, *, announce: bool) -> Tuple[Records, List[Change]]:
    """The records after the list was read at ``at``. ``announce``: whether servers that are new in it are an event."""
    out: Records = {}
    changes: List[Change] = []
    for summary in summaries:
        old = records.get(summary.id)
        if old is None:
            record = Record(summary, pending=APPEARED if announce else None)
            if record.suspended:
                record, news = _announce(record, at, None)
                changes += news
        else:
            record, news = billed(old, summary, at)
            changes += news
        out[summary.id] = record
    for server_id, old in records.items():
        if server_id not in out and old.pending != APPEARED:
            changes.append(_change(old, _news(GONE), at, old.state, None, None))
    return out, changes


def billed(record: Record, summary: ServerSummary, at: float) -> Tuple[Record, List[Change]]:
    """The record with what the list says of it now. What was known of the game ends with a suspension."""
    new = replace(record, summary=summary)
    if new.suspended and not record.suspended:
        # One whose appearing or resuming was not told yet has only that to tell, or nothing.
        event = {None: SUSPENDED, APPEARED: APPEARED}.get(record.pending)
        changes = [_change(new, _news(event), at, record.state, None, None)] if event else []
        return Record(summary, name=record.name), changes
    if record.suspended and not new.suspended:
        return Record(summary, pending=RESUMED, name=record.name), []
    return new, []


def _announce(record: Record, at: float, state: Optional[str]) -> Tuple[Record, List[Change]]:
    if record.pending is None:
        return record, []
    return replace(record, pending=None), [_change(record, _news(record.pending), at, None, state, None)]


def looked(record: Record, server: Optional[Server], at: float, rules: Rules) -> Tuple[Record, List[Change]]:
    """The record after a look at ``at``; ``server`` is None where the API could not tell anything of it."""
    changes: List[Change] = []
    if server is not None:
        record = replace(record, name=server.name)
        record, changes = billed(record, replace(record.summary, service_status=server.service_status), at)
    if record.suspended:
        return record, changes
    observation = Observation.of(server, at) if server is not None else Observation(at, None)
    record, news = _announce(record, at, observation.state)
    changes += news
    if server is None or server.resources is None or observation.state is None:
        record, news = _blank(record, at, rules)
    else:
        record, news = _seen(record, observation, (server.resources.network_rx_bytes, server.resources.network_tx_bytes), rules)
    return record, changes + news


def _blank(record: Record, at: float, rules: Rules) -> Tuple[Record, List[Change]]:
    """A look that told no state: that can be brief, so only several in a row are news, and only once."""
    record = replace(record, blanks=record.blanks + 1)
    if record.unreachable or record.blanks < rules.unreachable_after:
        return record, []
    return replace(record, unreachable=True), [_change(record, _news(UNREACHABLE), at, record.state, None, None)]


def _seen(record: Record, observation: Observation, traffic: Optional[Tuple[int, int]], rules: Rules) -> Tuple[Record, List[Change]]:
    changes: List[Change] = []
    last = record.last
    if record.unreachable:
        changes.append(_change(record, _news(RECOVERED), observation.at, None, observation.state, None))
    if last is not None:
        verdict = transition(last, observation, record.origin, rules)
        if verdict is not None:
            gap = round(unseen(last, observation, rules), 3)
            changes.append(_change(record, verdict, observation.at, last.state, observation.state, gap))
    origin = None
    if observation.state == "stopping" and last is not None:
        origin = record.origin if last.state == "stopping" else None if fell(record.traffic, traffic) else last.state
    return replace(record, last=observation, traffic=traffic, origin=origin, blanks=0, unreachable=False), changes

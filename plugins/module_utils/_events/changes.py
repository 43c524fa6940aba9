# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes between two reads of a server, and their certainty. Pure. Private to this collection.

Reads are far apart, and a status may be ``status_cache`` seconds old, so a short stop can be missed, and a kill looks like a crash.
An event is the most likely change; ``certain`` is False if there are others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from .._api.models import Server, ServerSummary
from .._power.evidence import UP, Observation, fell

CRASHED, STOPPED, STARTED, SUSPENDED = "crashed", "stopped", "started", "suspended"
APPEARED, GONE, UNREACHABLE = "appeared", "gone", "unreachable"
# The ends of "unreachable" and "suspended".
RECOVERED, RESUMED = "recovered", "resumed"
# The number of seconds for which a crash is counted.
COUNTED = 3600.0
EVENTS = (CRASHED, STOPPED, STARTED, SUSPENDED, APPEARED, GONE, UNREACHABLE, RECOVERED, RESUMED)


@dataclass(frozen=True)
class Rules:
    """Rules for the interpretation of reads. Times are seconds.

    ``unreachable_after`` reads in a row without a state make a server unreachable. ``stop_takes`` is the shortest time for which a stop
    shows as ``stopping``, 0 if that is unknown. ``status_cache`` is the greatest age of a status.
    """

    unreachable_after: int = 2
    stop_takes: float = 0.0
    status_cache: float = 20.0


@dataclass(frozen=True)
class Change:
    """One event. ``before`` and ``after`` are run states, None if unknown; ``at`` is UTC epoch seconds.

    ``unseen`` is the greatest number of seconds between the two states that were read, None if there was only one read. ``crashes`` is
    the number of crashes of the server in the last COUNTED seconds.
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
    crashes: int = 0


@dataclass(frozen=True)
class Finding:
    """The event of a change, its certainty, and its reason."""

    event: str
    certain: bool
    why: str


@dataclass(frozen=True)
class Record:
    """The known facts about one server.

    ``pending`` is an event that waits for the next read, so that it can contain the state. ``last`` is the last observation with a state,
    and ``traffic`` its network counters (a stopping server has some, too). ``origin`` is the state before ``stopping``, None if another
    process may be stopping. ``unknown_reads`` is the number of reads in a row without a state. ``crashed_at`` are the times of crashes.
    """

    summary: ServerSummary
    pending: Optional[str] = None
    name: Optional[str] = None
    last: Optional[Observation] = None
    traffic: Optional[Tuple[int, int]] = None
    origin: Optional[str] = None
    unknown_reads: int = 0
    unreachable: bool = False
    crashed_at: Tuple[float, ...] = ()

    @property
    def suspended(self) -> bool:
        """Return whether the service is suspended. Suspended servers are not read, since billing and not the game has stopped them."""
        return self.summary.service_status == SUSPENDED

    @property
    def state(self) -> Optional[str]:
        """Return the last known state."""
        return self.last.state if self.last is not None else None


Records = Dict[int, Record]
_BEGAN = Finding(STARTED, True, "It was down, and is up.")
_BEGAN_UNSEEN = Finding(
    STARTED,
    True,
    "A new process runs, but the end of the last one was not seen: it was restarted, or it crashed and the node started it again.",
)
_STARTED_AND_ENDING = Finding(STARTED, True, "It was down, and is stopping: it was started in between.")
_STOPPED = Finding(STOPPED, True, "It was running, was seen stopping, and is down.")
_STOPPED_PERHAPS = Finding(STOPPED, False, "It was seen stopping, but not running before. A failed start looks the same.")
_CRASHED = Finding(CRASHED, True, "It went down, and a stop would have been seen between the two reads. A kill looks the same.")
_CRASHED_PERHAPS = Finding(CRASHED, False, "It went down and was not seen stopping. A short stop or a kill looks the same.")

# By the states of two successive reads. Other pairs are no event, or are decided in transition().
_TABLE: Mapping[Tuple[str, str], Finding] = {
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
    """Return the greatest number of seconds between two observed states. The first status may have been old, the second new."""
    return after.at - before.at + rules.status_cache


def transition(before: Observation, after: Observation, origin: Optional[str], rules: Rules) -> Optional[Finding]:
    """Return the finding of two observations, None if nothing has changed. ``origin`` is the state before ``stopping``."""
    if before.state is None or after.state is None:
        return None
    if before.state in UP and after.state in UP and fell(before.counters, after.counters):
        return _BEGAN_UNSEEN
    finding = _TABLE.get((before.state, after.state))
    if finding is _STOPPED_PERHAPS and origin == "running":
        return _STOPPED
    if finding is _CRASHED_PERHAPS and unseen(before, after, rules) < rules.stop_takes:
        return _CRASHED
    return finding


def _change(
    record: Record, finding: Finding, at: float, before: Optional[str], after: Optional[str], unseen_seconds: Optional[float]
) -> Change:
    summary = record.summary
    return Change(
        finding.event,
        summary.id,
        record.name,
        summary.product,
        summary.service_status,
        before,
        after,
        at,
        finding.certain,
        finding.why,
        unseen_seconds,
        sum(crash > at - COUNTED for crash in record.crashed_at),
    )


_REASONS = {
    SUSPENDED: "Its service was suspended (billing).",
    APPEARED: "It is in the list of servers.",
    GONE: "It is no longer in the list of servers.",
    UNREACHABLE: "Its node has not reported its state in several reads in a row. The game may still be running.",
    RECOVERED: "Its node reports its state again.",
    RESUMED: "Its service is no longer suspended.",
}


def _finding_of(event: str) -> Finding:
    """Return the finding for an event that the API reports itself, so it is certain."""
    return Finding(event, True, _REASONS[event])


def after_list(
    records: Mapping[int, Record], summaries: Iterable[ServerSummary], at: float, *, announce: bool
) -> Tuple[Records, List[Change]]:
    """Return the records after a read of the list, and the changes. ``at`` is UTC seconds; with ``announce`` a new server is an event."""
    out: Records = {}
    changes: List[Change] = []
    for summary in summaries:
        old = records.get(summary.id)
        if old is None:
            record = Record(summary, pending=APPEARED if announce else None)
            if record.suspended:
                record, more = _with_pending(record, at, None)
                changes += more
        else:
            record, more = after_billing(old, summary, at)
            changes += more
        out[summary.id] = record
    for server_id, old in records.items():
        if server_id not in out and old.pending != APPEARED:
            changes.append(_change(old, _finding_of(GONE), at, old.state, None, None))
    return out, changes


def after_billing(record: Record, summary: ServerSummary, at: float) -> Tuple[Record, List[Change]]:
    """Return the record with the billing status of the list, and the changes. A suspension makes the state of the game unknown."""
    new = replace(record, summary=summary)
    if new.suspended and not record.suspended:
        # A pending "appeared" is emitted instead, and a pending "resumed" is dropped.
        event = {None: SUSPENDED, APPEARED: APPEARED}.get(record.pending)
        changes = [_change(new, _finding_of(event), at, record.state, None, None)] if event else []
        return Record(summary, name=record.name, crashed_at=record.crashed_at), changes
    if record.suspended and not new.suspended:
        return Record(summary, pending=RESUMED, name=record.name, crashed_at=record.crashed_at), []
    return new, []


def _with_pending(record: Record, at: float, state: Optional[str]) -> Tuple[Record, List[Change]]:
    if record.pending is None:
        return record, []
    return replace(record, pending=None), [_change(record, _finding_of(record.pending), at, None, state, None)]


def after_read(record: Record, server: Optional[Server], at: float, rules: Rules) -> Tuple[Record, List[Change]]:
    """Return the record after a read at a time, UTC seconds, and the changes. ``server`` is None if it could not be read."""
    changes: List[Change] = []
    if server is not None:
        record = replace(record, name=server.name)
        record, changes = after_billing(record, replace(record.summary, service_status=server.service_status), at)
    if record.suspended:
        return record, changes
    observation = Observation.of(server, at) if server is not None else Observation(at, None)
    record, more = _with_pending(record, at, observation.state)
    changes += more
    if server is None or server.resources is None or observation.state is None:
        record, more = _after_unknown_read(record, at, rules)
    else:
        record, more = _after_known_read(record, observation, (server.resources.network_rx_bytes, server.resources.network_tx_bytes), rules)
    return record, changes + more


def _after_unknown_read(record: Record, at: float, rules: Rules) -> Tuple[Record, List[Change]]:
    """Count a read without a state. That can be brief, so only several in a row are an event, and only once."""
    record = replace(record, unknown_reads=record.unknown_reads + 1)
    if record.unreachable or record.unknown_reads < rules.unreachable_after:
        return record, []
    return replace(record, unreachable=True), [_change(record, _finding_of(UNREACHABLE), at, record.state, None, None)]


def _after_known_read(
    record: Record, observation: Observation, traffic: Optional[Tuple[int, int]], rules: Rules
) -> Tuple[Record, List[Change]]:
    changes: List[Change] = []
    last = record.last
    if record.unreachable:
        changes.append(_change(record, _finding_of(RECOVERED), observation.at, None, observation.state, None))
    if last is not None:
        finding = transition(last, observation, record.origin, rules)
        if finding is not None:
            unseen_seconds = round(unseen(last, observation, rules), 3)
            if finding.event == CRASHED:
                recent = (at for at in record.crashed_at if at > observation.at - COUNTED)
                record = replace(record, crashed_at=(*recent, observation.at))
            changes.append(_change(record, finding, observation.at, last.state, observation.state, unseen_seconds))
    origin = None
    if observation.state == "stopping" and last is not None:
        # Lower counters are those of another process, which may be stopping because its start failed.
        origin = None if fell(record.traffic, traffic) else record.origin if last.state == "stopping" else last.state
    return replace(record, last=observation, traffic=traffic, origin=origin, unknown_reads=0, unreachable=False), changes

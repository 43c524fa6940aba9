# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calendar of a customer's quota: what was spent, and what is reserved. Pure. Private to this collection.

The quota of the API belongs to the customer: every process, play and machine shares it. Its window is
fixed (60 s from its first hit) in the API's framework, but that is not promised; a client that never
has more than the limit in *any* window is right either way. So a set of slots is allowed when no
half-open window holds more than ``limit`` of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, replace
from typing import List, Sequence, Tuple

READ, WRITE = "read", "write"
# A request arrives a little later than it was sent, and not always by as much.
GUARD_SHARE, GUARD_LEAST = 0.015, 0.05
# So much of the guard is for the network; the rest is for requests that are late, and that are not noted if they are so by less.
NETWORK_SHARE, IGNORED_SHARE = 0.4, 0.1
SAME = 0.001
LONGEST_RETRY_AFTER = 86400.0


@dataclass(frozen=True)
class Quota:
    """At most ``limit`` requests in any ``window`` seconds."""

    limit: int
    window: float

    @property
    def guarded(self) -> float:
        """The window that the calendar keeps, in seconds: a little longer than the API's."""
        return self.window + max(GUARD_SHARE * self.window, GUARD_LEAST)

    @property
    def sent_window(self) -> float:
        """The window that is kept when requests really go, in seconds: they may take so much longer than the API's to arrive."""
        return self.window + NETWORK_SHARE * (self.guarded - self.window)

    @property
    def tolerance(self) -> float:
        """Seconds by which a request may miss its instant without any harm to others."""
        return self.guarded - self.sent_window

    @property
    def ignored_delay(self) -> float:
        """Seconds by which a request may miss its instant without being noted."""
        return IGNORED_SHARE * (self.guarded - self.window)


@dataclass(frozen=True)
class Lock:
    """A server that a run has for itself, until a time, UTC seconds.

    ``renewed`` is when its owner last said that it is alive. It matters where the owner cannot be looked at.
    """

    server_id: int
    owner: str
    until: float
    renewed: float = 0.0


@dataclass(frozen=True)
class Calendar:
    """The reserved times of one bucket, sorted, UTC seconds; nothing new before ``blocked_until``; locks on servers.

    ``late`` are those of the times whose requests wait for longer than they were reserved for. ``stale`` are servers that had a signal of
    which nobody saw what came, each with the time until which a status of it may be older than that.
    """

    slots: Tuple[float, ...] = ()
    blocked_until: float = 0.0
    locks: Tuple[Lock, ...] = ()
    stale: Tuple[Tuple[int, float], ...] = ()
    late: Tuple[float, ...] = ()


def is_allowed(slots: Sequence[float], limit: int, window: float) -> bool:
    """Whether no half-open window of ``window`` seconds holds more than ``limit`` of the slots."""
    ordered = sorted(slots)
    return all(late - early >= window for early, late in zip(ordered, ordered[limit:]))


def reserve(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], not_before: float, headroom: int = 0
) -> Tuple[Calendar, Tuple[float, ...]]:
    """Write down the earliest ``t0 + offset`` for all offsets, with t0 >= not_before.

    ``headroom`` requests of each window are left to others. ValueError where the offsets alone are too dense.
    """
    limit = max(1, quota.limit - headroom)
    start = max(not_before, calendar.blocked_until)
    while True:
        jump = _jump(calendar.slots, offsets, start, limit, quota.guarded)
        if jump <= start:
            break
        start = jump
    new = tuple(_placed(offsets, start, limit, quota.guarded))
    return replace(calendar, slots=tuple(sorted((*calendar.slots, *new)))), new


def _placed(offsets: Sequence[float], start: float, limit: int, window: float) -> List[float]:
    """The slots of a timeline. Two that are just far enough apart stay so, where the sum is rounded down."""
    new = [start + offset for offset in offsets]
    for index in range(limit, len(new)):
        while new[index] - new[index - limit] < window <= offsets[index] - offsets[index - limit]:
            new[index] += abs(new[index]) * 2.0**-52
    return new


def _jump(slots: Sequence[float], offsets: Sequence[float], start: float, limit: int, window: float) -> float:
    """How far the start must move at least; ``start`` itself where everything fits.

    A run of limit + 1 slots within the window is left only when its latest new point is a whole
    window after its earliest old one: everything before that is skipped at once.
    """
    new = _placed(offsets, start, limit, window)
    low = bisect_left(slots, min(new) - window)
    high = bisect_left(slots, max(new) + window)
    merged: List[Tuple[float, float]] = [(at, -1.0) for at in slots[low:high]]
    for at, offset in zip(new, offsets):
        insort(merged, (at, offset))
    target = start
    for index in range(len(merged) - limit):
        if merged[index + limit][0] - merged[index][0] >= window:
            continue
        run = merged[index : index + limit + 1]
        moving = [offset for _at, offset in run if offset >= 0.0]
        fixed = [at for at, offset in run if offset < 0.0]
        if not moving:
            continue
        if not fixed:
            raise ValueError(f"{limit} requests in {window:g} s are too few for this timeline")
        target = max(target, _after(min(fixed) + window, max(moving), min(fixed), window))
    return target


def _after(edge: float, offset: float, fixed: float, window: float) -> float:
    """The start that puts the offset a whole window after the fixed instant, rounding errors included."""
    start = edge - offset
    while (start + offset) - fixed < window:
        start += max(abs(start) * 2.0**-52, 1e-9)
    return start


def due(calendar: Calendar, quota: Quota, at: float, now: float) -> float:
    """When a request that was reserved for ``at``, which has come, may really go: ``at`` where it is in time, else from now on.

    With each request looking back over its own window when it goes, no window ever holds too many, whatever was late. Those that are
    late already go first; what is reserved ahead waits in its turn.
    """
    others = release(calendar, (at,))
    late = [one for one in others.late if one > now and (one <= at or not _holds(calendar.late, at))]
    if now <= at + quota.ignored_delay and now >= calendar.blocked_until and _next([*_until(others.slots, at), *late], quota, at) == at:
        return at
    return _next([*_until(others.slots, now), *late], quota, max(now, calendar.blocked_until))


def move(calendar: Calendar, at: float, when: float, now: float) -> Calendar:
    """A request that goes at another instant than it was reserved for: one that still has to wait is late."""
    return _with(release(calendar, (at,)), when, is_late=when > now)


def _with(calendar: Calendar, at: float, is_late: bool) -> Calendar:
    late = tuple(sorted((*calendar.late, at))) if is_late else calendar.late
    return replace(calendar, slots=tuple(sorted((*calendar.slots, at))), late=late)


def reschedule(calendar: Calendar, quota: Quota, wanted: Sequence[float], now: float) -> Tuple[Calendar, Tuple[float, ...]]:
    """Write down each instant as soon after the wanted one as what is before it allows; ``wanted`` never falls.

    For what has been announced, and is late. What is reserved for later waits in its turn (``due``), for about as long as this is
    late: in a full calendar the earliest free place could be many windows away.
    """
    new: List[float] = []
    for at in wanted:
        new.append(_next(_before(calendar, quota, at, now), quota, max(at, calendar.blocked_until)))
        calendar = _with(calendar, new[-1], is_late=at <= now < new[-1])
    return calendar, tuple(new)


def _before(calendar: Calendar, quota: Quota, at: float, now: float) -> List[float]:
    """When those before an instant will go: after the late ones comes what is reserved until then, each as soon as the others allow."""
    late = [one for one in calendar.late if one > now]
    out = [*_until(calendar.slots, now), *late]
    reserved = _until(release(calendar, late).slots, max(at, now))[len(out) - len(late) :]
    for one in reserved:
        out.append(_next(out, quota, one))
    return out


def _holds(slots: Sequence[float], at: float) -> bool:
    index = bisect_left(slots, at - SAME)
    return index < len(slots) and slots[index] <= at + SAME


def _until(slots: Sequence[float], now: float) -> Tuple[float, ...]:
    return tuple(slots[: bisect_right(slots, now)])


def _next(before: Sequence[float], quota: Quota, start: float) -> float:
    """The earliest instant from ``start`` on for one that comes after all of these."""
    limit = max(1, quota.limit)
    start = max([start, *before[-1:]])
    if len(before) < limit or start - before[-limit] >= quota.sent_window:
        return start
    return _after(before[-limit] + quota.sent_window, 0.0, before[-limit], quota.sent_window)


def release(calendar: Calendar, slots: Sequence[float]) -> Calendar:
    """Give slots back; one that is not there is passed over.

    They are told apart to a thousandth of a second: on their way through a shared ledger they are rounded.
    """
    return replace(calendar, slots=_without(calendar.slots, slots), late=_without(calendar.late, slots))


def _without(all_of_them: Sequence[float], slots: Sequence[float]) -> Tuple[float, ...]:
    left = list(all_of_them)
    for at in slots:
        index = bisect_left(left, at - SAME)
        near = left[index : bisect_left(left, at + SAME)]
        if near:
            left.remove(min(near, key=lambda other: abs(other - at)))
    return tuple(left)


def correct(calendar: Calendar, reserved: float, spent: float) -> Calendar:
    """An instant that was spent later than it was reserved for: what is reserved from now on keeps clear of when it really was."""
    return _with(release(calendar, (reserved,)), spent, is_late=False)


def block(calendar: Calendar, until: float) -> Calendar:
    """Nothing new before ``until``: somebody else spent the quota, and the API said so."""
    return replace(calendar, blocked_until=max(calendar.blocked_until, until))


def prune(calendar: Calendar, before: float) -> Calendar:
    """Forget what lies before a time."""
    return Calendar(
        calendar.slots[bisect_left(calendar.slots, before) :],
        calendar.blocked_until,
        tuple(lock for lock in calendar.locks if lock.until >= before),
        tuple(one for one in calendar.stale if one[1] >= before),
        calendar.late[bisect_left(calendar.late, before) :],
    )


def shift(calendar: Calendar, seconds: float) -> Calendar:
    """Move everything in time: the wall clock was set, not the time that passed."""
    return Calendar(
        tuple(at + seconds for at in calendar.slots),
        calendar.blocked_until + seconds if calendar.blocked_until else 0.0,
        tuple(replace(one, until=one.until + seconds, renewed=one.renewed + seconds) for one in calendar.locks),
        tuple((server, until + seconds) for server, until in calendar.stale),
        tuple(at + seconds for at in calendar.late),
    )

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calendar of a customer's quota: past requests and reserved slots. Pure. Private to this collection.

The quota of the API belongs to the customer, so all processes, plays and machines share it. The API's framework uses a fixed window
(60 seconds from the first request), but that is not documented. A client that stays within the limit in *any* window is correct in
both cases. So a set of slots is allowed if no half-open window contains more than ``limit`` of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, replace
from typing import List, Sequence, Tuple

READ, WRITE = "read", "write"
# The calendar keeps a longer window than the API, because the time between sending a request and its arrival varies.
GUARD_SHARE, GUARD_MINIMUM = 0.015, 0.05
# NETWORK_SHARE of that extra time is for the network. The rest is for late requests; a delay below IGNORED_SHARE is not noted.
NETWORK_SHARE, IGNORED_SHARE = 0.4, 0.1
# Slots that differ by less than this are the same, in seconds, because a shared ledger rounds them.
SAME = 0.001
# A window that is shorter by less than this, in seconds, is a whole one, because sums are rounded.
ROUNDING = 1e-6
LONGEST_RETRY_AFTER = 86400.0


@dataclass(frozen=True)
class Quota:
    """A quota of ``limit`` requests in any ``window`` seconds."""

    limit: int
    window: float

    @property
    def guarded(self) -> float:
        """Return the window for reservations in seconds. It is a little longer than the window of the API."""
        return self.window + max(GUARD_SHARE * self.window, GUARD_MINIMUM)

    @property
    def sent_window(self) -> float:
        """Return the window for sent requests in seconds. It exceeds the API's window by the time allowed for the network."""
        return self.window + NETWORK_SHARE * (self.guarded - self.window)

    @property
    def tolerance(self) -> float:
        """Return the seconds by which a request may miss its slot without affecting other requests."""
        return self.guarded - self.sent_window

    @property
    def ignored_delay(self) -> float:
        """Return the seconds by which a request may miss its slot without a change to the calendar."""
        return IGNORED_SHARE * (self.guarded - self.window)


@dataclass(frozen=True)
class Lock:
    """A lock of a run on a server, which ends at ``until``, UTC seconds.

    ``renewed`` is the time of the owner's last renewal. It matters if the owner runs where its process cannot be checked.
    """

    server_id: int
    owner: str
    until: float
    renewed: float = 0.0


@dataclass(frozen=True)
class Hold:
    """A hold on a server until a time, UTC seconds, set by a user: no maintenance begins. With ``cancel`` countdowns are cancelled, too."""

    server_id: int
    until: float
    reason: str = ""
    by: str = ""
    cancel: bool = False


@dataclass(frozen=True)
class Calendar:
    """The reserved slots of one bucket, sorted, in UTC seconds, and the locks and holds on servers.

    No new slot begins before ``blocked_until``.

    ``late`` are the slots of requests that had to move to a later slot. ``stale`` are servers with a signal whose effect was not observed,
    each with the time until which a status may be older than that signal.
    """

    slots: Tuple[float, ...] = ()
    blocked_until: float = 0.0
    locks: Tuple[Lock, ...] = ()
    stale: Tuple[Tuple[int, float], ...] = ()
    late: Tuple[float, ...] = ()
    holds: Tuple[Hold, ...] = ()


def is_allowed(slots: Sequence[float], limit: int, window: float) -> bool:
    """Return whether each half-open window of ``window`` seconds contains at most ``limit`` of the slots."""
    ordered = sorted(slots)
    return all(late - early >= window for early, late in zip(ordered, ordered[limit:]))


def reserve(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], not_before: float, headroom: int = 0
) -> Tuple[Calendar, Tuple[float, ...]]:
    """Reserve the slots ``start + offset`` with the earliest possible start, at or after ``not_before``.

    ``headroom`` requests of each window are left free. Raises ValueError if the offsets alone exceed the quota.
    """
    limit = max(1, quota.limit - headroom)
    start = max(not_before, calendar.blocked_until)
    while True:
        later = _next_start(calendar.slots, offsets, start, limit, quota.guarded)
        if later <= start:
            break
        start = later
    new = tuple(start + offset for offset in offsets)
    return replace(calendar, slots=tuple(sorted((*calendar.slots, *new)))), new


def _next_start(slots: Sequence[float], offsets: Sequence[float], start: float, limit: int, window: float) -> float:
    """Return the earliest start that may fit, or ``start`` itself if everything fits.

    If limit + 1 slots are within one window, the latest new one of them must move to a whole window after the earliest reserved one. All
    starts before that are skipped.
    """
    new = [start + offset for offset in offsets]
    low = bisect_left(slots, min(new) - window)
    high = bisect_left(slots, max(new) + window)
    merged: List[Tuple[float, float]] = [(at, -1.0) for at in slots[low:high]]
    for at, offset in zip(new, offsets):
        insort(merged, (at, offset))
    target = start
    for index in range(len(merged) - limit):
        if merged[index + limit][0] - merged[index][0] > window - ROUNDING:
            continue
        run = merged[index : index + limit + 1]
        moving = [offset for _at, offset in run if offset >= 0.0]
        fixed = [at for at, offset in run if offset < 0.0]
        if not moving:
            continue
        if not fixed:
            raise ValueError(f"this timeline needs more than {limit} requests in {window:g} s")
        target = max(target, min(fixed) + window - max(moving))
    return target


def due(calendar: Calendar, quota: Quota, at: float, now: float) -> float:
    """Return the time at which a request may be sent whose slot ``at`` is now due: ``at`` if it is on time, otherwise now or later.

    Each request checks its own window when it is sent, so no window contains too many requests, whatever was late. Requests that are late
    go first. Slots reserved for later wait in order.
    """
    others = release(calendar, (at,))
    late = [one for one in others.late if one > now and (one <= at or not _contains(calendar.late, at))]
    if (
        now <= at + quota.ignored_delay
        and now >= calendar.blocked_until
        and _next_slot([*_up_to(others.slots, at), *late], quota, at) == at
    ):
        return at
    return _next_slot([*_up_to(others.slots, now), *late], quota, max(now, calendar.blocked_until))


def move(calendar: Calendar, at: float, when: float, now: float) -> Calendar:
    """Move a request from the slot ``at`` to the slot ``when``. It counts as late if it still has to wait."""
    return _add(release(calendar, (at,)), when, is_late=when > now)


def _add(calendar: Calendar, at: float, is_late: bool) -> Calendar:
    late = tuple(sorted((*calendar.late, at))) if is_late else calendar.late
    return replace(calendar, slots=tuple(sorted((*calendar.slots, at))), late=late)


def reschedule(calendar: Calendar, quota: Quota, wanted: Sequence[float], now: float) -> Tuple[Calendar, Tuple[float, ...]]:
    """Reserve urgent slots, each as soon after the wanted time as earlier slots allow. ``wanted`` must be in ascending order.

    This is for announced requests that are late, because the next free slot of a full calendar can be many windows away. Requests with
    later slots wait (see ``due``), for about as long as the urgent ones are late.
    """
    new: List[float] = []
    for at in wanted:
        new.append(_next_slot(_slots_before(calendar, quota, at, now), quota, max(at, calendar.blocked_until)))
        calendar = _add(calendar, new[-1], is_late=at <= now < new[-1])
    return calendar, tuple(new)


def _slots_before(calendar: Calendar, quota: Quota, at: float, now: float) -> List[float]:
    """Return the times of all requests before ``at``: the late ones, then the reserved ones, each as early as the quota allows."""
    late = [one for one in calendar.late if one > now]
    out = [*_up_to(calendar.slots, now), *late]
    reserved = _up_to(release(calendar, late).slots, max(at, now))[len(out) - len(late) :]
    for one in reserved:
        out.append(_next_slot(out, quota, one))
    return out


def _contains(slots: Sequence[float], at: float) -> bool:
    index = bisect_left(slots, at - SAME)
    return index < len(slots) and slots[index] <= at + SAME


def _up_to(slots: Sequence[float], now: float) -> Tuple[float, ...]:
    return tuple(slots[: bisect_right(slots, now)])


def _next_slot(before: Sequence[float], quota: Quota, start: float) -> float:
    """Return the earliest slot at or after ``start`` for a request that is sent after all of ``before``."""
    limit = max(1, quota.limit)
    start = max([start, *before[-1:]])
    if len(before) < limit or start - before[-limit] > quota.sent_window - ROUNDING:
        return start
    return before[-limit] + quota.sent_window


def release(calendar: Calendar, slots: Sequence[float]) -> Calendar:
    """Release slots. Slots that are not reserved are ignored, and slots that differ by less than SAME are the same."""
    return replace(calendar, slots=_remove(calendar.slots, slots), late=_remove(calendar.late, slots))


def _remove(slots_of_all: Sequence[float], slots: Sequence[float]) -> Tuple[float, ...]:
    left = list(slots_of_all)
    for at in slots:
        index = bisect_left(left, at - SAME)
        near = left[index : bisect_left(left, at + SAME)]
        if near:
            left.remove(min(near, key=lambda other: abs(other - at)))
    return tuple(left)


def correct(calendar: Calendar, reserved: float, spent: float) -> Calendar:
    """Move a slot to the time at which its request was sent, so that later reservations take the real time into account."""
    return _add(release(calendar, (reserved,)), spent, is_late=False)


def block(calendar: Calendar, until: float) -> Calendar:
    """Reserve nothing before ``until``, because the API answered that others have used up the quota."""
    return replace(calendar, blocked_until=max(calendar.blocked_until, until))


def prune(calendar: Calendar, before: float) -> Calendar:
    """Remove everything before a time."""
    return Calendar(
        calendar.slots[bisect_left(calendar.slots, before) :],
        calendar.blocked_until,
        tuple(lock for lock in calendar.locks if lock.until >= before),
        tuple(one for one in calendar.stale if one[1] >= before),
        calendar.late[bisect_left(calendar.late, before) :],
        tuple(one for one in calendar.holds if one.until >= before),
    )


def shift(calendar: Calendar, seconds: float) -> Calendar:
    """Shift all times, because the wall clock was set or another clock is used."""
    return Calendar(
        tuple(at + seconds for at in calendar.slots),
        calendar.blocked_until + seconds if calendar.blocked_until else 0.0,
        tuple(replace(one, until=one.until + seconds, renewed=one.renewed + seconds) for one in calendar.locks),
        tuple((server, until + seconds) for server, until in calendar.stale),
        tuple(at + seconds for at in calendar.late),
        tuple(replace(one, until=one.until + seconds) for one in calendar.holds),
    )

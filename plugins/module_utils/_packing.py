# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the timelines of a fleet are packed into the quota, and what limits the run. Pure. Private to this collection.

Timelines that each start as early as they fit stay in step: they use the quota in bursts and waste the windows between.
Starting each a little after the last spreads their writes evenly, and a large fleet comes close to what the quota allows. For a
handful of servers it is the other way round. So both are simulated, and the shorter is taken.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Batch, Calendar, Quota, Run, prune, release, reserve
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import count_begin, run_of, used

# The gaps that are tried, as shares of the even one. None is quite as tight as it could be: in a calendar without any play
# everything behind a line that is late would be late, to the end of the run.
SHARES = (0.0, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.1)
# What is best for so many is best for more.
LARGE = 100


@dataclass(frozen=True)
class Fleet:
    """A run over many servers: ``key`` names it, ``total`` is its servers, ``forks`` how many may be in flight.

    With a canary it has batches, each packed by itself: ``batch`` names this one, ``batch_total`` is its servers. ``ahead`` are the
    servers of the batches before it, ``place`` those of this one before the server in question. ``owner`` is the process whose run
    it is, and ``servers`` are the IDs of all its servers, where those are known.
    """

    key: str
    total: int
    forks: int
    batch: str
    batch_total: int
    ahead: int = 0
    place: int = 0
    owner: str = ""
    servers: Tuple[int, ...] = ()

    @classmethod
    def whole(cls, key: str, total: int, forks: int) -> "Fleet":
        """A run in one batch."""
        return cls(key, total, forks, key, total)


def restart_seconds(quota: Quota) -> float:
    """How long a worker is busy after its signal (a stop, a boot, the look that proves it), where nobody knows better: a minute.

    Said as one window, so that it holds for an API that runs faster than in life, too.
    """
    return quota.window


def even_gap(writes: int, quota: Quota, headroom: int) -> float:
    """Seconds between the starts of two timelines at which their writes use the quota evenly."""
    return writes * quota.guarded / max(1, quota.limit - headroom)


def simulate(
    calendar: Calendar,
    quota: Quota,
    offsets: Sequence[float],
    headroom: int,
    servers: int,
    forks: int,
    now: float,
    gap: float,
    busy: Sequence[float] = (),
    last: Optional[float] = None,
) -> Tuple[float, ...]:
    """The starts of so many timelines, each in a free worker and at least ``gap`` seconds after the last.

    ``busy`` is when workers that are not free now will be; ``last`` the start of the last timeline before these.
    """
    free: List[float] = [*busy, *[now] * max(0 if busy else 1, min(forks - len(busy), servers))]
    heapq.heapify(free)
    starts: List[float] = []
    for _each in range(servers):
        before = starts[-1] if starts else last
        not_before = max(heapq.heappop(free), now if before is None else before + gap)
        calendar, instants = reserve(calendar, quota, offsets, not_before, headroom)
        starts.append(instants[0])
        heapq.heappush(free, instants[-1] + restart_seconds(quota))
        # What lies a window before everything still to come cannot matter any more.
        calendar = prune(calendar, min(free) - quota.guarded)
    return tuple(starts)


def choose_gap(calendar: Calendar, quota: Quota, offsets: Sequence[float], headroom: int, servers: int, forks: int, now: float) -> float:
    """The gap that ends the run soonest: none, the even one, or a little more where the even one does not divide the window well."""
    if servers < 2:
        return 0.0
    even = even_gap(len(offsets), quota, headroom)
    gaps = [even * share for share in SHARES]
    servers = min(servers, LARGE)
    return min(gaps, key=lambda gap: max(simulate(calendar, quota, offsets, headroom, servers, forks, now, gap)))


@dataclass(frozen=True)
class Plan:
    """What a run over a fleet will take.

    ``writes`` are those of the servers that are in time, and ``duration`` is seconds until the last of these is up; ``limited_by``
    countdown, quota, forks or deadline; ``deferred`` are the servers that the deadline leaves out; ``enough_forks`` is the number beyond
    which more of them save nothing, and ``deferred_then`` what the deadline would leave out with so many.
    """

    servers: int
    writes: int
    duration: float
    limited_by: str
    enough_forks: int
    deferred: int = 0
    deferred_then: int = 0


def rehearse(
    quota: Quota,
    offsets: Sequence[float],
    headroom: int,
    servers: int,
    forks: int,
    deadline: float = math.inf,
    done_delay: Optional[float] = None,
) -> Tuple[int, float]:
    """How many servers are in time, and when the last of them is up: the run as its workers will reserve it, from an empty calendar.

    A last line, ``done_delay`` seconds after a server is up, has no place in a timeline: it takes what is free then, and so can delay the
    timelines that are reserved after it.
    """
    fleet, calendar, left, in_time, end = Fleet.whole("", servers, forks), Calendar(), servers, 0, 0.0
    # With so many workers it would take long to choose the gap anew each time, and it hardly changes.
    many = min(servers, forks) > 2 * LARGE
    gap = choose_gap(calendar, quota, offsets, headroom, servers, forks, 0.0) if many else None
    last = -math.inf
    # When a worker is free, or has a last word to say.
    events: List[Tuple[float, bool]] = [(0.0, False)] * min(forks, servers)
    while events:
        at, says = heapq.heappop(events)
        if says:
            calendar, (said,) = reserve(calendar, quota, (0.0,), at)
            end = max(end, said)
            heapq.heappush(events, (said, False))
        elif left:
            left -= 1
            if gap is None:
                calendar, instants = reserve_next(calendar, quota, offsets, at, headroom, fleet)
            else:
                calendar, instants = reserve(calendar, quota, offsets, max(at, last + gap), headroom)
            last = instants[0]
            if instants[-1] > deadline:
                calendar = release(calendar, instants)
                heapq.heappush(events, (at, False))
                continue
            in_time += 1
            up = instants[-1] + restart_seconds(quota)
            end = max(end, up)
            heapq.heappush(events, (up + (done_delay or 0.0), done_delay is not None))
            calendar = prune(calendar, at - quota.guarded)
    return in_time, end


def plan(
    quota: Quota,
    offsets: Sequence[float],
    headroom: int,
    servers: int,
    forks: int,
    deadline: float = math.inf,
    done_delay: Optional[float] = None,
) -> Plan:
    """The plan for a quota that nobody else uses; ``deadline`` is seconds from the start."""

    def starts(workers: int) -> Tuple[float, ...]:
        gap = choose_gap(Calendar(), quota, offsets, headroom, servers, workers, 0.0)
        return simulate(Calendar(), quota, offsets, headroom, servers, workers, 0.0, gap)

    def late(begun: Sequence[float]) -> int:
        return sum(start + offsets[-1] > deadline for start in begun)

    alone = offsets[-1] + restart_seconds(quota)
    ideal, own = starts(servers), starts(forks)
    best = max(ideal) + alone
    in_time, end = rehearse(quota, offsets, headroom, servers, forks, deadline, done_delay)

    def is_enough(workers: int) -> bool:
        begun = starts(workers)
        return late(begun) <= late(ideal) if in_time < servers else max(begun) + alone <= best * 1.01

    low, high = 1, servers
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    limited = "forks" if max(own) + alone > best * 1.01 else "quota" if best > alone + 1.0 else "countdown"
    then = in_time
    if in_time < servers:
        limited = "deadline"
        then = max(in_time, rehearse(quota, offsets, headroom, servers, low, deadline, done_delay)[0]) if low > forks else in_time
    if limited != "forks" and then == in_time:
        low = min(low, forks)
    writes = in_time * (len(offsets) + (done_delay is not None))
    return Plan(servers, writes, end, limited, low, servers - in_time, servers - then)


def batch_of(calendar: Calendar, fleet: Fleet) -> Optional[Batch]:
    """The batch of a run as the calendar knows it; None where nobody has decided yet how to pack it."""
    return next((batch for batch in calendar.batches if batch.key == fleet.batch), None)


def decide_gap(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], headroom: int, fleet: Fleet, now: float
) -> Tuple[Calendar, Batch]:
    """The calendar with the gap of a batch, and the batch. It is chosen once: to change it under way would need to know when each
    worker in flight will be free."""
    known = batch_of(calendar, fleet)
    if known is not None:
        return calendar, known
    gap = choose_gap(calendar, quota, offsets, headroom, fleet.batch_total, fleet.forks, now)
    # So that the first of them need not wait.
    batch = Batch(fleet.batch, now - gap, gap)
    return _with_batch(calendar, batch), batch


def _with_batch(calendar: Calendar, batch: Batch) -> Calendar:
    return replace(calendar, batches=(*(one for one in calendar.batches if one.key != batch.key), batch))


def reserve_next(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], not_before: float, headroom: int, fleet: Fleet
) -> Tuple[Calendar, Tuple[float, ...]]:
    """Reserve the timeline of the next server of a run, and remember the run."""
    calendar, batch = decide_gap(calendar, quota, offsets, headroom, fleet, not_before)
    start = max(not_before, batch.last + batch.gap) if batch.gap else not_before
    calendar, instants = reserve(calendar, quota, offsets, start, headroom)
    calendar = _with_batch(calendar, Batch(batch.key, instants[0], batch.gap))
    return count_begin(calendar, fleet.key, not_before), instants


def foresee(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], not_before: float, headroom: int, fleet: Fleet
) -> Tuple[float, ...]:
    """Where the timeline of a server of a run will go when nobody reserves, as in check mode.

    As if every server before it had one like it, and each took as long as usual.
    """
    begin = not_before + (plan(quota, offsets, headroom, fleet.ahead, fleet.forks).duration if fleet.ahead else 0.0)
    calendar, batch = decide_gap(calendar, quota, offsets, headroom, fleet, begin)
    if fleet.batch_total > LARGE:
        # Each server asks, so it must not take long.
        start = simulate(calendar, quota, offsets, headroom, fleet.place + 1, fleet.forks, begin, batch.gap)[-1]
        return tuple(start + offset for offset in offsets)
    free = [begin] * fleet.forks
    instants: Tuple[float, ...] = ()
    for _each in range(fleet.place + 1):
        calendar, instants = reserve_next(calendar, quota, offsets, heapq.heappop(free), headroom, fleet)
        heapq.heappush(free, instants[-1] + restart_seconds(quota))
    return instants


@dataclass(frozen=True)
class Standing:
    """How far a run is: what became of its servers, how many wait for their timeline, the writes of the last window, and its end.

    ``ends_at`` is UTC epoch seconds, and an estimate: as if every server to come had a timeline, and each took as long as usual.
    """

    run: Run
    waiting: int
    writes: int
    ends_at: float


def standing(calendar: Calendar, quota: Quota, offsets: Sequence[float], headroom: int, fleet: Fleet, now: float) -> Standing:
    """How far a run is, of timelines with these offsets."""
    run = run_of(calendar, fleet.key)
    batch = batch_of(calendar, fleet)
    waiting = max(0, fleet.total - run.ended - run.counting)
    alone = offsets[-1] + restart_seconds(quota)
    # When the workers in flight will be free is not known: they are taken to be spread over their timelines.
    flying = min(run.counting, fleet.forks)
    busy = [now + alone * (index + 1) / flying for index in range(flying)]
    last = batch.last if batch else None
    ends = [now, *busy]
    if run.counting and last is not None:
        ends.append(last + alone)
    if waiting:
        gap = batch.gap if batch else 0.0
        ends.append(max(simulate(calendar, quota, offsets, headroom, waiting, fleet.forks, now, gap, busy, last)) + alone)
    return Standing(run, waiting, used(calendar, quota.window, now), max(ends))


def plan_batches(
    quota: Quota,
    offsets: Sequence[float],
    headroom: int,
    batches: Sequence[int],
    forks: int,
    deadline: float = math.inf,
    done_delay: Optional[float] = None,
) -> Plan:
    """The plan of batches of so many servers, each of which begins when the one before has ended."""
    plans: List[Plan] = []
    for servers in batches:
        begun = sum(one.duration for one in plans)
        plans.append(plan(quota, offsets, headroom, servers, forks, deadline - begun, done_delay))
    last = plans[-1]
    return Plan(
        sum(one.servers for one in plans),
        sum(one.writes for one in plans),
        sum(one.duration for one in plans),
        next((one.limited_by for one in plans if one.limited_by == "deadline"), last.limited_by),
        max(one.enough_forks for one in plans),
        sum(one.deferred for one in plans),
        sum(one.deferred_then for one in plans),
    )

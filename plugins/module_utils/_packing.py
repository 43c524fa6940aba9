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

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Batch, Calendar, Quota, Run, prune, reserve
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import count_begin, run_of, used

# The gaps that are tried, as shares of the even one. None is quite as tight as it could be: in a calendar without any play
# everything behind a line that is late would be late, to the end of the run.
SHARES = (0.0, 1.02, 1.03, 1.04, 1.08)
LARGE = 100


@dataclass(frozen=True)
class Fleet:
    """A run over many servers: ``key`` names it, ``total`` is its servers, ``forks`` how many may be in flight.

    With a canary it has batches, each packed by itself: ``batch`` names this one, ``batch_total`` is its servers. ``ahead`` are the
    servers of the batches before it, ``place`` those of this one before the server in question.
    """

    key: str
    total: int
    forks: int
    batch: str
    batch_total: int
    ahead: int = 0
    place: int = 0

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
    return min(gaps, key=lambda gap: max(simulate(calendar, quota, offsets, headroom, servers, forks, now, gap)))


@dataclass(frozen=True)
class Plan:
    """What a run over a fleet will take.

    ``duration`` is seconds until the last server is up; ``limited_by`` countdown, quota, forks or deadline; ``deferred`` are the
    servers that the deadline leaves out; ``enough_forks`` is the number beyond which more of them save nothing.
    """

    servers: int
    writes: int
    duration: float
    limited_by: str
    enough_forks: int
    deferred: int = 0


def plan(quota: Quota, offsets: Sequence[float], headroom: int, servers: int, forks: int, deadline: float = math.inf) -> Plan:
    """The plan for a quota that nobody else uses; ``deadline`` is seconds from the start."""

    def starts(workers: int) -> Tuple[float, ...]:
        gap = choose_gap(Calendar(), quota, offsets, headroom, servers, workers, 0.0)
        return simulate(Calendar(), quota, offsets, headroom, servers, workers, 0.0, gap)

    alone = offsets[-1] + restart_seconds(quota)
    best, own = max(starts(servers)) + alone, starts(forks)
    low, high = 1, servers
    while low < high:
        middle = (low + high) // 2
        if max(starts(middle)) + alone <= best * 1.01:
            high = middle
        else:
            low = middle + 1
    in_time = [start for start in own if start + offsets[-1] <= deadline]
    duration = max(in_time, default=-alone) + alone
    limited = "forks" if max(own) + alone > best * 1.01 else "quota" if best > alone + 1.0 else "countdown"
    if len(in_time) < servers:
        limited = "deadline"
    return Plan(servers, servers * len(offsets), duration, limited, low, servers - len(in_time))


def reserve_next(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], not_before: float, headroom: int, fleet: Fleet
) -> Tuple[Calendar, Tuple[float, ...]]:
    """Reserve the timeline of the next server of a run, and remember the run.

    How to pack is decided with the first server and again whenever half of what was left is done: the quota may have been used by others.
    """
    known = next((batch for batch in calendar.batches if batch.key == fleet.batch), None)
    left = min(known.left, fleet.batch_total) if known else fleet.batch_total
    if known is None or left & (left - 1) == 0:
        gap = choose_gap(calendar, quota, offsets, headroom, left, fleet.forks, not_before)
    else:
        gap = known.gap
    start = max(not_before, known.last + gap) if known and gap else not_before
    calendar, instants = reserve(calendar, quota, offsets, start, headroom)
    batch = Batch(fleet.batch, instants[0], gap, max(1, left - 1))
    calendar = replace(calendar, batches=(*(one for one in calendar.batches if one.key != fleet.batch), batch))
    return count_begin(calendar, fleet.key, not_before), instants


def foresee(
    calendar: Calendar, quota: Quota, offsets: Sequence[float], not_before: float, headroom: int, fleet: Fleet
) -> Tuple[float, ...]:
    """Where the timeline of a server of a run will go when nobody reserves, as in check mode.

    As if every server before it had one like it, and each took as long as usual.
    """
    begin = not_before + (plan(quota, offsets, headroom, fleet.ahead, fleet.forks).duration if fleet.ahead else 0.0)
    if fleet.batch_total > LARGE:
        # Each server asks, so it must not take long. The gap of a large fleet is that of any large fleet.
        gap = choose_gap(calendar, quota, offsets, headroom, LARGE, fleet.forks, begin)
        start = simulate(calendar, quota, offsets, headroom, fleet.place + 1, fleet.forks, begin, gap)[-1]
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
    batch = next((one for one in calendar.batches if one.key == fleet.batch), None)
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
    quota: Quota, offsets: Sequence[float], headroom: int, batches: Sequence[int], forks: int, deadline: float = math.inf
) -> Plan:
    """The plan of batches of so many servers, each of which begins when the one before has ended."""
    plans: List[Plan] = []
    for servers in batches:
        begun = sum(one.duration for one in plans)
        plans.append(plan(quota, offsets, headroom, servers, forks, deadline - begun))
    last = plans[-1]
    return Plan(
        sum(one.servers for one in plans),
        sum(one.writes for one in plans),
        sum(one.duration for one in plans),
        next((one.limited_by for one in plans if one.limited_by == "deadline"), last.limited_by),
        max(one.enough_forks for one in plans),
        sum(one.deferred for one in plans),
    )

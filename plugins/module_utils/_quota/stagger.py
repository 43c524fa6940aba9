# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose when the timelines of a run start. Pure. Private to this collection.

Timelines that each start as early as they fit drift into bursts, and the quota between the bursts is lost. So they start in groups at
regular times. In a short run, the group and the time between groups that end the run soonest are found by simulation. In a long run,
something is late sooner or later. One timeline at a time, a little less often than the quota allows, is what suffers least from that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import List, NamedTuple, Sequence, Tuple

from .reservations import Calendar, Quota, prune, reserve

# A run of more timelines than this is long.
SHORT = 60
# The time between two starts, as a share of the time in which the quota allows the writes of one timeline. Closer to 1, a late request
# delays all that follows.
LONG_SHARE = 1.04
SHORT_SHARES = (0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 1.01, 1.02, 1.03, 1.04, 1.06, 1.08, 1.1)
# The time between two groups that use up the quota of one window, as a share of the window. With less, requests that are a little late
# push one timeline out of each later group.
WINDOW_SHARE = 1.03
# The timelines of the last LAST_WINDOWS windows start as early as they fit, because no later timeline can be delayed by them.
LAST_WINDOWS = 2


@dataclass(frozen=True)
class Stagger:
    """A rule for the starts of timelines, and the state of the group that started last.

    ``group`` timelines start together. The next group starts ``pace`` seconds later for each write of a full group. After ``regular``
    timelines, each starts as early as it fits.
    """

    group: int = 1
    pace: float = 0.0
    regular: float = math.inf
    head: float = -math.inf
    last: float = -math.inf
    size: int = 0
    interval: float = 0.0

    def not_before(self, now: float) -> float:
        """Return the earliest start that the rule allows the next timeline."""
        is_next_group = self.size >= self.group and self.regular > 0
        return max(now, self.last, self.head + self.interval if is_next_group else self.last)

    def reserve(
        self, calendar: Calendar, quota: Quota, offsets: Sequence[float], now: float, headroom: int = 0
    ) -> Tuple[Calendar, Tuple[float, ...], Stagger]:
        """Reserve the next timeline, and return the calendar, the reserved times and the rule for the timeline after it."""
        wanted = self.not_before(now)
        placed, times = reserve(calendar, quota, offsets, wanted, headroom)
        interval = self.pace * self.group * len(offsets)
        after = replace(self, regular=self.regular - 1, last=times[0])
        # A timeline that is far behind its group is the first of the next one.
        if 0 < self.size < self.group and times[0] <= wanted + interval / 2:
            return placed, times, replace(after, size=self.size + 1, interval=(self.interval * self.size + interval) / (self.size + 1))
        return placed, times, replace(after, head=times[0], size=1, interval=interval)


class Simulation(NamedTuple):
    """The simulated start of each timeline, and the seconds from ``now`` until the last timeline has ended."""

    starts: Tuple[float, ...]
    duration: float


def simulate(
    stagger: Stagger,
    quota: Quota,
    headroom: int,
    timelines: Sequence[Sequence[float]],
    calendar: Calendar,
    now: float,
    stop_after: float = math.inf,
    earliest: Sequence[float] = (),
) -> Simulation:
    """Simulate a run of timelines, given as the offsets of their writes, in order. None starts before its time in ``earliest``, if given.

    A run that takes longer than ``stop_after`` seconds is not simulated to its end; its duration is infinite.
    """
    # Without locks and finished requests each step is faster.
    calendar = prune(Calendar(calendar.slots, calendar.blocked_until), now - quota.guarded)
    starts: List[float] = []
    end = now
    for index, offsets in enumerate(timelines):
        not_before = max(now, earliest[index]) if earliest else now
        calendar, times, stagger = stagger.reserve(calendar, quota, offsets, not_before, headroom)
        starts.append(times[0])
        end = max(end, times[-1])
        if end > now + stop_after:
            return Simulation(tuple(starts), math.inf)
        calendar = prune(calendar, times[0] - quota.guarded)
    return Simulation(tuple(starts), end - now)


def choose(quota: Quota, headroom: int, timelines: Sequence[Sequence[float]], calendar: Calendar, now: float) -> Stagger:
    """Return the rule for a run of timelines, given as the offsets of their writes, in order."""
    if len(timelines) < 2:
        return Stagger()
    limit = max(1, quota.limit - headroom)
    pace = quota.guarded / limit
    writes = sum(map(len, timelines)) / len(timelines)
    last = min(len(timelines), math.floor(LAST_WINDOWS * limit / writes))
    if len(timelines) > SHORT:
        return Stagger(1, pace * LONG_SHARE, len(timelines) - last)
    # Groups that start once, twice, ... a window; and groups that use the quota evenly, whatever they leave of the last window.
    fitting = math.ceil(limit / writes)
    rules = [
        Stagger(size // times, quota.guarded * WINDOW_SHARE / size / writes)
        for size in range(fitting, fitting + 2)
        for times in range(1, size + 1)
        if size % times == 0
    ]
    regular = (len(timelines), len(timelines) - last)
    rules += [Stagger(group, pace * share, some) for share in SHORT_SHARES for group in (1, 2) for some in regular]
    best, shortest = Stagger(), math.inf
    for rule in (best, *rules):
        duration = simulate(rule, quota, headroom, timelines, calendar, now, shortest).duration
        if duration < shortest:
            best, shortest = rule, duration
    return best

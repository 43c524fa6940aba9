# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose when the timelines of a run start. Pure. Private to this collection.

Timelines that each start as early as they fit drift into bursts, and the quota between the bursts is lost. So timelines start in small
groups at regular times. A group as large as one window's quota, repeated a little less often than once a window, never conflicts with
itself. For other sizes no rule is best for all timelines, so a range of rules is simulated.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from statistics import fmean
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Calendar, Quota, prune, reserve

# A share closer to 1 is shorter if nothing is late, but each late start then costs up to a window.
# The time between two groups, as a share of the window, and of what the quota needs for the writes of a group of so many timelines.
WINDOW_SHARES = (1.02, 1.04)
# Shares below 1 suit runs that end soon after the first timelines do.
SHORT_SHARES = (0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 1.01)
EVEN_SHARES, EVEN_GROUPS = (1.02, 1.04, 1.06, 1.08, 1.1), (1, 2)
# How far a start may be behind its regular time, as a share of the window. Beyond, it waits for the next regular time.
SLIPS = (0.05, math.inf)
# A rule that suits this many servers also suits more.
PART, FINAL_PART = 40, 250
# Of the rules that are nearly as good as the best, the one that suffers least from disturbances is chosen.
NEARLY, FINALISTS, SEEDS = 1.01, 6, (1, 2)
# The disturbances: the share of starts that are late, by how much of a window at most, and the share of the quota that others use.
LATE_STARTS, LATENESS, OTHERS = 0.25, 0.02, 0.1
TRIES = 20


@dataclass(frozen=True)
class Stagger:
    """A rule for the starts of timelines, and the state of the group that started last.

    ``group`` timelines start together; the next group starts ``pace`` seconds later for each write of a full group. A timeline that would
    start more than ``slip`` seconds later than that waits for the next regular time. With a pace of 0, each starts as early as it fits.
    """

    group: int = 1
    pace: float = 0.0
    slip: float = math.inf
    head: float = -math.inf
    last: float = -math.inf
    size: int = 0
    gap: float = 0.0

    def not_before(self, now: float) -> float:
        """Return the earliest start that the rule allows the next timeline."""
        is_full = self.size >= self.group
        return max(now, self.last, self.head + self.gap if is_full else self.last)

    def place(
        self, calendar: Calendar, quota: Quota, offsets: Sequence[float], now: float, headroom: int = 0
    ) -> Tuple[Calendar, Tuple[float, ...], Stagger]:
        """Reserve the next timeline, and return the calendar, the reserved times and the rule for the timeline after it."""
        wanted = self.not_before(now)
        placed, times = reserve(calendar, quota, offsets, wanted, headroom)
        joins = 0 < self.size < self.group
        gap = self.pace * self.group * len(offsets)
        if self.size and gap > 0.0 and times[0] > wanted + self.slip:
            joins = False
            wanted = max(now, self.last, self.head + self.gap)
            for _try in range(TRIES):
                wanted += max(0, math.ceil((times[0] - self.slip - wanted) / gap - 1e-9)) * gap
                placed, times = reserve(calendar, quota, offsets, wanted, headroom)
                if times[0] <= wanted + self.slip:
                    break
        start = times[0]
        if joins:
            share = (self.gap * self.size + gap) / (self.size + 1)
            return placed, times, replace(self, last=start, size=self.size + 1, gap=share)
        return placed, times, replace(self, head=start, last=start, size=1, gap=gap)


class Rehearsal(NamedTuple):
    """The simulated start of each timeline, and the seconds from ``now`` until the last timeline has ended."""

    starts: Tuple[float, ...]
    duration: float


def rehearse(
    stagger: Stagger,
    quota: Quota,
    headroom: int,
    timelines: Sequence[Sequence[float]],
    calendar: Calendar,
    now: float,
    noise: Optional[random.Random] = None,
    stop_after: float = math.inf,
) -> Rehearsal:
    """Simulate a run of timelines, given as the offsets of their writes, in order.

    With ``noise``, some starts are late and other processes write, too. A run that takes longer than ``stop_after`` seconds is not
    simulated to its end; its duration is infinite.
    """
    # Without locks and finished requests each step is faster.
    calendar = prune(Calendar(calendar.instants, calendar.blocked_until), now - quota.guarded)
    starts: List[float] = []
    end = other = now
    for offsets in timelines:
        at = now
        if noise:
            at = stagger.not_before(now)
            while other <= at:
                calendar = reserve(calendar, quota, (0.0,), other)[0]
                other += noise.expovariate(OTHERS * quota.limit / quota.window)
            at += noise.uniform(0.0, LATENESS * quota.window) if noise.random() < LATE_STARTS else 0.0
        calendar, times, stagger = stagger.place(calendar, quota, offsets, at, headroom)
        starts.append(times[0])
        end = max(end, times[-1])
        if end > now + stop_after:
            return Rehearsal(tuple(starts), math.inf)
        calendar = prune(calendar, times[0] - quota.guarded)
    return Rehearsal(tuple(starts), end - now)


def choose(quota: Quota, headroom: int, timelines: Sequence[Sequence[float]], calendar: Calendar, now: float) -> Stagger:
    """Return the rule for a run of timelines, given as the offsets of their writes, in order.

    Rules are simulated on the first servers of a large run only.
    """
    if len(timelines) < 2:
        return Stagger()
    limit = max(1, quota.limit - headroom)
    pace = quota.guarded / limit
    writes = sum(map(len, timelines)) / len(timelines)
    # Only when the first timelines have ended does a run go on as it began.
    begun = min(PART, math.ceil(max(offsets[-1] for offsets in timelines) / (pace * writes)))
    # Groups that start once, twice, ... a window; and groups that use the quota evenly, whatever they leave of the last window.
    fitting = math.ceil(limit / writes)
    gaps = [
        (group, quota.guarded * share / times)
        for share in WINDOW_SHARES
        for size in range(fitting, fitting + 2)
        for times in range(1, size + 1)
        for group in [size // times]
        if size % times == 0
    ]
    shares = EVEN_SHARES if len(timelines) > PART else (*EVEN_SHARES, *SHORT_SHARES)
    gaps += [(group, pace * writes * group * share) for share in shares for group in EVEN_GROUPS]
    rules = [Stagger(group, gap / group / writes, slip * quota.window) for group, gap in gaps for slip in SLIPS]

    def rate(rules: Sequence[Stagger], servers: int, tolerance: float) -> List[Tuple[float, Stagger]]:
        rated, best = [], math.inf
        for rule in rules:
            run = rehearse(rule, quota, headroom, timelines[:servers], calendar, now, stop_after=best * tolerance)
            best = min(best, run.duration)
            third = len(run.starts) // 3
            more = len(timelines) - servers
            if more > 0 and run.duration < math.inf:
                # The means even out how far the last group got.
                middle, end = fmean(run.starts[-2 * third : -third]), fmean(run.starts[-third:])
                rated.append((end + (end - middle) / third * (more + third / 2) + timelines[-1][-1] - now, rule))
            else:
                rated.append((run.duration, rule))
        return sorted(rated, key=lambda one: one[0])

    first, second = PART + begun, FINAL_PART
    rated = rate([Stagger(), *rules], first, NEARLY if len(timelines) <= first else 1.1)[:FINALISTS]
    if len(timelines) > first:
        rated = rate([rule for _took, rule in rated], second, math.inf)

    def disturbed(rule: Stagger) -> float:
        noisy = [random.Random(seed) for seed in SEEDS]  # noqa: S311
        return sum(rehearse(rule, quota, headroom, timelines[:first], calendar, now, noise).duration for noise in noisy)

    return min((rule for took, rule in rated if took <= rated[0][0] * NEARLY), key=disturbed)

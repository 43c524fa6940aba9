# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a run: its requests, its duration, and its limit. Pure. Private to this collection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from typing import List, Optional, Sequence, Tuple

from .._quota.reservations import Calendar, Quota
from .._quota.stagger import choose, simulate
from .durations import say_duration
from .schedule import DEADLINE_SECOND, local_time

# A start within SOON seconds counts as now. A start after more than TODAY seconds is shown with its date.
SOON, TODAY = 60.0, 6 * 3600.0


@dataclass(frozen=True)
class Batch:
    """Servers that are maintained at the same time.

    ``timelines`` are the offsets of the steps of each, in seconds, and ``earliest`` the seconds from the start of the run before which it
    does not start, if given. ``done_lines`` of them get the done text, ``done_delay`` seconds after they are up.
    """

    timelines: Sequence[Sequence[float]]
    done_lines: int = 0
    done_delay: float = 0.0
    earliest: Sequence[float] = ()


@dataclass(frozen=True)
class Plan:
    """The requests and the time that a run takes, for a quota that nobody else uses.

    ``writes`` and ``duration`` (seconds until the last server is up) count the servers that meet the deadline. ``limited_by`` is
    countdown (the quota delays no server), quota or deadline. ``deferred`` is the number of servers that miss the deadline. ``actions``
    are the seconds until the first and the last action.
    """

    servers: int
    writes: int
    duration: float
    limited_by: str
    deferred: int = 0
    canary: int = 0
    actions: Tuple[float, float] = (0.0, 0.0)


def make_plan(quota: Quota, headroom: int, batches: Sequence[Batch], deadline: float = math.inf) -> Plan:
    """Return the plan of successive batches. ``deadline`` is seconds from the start. Each restart is assumed to take one window."""
    at, writes, deferred, limited = 0.0, 0, 0, "countdown"
    actions: List[float] = []
    for batch in batches:
        earliest = [max(at, one) for one in batch.earliest] or [at] * len(batch.timelines)
        stagger = choose(quota, headroom, batch.timelines, Calendar(), at)
        run = simulate(stagger, quota, headroom, batch.timelines, Calendar(), at, earliest=earliest)
        ends = [start + offsets[-1] for start, offsets in zip(run.starts, batch.timelines)]
        in_time = [index for index, end in enumerate(ends) if end < deadline + DEADLINE_SECOND]
        deferred += len(ends) - len(in_time)
        writes += sum(len(batch.timelines[index]) for index in in_time) + round(batch.done_lines * len(in_time) / max(1, len(ends)))
        soonest = max((start + offsets[-1] for start, offsets in zip(earliest, batch.timelines)), default=at)
        if max(ends, default=at) > soonest + 1.0:
            limited = "quota"
        actions += [ends[index] for index in in_time]
        if in_time:
            at = max(ends[index] for index in in_time) + quota.window + (batch.done_delay if batch.done_lines else 0.0)
    servers = sum(len(batch.timelines) for batch in batches)
    canary = len(batches[0].timelines) if len(batches) > 1 else 0
    first_and_last = (min(actions, default=0.0), max(actions, default=0.0))
    return Plan(servers, writes, at, "deadline" if deferred else limited, deferred, canary, first_and_last)


def summarize(plan: Plan, begin: float, now: float, left_out: str = "", tz: tzinfo = timezone.utc, action: str = "") -> str:
    """Return a plan as sentences, with times in a time zone.

    ``begin`` and ``now`` are UTC seconds; ``left_out`` is the text for the servers that are not in the plan. With an ``action``, such as
    restart, the plan says from when to when it takes place.
    """
    end = f" {_actions(plan, begin, tz, action)}" if action and plan.servers > plan.deferred else ""
    end += f" {left_out}" if left_out else ""
    if not plan.servers:
        return f"Nothing will be sent.{end}"
    one = plan.servers == 1
    head = f"{plan.servers} server{'s' * (not one)}" + (f" ({plan.canary} of them ahead of the others)" if plan.canary else "")
    if plan.deferred == plan.servers:
        return f"{head}, 0 writes: the deadline leaves {'it' if one else 'all of them'} out.{end}"
    head = f"{head}, {plan.writes} writes: {_when(begin, now, plan.duration, tz)}"
    if plan.deferred:
        return f"{head}. The deadline leaves out {plan.deferred} of them.{end}"
    why = {"countdown": "not limited by the quota", "quota": "limited by the quota"}[plan.limited_by]
    return f"{head}{'' if one else ', ' + why}.{end}"


def _when(begin: float, now: float, duration: float, tz: tzinfo) -> str:
    """Return the text for the end of the run, and for its beginning if that is not now."""
    # The date is left out for a start in the next hours, which nobody takes for another day.
    with_day, end = begin >= now + TODAY, begin + duration
    took = say_duration(round(duration))
    if begin < now + SOON:
        return f"ends in about {took}, at {_clock(end, tz)}"
    other_day = with_day and datetime.fromtimestamp(begin, tz).date() != datetime.fromtimestamp(end, tz).date()
    return f"begins at {_clock(begin, tz, with_day)} and ends about {took} later, at {_clock(end, tz, other_day)}"


def _actions(plan: Plan, begin: float, tz: tzinfo, action: str) -> str:
    first, last = (_clock(begin + at, tz) for at in plan.actions)
    return f"{action.capitalize()} at {first}." if first == last else f"{action.capitalize()}s from {first.split()[0]} to {last}."


def _clock(at: float, tz: tzinfo, with_day: bool = False) -> str:
    return local_time(at, tz, with_day, with_seconds=False)


def left_out(done: int, begun: int, maintenance_id: Optional[str], held: int = 0) -> str:
    """Return the sentences for the servers that are left out: by a repeated run, or because of a hold or an exclusion. Empty for none."""
    under = f" under maintenance_id {maintenance_id}"
    parts = [
        (done, f"it is done{under}", f"they are done{under}"),
        (begun, f"its signal may have been sent{under}", f"their signals may have been sent{under}"),
        (held, "it is on hold or in an exclusion", "they are on hold or in exclusions"),
    ]
    said = [
        (f"1 server is left out: {one}." if count == 1 else f"{count} servers are left out: {more}.") for count, one, more in parts if count
    ]
    return " ".join(said)

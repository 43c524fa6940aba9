# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the timelines of a fleet are packed, and what the plan says of it."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Calendar, Quota, is_allowed, prune, reserve
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import count_end
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import (
    LARGE,
    Fleet,
    choose_gap,
    foresee,
    plan,
    plan_batches,
    reserve_next,
    simulate,
    standing,
)
from hypothesis import given, settings
from hypothesis import strategies as st

USUAL = (0.0, 240.0, 290.0, 299.0, 300.0)
QUOTA = Quota(20, 60.0)


def bound(servers, offsets=USUAL, quota=QUOTA, headroom=0):
    """What the quota alone allows: all writes beyond the first window at its rate, and one countdown."""
    limit = quota.limit - headroom
    return max(0.0, (servers * len(offsets) - limit) / limit * quota.window) + offsets[-1]


def run(servers, forks=None, headroom=0, quota=QUOTA, offsets=USUAL):
    """Reserve for one server after the other, as workers do; the calendar and the end of the last timeline."""
    calendar, fleet, all_instants, free = Calendar(), Fleet.whole("run", servers, forks or servers), [], [0.0] * (forks or servers)
    for _each in range(servers):
        free.sort()
        calendar, instants = reserve_next(calendar, quota, offsets, free.pop(0), headroom, fleet)
        free.append(instants[-1] + 60.0)
        all_instants += instants
    return all_instants, max(all_instants)


@pytest.mark.parametrize("headroom", [0, 2])
@pytest.mark.parametrize(("servers", "most"), [(4, 1.20), (10, 1.20), (20, 1.20), (60, 1.10), (200, 1.10), (500, 1.10)])
def test_a_fleet_comes_close_to_what_the_quota_allows(servers, most, headroom):
    instants, end = run(servers, headroom=headroom)
    assert is_allowed(instants, QUOTA.limit - headroom, QUOTA.guarded)
    assert end <= most * bound(servers, headroom=headroom)


def test_a_handful_starts_at_once_and_a_fleet_is_staggered():
    assert choose_gap(Calendar(), QUOTA, USUAL, 0, 4, 4, 0.0) == 0.0
    assert choose_gap(Calendar(), QUOTA, USUAL, 0, 60, 60, 0.0) >= 15.0


@settings(max_examples=40)
@given(
    st.integers(2, 40),
    st.integers(1, 40),
    st.integers(0, 2),
    st.lists(st.floats(0, 300, allow_nan=False), min_size=1, max_size=4).map(lambda more: (0.0, *sorted(more))),
)
def test_no_packing_is_worse_than_each_as_early_as_it_fits(servers, forks, headroom, offsets):
    quota = Quota(8, 60.0)
    early = max(simulate(Calendar(), quota, offsets, headroom, servers, forks, 0.0, 0.0))
    gap = choose_gap(Calendar(), quota, offsets, headroom, servers, forks, 0.0)
    chosen = simulate(Calendar(), quota, offsets, headroom, servers, forks, 0.0, gap)
    assert max(chosen) <= early
    assert is_allowed([start + offset for start in chosen for offset in offsets], quota.limit - headroom, quota.guarded - 1e-6)


def test_two_runs_at_once_share_the_quota():
    calendar, instants = Calendar(), []
    for _each in range(30):
        for key in ("one", "two"):
            calendar, new = reserve_next(calendar, QUOTA, USUAL, 0.0, 0, Fleet.whole(key, 30, 30))
            instants += new
    assert is_allowed(instants, QUOTA.limit, QUOTA.guarded) and {one.key for one in calendar.batches} == {"one", "two"}


@pytest.mark.parametrize(
    ("servers", "forks", "limited", "enough"),
    [(3, 5, "countdown", 3), (60, 5, "forks", None), (60, 60, "quota", None), (1, 5, "countdown", 1)],
)
def test_the_plan_says_what_limits_the_run(servers, forks, limited, enough):
    told = plan(QUOTA, USUAL, 2, servers, forks)
    assert (told.servers, told.writes, told.limited_by) == (servers, 5 * servers, limited)
    assert enough is None or told.enough_forks == enough
    again = plan(QUOTA, USUAL, 2, servers, told.enough_forks)
    assert again.limited_by != "forks" and again.duration <= 1.011 * told.duration


def test_the_plan_says_how_many_the_deadline_leaves_out():
    told = plan(QUOTA, USUAL, 2, 60, 60, deadline=900.0)
    assert told.limited_by == "deadline" and 0 < told.deferred < 60
    assert plan(QUOTA, USUAL, 2, 60, 60, deadline=10_000.0).deferred == 0
    assert plan(QUOTA, USUAL, 2, 3, 3, deadline=100.0).deferred == 3


def test_a_plan_counts_the_writes_that_will_be_made():
    assert plan(QUOTA, USUAL, 2, 30, 10, done_delay=0.0).writes == 30 * 6
    told = plan(QUOTA, USUAL, 2, 60, 60, deadline=900.0)
    assert told.writes == 5 * (60 - told.deferred)
    assert plan(QUOTA, USUAL, 2, 3, 3, deadline=100.0).writes == 0


@pytest.mark.parametrize(("forks", "helps"), [(5, True), (40, False)])
def test_with_a_deadline_a_plan_says_what_more_forks_would_change(forks, helps):
    told = plan(QUOTA, USUAL, 2, 60, forks, deadline=900.0)
    assert 0 < told.deferred_then <= told.deferred and (told.deferred_then < told.deferred) == helps
    if helps:
        assert plan(QUOTA, USUAL, 2, 60, told.enough_forks, deadline=900.0).deferred == told.deferred_then
        assert plan(QUOTA, USUAL, 2, 60, forks, deadline=3000.0).deferred_then == 0


def as_workers_do(offsets, servers, forks, done_delay, headroom=2):
    """A run with the calendar's own functions, worker by worker: when the last server is up and its last word is said."""
    calendar, fleet, ends = Calendar(), Fleet.whole("run", servers, forks), [0.0]
    free, words, left = [0.0] * min(forks, servers), [], servers
    while left or words:
        if words and (not left or not free or min(words) <= min(free)):
            words.sort()
            calendar, (at,) = reserve(calendar, QUOTA, (0.0,), words.pop(0))
            free.append(at)
            ends.append(at)
        else:
            free.sort()
            now, left = free.pop(0), left - 1
            calendar, instants = reserve_next(calendar, QUOTA, offsets, now, headroom, fleet)
            (free if done_delay is None else words).append(instants[-1] + 60.0 + (done_delay or 0.0))
            ends.append(instants[-1] + 60.0)
            calendar = prune(calendar, now - 2 * QUOTA.guarded)
    return max(ends)


@pytest.mark.parametrize("done_delay", [None, 0.0, 20.0])
@pytest.mark.parametrize("offsets", [USUAL, (0.0, 540.25, 595.0, 600.25)])
@pytest.mark.parametrize(("servers", "forks"), [(4, 4), (30, 10), (30, 30), (60, 25), (130, 130)])
def test_the_end_that_a_plan_expects_is_that_of_the_run(servers, forks, offsets, done_delay):
    told = plan(QUOTA, offsets, 2, servers, forks, done_delay=done_delay)
    assert told.duration == pytest.approx(as_workers_do(offsets, servers, forks, done_delay), rel=0.03)


def test_each_batch_of_a_run_is_packed_by_itself():
    calendar = Calendar()
    for _index in range(3):
        calendar, _instants = reserve_next(calendar, QUOTA, USUAL, 0.0, 0, Fleet("run", 63, 63, "run/0", 3))
    assert calendar.batches[0].gap == 0.0, "a canary of three does not wait for its own"
    calendar, instants = reserve_next(calendar, QUOTA, USUAL, 1000.0, 0, Fleet("run", 63, 63, "run/3", 60))
    calendar, later = reserve_next(calendar, QUOTA, USUAL, 1000.0, 0, Fleet("run", 63, 63, "run/3", 60))
    assert later[0] - instants[0] >= 15.0, "the fleet after it is staggered"
    assert [(run.key, run.counting) for run in calendar.runs] == [("run", 5)]


def test_the_plan_of_batches_is_that_of_one_after_the_other():
    alone, rest = plan(QUOTA, USUAL, 2, 1, 60), plan(QUOTA, USUAL, 2, 59, 60)
    both = plan_batches(QUOTA, USUAL, 2, [1, 59], 60)
    assert (both.servers, both.writes, both.duration) == (60, 300, alone.duration + rest.duration)
    assert both.limited_by == "quota" and both.enough_forks == rest.enough_forks
    assert plan_batches(QUOTA, USUAL, 2, [1, 59], 60, deadline=100.0).deferred == 60


@pytest.mark.parametrize(("servers", "forks"), [(4, 4), (12, 3), (30, 30), (130, 40)])
def test_what_is_foreseen_is_what_a_run_reserves(servers, forks):
    """While a worker is free: after that a run knows when one is, and what is foreseen only guesses."""
    calendar, begun = Calendar(), 50.0
    for place in range(min(servers, forks)):
        told = foresee(Calendar(), QUOTA, USUAL, begun, 2, Fleet("run", servers, forks, "run/0", servers, 0, place))
        calendar, instants = reserve_next(calendar, QUOTA, USUAL, begun, 2, Fleet.whole("run", servers, forks))
        assert told == pytest.approx(instants, abs=0.02 * (instants[0] - begun) + 0.001 if servers > LARGE else 0.001), place


def test_what_is_foreseen_after_a_canary_begins_when_that_has_ended():
    alone = plan(QUOTA, USUAL, 2, 2, 60)
    (start, *_rest) = foresee(Calendar(), QUOTA, USUAL, 0.0, 2, Fleet("run", 62, 60, "run/2", 60, 2, 0))
    assert start == alone.duration
    told = [foresee(Calendar(), QUOTA, USUAL, 0.0, 2, Fleet("run", 62, 60, "run/2", 60, 2, place)) for place in range(60)]
    assert is_allowed([at for one in told for at in one], 18, QUOTA.guarded)
    whole = plan_batches(QUOTA, USUAL, 2, [2, 60], 60)
    assert told[-1][-1] + QUOTA.window == pytest.approx(whole.duration, rel=0.02)


@pytest.mark.parametrize("forks", [5, 20])
def test_how_far_a_run_is(forks):
    fleet, calendar, now = Fleet.whole("run", 20, forks), Calendar(), 0.0
    assert standing(calendar, QUOTA, USUAL, 2, fleet, now).waiting == 20
    for _each in range(5):
        calendar, _instants = reserve_next(calendar, QUOTA, USUAL, now, 2, fleet)
    calendar = count_end(calendar, "run", "done", True, now)
    calendar = count_end(calendar, "run", "failed", True, now)
    calendar = count_end(calendar, "run", "skipped", False, now)
    told = standing(calendar, QUOTA, USUAL, 2, fleet, now)
    assert (told.run.done, told.run.failed, told.run.other, told.run.counting, told.waiting) == (1, 1, 1, 3, 14)
    whole = plan(QUOTA, USUAL, 2, 20, forks).duration
    assert USUAL[-1] < told.ends_at - now <= 1.2 * whole
    for outcome in ["done"] * 3 + ["deferred"] * 14:
        calendar = count_end(calendar, "run", outcome, outcome == "done", 700.0)
    assert standing(calendar, QUOTA, USUAL, 2, fleet, 700.0).ends_at == 700.0

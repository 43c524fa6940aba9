# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stagger of a run: its duration compared with the lower bound, and the effect of delays."""

from __future__ import annotations

import random

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.steps import Announcement, make_timeline
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import Calendar, Quota, is_allowed, reserve
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.stagger import Stagger, choose, simulate
from hypothesis import given, settings
from hypothesis import strategies as st

FAST, REAL = Quota(20, 3.0), Quota(20, 60.0)
USUAL = (REAL, (300.0, 60.0, 10.0), 1.0)


def offsets_of(befores, wait):
    return make_timeline([Announcement(before, "text") for before in befores], ["save"], wait, "restart").offsets


def bound(servers, quota, befores, headroom=0):
    limit = quota.limit - headroom
    return max(0.0, (servers * (len(befores) + 2) - limit) / limit * quota.window) + befores[0]


def ratio(servers, quota, befores, wait, headroom=0):
    timelines = [offsets_of(befores, wait)] * servers
    rule = choose(quota, headroom, timelines, Calendar(), 0.0)
    return simulate(rule, quota, headroom, timelines, Calendar(), 0.0).duration / bound(servers, quota, befores, headroom)


@pytest.mark.parametrize(
    ("quota", "befores", "wait"),
    [
        (FAST, (15.0, 3.0, 0.5), 0.05),
        (FAST, (6.0, 3.0, 1.0), 0.1),
        (FAST, (9.0, 3.0, 1.0), 0.05),
        (FAST, (5.0, 2.0, 1.0), 0.05),
        (FAST, (12.0, 6.0, 2.0), 0.2),
        (FAST, (10.0, 5.0, 2.0), 0.5),
        USUAL,
        (REAL, (600.0, 300.0, 60.0), 5.0),
    ],
)
def test_forty_servers_take_at_most_five_percent_longer_than_the_bound(quota, befores, wait):
    assert ratio(40, quota, befores, wait) <= 1.05


@pytest.mark.parametrize(("servers", "most"), [(4, 1.05), (10, 1.05), (20, 1.05), (60, 1.05), (100, 1.08), (200, 1.08), (500, 1.08)])
def test_duration_of_a_run_of_any_size(servers, most):
    assert ratio(servers, *USUAL) <= most


@pytest.mark.parametrize(("servers", "most"), [(4, 1.0), (20, 1.05), (40, 1.09), (200, 1.08)])
def test_duration_with_a_headroom_that_leaves_no_multiple_of_the_writes(servers, most):
    assert ratio(servers, *USUAL, headroom=2) <= most


def test_few_servers_start_at_once():
    timelines = [offsets_of(*USUAL[1:])] * 4
    rule = choose(REAL, 0, timelines, Calendar(), 100.0)
    assert simulate(rule, REAL, 0, timelines, Calendar(), 100.0).starts == (100.0,) * 4


@pytest.mark.parametrize("servers", [0, 1])
def test_run_of_one_server_is_not_simulated(servers):
    timelines = [(0.0, 10.0)] * servers
    assert choose(REAL, 0, timelines, Calendar(), 0.0) == Stagger()
    assert simulate(Stagger(), REAL, 0, timelines, Calendar(), 5.0) == ((5.0,) * servers, 10.0 * servers)


def test_simulation_returns_the_starts_of_the_run():
    timelines = [offsets_of(*USUAL[1:])] * 30
    calendar, _times = reserve(Calendar(), REAL, (0.0, 10.0, 70.0), 0.0)
    rule = choose(REAL, 2, timelines, calendar, 0.0)
    told, starts, now = simulate(rule, REAL, 2, timelines, calendar, 0.0), [], 0.0
    for offsets in timelines:
        now = max(now, rule.not_before(now) - 5.0)
        calendar, times, rule = rule.reserve(calendar, REAL, offsets, now, 2)
        starts.append(times[0])
    assert tuple(starts) == told.starts and told.duration == starts[-1] + timelines[-1][-1]


def test_late_starts_cost_a_regular_run_little():
    quota, timelines = REAL, [offsets_of(*USUAL[1:])] * 60
    rule, noise = choose(quota, 0, timelines, Calendar(), 0.0), random.Random(3)
    told = simulate(rule, quota, 0, timelines, Calendar(), 0.0).duration
    calendar, end = Calendar(), 0.0
    for offsets in timelines:
        now = rule.not_before(0.0) + (noise.uniform(0.0, 0.02 * quota.window) if noise.random() < 0.1 else 0.0)
        calendar, times, rule = rule.reserve(calendar, quota, offsets, now)
        end = max(end, times[-1])
    assert end <= 1.1 * told
    assert is_allowed(calendar.slots, quota.limit, quota.guarded - 1e-6)


def test_other_traffic_costs_no_more_than_its_share_and_a_quarter():
    quota, timelines = REAL, [offsets_of(*USUAL[1:])] * 60
    for seed in (5, 6, 7):
        noise, other, calendar, end = random.Random(seed), 0.0, Calendar(), 0.0
        rule = choose(quota, 0, timelines, calendar, 0.0)
        for offsets in timelines:
            while other <= rule.not_before(0.0):
                calendar, _times = reserve(calendar, quota, (0.0,), other)
                other += noise.expovariate(0.1 * quota.limit / quota.window)
            calendar, times, rule = rule.reserve(calendar, quota, offsets, 0.0)
            end = max(end, times[-1])
        assert end <= 1.25 / 0.9 * bound(60, *USUAL[:2])


def test_timeline_that_misses_its_group_is_the_first_of_the_next_group():
    rule, quota = Stagger(group=2, pace=61.0 / 2), Quota(2, 60.0)
    calendar, _times, rule = rule.reserve(Calendar(), quota, (0.0,), 0.0)
    calendar, _other = reserve(calendar, quota, (0.0,), 1.0)
    calendar, times, rule = rule.reserve(calendar, quota, (0.0,), 0.0)
    assert times[0] == quota.guarded
    calendar, times, rule = rule.reserve(calendar, quota, (0.0,), 0.0)
    assert rule.not_before(0.0) == quota.guarded + 61.0


def test_last_timelines_start_as_early_as_they_fit():
    rule, calendar, starts = Stagger(pace=30.0, regular=2), Calendar(), []
    for _each in range(4):
        calendar, times, rule = rule.reserve(calendar, REAL, (0.0,), 0.0)
        starts.append(times[0])
    assert starts == [0.0, 30.0, 30.0, 30.0]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(0, 200, allow_nan=False), min_size=0, max_size=4).map(lambda more: (0.0, *sorted(more))),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 2),
    st.lists(st.floats(0, 300, allow_nan=False), max_size=10),
)
def test_mixed_timelines_take_no_longer_than_each_as_early_as_it_fits(timelines, headroom, others):
    quota, calendar = Quota(8, 60.0), Calendar()
    for other in others:
        calendar, _times = reserve(calendar, quota, (0.0,), other)
    rule = choose(quota, headroom, timelines, calendar, 0.0)
    told = simulate(rule, quota, headroom, timelines, calendar, 0.0)
    early = simulate(Stagger(), quota, headroom, timelines, calendar, 0.0)
    assert len(told.starts) == len(timelines) and list(told.starts) == sorted(told.starts)
    assert told.duration <= 1.016 * early.duration + 1e-6
    for offsets in timelines:
        calendar, _times, rule = rule.reserve(calendar, quota, offsets, 0.0, headroom)
    assert is_allowed(calendar.slots, quota.limit, quota.guarded - 1e-6)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calendar: never more than the limit in any window, first come, first served, and never later than needed."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import (
    Calendar,
    Quota,
    block,
    is_allowed,
    prune,
    release,
    reserve,
    shift,
)
from hypothesis import given, settings
from hypothesis import strategies as st

QUOTAS = st.builds(Quota, st.integers(1, 6), st.sampled_from([1.0, 10.0, 60.0]))
TIMES = st.floats(0, 300, allow_nan=False)
# Single requests and whole timelines, at any time and not in its order, some with headroom.
OFFSETS = st.one_of(st.just([0.0]), st.lists(st.floats(0, 200, allow_nan=False), max_size=4).map(lambda more: sorted([0.0, *more])))
REQUESTS = st.lists(st.tuples(OFFSETS, TIMES, st.integers(0, 2)), max_size=12)


def fill(quota, requests, calendar=None):
    """The calendar after all requests, and what each of them got; one too dense for the quota on its own is refused."""
    calendar, got = calendar or Calendar(), []
    for offsets, not_before, headroom in requests:
        try:
            calendar, instants = reserve(calendar, quota, offsets, not_before, headroom)
        except ValueError:
            assert not is_allowed(offsets, max(1, quota.limit - headroom), quota.guarded)
            continue
        got.append((offsets, not_before, headroom, instants))
    return calendar, got


@given(QUOTAS, REQUESTS)
def test_no_window_ever_holds_more_than_the_limit(quota, requests):
    calendar, _got = fill(quota, requests)
    assert is_allowed(calendar.instants, quota.limit, quota.guarded)


@given(QUOTAS, REQUESTS)
def test_what_was_given_is_kept_and_never_moves(quota, requests):
    calendar, got = fill(quota, requests)
    assert sorted(at for *_rest, instants in got for at in instants) == list(calendar.instants)
    for offsets, not_before, _headroom, instants in got:
        assert instants[0] >= not_before
        assert [at - instants[0] for at in instants] == pytest.approx(offsets, abs=1e-6)


@given(QUOTAS, st.lists(TIMES, max_size=25).map(sorted))
def test_who_comes_first_is_served_first(quota, arrivals):
    _calendar, got = fill(quota, [([0.0], at, 0) for at in arrivals])
    turns = [instants[0] for *_rest, instants in got]
    assert turns == sorted(turns)


@settings(max_examples=300)
@given(QUOTAS, REQUESTS, OFFSETS, TIMES)
def test_nobody_waits_longer_than_needed(quota, requests, offsets, not_before):
    """By brute force: the earliest start is ``not_before``, or one where an instant comes a whole window after another."""
    calendar, _got = fill(quota, requests)
    try:
        _after, instants = reserve(calendar, quota, offsets, not_before)
    except ValueError:
        return
    starts = {not_before, *(at + quota.guarded - offset for at in calendar.instants for offset in offsets)}
    for start in sorted(starts):
        if not_before <= start < instants[0] - 1e-6:
            both = [*calendar.instants, *(start + offset + 1e-7 for offset in offsets)]
            assert not is_allowed(both, quota.limit, quota.guarded), start


@given(QUOTAS, REQUESTS, st.integers(0, 11))
def test_what_is_given_back_is_free_again(quota, requests, index):
    calendar, got = fill(quota, requests)
    if got:
        *_rest, instants = got[index % len(got)]
        back = release(calendar, instants)
        assert len(back.instants) == len(calendar.instants) - len(instants)
        assert release(back, (12345.0,)) == back


@given(QUOTAS, REQUESTS, TIMES)
def test_nothing_new_is_given_while_somebody_elses_spending_blocks(quota, requests, until):
    calendar, _got = fill(quota, requests)
    _after, instants = reserve(block(calendar, until), quota, [0.0], 0.0)
    assert instants[0] >= until


def test_a_block_is_never_shortened():
    assert block(block(Calendar(), 50.0), 20.0).blocked_until == 50.0


def test_headroom_is_left_for_an_urgent_request():
    quota, calendar = Quota(4, 60.0), Calendar()
    for _each in range(3):
        calendar, _instants = reserve(calendar, quota, [0.0, 1.0], 0.0, headroom=1)
    _after, urgent = reserve(calendar, quota, [0.0], 0.5)
    assert urgent == (0.5,)


def test_a_timeline_too_dense_for_the_quota_is_refused():
    with pytest.raises(ValueError, match="too few"):
        reserve(Calendar(), Quota(2, 60.0), [0.0, 1.0, 2.0], 0.0)


@given(QUOTAS, REQUESTS, st.floats(-1e6, 1e6))
def test_a_clock_that_was_set_moves_everything_alike(quota, requests, seconds):
    calendar, _got = fill(quota, requests)
    moved = shift(calendar, seconds)
    assert [at - seconds for at in moved.instants] == pytest.approx(list(calendar.instants), abs=1e-6)


def test_only_what_is_old_is_forgotten():
    assert prune(Calendar((1.0, 2.0, 3.0)), 2.0).instants == (2.0, 3.0)

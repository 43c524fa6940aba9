# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calendar: no window exceeds the limit, the order is kept, and no slot is later than needed."""

from __future__ import annotations

import heapq

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import (
    Calendar,
    Quota,
    block,
    correct,
    due,
    is_allowed,
    move,
    prune,
    release,
    reschedule,
    reserve,
    shift,
)
from hypothesis import given, settings
from hypothesis import strategies as st

QUOTAS = st.builds(Quota, st.integers(1, 6), st.sampled_from([1.0, 10.0, 60.0]))
TIMES = st.floats(0, 300, allow_nan=False)
# Single requests and timelines, in any order of time, some with headroom.
OFFSETS = st.one_of(st.just([0.0]), st.lists(st.floats(0, 200, allow_nan=False), max_size=4).map(lambda more: sorted([0.0, *more])))
REQUESTS = st.lists(st.tuples(OFFSETS, TIMES, st.integers(0, 2)), max_size=12)


def fill(quota, requests, calendar=None):
    """Return the calendar after all requests, and the slots of each. Requests that exceed the quota alone are refused."""
    calendar, got = calendar or Calendar(), []
    for offsets, not_before, headroom in requests:
        try:
            calendar, slots = reserve(calendar, quota, offsets, not_before, headroom)
        except ValueError:
            assert not is_allowed(offsets, max(1, quota.limit - headroom), quota.guarded)
            continue
        got.append((offsets, not_before, headroom, slots))
    return calendar, got


@given(QUOTAS, REQUESTS)
def test_no_window_exceeds_the_limit(quota, requests):
    calendar, _got = fill(quota, requests)
    assert is_allowed(calendar.slots, quota.limit, quota.guarded - 1e-6)


@given(QUOTAS, REQUESTS)
def test_reserved_slots_do_not_move(quota, requests):
    calendar, got = fill(quota, requests)
    assert sorted(at for *_rest, slots in got for at in slots) == list(calendar.slots)
    for offsets, not_before, _headroom, slots in got:
        assert slots[0] >= not_before
        assert [at - slots[0] for at in slots] == pytest.approx(offsets, abs=1e-6)


@given(QUOTAS, st.lists(TIMES, max_size=25).map(sorted))
def test_slots_are_in_the_order_of_the_requests(quota, arrivals):
    _calendar, got = fill(quota, [([0.0], at, 0) for at in arrivals])
    order = [slots[0] for *_rest, slots in got]
    assert order == sorted(order)


@settings(max_examples=300)
@given(QUOTAS, REQUESTS, OFFSETS, TIMES)
def test_slots_are_as_early_as_possible(quota, requests, offsets, not_before):
    """Compare with all possible starts: ``not_before``, and those where a slot is a whole window after another."""
    calendar, _got = fill(quota, requests)
    try:
        _after, slots = reserve(calendar, quota, offsets, not_before)
    except ValueError:
        return
    starts = {not_before, *(at + quota.guarded - offset for at in calendar.slots for offset in offsets)}
    for start in sorted(starts):
        if not_before <= start < slots[0] - 1e-6:
            both = [*calendar.slots, *(start + offset + 1e-7 for offset in offsets)]
            assert not is_allowed(both, quota.limit, quota.guarded), start


@given(QUOTAS, REQUESTS, st.integers(0, 11))
def test_released_slots_are_free(quota, requests, index):
    calendar, got = fill(quota, requests)
    if got:
        *_rest, slots = got[index % len(got)]
        back = release(calendar, slots)
        assert len(back.slots) == len(calendar.slots) - len(slots)
        assert release(back, (12345.0,)) == back


@given(QUOTAS, REQUESTS, TIMES)
def test_blocked_calendar_has_no_slot_before_the_end_of_the_block(quota, requests, until):
    calendar, _got = fill(quota, requests)
    _after, slots = reserve(block(calendar, until), quota, [0.0], 0.0)
    assert slots[0] >= until


def test_block_is_not_shortened():
    assert block(block(Calendar(), 50.0), 20.0).blocked_until == 50.0


def test_headroom_is_free_for_an_urgent_request():
    quota, calendar = Quota(4, 60.0), Calendar()
    for _each in range(3):
        calendar, _instants = reserve(calendar, quota, [0.0, 1.0], 0.0, headroom=1)
    _after, urgent = reserve(calendar, quota, [0.0], 0.5)
    assert urgent == (0.5,)


@pytest.mark.parametrize("not_before", [0.0, 3.15, 1_700_000_000.1])
def test_timeline_that_just_fits_the_quota_fits_at_any_start(not_before):
    quota = Quota(1, 1.0)
    offsets = [0.0, quota.guarded, 2 * quota.guarded]
    calendar, slots = reserve(Calendar(), quota, offsets, not_before)
    assert is_allowed(slots, 1, quota.guarded - 1e-6) and slots[0] - not_before < 1e-3


def test_timeline_that_exceeds_the_quota_is_refused():
    with pytest.raises(ValueError, match="needs more than 2 requests"):
        reserve(Calendar(), Quota(2, 60.0), [0.0, 1.0, 2.0], 0.0)


@given(QUOTAS, REQUESTS, st.floats(-1e6, 1e6))
def test_shift_moves_all_slots(quota, requests, seconds):
    calendar, _got = fill(quota, requests)
    moved = shift(calendar, seconds)
    assert [at - seconds for at in moved.slots] == pytest.approx(list(calendar.slots), abs=1e-6)


def test_prune_removes_only_old_slots():
    assert prune(Calendar((1.0, 2.0, 3.0)), 2.0).slots == (2.0, 3.0)


# The delays of a request as shares of the window: until its process wakes up, until its response, and until the time to which it is moved,
# like a restart after a late announcement.
LATE = st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.9), st.floats(0, 0.3)), min_size=1, max_size=30)


class Traffic:
    """A simulation that sends all reserved requests with delays, event by event in the order of time."""

    def __init__(self, quota, calendar, got, late):
        self.quota, self.calendar, self.late = quota, calendar, late
        self.events, self.arrived, self.count = [], [], 0
        for number, at in enumerate(at for *_rest, slots in got for at in slots):
            self.plan(at, self.wake, at, number)
        while self.events:
            now, _order, step, *more = heapq.heappop(self.events)
            step(now, *more)

    def plan(self, now, step, *more):
        self.count += 1
        heapq.heappush(self.events, (now, self.count, step, *more))

    def part(self, number, which):
        return self.late[number % len(self.late)][which] * self.quota.window

    def wake(self, now, at, number):
        now += self.part(number, 0)
        self.plan(now, self.move if self.part(number, 2) > self.quota.tolerance else self.go, at, number)

    def move(self, now, at, number):
        self.calendar, (at,) = reschedule(release(self.calendar, (at,)), self.quota, [now + self.part(number, 2)], now)
        self.plan(max(now, at), self.go, at, number)

    def go(self, now, at, number):
        goes = due(self.calendar, self.quota, at, now)
        if goes != at:
            self.calendar = move(self.calendar, at, goes, now)
        if goes > now:
            return self.plan(goes, self.go, goes, number)
        took = self.part(number, 1)
        self.arrived.append(now + took / 2)
        self.plan(now + took, self.answer, goes, now + took)

    def answer(self, now, reserved, answered):
        if answered - reserved > self.quota.sent_window - self.quota.window:
            self.calendar = correct(self.calendar, reserved, answered)


@settings(max_examples=300)
@given(QUOTAS, REQUESTS, LATE)
def test_no_window_exceeds_the_limit_with_any_delays(quota, requests, late):
    """Each request checks its window when it is sent. A slow request counts from its response."""
    calendar, got = fill(quota, requests)
    traffic = Traffic(quota, calendar, got, late)
    assert len(traffic.arrived) == len(calendar.slots) == len(traffic.calendar.slots)
    assert is_allowed(traffic.arrived, quota.limit, quota.window - 1e-6), sorted(traffic.arrived)


@given(QUOTAS, REQUESTS)
def test_requests_without_delays_are_sent_in_their_slots(quota, requests):
    calendar, got = fill(quota, requests)
    assert Traffic(quota, calendar, got, [(0.0, 0.0, 0.0)]).arrived == list(calendar.slots)


# A request with a slot at 100 s. The columns: the other slots, the late ones of them, the end of a block, the time, the expected time.
DUE = [
    ("in time", [], [], 0.0, 100.0, 100.0),
    ("late by less than the ignored delay", [], [], 0.0, 100.05, 100.0),
    ("late", [], [], 0.0, 100.7, 100.7),
    ("room for one more", [70.0], [], 0.0, 100.0, 100.0),
    ("an earlier request was late", [50.0, 70.0], [], 0.0, 100.0, 110.36),
    ("a later slot waits for it", [50.0, 100.2], [], 0.0, 100.0, 100.0),
    ("late, and a later slot was used first", [50.0, 100.2], [], 0.0, 100.7, 110.36),
    ("late, and a later slot still waits for it", [50.0, 101.2], [], 0.0, 100.7, 100.7),
    ("another request is late and goes first", [50.0, 60.0, 110.36], [110.36], 0.0, 100.0, 120.36),
    ("a 429 blocks", [], [], 130.0, 100.0, 130.0),
    ("a 429 blocks, and then there is no room", [75.0, 80.0], [], 130.0, 100.0, 135.36),
]


@pytest.mark.parametrize(("what", "others", "late", "blocked", "now", "goes"), DUE, ids=[row[0] for row in DUE])
def test_due_request_is_sent_on_time_or_moved(what, others, late, blocked, now, goes):
    calendar = Calendar(tuple(sorted([*others, 100.0])), blocked, late=tuple(late))
    assert due(calendar, Quota(2, 60.0), 100.0, now) == pytest.approx(goes)


def test_late_requests_are_sent_in_order():
    quota, calendar = Quota(2, 60.0), Calendar((50.0, 60.0, 100.0, 100.5, 101.0))
    for at in (100.0, 100.5, 101.0):
        calendar = move(calendar, at, due(calendar, quota, at, at), at)
    assert calendar.late == pytest.approx((110.36, 120.36, 170.72))
    assert [due(calendar, quota, at, at) for at in calendar.late] == list(calendar.late)


def test_urgent_request_waits_only_for_earlier_requests():
    """The first free slot of a full calendar is at its end."""
    quota = Quota(2, 60.0)
    full = Calendar(tuple(100.0 + 31.0 * each for each in range(20)))
    assert reserve(full, quota, [0.0], 105.0)[1][0] > 700.0
    assert reschedule(full, quota, [105.0], 105.0)[1] == (105.0,)
    calendar, new = reschedule(full, quota, [140.0, 141.0], 140.0)
    assert new == pytest.approx((160.36, 191.36)) and calendar.late == new[:1]
    assert set(full.slots) < set(calendar.slots) and len(calendar.slots) == 22
    assert reschedule(block(full, 400.0), quota, [105.0], 105.0)[1][0] >= 400.0


def test_released_slot_is_not_late():
    calendar = Calendar((100.0, 110.0), late=(110.0,))
    assert release(calendar, (110.0,)) == Calendar((100.0,))
    assert shift(calendar, 5.0).late == (115.0,) and prune(calendar, 111.0).late == ()

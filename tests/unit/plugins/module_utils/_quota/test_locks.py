# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server locks: only one run at a time can lock a server."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._process import ALIVE, DEAD, UNKNOWN
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.codec import dump_calendars, parse_calendars
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import valid_until
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.locks import LEASE, free, mark_stale, renew, stale_until, take
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import WRITE, Calendar, Lock, prune, shift
from hypothesis import given
from hypothesis import strategies as st

NOW = 1000.0


def taken(calendar, servers, owner, at=NOW, dead=()):
    return take(calendar, servers, owner, at + 60.0, at, lambda lock: lock.owner not in dead)


def held(calendar):
    return {lock.server_id: lock.owner for lock in calendar.locks}


def test_second_run_locks_only_free_servers():
    calendar, others = taken(Calendar(), [1, 2, 3], "a")
    assert not others
    calendar, others = taken(calendar, [2, 3, 4], "b")
    assert {server: lock.owner for server, lock in others.items()} == {2: "a", 3: "a"}
    assert held(calendar) == {1: "a", 2: "a", 3: "a", 4: "b"}


def test_own_lock_can_be_taken_again():
    calendar, _others = taken(Calendar(), [1], "a")
    calendar, others = taken(calendar, [1], "a", at=NOW + 50)
    assert not others and calendar.locks == (Lock(1, "a", NOW + 110, NOW + 50),)


@pytest.mark.parametrize(("at", "dead"), [(NOW + 60, ()), (NOW + 1, ("a",))])
def test_expired_lock_can_be_taken_by_another_run(at, dead):
    calendar, _others = taken(Calendar(), [1], "a")
    calendar, others = taken(calendar, [1], "b", at=at, dead=dead)
    assert not others and held(calendar) == {1: "b"}


@pytest.mark.parametrize(
    ("fate", "until"),
    [
        # The lock of a process that can be checked is valid until its end.
        (ALIVE, NOW + 900),
        (DEAD, 0.0),
        # Any other process may have died, so its lock ends without a renewal.
        (UNKNOWN, NOW + LEASE),
    ],
)
def test_end_of_a_lock_depends_on_its_owner(fate, until):
    assert valid_until(Lock(1, "a", NOW + 900, NOW), fate) == until
    assert valid_until(Lock(1, "a", NOW + 5, NOW), fate) <= NOW + 5


def test_renewed_lock_lasts_longer():
    calendar, _others = taken(Calendar(), [1, 2], "a")
    calendar, lost = renew(calendar, [1], "a", NOW + 110, NOW + 50)
    assert not lost and set(calendar.locks) == {Lock(1, "a", NOW + 110, NOW + 50), Lock(2, "a", NOW + 60, NOW)}


def test_lock_that_another_run_had_cannot_be_renewed():
    calendar, _others = taken(Calendar(), [1, 2], "a")
    calendar, _others = taken(calendar, [1], "b", at=NOW + 61)
    assert renew(calendar, [1, 2], "a", NOW + 200, NOW + 62)[1] == {1}
    assert renew(free(calendar, [1], "b"), [1, 2], "a", NOW + 200, NOW + 62)[1] == {1}


def test_only_own_locks_are_released():
    calendar, _others = taken(Calendar(), [1, 2], "a")
    calendar, _others = taken(calendar, [3], "b")
    assert held(free(calendar, [1, 3], "a")) == {2: "a", 3: "b"}


def test_status_is_stale_until_the_effect_was_observed():
    calendar = mark_stale(mark_stale(Calendar(), 1, NOW), 2, NOW + 5)
    assert (stale_until(calendar, 1), stale_until(calendar, 2), stale_until(calendar, 3)) == (NOW, NOW + 5, 0.0)
    assert stale_until(mark_stale(calendar, 1, None), 1) == 0.0


def test_locks_are_stored_shifted_and_pruned():
    calendar = Calendar(locks=(Lock(1, "a", NOW, NOW - 5),), stale=((2, NOW),))
    stored = dump_calendars({WRITE: calendar})
    assert parse_calendars(stored, [WRITE], 5.0, NOW)[WRITE] == shift(calendar, 5.0)
    assert shift(calendar, 5.0).locks[0].until == NOW + 5 and prune(calendar, NOW + 1) == Calendar() and prune(calendar, NOW) == calendar


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sets(st.integers(1, 4)), st.booleans()), max_size=30))
def test_no_server_has_two_locks(steps):
    calendar = Calendar()
    for number, (owner, servers, ends) in enumerate(steps):
        if ends:
            calendar = free(calendar, sorted(servers), owner)
        else:
            calendar, others = taken(calendar, sorted(servers), owner, at=NOW + number)
            assert all(held(calendar)[server] == (others[server].owner if server in others else owner) for server in servers)
        assert len({lock.server_id for lock in calendar.locks}) == len(calendar.locks)

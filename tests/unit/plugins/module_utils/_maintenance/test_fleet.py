# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run: their locks, and the slots of their timelines."""

from __future__ import annotations

from dataclasses import replace

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import AlreadyMaintained
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.fleet import LOCK_SLACK, Fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._process import own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.locks import LEASE, RENEW_EVERY
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Calendar, Quota, is_allowed
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.stagger import Stagger

ELSEWHERE = "elsewhere/another-boot/n/7/1"
OFFSETS = (0.0, 50.0, 60.0)


class Bench:
    """A ledger, and a fleet in it with the servers 1, 2 and 3."""

    def __init__(self, **options):
        self.clock = virtual.VirtualClock()
        self.ledger = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, self.clock)
        self.fleet = Fleet(self.ledger, self.clock, **options)
        for server_id in (1, 2, 3):
            self.fleet.add(server_id, 300.0)

    @property
    def locks(self):
        """Return the owner of each lock."""
        return {one.server_id: one.owner for one in self.ledger.calendar(WRITE).locks}

    def change(self, **values):
        """Change the calendar as another process would."""

        def step(calendars):
            calendars[WRITE] = replace(calendars[WRITE], **values)

        self.ledger._change(step)


def test_lock_takes_all_servers_for_the_time_that_they_need():
    bench = Bench()
    bench.fleet.add(4, 1000.0)
    bench.fleet.lock()
    assert bench.locks == dict.fromkeys((1, 2, 3, 4), own_name())
    assert {one.until for one in bench.ledger.calendar(WRITE).locks} == {bench.clock.now() + 1000.0 + LOCK_SLACK}


def test_locks_belong_to_the_owner_that_is_named():
    bench = Bench(owner=ELSEWHERE)
    bench.fleet.lock()
    assert set(bench.locks.values()) == {ELSEWHERE}


def test_server_of_another_run_is_refused_and_the_others_are_locked():
    bench = Bench()
    bench.ledger.lock([2], ELSEWHERE, 600.0)
    bench.fleet.lock()
    assert bench.locks == {1: own_name(), 2: ELSEWHERE, 3: own_name()}
    bench.fleet.begin(1)
    with pytest.raises(AlreadyMaintained, match=r"Another run is maintaining server 2 \(process 7 on elsewhere, until "):
        bench.fleet.begin(2)


def test_server_whose_other_run_has_ended_is_locked_when_it_begins():
    bench = Bench()
    bench.ledger.lock([2], ELSEWHERE, 600.0)
    bench.fleet.lock()
    bench.ledger.unlock([2], ELSEWHERE)
    bench.fleet.begin(2)
    assert bench.locks[2] == own_name()


def test_lock_of_another_machine_that_is_not_renewed_expires():
    bench = Bench()
    bench.ledger.lock([2], ELSEWHERE, 6000.0)
    bench.fleet.lock()
    bench.clock.sleep(LEASE + 1.0)
    bench.fleet.begin(2)
    assert bench.locks[2] == own_name()


def test_renew_keeps_the_locks():
    bench = Bench()
    bench.fleet.lock()
    for _each in range(100):
        bench.clock.sleep(RENEW_EVERY)
        assert bench.fleet.renew() == set()
    assert {one.renewed for one in bench.ledger.calendar(WRITE).locks} == {bench.clock.now()}
    assert bench.fleet.is_locked(1)


def test_lock_that_another_run_took_while_this_machine_slept_is_lost():
    bench = Bench()
    bench.fleet.lock()
    bench.clock.time += 3000.0
    bench.ledger.lock([2], ELSEWHERE, 600.0)
    assert 2 in bench.fleet.renew()
    assert not bench.fleet.is_locked(2)
    assert "its lock expired while this machine slept or was stopped" in str(bench.fleet.lost(2))


def test_expired_lock_is_found_without_a_renewal_in_between():
    """After it was suspended, a machine renews its locks before it sends anything."""
    bench = Bench()
    bench.fleet.lock()
    bench.clock.time += 3000.0
    bench.change(locks=())
    assert not bench.fleet.is_locked(1)


def test_lock_is_not_renewed_again_soon_after_a_renewal(monkeypatch):
    bench = Bench()
    bench.fleet.lock()
    asked = []
    monkeypatch.setattr(bench.ledger, "renew", lambda *args: asked.append(args) or set())
    bench.clock.sleep(LEASE / 2 - 1.0)
    assert bench.fleet.is_locked(1) and not asked
    bench.clock.sleep(1.0)
    assert bench.fleet.is_locked(1) and len(asked) == 1


def test_servers_are_locked_again_after_the_ledger_lost_its_content():
    bench = Bench()
    bench.fleet.lock()
    bench.clock.sleep(RENEW_EVERY)
    bench.ledger._change(lambda calendars: calendars.update({WRITE: Calendar()}))
    assert bench.fleet.renew() == set() and bench.locks == dict.fromkeys((1, 2, 3), own_name())


def test_server_that_another_run_locked_after_the_ledger_lost_its_content_is_lost():
    bench = Bench()
    bench.fleet.lock()
    bench.clock.sleep(RENEW_EVERY)
    bench.ledger._change(lambda calendars: calendars.update({WRITE: Calendar()}))
    bench.ledger.lock([3], ELSEWHERE, 600.0)
    assert bench.fleet.renew() == {3} and bench.locks == {1: own_name(), 2: own_name(), 3: ELSEWHERE}


def test_unlock_leaves_the_locks_of_others():
    bench = Bench()
    bench.ledger.lock([2], ELSEWHERE, 600.0)
    bench.fleet.lock()
    bench.fleet.unlock()
    assert bench.locks == {2: ELSEWHERE}


def test_timelines_are_reserved_one_after_another():
    bench = Bench()
    calls = []
    bench.fleet.reserved = lambda: calls.append(bench.fleet.stagger)
    times = [bench.fleet.reserve(OFFSETS, bench.clock.now(), 0) for _each in range(30)]
    assert all([round(at - one[0], 6) for at in one] == list(OFFSETS) for one in times)
    assert is_allowed([at for one in times for at in one], 20, 60.0) and len(calls) == 30
    assert [one[0] for one in times] == sorted(one[0] for one in times)


def test_start_of_a_timeline_follows_the_stagger():
    bench = Bench()
    bench.fleet.stagger = Stagger(group=1, pace=10.0)
    starts = [bench.fleet.reserve(OFFSETS, bench.clock.now(), 0)[0] for _each in range(3)]
    assert [round(start - starts[0], 6) for start in starts] == [0.0, 30.0, 60.0]


def test_timeline_does_not_start_before_its_time():
    bench = Bench()
    assert bench.fleet.reserve(OFFSETS, bench.clock.now() + 500.0, 0)[0] == bench.clock.now() + 500.0


def test_check_mode_locks_and_reserves_nothing():
    bench = Bench(check_mode=True)
    bench.fleet.lock()
    bench.fleet.begin(1)
    starts = [bench.fleet.reserve(OFFSETS, bench.clock.now(), 0)[0] for _each in range(20)]
    # Each is still planned after the ones before it.
    assert starts == sorted(starts) and starts[0] < starts[-1]
    assert bench.fleet.renew() == set() and bench.fleet.is_locked(1)
    bench.fleet.unlock()
    assert bench.ledger.calendar(WRITE) == Calendar()


def test_check_mode_refuses_a_server_of_another_run():
    bench = Bench(check_mode=True)
    bench.ledger.lock([2], ELSEWHERE, 600.0)
    bench.fleet.lock()
    with pytest.raises(AlreadyMaintained):
        bench.fleet.begin(2)

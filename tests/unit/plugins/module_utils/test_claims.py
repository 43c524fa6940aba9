# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has which server: claims of workers, and holds of the runs that they are of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._base_ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import WRITE, Calendar, Claim, Hold, Quota, prune, shift
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import LEASE, PAUSE, claim, give_up, let_go, renew, valid_until
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import Fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._process import ALIVE, DEAD, UNKNOWN, Process, own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._stored import dump_calendars, parse_calendars
from hypothesis import given
from hypothesis import strategies as st

NOW = 1000.0
A, B = Hold("run A", 0.0, (1, 2, 3)), Hold("run B", 0.0, (2, 3, 4))


def taken(calendar, server, worker, run=None, at=NOW, dead=()):
    return claim(calendar, Claim(server, worker, at + 60.0), at, lambda one: one.owner not in dead, run)


def held(calendar):
    return {hold.owner: hold.servers for hold in calendar.holds}


def test_with_its_first_server_a_run_holds_them_all_and_a_second_one_gets_only_the_others():
    calendar, other = taken(Calendar(), 1, "a1", A)
    assert other is None and held(calendar) == {"run A": (1, 2, 3)}
    for server in (2, 3):
        assert taken(calendar, server, "b1", B)[1].owner == "run A"
    # Also one that is done, and by somebody who is of no run.
    calendar = give_up(calendar, 1, "a1", NOW + 30, A)
    assert taken(calendar, 1, "somebody", at=NOW + 30)[1].owner == "run A"
    calendar, other = taken(calendar, 4, "b1", B, at=NOW + 30)
    assert other is None and held(calendar) == {"run A": (1, 2, 3), "run B": (4,)}


@pytest.mark.parametrize(
    ("what", "dead", "later"),
    [
        ("its run has died", ("run A",), 0.0),
        ("its worker has ended, and nobody came after it", (), PAUSE + 30.1),
        ("its last claim is over", ("a1",), 60.1),
    ],
)
def test_a_hold_ends_when(what, dead, later):
    calendar, _other = taken(Calendar(), 1, "a1", A)
    if "ended" in what:
        calendar = give_up(calendar, 1, "a1", NOW + 30, A)
        assert taken(calendar, 2, "b1", B, at=NOW + later - 1)[1] is not None
    assert taken(calendar, 2, "b1", B, at=NOW + later, dead=dead)[1] is None, what


def test_a_hold_lasts_as_long_as_one_of_its_servers_is_claimed():
    calendar, _other = taken(Calendar(), 1, "a1", A)
    calendar, _other = taken(calendar, 2, "a2", A, at=NOW + 200)
    calendar = give_up(calendar, 1, "a1", NOW + 10, A)
    assert calendar.holds[0].until == NOW + 260
    assert not let_go(calendar, "run A").holds and let_go(calendar, "run B") == calendar


def test_whoever_was_there_first_goes_on():
    calendar, _other = taken(Calendar(), 2, "somebody")
    calendar, _other = taken(calendar, 1, "a1", A)
    assert taken(calendar, 2, "a2", A)[1].owner == "somebody"
    calendar, other = taken(calendar, 2, "somebody", at=NOW + 50)
    assert other is None
    calendar = give_up(calendar, 2, "somebody", NOW + 51)
    assert taken(calendar, 2, "a2", A, at=NOW + 52)[1] is None and taken(calendar, 2, "somebody", at=NOW + 52)[1].owner == "run A"


def test_holds_are_stored_moved_and_forgotten_like_all_else():
    calendar = Calendar(holds=(replace(A, until=NOW, maintenance="CHG-7", renewed=NOW - 5),), claims=(Claim(1, "a", NOW, NOW - 5),))
    stored = dump_calendars({WRITE: calendar}, 0.0)
    assert parse_calendars(stored, [WRITE], 5.0, NOW)[WRITE] == shift(calendar, 5.0)
    assert shift(calendar, 5.0).holds[0].until == NOW + 5 and not prune(calendar, NOW + 1).holds and prune(calendar, NOW) == calendar


@pytest.mark.parametrize(
    ("fate", "of_claim", "of_run"),
    [
        # Whoever can be looked at is believed until the lock is over.
        (ALIVE, NOW + 900, NOW + 900),
        (DEAD, 0.0, 0.0),
        # Nobody else may have died without a word: such a lock is renewed, or over.
        (UNKNOWN, NOW + LEASE, NOW + PAUSE),
    ],
)
def test_lock_counts_until(fate, of_claim, of_run):
    assert valid_until(Claim(1, "a1", NOW + 900, NOW), fate) == of_claim
    assert valid_until(Hold("run A", NOW + 900, (1,), "", NOW), fate) == of_run
    assert valid_until(Claim(1, "a1", NOW + 5, NOW), fate) <= NOW + 5


def test_renewed_lock_lasts_longer_and_renews_its_run():
    calendar, _other = taken(Calendar(), 1, "a1", A)
    calendar, is_there = renew(calendar, 1, "a1", NOW + 50, A)
    assert is_there and calendar.claims[0].renewed == calendar.holds[0].renewed == NOW + 50


def test_lock_that_somebody_else_had_meanwhile_cannot_be_renewed():
    calendar, _other = taken(Calendar(), 1, "a1")
    calendar, other = taken(calendar, 1, "b1", at=NOW + 61)
    assert other is None and not renew(calendar, 1, "a1", NOW + 62)[1]
    calendar = give_up(calendar, 1, "b1", NOW + 63)
    assert not renew(calendar, 1, "a1", NOW + 64)[1]


@given(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.integers(1, 4), st.booleans()), max_size=30))
def test_no_server_is_ever_of_two_runs(steps):
    calendar, runs = Calendar(), {"A": A, "B": replace(B, servers=(1, 2, 3, 4))}
    for number, (name, server, ends) in enumerate(steps):
        run, worker = runs[name], f"{name}{server}"
        if ends:
            calendar = give_up(calendar, server, worker, NOW + number, run)
        else:
            calendar, other = taken(calendar, server, worker, run, at=NOW + number)
            assert (other is None) == (server in held(calendar).get(run.owner, ()))
        servers = [one for of_run in held(calendar).values() for one in of_run]
        assert len(servers) == len(set(servers))


def elsewhere():
    return str(replace(Process.parse(own_name()), namespace="pid:[1]"))


@pytest.mark.parametrize(
    ("owner", "mine", "theirs", "refused"),
    [
        (elsewhere, "", "", True),
        (elsewhere, "CHG-7", "CHG-8", True),
        # Perhaps its machine has died: what is left is finished, and nothing is begun twice under one ID.
        (elsewhere, "CHG-7", "CHG-7", False),
        (own_name, "CHG-7", "CHG-7", True),
    ],
)
def test_a_repeated_run_goes_on_where_nobody_knows_whether_the_first_is_alive(owner, mine, theirs, refused):
    book = MemoryLedger({WRITE: Quota(20, 60.0)}, SystemClock())
    hold = Hold(owner(), book.clock.now() + 900.0, (1, 2, 3), theirs, book.clock.now())
    book._change(lambda calendars: calendars.update({WRITE: Calendar(holds=(hold,))}))
    assert (book.claim(2, 60.0, Hold("mine", 0.0, (2, 3), mine), commit=False) is not None) == refused
    assert (book.claim(2, 60.0, Hold("mine", 0.0, (2, 3), mine)) is not None) == refused


@pytest.mark.parametrize(("outcomes", "is_over"), [(["done", "failed", "cancelled"], False), (["cancelled"], True)])
def test_the_servers_of_a_run_that_is_over_are_free(outcomes, is_over):
    book = MemoryLedger({WRITE: Quota(20, 60.0)}, SystemClock())
    fleet = replace(Fleet.whole("key", 3, 5), owner="run A", servers=(1, 2, 3))
    assert book.claim(1, 60.0, A) is None
    book.give_up(1, A)
    for outcome in outcomes:
        assert book.claim(2, 60.0, B, commit=False) is not None
        book.count_end(fleet, outcome, True, is_over=is_over)
    assert book.claim(2, 60.0, B) is None

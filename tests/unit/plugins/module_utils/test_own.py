# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process remembers of a shared ledger: as much as it has in it, and nothing of others."""

from __future__ import annotations

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Calendar, Claim, release
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import LEASE
from ansible_collections.serverprism.cloud.plugins.module_utils._own import ALIKE, Own, missing
from hypothesis import given
from hypothesis import strategies as st

INSTANTS = st.lists(st.integers(100, 160).map(float), max_size=12)


def calendars(instants, claims=()):
    return {"write": Calendar(instants=tuple(sorted(instants)), claims=tuple(claims))}


@given(INSTANTS, INSTANTS)
def test_nothing_is_missing_twice_and_nothing_is_taken_for_two(known, wanted):
    lacks = missing(known, wanted)
    assert not missing([*known, *lacks], wanted)
    assert len(lacks) >= len(wanted) - len(known)
    assert missing(known, known) == ()


@given(INSTANTS, INSTANTS, st.data())
def test_what_is_its_own_is_what_it_reserved_less_what_it_gave_back(others, mine, data):
    own = Own().after(calendars(others), calendars([*others, *mine]), "me", 0.0)
    back = data.draw(st.lists(st.sampled_from(mine), max_size=len(mine), unique=True)) if mine else []
    before = Calendar(instants=tuple(sorted([*others, *mine])))
    own = own.after({"write": before}, {"write": release(before, back)}, "me", 0.0)
    kept = sorted(mine)
    for at in back:
        kept.remove(at)
    assert sorted(own.instants["write"]) == kept
    whole = own.lost(calendars([]), 0.0, 0.0)
    assert list(whole["write"].instants) == kept if kept else not whole


@given(INSTANTS, st.floats(-ALIKE, ALIKE).map(lambda x: x * 0.99))
def test_a_clock_that_is_compared_anew_is_no_loss(mine, off):
    own = Own().after(calendars([]), calendars(mine), "me", 0.0)
    assert not own.lost(calendars([at + off for at in mine]), 0.0, 0.0)


def test_locks_of_its_own_are_restored_unless_others_may_have_had_the_server():
    mine, theirs = Claim(1, "me", 900.0, 40.0), Claim(2, "they", 900.0, 40.0)
    own = Own().after(calendars([]), calendars([], [mine, theirs]), "me", 0.0)
    assert own.lost(calendars([]), 0.0, 50.0)["write"].claims == (mine,)
    assert not own.lost(calendars([]), 0.0, 40.0 + LEASE)
    assert not own.lost(calendars([], [Claim(1, "they", 900.0, 50.0)]), 0.0, 50.0)

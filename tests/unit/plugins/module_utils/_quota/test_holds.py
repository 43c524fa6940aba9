# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds on servers: one for each server, until its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.codec import dump_calendars, parse_calendars
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.holds import described, find, place, release
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Calendar, Hold, Quota, prune, shift

NOW = 1000.0
HOLD = Hold(1, NOW + 60, "tournament", "anna@admin")
CEST = timezone(timedelta(hours=2), "CEST")


def test_server_is_on_hold_until_its_end():
    calendar, changed = place(Calendar(), HOLD, NOW)
    assert changed and find(calendar.holds, 1, NOW + 59.9) == HOLD
    assert find(calendar.holds, 1, NOW + 60) is None and find(calendar.holds, 2, NOW) is None


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        # The clocks of two processes differ a little, and a second user does not replace the first.
        ({"until": NOW + 60.4, "by": "ben@admin"}, False),
        ({"until": NOW + 120}, True),
        ({"reason": "finals"}, True),
        ({"cancel": True}, True),
    ],
)
def test_hold_replaces_a_different_one_of_the_same_server(values, changed):
    calendar = Calendar(holds=(HOLD, replace(HOLD, server_id=2)))
    new = replace(HOLD, **values)
    after, is_change = place(calendar, new, NOW)
    assert is_change == changed and set(after.holds) == {replace(HOLD, server_id=2), new if changed else HOLD}


def test_released_server_is_not_on_hold():
    calendar = Calendar(holds=(HOLD, replace(HOLD, server_id=2)))
    after, changed = release(calendar, 1, NOW)
    assert changed and after.holds == (replace(HOLD, server_id=2),) and not release(after, 1, NOW)[1]
    assert not release(calendar, 1, NOW + 60)[1]


def test_holds_are_stored_shifted_and_pruned():
    calendar = Calendar(holds=(replace(HOLD, cancel=True),))
    stored = dump_calendars({WRITE: calendar})
    assert parse_calendars(stored, [WRITE], 5.0, NOW)[WRITE] == shift(calendar, 5.0)
    assert shift(calendar, 5.0).holds[0].until == NOW + 65 and prune(calendar, NOW + 61) == Calendar()
    assert prune(calendar, NOW + 60) == calendar


def test_ledger_of_an_earlier_version_has_no_holds():
    stored = dump_calendars({WRITE: Calendar((NOW,), holds=(HOLD,))})
    del stored[WRITE]["holds"]
    assert parse_calendars(stored, [WRITE], 0.0, NOW)[WRITE] == Calendar((NOW,))


def test_every_operation_of_a_ledger_sees_the_holds():
    clock = virtual.VirtualClock()
    ledger = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, clock)
    hold = replace(HOLD, until=clock.now() + 3600)
    assert ledger.hold(hold, commit=False) and not ledger.holds()
    assert ledger.hold(hold) and not ledger.hold(hold)
    ledger.seen_holds = ()
    ledger.due(READ, ledger.reserve(READ)[0])
    assert ledger.seen_holds == (hold,)
    assert ledger.unhold(1, commit=False) and ledger.unhold(1) and not ledger.unhold(1)
    assert ledger.holds() == ledger.seen_holds == ()


NOON = datetime(2026, 5, 4, 12, 0, tzinfo=CEST).timestamp()


@pytest.mark.parametrize(
    ("values", "now", "said"),
    [
        ({}, NOON - 3600, "on hold until 12:00 CEST by anna@admin: tournament"),
        # Shifted by another clock.
        ({"until": NOON - 0.2}, NOON - 3600, "on hold until 12:00 CEST by anna@admin: tournament"),
        ({"until": NOON - 7}, NOON - 3600, "on hold until 11:59:53 CEST by anna@admin: tournament"),
        ({"reason": "", "by": ""}, NOON - 3600, "on hold until 12:00 CEST"),
        ({"reason": ""}, NOON - 43201, "on hold until 2026-05-04 12:00 CEST by anna@admin"),
    ],
)
def test_text_of_a_hold(values, now, said):
    assert described(replace(HOLD, **{"until": NOON, **values}), CEST, now) == said

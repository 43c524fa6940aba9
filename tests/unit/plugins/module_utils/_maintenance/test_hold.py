# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module that holds a server: without the API, and only where other runs see the hold."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.hold import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import perform
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota

LATER = "1970-01-13T00:00:00Z"


@pytest.fixture
def hold(tmp_path):
    """Run the module with one ledger: ``hold(end=..., ...)``."""
    api = virtual.api({"id": 1})
    ledger = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, api.clock)

    def run(**options):
        result = virtual.operate(api, OPERATION, **{"server_id": 1, "use": ledger, "ledger": str(tmp_path), **options})
        assert not api.reads and not api.lines and not api.signals
        return result

    return run


def test_hold_is_set_changed_and_ended(hold):
    first = hold(end=LATER, reason=" a tournament ", cancel=True, diff=True)
    kept = first["hold"]
    assert first["changed"] and kept["until"] == "1970-01-13T00:00:00.000000Z" and kept["reason"] == "a tournament" and kept["cancel"]
    assert "@" in kept["by"] and first["diff"]["before"] == "not on hold\n"
    assert first["diff"]["after"] == f"on hold until 1970-01-13 00:00 UTC by {kept['by']}: a tournament\n"
    assert not hold(end=LATER, reason="a tournament", cancel=True)["changed"]
    second = hold(end=LATER)
    assert second["changed"] and second["hold"]["reason"] == "" and not second["hold"]["cancel"]
    ended = hold(state="absent")
    assert ended["changed"] and ended["hold"] is None and not hold(state="absent")["changed"]


def test_check_mode_predicts_and_changes_nothing(hold):
    assert hold(end=LATER, check_mode=True)["changed"] and hold(end=LATER)["changed"]
    assert hold(state="absent", check_mode=True)["changed"] and hold(state="absent")["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "end: is not set. Write the end of the hold as HH:MM, or with a date such as 2026-05-04T12:00."),
        ({"end": " "}, "end: is not set."),
        ({"end": "noon"}, "end: 'noon' is neither HH:MM nor ISO 8601"),
        (
            {"end": "1970-01-01T12:00"},
            "end (hold_until of the playbook): 1970-01-01 12:00:00 UTC is in the past. Set a time from now to a year ahead.",
        ),
        ({"end": "9999-01-01"}, "end (hold_until of the playbook): 9999-01-01 00:00:00 UTC is more than a year ahead."),
        ({"end": LATER, "timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' is not an IANA time zone"),
        ({"end": LATER, "reason": "a\nb"}, "reason: contains a line break"),
        ({"end": LATER, "server_id": 0}, "server_id: 0 is not a service ID"),
        ({"end": LATER, "ledger": "none"}, "ledger (or SERVERPRISM_LEDGER): is none, so no other run would see the hold."),
        ({"state": "absent", "ledger": "none"}, "ledger (or SERVERPRISM_LEDGER): is none"),
    ],
)
def test_bad_hold_is_refused(hold, options, said):
    result = hold(**options)
    assert result["failed"] and result["msg"].startswith(said), result


def test_clock_time_is_the_next_one_of_the_zone():
    morning = datetime(2026, 5, 4, 8, 0, tzinfo=timezone.utc).timestamp()
    options = {"server_id": 1, "state": "present", "end": "12:00", "timezone": "Europe/Berlin"}
    assert OPERATION.as_of(options, morning)["end"] == "2026-05-04T10:00:00.000000Z"
    assert OPERATION.as_of(options, morning + 3 * 3600)["end"] == "2026-05-05T10:00:00.000000Z"
    assert OPERATION.as_of({"end": "12:00"}, morning)["end"] == "2026-05-04T12:00:00.000000Z"
    for bad in ({}, {"end": "noon"}, {"end": "12:00", "timezone": "x"}):
        assert OPERATION.as_of(bad, morning) == bad


def test_hold_needs_no_token_and_a_ledger_that_works(tmp_path):
    def run(folder, **options):
        context = virtual.context(virtual.api({"id": 1}), OPERATION, server_id=1, ledger=str(folder), **options)
        return perform(OPERATION, {**context.params, "api_token": None}, warn=warnings.append)

    warnings = []
    result = run(tmp_path / "ledger", state="absent")
    assert not result.get("failed") and result["api"]["reads"] == 0, result
    (tmp_path / "file").write_text("")
    result = run(tmp_path / "file", state="absent")
    assert result["failed"] and "its hold was not changed, because the ledger cannot be used" in result["msg"] and warnings, result

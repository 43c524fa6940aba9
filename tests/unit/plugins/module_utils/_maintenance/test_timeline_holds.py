# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs observe holds and exclusions: nothing begins in one, and only a hold with ``cancel`` ends a countdown."""

from __future__ import annotations

import pytest
import virtual
import virtual_fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.locks import RENEW_EVERY
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Hold, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso
from simulator.config import ServerConfig

BEGIN = 1_000_000.0
# The clock shows 13:46:40 then.
WARNINGS = [{"before": "5m", "text": "Restart in {remaining}"}, {"before": "10s", "text": "Restart in {remaining}"}]
CANCEL = "say Maintenance cancelled: no restart now."
WHY = "on hold until 16:00 UTC by anna@admin: tournament"


def hold(server_id=1, until=1_008_000.0, **more):
    return Hold(server_id, until, "tournament", "anna@admin", **more)


def run(*events, servers=1, before=(), fault=None, **options):
    """Maintain servers. ``events`` are pairs of seconds after the begin and a function of the ledger. ``before`` are earlier holds."""

    def besides(api, requests):
        api.fault = fault or api.fault
        for one in before:
            api.ledger.hold(one)
        for seconds, what in events:
            requests.at(BEGIN + seconds, lambda what=what: what(api.ledger))

    api, results = virtual_fleet.maintain(servers, besides=besides, **{"announcements": WARNINGS, **options})
    assert not any(result.get("failed") for result in results.values()), results
    return api, results


def test_server_on_hold_is_deferred_and_the_others_are_maintained():
    api, results = run(servers=3, before=[hold(2)])
    assert {one: result["outcome"] for one, result in results.items()} == {1: "done", 2: "deferred", 3: "done"}
    assert results[2]["reason"] == WHY and results[2]["held_back"] and not results[1]["held_back"]
    assert not api.said(2) and not api.sent(2) and not results[2]["changed"]
    assert (2, f"deferred: {WHY}") in api.told


def test_server_on_hold_does_not_delay_the_others():
    many = [hold(one) for one in range(1, 20)]
    api, results = run(servers=20, before=many)
    assert results[20]["outcome"] == "done" and api.went_down(20) < BEGIN + 310


def test_check_mode_shows_the_hold():
    api, results = run(before=[hold()], check_mode=True, run={"check_mode": True})
    assert results[1]["outcome"] == "deferred" and results[1]["reason"] == WHY


@pytest.mark.parametrize("check_mode", [False, True])
def test_hold_that_ends_before_the_begin_has_no_effect(check_mode):
    early = hold(until=BEGIN + 3500)
    api, results = run(before=[early], start=iso(BEGIN + 3600), check_mode=check_mode, run={"check_mode": check_mode})
    assert results[1]["outcome"] == ("planned" if check_mode else "done")


@pytest.mark.parametrize("is_cancelling", [False, True])
@pytest.mark.parametrize("announcements", [WARNINGS, []])
def test_hold_that_is_set_while_a_run_waits_defers_the_server(is_cancelling, announcements):
    """The hold is seen at the last moment, since the ledger is read for the slot of the first request."""
    events = [(3599.9, lambda ledger: ledger.hold(hold(cancel=is_cancelling)))]
    api, results = run(*events, start=iso(BEGIN + 3600), announcements=announcements)
    assert (results[1]["outcome"], results[1]["reason"], results[1]["held_back"]) == ("deferred", WHY, True), results
    assert not api.said() and not api.sent() and not [at for at in api.ledger.calendar(WRITE).slots if at > BEGIN + 3660]


def test_server_that_is_released_in_time_is_maintained():
    api, results = run((3500, lambda ledger: ledger.unhold(1)), before=[hold()], start=iso(BEGIN + 3600))
    assert results[1]["outcome"] == "done" and api.sent() == ["restart"]


@pytest.mark.parametrize("at", [30, 200, 299.5])
def test_hold_does_not_end_a_countdown(at):
    api, results = run((at, lambda ledger: ledger.hold(hold())))
    assert results[1]["outcome"] == "done" and CANCEL not in api.said()


@pytest.mark.parametrize("at", [30, 200, 285, 289.9, 295, 299.9])
def test_cancelling_hold_ends_a_countdown_and_the_players_are_told(at):
    api, results = run((at, lambda ledger: ledger.hold(hold(cancel=True))), servers=2)
    assert (results[1]["outcome"], results[1]["reason"], results[1]["changed"]) == ("cancelled", WHY, False), results
    assert api.said().count(CANCEL) == 1 and api.said()[-1] == CANCEL and not api.sent()
    told = next(when for when, server, line in api.lines if (server, line) == (1, CANCEL))
    assert BEGIN + at <= told <= BEGIN + at + RENEW_EVERY + 2.0
    # The other server of the run goes on.
    assert results[2]["outcome"] == "done" and api.sent(2) == ["restart"] and CANCEL not in api.said(2)


def test_cancelling_hold_after_the_signal_has_no_effect():
    api, results = run((301, lambda ledger: ledger.hold(hold(cancel=True))))
    assert results[1]["outcome"] == "done" and CANCEL not in api.said()


def test_cancelling_hold_does_not_prevent_the_kill_of_a_restart_that_hangs():
    configs = [ServerConfig(id=1, stop_seconds=1000.0, boot_seconds=20.0)]
    api, results = run((310, lambda ledger: ledger.hold(hold(cancel=True))), configs=configs, kill_after=60.0)
    assert results[1]["outcome"] == "done" and api.sent() == ["restart", "kill"] and CANCEL not in api.said(), results


def test_signal_that_is_on_its_way_is_not_cancelled():
    def slow(method, path):
        return virtual.Fault(delay=20.0) if path.endswith("/power") else None

    api, results = run((302, lambda ledger: ledger.hold(hold(cancel=True))), fault=slow, timeout=60.0)
    assert api.went_down() > BEGIN + 315 and results[1]["outcome"] == "done" and CANCEL not in api.said(), results


def test_cancelled_countdown_whose_players_cannot_be_told_says_so():
    def unreachable(method, path):
        return virtual.Fault(status=503, done=False) if path.endswith("/command") and len(api.lines) > 0 else None

    api = virtual.api({"id": 1})
    ledger = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, api.clock)
    api.fault = unreachable
    sleep = api.clock.sleep
    api.clock.sleep = lambda seconds: (sleep(seconds), api.clock.now() > BEGIN + 100 and ledger.hold(hold(cancel=True)))
    result = virtual.operate(api, OPERATION, server_id=1, announcements=WARNINGS, use=ledger)
    assert result["outcome"] == "cancelled" and not api.signals, result
    assert result["reason"] == f"{WHY}; players were warned, and could not be told that the maintenance is cancelled"


def evening(start, end):
    return [{"name": "finals", "start": start, "end": end}]


@pytest.mark.parametrize(
    ("exclusions", "outcome"),
    [
        # The restart is at 13:51:40.
        (evening("13:00", "13:51:40"), "done"),
        (evening("13:51:40", "15:00"), "deferred"),
        (evening("13:00", "13:51:42"), "deferred"),
        (evening("13:51:43", "15:00"), "done"),
        (evening("13:46", "13:51"), "done"),
        (evening("1970-01-12T13:51", "1970-01-12T13:52"), "deferred"),
        (evening("1970-01-13T13:51", "1970-01-13T13:52"), "done"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_restart_in_an_exclusion_is_deferred(exclusions, outcome, check_mode):
    api, results = run(exclusions=exclusions, at=iso(BEGIN + 300), check_mode=check_mode, run={"check_mode": check_mode})
    assert results[1]["outcome"] == ("planned" if check_mode and outcome == "done" else outcome), results
    if outcome == "deferred":
        assert not api.said() and not api.sent()
        assert results[1]["reason"].startswith("the restart at 13:51:40 UTC would be in the exclusion finals (")
        assert results[1]["deadline_missed_by"] is None and results[1]["held_back"]


def test_countdown_that_is_delayed_into_an_exclusion_is_cancelled():
    api = virtual.api({"id": 1})
    api.fault = lambda method, path: virtual.Fault(delay=5.0) if path.endswith("/command") and len(api.lines) == 1 else None
    result = virtual.operate(api, OPERATION, server_id=1, announcements=WARNINGS, exclusions=evening("13:51:43", "15:00"))
    assert result["outcome"] == "deferred" and not api.signals and api.said()[-1] == CANCEL, result
    assert result["reason"] == "the countdown was delayed into the exclusion finals (13:51 to 15:00), and cancelled"


def test_refused_signal_is_not_repeated_in_an_exclusion():
    api = virtual.api({"id": 1})
    api.fault = lambda method, path: virtual.Fault(status=503, done=False) if path.endswith("/power") else None
    result = virtual.operate(api, OPERATION, server_id=1, announcements=WARNINGS, exclusions=evening("13:52", "15:00"))
    assert result["outcome"] == "deferred" and "into the exclusion finals (13:52 to 15:00)" in result["reason"], result
    assert api.said()[-1] == CANCEL and not api.signals

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The conductor of a run: the order of its servers, its status lines, and its interruption."""

from __future__ import annotations

import functools
import signal
from datetime import datetime, timezone

import pytest
import virtual
import virtual_fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import LedgerLost
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION, Conductor, Tally
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import OperationFailed
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import Ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Lock
from simulator.config import ServerConfig

BEGIN = 1_000_000.0
WORDS = {
    "announcements": [{"before": "60", "text": "in 60"}, {"before": "10", "text": "in 10"}],
    "commands": ["save-all"],
    "command_wait": 1.0,
}
CANCEL = "say Maintenance cancelled: no restart now."


def outcomes(results):
    return {server_id: result["outcome"] for server_id, result in results.items()}


def of_the_run(api):
    """Return the lines about the whole run."""
    return [text for server_id, text in api.told if server_id == 0]


def at(seconds, call, *args):
    """Call a function a number of seconds after the run has begun."""
    return lambda api, requests: requests.at(api.clock.now() + seconds, functools.partial(call, *args))


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        ("done", "done"),
        ("failed", "failed"),
        ("unconfirmed", "failed"),
        ("skipped", "other"),
        ("deferred", "other"),
        ("cancelled", "other"),
    ],
)
def test_tally_counts_each_outcome(outcome, field):
    tally = Tally(total=2)
    tally.count(outcome)
    assert getattr(tally, field) == 1 == tally.ended


def test_status_lines_count_all_servers():
    api, results = virtual_fleet.maintain(40, **WORDS)
    lines = of_the_run(api)
    assert set(outcomes(results).values()) == {"done"} and lines[-1] == "run: 40 done"
    assert any("in countdown or restart" in line and "waiting; ends at about" in line for line in lines)
    assert len(lines) <= 20 + 5


def test_one_server_has_no_status_lines():
    api, _results = virtual_fleet.maintain(1, **WORDS)
    assert of_the_run(api) == []


def test_all_servers_are_locked_before_the_first_begins_and_unlocked_after_the_last():
    seen = []

    def watch(api, requests):
        requests.at(BEGIN + 0.01, lambda: seen.extend(one.server_id for one in api.ledger.calendar(WRITE).locks))

    api, _results = virtual_fleet.maintain(50, besides=watch, **WORDS)
    assert seen == list(range(1, 51)) and not api.ledger.calendar(WRITE).locks


@pytest.mark.parametrize("is_stopped", [False, True])
def test_locks_are_kept_for_a_later_batch_unless_the_run_is_told_to_stop(is_stopped):
    stops = at(30.0, signal.raise_signal, signal.SIGINT) if is_stopped else lambda api, requests: None
    api, _results = virtual_fleet.maintain(2, besides=stops, run={"keeps_locks": True}, **WORDS)
    assert [one.server_id for one in api.ledger.calendar(WRITE).locks] == ([] if is_stopped else [1, 2])


def test_server_of_another_run_fails_and_the_others_are_maintained():
    def lock(api, _requests):
        api.ledger.lock([2], "other//b/n/7/1", 3600.0)

    api, results = virtual_fleet.maintain(3, besides=lock, **WORDS)
    assert outcomes(results) == {1: "done", 2: "failed", 3: "done"} and "Another run is maintaining server 2" in results[2]["msg"]
    assert not api.said(2) and not api.sent(2)


def test_too_many_failures_defer_what_has_not_begun():
    configs = [ServerConfig(id=one, conflict=one in (1, 2)) for one in range(1, 61)]
    api, results = virtual_fleet.maintain(60, configs=configs, run={"max_failures": 2}, **WORDS)
    kinds = list(outcomes(results).values())
    assert kinds.count("failed") == 2 and kinds.count("deferred") > 40
    for server_id, outcome in outcomes(results).items():
        if outcome == "deferred":
            assert not api.said(server_id) and "2 of this run have failed (max_failures: 2)" in results[server_id]["reason"]


def test_interruption_tells_every_server_whose_players_were_warned():
    api, results = virtual_fleet.maintain(40, besides=at(200.0, signal.raise_signal, signal.SIGTERM), **WORDS)
    warned = len({server for _at, server, line in api.lines if "cancelled" in line})
    told = [text for _server, text in api.told if text.startswith("interrupted: ")]
    assert told == [f"interrupted: telling the players of {warned} servers that the maintenance is cancelled. Do not press Ctrl-C again."]
    assert set(outcomes(results).values()) >= {"done", "cancelled"}
    for server_id, result in results.items():
        if result["outcome"] == "cancelled":
            warned = bool(api.said(server_id))
            assert not api.sent(server_id) and (api.said(server_id)[-1:] == [CANCEL]) == warned
            assert "SIGTERM" in result["msg"]


def test_interruption_without_the_ledger_tells_more_players_than_the_quota_allows_at_once():
    def away(_step, commit=True):
        raise LedgerLost("Redis is away")

    def besides(api, requests):
        requests.at(BEGIN + 600.0, lambda: setattr(api.ledger, "_change", away))
        requests.at(BEGIN + 601.0, lambda: signal.raise_signal(signal.SIGTERM))

    words = {**WORDS, "announcements": [{"before": "1800", "text": "in 30 minutes"}, {"before": "60", "text": "in 60"}]}
    api, _results = virtual_fleet.maintain(40, besides=besides, **words)
    warned = {server for _at, server, line in api.lines if "in 30" in line}
    assert len(warned) > 20 and api.refused > 0 and not api.signals
    assert all(api.said(server_id)[-1] == CANCEL for server_id in warned)


def test_few_states_are_read_at_a_time():
    """Most servers of a large run are read shortly before their first announcement."""
    api, _results = virtual_fleet.maintain(100, **WORDS)
    assert len([one for one in api.reads if one < BEGIN + 10.0]) <= 20


def test_check_mode_plans_all_servers_at_once_and_sends_nothing():
    api = virtual_fleet.FleetApi(virtual.VirtualClock(), [ServerConfig(id=one) for one in range(1, 31)])
    requests, ends = virtual_fleet.Requests(api), {}
    conductor = Conductor(api.clock, requests, check_mode=True)
    first = virtual.context(api, OPERATION, server_id=1, check_mode=True, **WORDS)
    for one in range(1, 31):
        ctx = virtual.context(api, OPERATION, server_id=one, check_mode=True, use=first.client.ledger, **WORDS)
        conductor.add(ctx, lambda result, row, one=one: ends.update({one: result}))
    conductor.run()
    starts = [ends[one]["timeline"][0]["planned"] for one in range(1, 31)]
    assert not api.lines and not api.signals and starts == sorted(starts) and starts[0] < starts[-1]
    assert not first.client.ledger.calendar(WRITE).slots and not first.client.ledger.calendar(WRITE).locks


def test_status_line_has_no_end_time_without_the_ledger(monkeypatch):
    """A line on the screen must not end the countdowns of all servers."""
    calendar, calls = Ledger.calendar, []

    def away(self, bucket):
        calls.append(bucket)
        if len(calls) > 1:
            raise LedgerLost("Redis is away")
        return calendar(self, bucket)

    monkeypatch.setattr(Ledger, "calendar", away)
    api, results = virtual_fleet.maintain(40, **WORDS)
    assert set(outcomes(results).values()) == {"done"} and len(calls) > 1
    assert not any("ends at about" in line for line in of_the_run(api) if "waiting" in line)


def test_every_server_fails_if_the_ledger_is_unreachable_at_the_start(monkeypatch):
    def away(*_args, **_kwargs):
        raise LedgerLost("Redis is away")

    monkeypatch.setattr(Ledger, "lock", away)
    api, results = virtual_fleet.maintain(3, **WORDS)
    assert [result["msg"] for result in results.values()] == ["Redis is away"] * 3 and not api.lines and not api.reads


def test_servers_of_one_quota_can_have_different_headrooms():
    """A timeline that fits with the headroom of one server may not fit with that of another."""
    api = virtual_fleet.FleetApi(virtual.VirtualClock(), [ServerConfig(id=1), ServerConfig(id=2)])
    ledger = virtual.context(api, OPERATION, server_id=1).client.ledger
    ends = {}
    conductor = Conductor(api.clock, virtual_fleet.Requests(api))
    for one, more in ((1, {"write_headroom": 18}), (2, {"write_headroom": 0, "commands": [f"save {number}" for number in range(8)]})):
        ctx = virtual.context(api, OPERATION, server_id=one, use=ledger, **more)
        conductor.add(ctx, lambda result, row, one=one: ends.update({one: result}))
    conductor.run()
    assert [ends[one]["outcome"] for one in (1, 2)] == ["done", "done"] and len(api.said(2)) == 8


def test_lost_lock_cancels_only_its_server():
    def lose(api):
        def step(calendars):
            calendar = calendars[WRITE]
            locks = tuple(one if one.server_id != 1 else Lock(1, "other//b/n/7/1", api.clock.now() + 600.0) for one in calendar.locks)
            calendars[WRITE] = type(calendar)(calendar.slots, calendar.blocked_until, locks, calendar.stale, calendar.late)

        api.ledger._change(step)

    # The machine was suspended, so its locks were not renewed for a long time.
    def besides(api, requests):
        def sleeps():
            lose(api)
            api.clock.time += 100.0

        requests.at(BEGIN + 20.0, sleeps)

    api, results = virtual_fleet.maintain(2, besides=besides, **{**WORDS, "announcements": [{"before": "300", "text": "in 300"}]})
    assert outcomes(results) == {1: "cancelled", 2: "done"} and "its lock expired" in results[1]["msg"]
    assert api.said(1)[-1] == CANCEL and not api.sent(1)


def test_server_that_is_not_listed_is_refused_before_anything_is_sent():
    api = virtual.api({"id": 1})
    ctx = virtual.context(api, OPERATION, server_id=7, game="auto")
    with pytest.raises(OperationFailed, match="Server 7: not found") as caught:
        virtual.run(OPERATION, ctx)
    # As documented, every result has an outcome and a server ID.
    assert (caught.value.result["outcome"], caught.value.result["server_id"]) == ("failed", 7)
    assert not api.lines and len(ctx.client.ledger.calendar(READ).slots) == 1


def test_line_that_was_being_sent_when_the_run_was_stopped_is_in_the_result():
    def besides(api, _requests):
        command = api.command

        def stops(node, line, now):
            if line == "say back":
                signal.raise_signal(signal.SIGINT)
                # The reply takes longer than the run waits for it.
                api.latency = lambda: (0.04, 60.0)
            return command(node, line, now)

        api.command = stops
        api.latency = lambda: (0.04, 10.0) if api.lines and api.lines[-1][2] == "save-all" and api.signals else (0.04, 0.04)

    api, results = virtual_fleet.maintain(1, besides=besides, done_text="back", timeout=60.0, **WORDS)
    assert api.said()[-1] == "say back" and results[1]["outcome"] == "done"
    assert (results[1]["timeline"][-1]["text"], results[1]["timeline"][-1]["outcome"]) == ("say back", "unknown")
    assert any("its done_text may not have been sent" in text for _server, text in api.told)


def test_cancel_text_does_not_overtake_an_announcement():
    def besides(api, requests):
        api.latency = lambda: (2.0, 0.04)
        command = api.command

        def stops(node, line, now):
            api.latency = lambda: (0.04, 0.04)
            return command(node, line, now)

        api.command = stops
        requests.at(api.clock.now() + 3.0, lambda: signal.raise_signal(signal.SIGINT))

    api, results = virtual_fleet.maintain(1, besides=besides, **WORDS)
    assert len(api.lines) == 2 and api.said()[-1] == CANCEL and results[1]["outcome"] == "cancelled", api.lines


def test_server_that_is_only_started_delays_no_countdown():
    at = datetime.fromtimestamp(1_003_600.0, timezone.utc).isoformat()
    configs = [ServerConfig(id=one, boot_seconds=20.0, state="offline" if one == 1 else "running") for one in (1, 2, 3)]
    announcements = [{"before": "15m", "text": "x"}]
    api, results = virtual_fleet.maintain(3, configs=configs, if_offline="start", at=at, announcements=announcements)
    assert set(outcomes(results).values()) == {"done"}
    assert len(api.signals) == 3 and all(abs(when - 1_003_600.0) < 1.0 for when, _server, _signal in api.signals), api.signals

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintenance of one simulated server: nobody gets less notice than announced, and every outcome is true."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import datetime, timezone

import pytest
import virtual
import virtual_fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.countdown import MOST_REPEATED
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.guard import as_left
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.steps import with_action
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import OperationFailed
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Lock
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator.config import ServerConfig

SERVER = {"id": 1, "name": "Fred's"}
NOTICE = {"say Restart in 5 minutes": 300.0, "say Restart in 1 minute": 60.0, "say Fred's: now": 10.0}
WENT_OFF = "went offline during its countdown: it crashed, or somebody stopped it"
WARNINGS = [
    {"before": "5m", "text": "Restart in {remaining}"},
    {"before": "1m", "text": "Restart in {remaining}"},
    {"before": "10s", "text": "{name}: now"},
]


def maintain(api, **options):
    return virtual.operate(api, OPERATION, **{"server_id": 1, "announcements": WARNINGS, "commands": ["save-all"], **options})


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def test_players_are_warned_then_the_world_is_saved_then_the_server_restarts():
    api = virtual.api(SERVER)
    result = maintain(api, done_text="Back!", diff=True)
    assert (result["outcome"], result["confirmed"], result["changed"]) == ("done", True, True), result
    assert api.said() == [*NOTICE, "save-all", "say Back!"] and api.sent() == ["restart"]
    assert [step["kind"] for step in result["timeline"]] == [*["announcement"] * 3, "command", "signal", "done"]
    assert 0 <= result["notice_error"] < 1.0 and result["downtime"] >= 35.0
    assert "announcement: say Restart in 5 minutes" in result["diff"]["after"]


@pytest.mark.parametrize(("reason", "said"), [("update to 1.21", ": update to 1.21"), (None, "")])
def test_texts_to_players_name_the_reason(reason, said):
    api, words = virtual.api(SERVER), [{"before": "1m", "text": "{action} in {remaining}: {reason}"}]
    result = maintain(api, announcements=words, commands=["save {reason}"], done_text="Back: {reason}", reason=reason)
    assert result["outcome"] == "done", result
    assert api.said() == [f"say Restart in 1 minute{said}", "save {reason}", f"say Back{said}"]


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.floats(0.0, 40.0), st.sampled_from(["lost", "gone", "busy"])), max_size=12))
def test_notice_and_save_time_are_never_shorter_than_planned(faults):
    api, left = virtual.api(SERVER), list(faults)

    def fault(method, path):
        what = left.pop(0) if left and path.endswith("/command") else None
        if what in ("lost", "gone"):
            return virtual.Fault(lost=True, done=what == "lost")
        if what == "busy":
            return virtual.Fault(status=503, done=False)
        return virtual.Fault(delay=what) if what else None

    api.fault = fault
    result = maintain(api, timeout=60.0)
    if not api.sent():
        assert not result["changed"] and result["outcome"] == "failed", result
        assert api.nodes[1].state == "running"
        return
    down = api.went_down()
    for at, _server, line in api.lines:
        # A late line names the time that is left then, so only the rounding to whole seconds is allowed for.
        words = next((notice for text, notice in NOTICE.items() if text == line), 0.0)
        assert down - at >= (5.0 if line == "save-all" else words - 0.1), (line, down - at)
    assert result["notice_error"] is None or result["notice_error"] >= 0, result


@pytest.mark.parametrize(
    ("switches", "options", "outcome", "reason"),
    [
        ({"state": "offline"}, {}, "skipped", "offline"),
        ({"state": "offline"}, {"state": "stopped"}, "skipped", "already offline"),
        ({"service_status": "suspended"}, {}, "skipped", "suspended (billing)"),
        (
            {},
            {"deadline": stamp(1_000_060.0)},
            "deferred",
            "the restart would begin at 13:51:40 UTC, 4 minutes after",
        ),
    ],
)
def test_skipped_server_has_its_reason(switches, options, outcome, reason):
    api = virtual.api({**SERVER, **switches})
    result = maintain(api, **options)
    assert (result["outcome"], result["changed"]) == (outcome, False) and result["reason"].startswith(reason), result
    assert not api.lines and not api.signals


@pytest.mark.parametrize(
    ("switches", "options", "words"),
    [
        ({"null": True}, {}, "unknown"),
        ({"state": "offline"}, {"if_offline": "fail"}, "if_offline is fail: nothing was sent"),
        ({"state": "offline"}, {"if_offline": "fail", "state": "stopped"}, "if_offline is fail: nothing was sent"),
        ({"service_status": "suspended"}, {"if_offline": "fail"}, "Settle its invoice"),
        ({}, {"start": stamp(1_009_000.0), "deadline": stamp(1_000_900.0)}, "deadline"),
    ],
)
def test_impossible_maintenance_fails_and_sends_nothing(switches, options, words):
    api = virtual.api({**SERVER, **switches})
    result = maintain(api, **options)
    assert result["failed"] and not result["changed"] and words in result["msg"], result
    assert not api.lines and not api.signals


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        ("{action} in {remaining}", "restarted", "Restart in {remaining}"),
        ("{action} soon: {action}!", "stopped", "Shutdown soon: shutdown!"),
        ("No {action} now", "restarted", "No restart now"),
        ("Nothing", "stopped", "Nothing"),
    ],
)
def test_action_in_a_text_is_restart_or_shutdown(text, state, said):
    assert with_action(text, state) == said


@pytest.mark.parametrize(("deadline", "outcome", "missed"), [(300.0, "done", None), (299.5, "done", None), (298.5, "deferred", 1)])
def test_action_that_is_planned_for_the_deadline_is_sent(deadline, outcome, missed):
    api = virtual.api(SERVER)
    result = maintain(api, start=stamp(1_000_000.0), deadline=stamp(1_000_000.0 + deadline))
    assert (result["outcome"], result["deadline_missed_by"]) == (outcome, missed), result


def test_offline_server_is_started_with_if_offline_start_and_gets_no_lines():
    api = virtual.api({**SERVER, "state": "offline"})
    result = maintain(api, if_offline="start")
    assert result["outcome"] == "done" and api.sent() == ["start"] and not api.lines, result


def test_start_time_is_kept_and_the_state_is_read_again_before_the_first_line():
    api = virtual.api(SERVER)
    told = []
    result = maintain(api, start=stamp(1_003_600.0), progress=told.append)
    assert result["outcome"] == "done" and 0 <= api.lines[0][0] - 1_003_600.0 < 1.0, result
    assert told[0].startswith("first announcement at ")
    assert any(1_003_590.0 < at < 1_003_600.0 for at in api.reads)


def test_server_that_goes_offline_before_the_first_line_is_skipped():
    api = virtual.api(SERVER)
    ends = api.clock.sleep

    def sleep(seconds):
        ends(seconds)
        if api.clock.time > 1_003_000.0 and api.nodes[1].state == "running":
            api.nodes[1].signal("kill", api.clock.time)

    api.clock.sleep = sleep
    result = maintain(api, start=stamp(1_003_600.0))
    assert (result["outcome"], result["reason"]) == ("skipped", "offline") and not api.lines and not api.signals, result


@pytest.mark.parametrize("options", [{}, {"state": "stopped"}, {"if_offline": "fail"}])
def test_server_that_goes_offline_after_its_players_were_warned_fails(options):
    api = virtual.api(SERVER)
    api.fault = lambda method, path: api.nodes[1].signal("kill", api.clock.time) and None if len(api.lines) == 1 else None
    result = maintain(api, **options)
    assert result["outcome"] == "failed" and result["failed"] and result["reason"] == WENT_OFF and not api.signals, result
    assert f"Server 1 {WENT_OFF}" in result["msg"] and not result["changed"] and len(api.said()) == 1


def test_server_that_goes_offline_during_its_countdown_is_started_with_if_offline_start():
    api, warned = virtual.api(SERVER), []

    def fault(method, path):
        if len(api.lines) == 1:
            api.fault = lambda method, path: None
            api.nodes[1].signal("kill", api.clock.time)

    api.fault = fault
    result = maintain(api, if_offline="start", warn=warned.append)
    assert result["outcome"] == "done" and api.sent() == ["start"] and WENT_OFF in warned[0], (result, warned)


def test_refused_restart_is_cancelled_and_players_are_told():
    api = virtual.api({**SERVER, "conflict": True})
    result = maintain(api, cancel_text="No restart for {name}.")
    assert result["outcome"] == "failed" and not result["changed"] and "(HTTP 409)" in result["msg"], result
    assert api.said()[-1] == "say No restart for Fred's." and result["timeline"][-1]["kind"] == "cancel"


def test_dropped_restart_is_not_confirmed_and_players_are_told_nothing():
    api = virtual.api({**SERVER, "drop_signals": ["restart"]})
    result = maintain(api, done_text="Back!")
    assert result["outcome"] == "unconfirmed" and result["failed"] and result["changed"] and not result["confirmed"], result
    assert "not seen to go down, and its network counters did not fall" in result["msg"] and "say Back!" not in api.said()


def test_delay_past_the_deadline_cancels_the_countdown():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(delay=30.0) if len(api.lines) == 1 and path.endswith("/command") else None
    result = maintain(api, deadline=stamp(1_000_310.0), timeout=60.0)
    assert result["outcome"] == "deferred" and not api.signals, result
    assert api.said()[-1] == "say Maintenance cancelled: no restart now."


@pytest.mark.parametrize("delay", [0.0, 20.0, 90.0])
def test_done_text_is_sent_after_done_delay(delay):
    api = virtual.api(SERVER)
    result = maintain(api, done_text="Back!", done_delay=delay)
    at, _server, line = api.lines[-1]
    seen_up = api.signals[0][0] + result["downtime"]
    assert result["outcome"] == "done" and line == "say Back!" and delay <= at - seen_up <= delay + 2.0, result


def test_interruption_before_the_done_text_leaves_the_outcome_done():
    api, warned = virtual.api(SERVER), []
    passed = api.clock.sleep

    def sleep(seconds):
        if seconds == 15.0 and api.nodes[1].starts and api.nodes[1].state == "running":
            api.clock.sleep = passed
            os.kill(os.getpid(), signal.SIGTERM)
        passed(seconds)

    api.clock.sleep = sleep
    result = maintain(api, done_text="Back!", done_delay=600.0, warn=warned.append)
    assert result["outcome"] == "done" and not result.get("failed") and "say Back!" not in api.said(), result
    assert warned == ["Interrupted (SIGTERM): the maintenance of server 1 is done, but its done_text may not have been sent."]


@pytest.mark.parametrize(
    ("state", "restarting", "options", "outcome", "sent"),
    [
        ("stopped", False, {}, "done", ["kill"]),
        ("restarted", True, {}, "done", ["kill"]),
        ("restarted", False, {}, "skipped", ["kill"]),
        ("restarted", False, {"if_offline": "start"}, "done", ["kill", "start"]),
        ("restarted", False, {"if_offline": "fail"}, "failed", ["kill"]),
    ],
)
def test_server_that_is_already_hanging_is_killed_after_kill_after_without_lines(state, restarting, options, outcome, sent):
    api = virtual.api({**SERVER, "hanging_stop": True, "stop_timeout": 3000.0})
    begun = api.clock.now()
    api.nodes[1].signal("restart" if restarting else "stop", begun - 400.0)
    result = maintain(api, state=state, kill_after=60.0, **options)
    assert result["outcome"] == outcome and result["changed"] and api.sent() == sent and not api.lines, result
    # The state is read once more in between.
    assert 60.0 <= api.signals[0][0] - begun <= 65.0
    assert [step["text"] for step in result["timeline"]] == sent


def test_hanging_server_that_came_back_is_not_killed():
    api = virtual.api({**SERVER, "hanging_stop": True, "stop_timeout": 3000.0, "boot_seconds": 1.0})
    api.nodes[1].signal("restart", api.clock.now() - 400.0)
    ctx = virtual.context(api, OPERATION, server_id=1, kill_after=60.0)
    passed = api.clock.sleep

    def sleep(seconds):
        passed(seconds)
        if api.clock.now() >= 1_000_060.0 and api.nodes[1].state == "stopping":
            # Others use the quota of this minute, and somebody kills the server in the panel.
            for _each in range(40):
                ctx.client.ledger.reserve(WRITE)
            api.nodes[1].signal("kill", api.clock.now())

    api.fault = lambda method, path: sleep(0.0) if len(api.reads) == 4 else None
    with pytest.raises(OperationFailed, match="hung while stopping, and is running now: nothing was sent"):
        virtual.run(OPERATION, ctx)
    assert not api.signals


@pytest.mark.parametrize(
    ("set_by", "outcome"),
    [
        (0.0, "done"),
        # The clock of the machine was behind and has been set, so the deadline has passed.
        (3600.0, "deferred"),
        (-3600.0, "done"),
    ],
)
def test_deadline_follows_the_wall_clock(set_by, outcome):
    api = virtual.api(SERVER)
    passed = api.clock.sleep

    def sleep(seconds):
        passed(seconds)
        api.clock.set_by = set_by if api.clock.now() > 1_000_100.0 else 0.0

    api.clock.sleep = sleep
    result = maintain(api, deadline=stamp(1_001_000.0))
    assert result["outcome"] == outcome, result
    assert bool(api.signals) == (outcome == "done") and ("cancelled" in api.said()[-1]) == (outcome == "deferred")


def test_start_follows_a_wall_clock_that_is_set_back():
    api = virtual.api(SERVER)
    passed = api.clock.sleep

    def sleep(seconds):
        passed(seconds)
        api.clock.set_by = -600.0

    api.clock.sleep = sleep
    result = maintain(api, start=stamp(1_003_600.0))
    assert result["outcome"] == "done" and 0 <= api.lines[0][0] - 1_004_200.0 < 2.0, result


@pytest.mark.parametrize(
    ("server", "fault", "outcome", "words"),
    [
        ({"drop_signals": ["restart"]}, None, "unconfirmed", "not seen to go down, and its network counters did not fall"),
        ({}, virtual.Fault(lost=True, done=False), "unconfirmed", "may have been carried out"),
        ({"failed_start": True}, None, "failed", "went offline again"),
        ({"stuck_starting": True}, None, "failed", "is not running"),
    ],
)
def test_outcome_of_a_signal(server, fault, outcome, words):
    api = virtual.api({**SERVER, **server})
    api.fault = lambda method, path: fault if path.endswith("/power") else None
    result = maintain(api, wait_timeout=200.0)
    assert result["outcome"] == outcome and result["failed"] and result["changed"] and words in result["msg"], result


def test_server_that_cannot_be_read_after_its_signal_is_unconfirmed():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(status=401, done=False) if api.signals and method == "GET" else None
    result = maintain(api)
    assert result["outcome"] == "unconfirmed" and result["changed"] and result["failed"] and "HTTP 401" in result["msg"], result


def test_interruption_of_the_done_text_leaves_the_outcome_done():
    class TimeIsUp(BaseException):
        """The exception that the timeout of a task raises."""

    def up(method, path):
        if api.signals and path.endswith("/command"):
            raise TimeIsUp("Timed out.")

    api, said = virtual.api(SERVER), []
    api.fault = up
    result = maintain(api, done_text="Back!", warn=said.append)
    assert result["outcome"] == "done" and result["changed"] and result["confirmed"] and not result.get("failed"), result
    assert "Timed out" in said[-1], said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"state": "stopped"}, "say Maintenance cancelled: no shutdown now."),
        ({"state": "stopped", "cancel_text": "Play on!"}, "say Play on!"),
        ({"cancel_text": "No {action} ({reason})", "reason": "the update is late"}, "say No restart (the update is late)"),
    ],
)
def test_cancel_text_names_the_action(options, said):
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(delay=30.0) if len(api.lines) == 1 and path.endswith("/command") else None
    result = maintain(api, deadline=stamp(1_000_310.0), timeout=60.0, **options)
    assert result["outcome"] == "deferred" and api.said()[-1] == said, result


def test_no_signal_is_sent_if_no_announcement_is_certain():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(lost=True, done=False) if path.endswith("/command") else None
    warned = []
    result = maintain(api, warn=warned.append)
    assert (
        result["outcome"] == "failed" and "It is not certain that an announcement reached the players" in result["msg"] and not api.signals
    ), result
    # Players may have read it, so the cancel text is sent; it is reported that they may not have read that either.
    assert len(warned) == 5 and result["timeline"][-1]["kind"] == "cancel" and result["timeline"][-1]["outcome"] == "unknown"


def refuse_until(api, end, happening=lambda: None):
    """Refuse signals with 503 until a time, and call a function after the first refusal."""
    seen = []

    def fault(method, path):
        if not path.endswith("/power") or api.clock.now() >= end:
            return None
        if not seen:
            seen.append(True)
            happening()
        return virtual.Fault(status=503, done=False)

    api.fault = fault


def test_refused_restart_is_sent_later_and_counts_as_notice_error():
    api = virtual.api(SERVER)
    refuse_until(api, 1_000_330.0)
    result = maintain(api)
    at = datetime.fromisoformat(result["timeline"][-1]["at"].replace("Z", "+00:00")).timestamp()
    assert result["outcome"] == "done" and len(api.signals) == 1 and 0 <= api.signals[0][0] - at < 0.1, result
    assert result["notice_error"] > 25.0 and api.went_down() - at < 0.1


def test_restart_that_is_refused_past_its_deadline_is_cancelled():
    api = virtual.api(SERVER)
    refuse_until(api, 1_000_330.0)
    result = maintain(api, deadline=stamp(1_000_310.0))
    assert result["outcome"] == "deferred" and not result["changed"] and not api.signals and result["signal"] is None, result
    assert api.said()[-1] == "say Maintenance cancelled: no restart now."


def test_server_that_is_stopped_while_its_restart_is_refused_stays_off():
    api = virtual.api(SERVER)
    refuse_until(api, 1_000_360.0, lambda: api.nodes[1].signal("kill", api.clock.now()))
    result = maintain(api)
    assert (result["outcome"], result["reason"]) == ("failed", WENT_OFF) and not api.signals and not result["changed"], result


def test_state_is_read_again_after_a_late_slot_of_a_refused_restart():
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, announcements=WARNINGS)
    refuse_until(api, 1_000_301.0, lambda: [ctx.client.ledger.reserve(WRITE) for _each in range(60)])
    passed = api.clock.sleep

    def sleep(seconds):
        passed(seconds)
        # Others use the quota of this minute, and somebody stops the server meanwhile.
        if api.clock.now() > 1_000_340.0 and api.nodes[1].state == "running":
            api.nodes[1].signal("kill", api.clock.now() - 30.0)

    api.clock.sleep = sleep
    with pytest.raises(OperationFailed, match=WENT_OFF):
        virtual.run(OPERATION, ctx)
    assert not api.signals


def test_restart_that_is_refused_for_longer_than_max_wait_fails():
    api = virtual.api(SERVER)
    refuse_until(api, 1_009_000.0)
    result = maintain(api, max_wait=60.0)
    assert result["outcome"] == "failed" and "past max_wait" in result["msg"] and "(HTTP 503)" in result["msg"] and not api.signals, result


def test_timeline_contains_every_signal():
    api = virtual.api({**SERVER, "stop_seconds": 500.0})
    result = maintain(api, kill_after=60.0, commands=[])
    assert [step["text"] for step in result["timeline"] if step["kind"] == "signal"] == api.sent() == ["restart", "kill"], result


def test_late_last_announcement_is_sent_once():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(delay=40.0) if len(api.lines) == 2 and path.endswith("/command") else None
    result = maintain(api, timeout=60.0)
    assert result["outcome"] == "done" and api.said().count("say Fred's: now") == 1, result


@pytest.mark.parametrize("options", [{}, {"state": "stopped"}, {"if_offline": "start"}])
def test_check_mode_assumes_that_a_stopping_server_becomes_offline(options):
    def stopping():
        api = virtual.api({**SERVER, "stop_seconds": 30.0})
        api.nodes[1].signal("stop", api.clock.now())
        return api

    predicted, real = maintain(stopping(), check_mode=True, **options), maintain(stopping(), **options)
    keys = ("changed", "signal")
    assert [predicted[key] for key in keys] == [real[key] for key in keys], (predicted, real)
    assert (predicted["outcome"], real["outcome"]) in (("planned", "done"), ("skipped", "skipped")), (predicted, real)


@pytest.mark.parametrize("named", ["commands", "announcements"])
def test_option_with_more_lines_than_a_window_is_refused(named):
    many = {"commands": ["save"] * 30} if named == "commands" else {"announcements": [{"before": "5s", "text": "x"}] * 30}
    result = maintain(virtual.api(SERVER), **many)
    assert result["failed"] and result["msg"].startswith(f"{named}: are too many at once"), result


SHORT = [{"before": "20s", "text": "Restart in {remaining}"}]


def test_read_before_the_restart_uses_its_reserved_slot():
    """The first reads of many servers that begin at once must not delay restarts that were announced before."""
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, announcements=SHORT)

    def fault(method, path):
        if api.lines:
            api.fault = lambda method, path: None
            for _each in range(59):
                ctx.client.ledger.reserve(READ)

    api.fault = fault
    assert 0 <= virtual.run(OPERATION, ctx)["notice_error"] < 1.0
    assert len(ctx.client.ledger._calendars[READ].slots) == len(api.reads) + 59


def test_full_read_quota_delays_the_whole_countdown():
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, announcements=SHORT)
    for _each in range(59):
        ctx.client.ledger.reserve(READ)
    result = virtual.run(OPERATION, ctx)
    assert 0 <= result["notice_error"] < 1.0 and api.lines[0][0] - 1_000_000.0 > 30.0, result


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_countdown_tells_the_players(number):
    api = virtual.api(SERVER)
    api.fault = lambda method, path: os.kill(os.getpid(), number) if len(api.lines) == 2 else None
    result = maintain(api)
    assert result["outcome"] == "cancelled" and number.name in result["msg"] and "the players were told" in result["msg"], result
    assert api.said()[-1] == "say Maintenance cancelled: no restart now." and not api.signals


def interrupted(api, happening, **options):
    """Interrupt a maintenance after its first announcement, and return the time of the interruption."""
    ctx, passed, at = virtual.context(api, OPERATION, server_id=1, announcements=WARNINGS, **options), api.clock.sleep, []

    def sleep(seconds):
        if api.lines and not at and seconds > 10.0:
            at.append(api.clock.now())
            happening(ctx.client.ledger)
            # The interruption ends the sleep.
            os.kill(os.getpid(), signal.SIGINT)
            return
        passed(seconds)

    api.clock.sleep = sleep
    with pytest.raises(ServerPrismError, match="was cancelled"):
        virtual.run(OPERATION, ctx)
    return at[0]


def test_cancel_text_is_sent_no_later_than_the_next_line_with_a_full_quota():
    api = virtual.api(SERVER)
    # Others use the rest of the quota for half an hour.
    interrupted(api, lambda ledger: [ledger.reserve(WRITE) for _each in range(600)])
    (first, _one, _line), (told, _same, line) = api.lines
    assert line == "say Maintenance cancelled: no restart now." and 15.0 < told - first < 240.0 + 1.0


def test_cancelled_fleet_uses_the_slots_that_the_others_release():
    api, others = virtual.api(SERVER), []

    def fill(ledger):
        others.extend(ledger.reserve(WRITE)[0] for _each in range(200))
        passed, begun = api.clock.sleep, api.clock.now()

        def sleep(seconds):
            passed(seconds)
            if api.clock.now() >= begun + 1.0:
                ledger.release(WRITE, others)
                others.clear()

        api.clock.sleep = sleep

    at = interrupted(api, fill)
    assert api.lines[-1][0] - at < 2.0 and len(api.lines) == 2


def test_cancel_text_is_given_up_if_the_api_is_blocked_for_an_hour():
    api, warned = virtual.api(SERVER), []
    at = interrupted(api, lambda ledger: ledger.block(WRITE, api.clock.now() + 3600.0), warn=warned.append)
    assert api.clock.now() - at < 60.0 and any("could not be told that the maintenance is cancelled" in text for text in warned), warned


def test_interruption_after_the_signal_is_reported():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: os.kill(os.getpid(), signal.SIGTERM) if api.signals else None
    result = maintain(api)
    assert result["outcome"] == "unconfirmed" and result["changed"] and result["signal"] == "restart", result
    assert "but its outcome was not seen. Wait 20 seconds" in result["msg"] and "cancelled" not in " ".join(api.said())


def test_interruption_while_the_log_is_written_cancels_the_signal(tmp_path, monkeypatch):
    """No signal was sent yet, so the players must be told, and a repeated run may send it."""
    api = virtual.api(SERVER)
    add = FileLog.add

    def add_and_interrupt(self, event, now, /, **fields):
        add(self, event, now, **fields)
        if event == "signal":
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(FileLog, "add", add_and_interrupt)
    result = maintain(api, ledger=str(tmp_path), maintenance_id="CHG-7")
    assert result["outcome"] == "cancelled" and not result["changed"] and not api.signals, result
    assert api.said()[-1] == "say Maintenance cancelled: no restart now."
    monkeypatch.setattr(FileLog, "add", add)
    assert maintain(api, ledger=str(tmp_path), maintenance_id="CHG-7")["outcome"] == "done"


def test_any_error_in_the_countdown_tells_the_players():
    api = virtual.api(SERVER)

    def fault(method, path):
        if len(api.lines) == 1:
            api.fault = lambda method, path: None
            raise MemoryError

    api.fault = fault
    result = maintain(api)
    assert "A bug in serverprism.cloud: MemoryError()" in result["msg"] and "Traceback" in result["exception"], result
    assert api.said()[-1] == "say Maintenance cancelled: no restart now." and not api.signals


def test_check_mode_gives_the_plan_and_sends_nothing():
    api = virtual.api(SERVER)
    result = maintain(api, check_mode=True)
    assert result["changed"] and result["outcome"] == "planned" and not api.lines and not api.signals, result
    assert [step["text"] for step in result["timeline"]] == [*NOTICE, "save-all", "restart"]


NO_CONSOLE, NO_ANNOUNCEMENTS = "the game takes no console commands", "there were no announcements"


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("server", "options", "reason"),
    [
        ({}, {}, None),
        ({"product": "Valheim 8 GB"}, {}, NO_CONSOLE),
        ({"product": "Valheim 8 GB"}, {"announcements": []}, NO_CONSOLE),
        ({"product": "Valheim 8 GB"}, {"announce_command": "broadcast {text}"}, None),
        ({}, {"announcements": []}, NO_ANNOUNCEMENTS),
        ({}, {"announcements": [], "commands": ["save-all"]}, NO_ANNOUNCEMENTS),
        # Nobody is on a server that is off, or that is not restarted.
        ({"state": "offline"}, {"announcements": [], "if_offline": "start"}, None),
        ({"state": "offline"}, {"announcements": []}, None),
    ],
)
def test_result_says_why_nobody_was_warned(server, options, reason, check_mode):
    api = virtual.api({**SERVER, **server})
    result = virtual.operate(api, OPERATION, server_id=1, game="auto", check_mode=check_mode, **options)
    assert result["not_warned"] == reason, result


def test_cancelled_maintenance_does_not_say_that_nobody_was_warned():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(status=500, done=False) if path.endswith("/command") else None
    result = maintain(api)
    assert result["outcome"] == "failed" and result["not_warned"] is None, result


def test_max_failures_defers_the_servers_that_have_not_begun():
    api, results = virtual_fleet.maintain(
        12,
        configs=[ServerConfig(id=one, failed_start=one < 3) for one in range(1, 13)],
        announcements=WARNINGS[1:],
        commands=["save-all"] * 8,
        wait_timeout=60.0,
        run={"max_failures": 1},
    )
    outcomes = [results[one]["outcome"] for one in sorted(results)]
    assert outcomes[:2] == ["failed", "failed"] and outcomes[-1] == "deferred", outcomes
    assert "max_failures: 1" in results[12]["reason"] and not api.said(12) and not api.sent(12), results[12]
    # Servers whose players were warned are restarted.
    assert all(api.sent(one) for one in results if api.said(one))


def test_run_shows_its_progress():
    told = []
    words = [{"before": before, "text": "Restart in {remaining}"} for before in ("30m", "1m")]
    _api, results = virtual_fleet.maintain(4, announcements=words, run={"tell": told.append})
    assert {result["outcome"] for result in results.values()} == {"done"}
    while_down = [text for text in told if text.startswith("run: 4 in countdown or restart; ends at about")]
    assert 5 <= len(while_down) <= 7 and told[-1] == "run: 4 done", told


def test_server_that_another_run_maintains_fails():
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1)
    other = Lock(1, "elsewhere/boot/ns/7/1", api.clock.now() + 600.0, api.clock.now())
    ctx.client.ledger._change(lambda calendars: calendars.update({WRITE: replace(calendars[WRITE], locks=(other,))}))
    with pytest.raises(ServerPrismError, match="Another run is maintaining server 1"):
        virtual.run(OPERATION, ctx)
    assert not api.signals


def test_run_with_the_same_id_fails_while_another_waits_for_evidence(tmp_path):
    """The log contains the signal by then, but that does not mean that the server is done."""
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, ledger=str(tmp_path), maintenance_id="CHG-7")
    virtual.note(tmp_path, "CHG-7", 1, "signal")
    other = Lock(1, "elsewhere/boot/ns/7/1", api.clock.now() + 600.0, api.clock.now())
    ctx.client.ledger._change(lambda calendars: calendars.update({WRITE: replace(calendars[WRITE], locks=(other,))}))
    with pytest.raises(ServerPrismError, match="Another run is maintaining server 1"):
        virtual.run(OPERATION, ctx)


LEFT = [
    ("restarted", "running", True),
    ("restarted", "starting", True),
    ("restarted", "offline", False),
    ("restarted", "stopping", False),
    ("restarted", None, False),
    ("stopped", "offline", True),
    ("stopped", "stopping", True),
    ("stopped", "running", False),
    ("stopped", "starting", False),
]


@pytest.mark.parametrize(("wanted", "state", "expected"), LEFT)
def test_states_that_a_signal_leads_to(wanted, state, expected):
    assert as_left(wanted, state) is expected


def test_repeated_run_fails_for_a_server_that_is_down_after_its_restart(tmp_path):
    api = virtual.api({**SERVER, "failed_start": True})
    options = {"ledger": str(tmp_path), "maintenance_id": "CHG-7", "wait_timeout": 120.0}
    assert maintain(api, **options)["outcome"] == "failed" and api.nodes[1].state == "offline"
    again = maintain(api, **options)
    assert again["outcome"] == "failed" and "under maintenance_id CHG-7, and it is offline" in again["msg"], again
    assert api.sent() == ["restart"]


def test_server_stays_locked_until_the_outcome_of_its_signal_is_known():
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, announcements=WARNINGS, max_wait=60.0, wait_timeout=100.0)
    ends = []

    def fault(method, path):
        if method == "POST":
            (lock,) = ctx.client.ledger.calendar(WRITE).locks
            ends.append(lock.until - api.clock.now())
        late = path.endswith("/command") and api.lines and api.clock.now() < 1_000_285.0
        return virtual.Fault(status=503, done=False) if late else None

    api.fault = fault
    result = virtual.run(OPERATION, ctx)
    assert result["outcome"] == "done" and result["notice_error"] > 40.0, result
    # The time for refused attempts and for the evidence, whenever the signal is sent.
    assert len(ends) > 5 and min(ends) >= 60.0 + 100.0 + 100.0, ends


def test_no_action_is_sent_after_the_deadline_after_a_slow_read():
    api = virtual.api(SERVER)
    api.fault = lambda method, path: virtual.Fault(delay=3.2) if method == "GET" and api.lines else None
    result = maintain(api, deadline=stamp(1_000_300.5))
    assert result["outcome"] == "deferred" and not api.signals and api.said()[-1].startswith("say Maintenance cancelled"), result


def test_last_announcement_is_repeated_three_times_at_most():
    """After each line the API blocks all writes for most of a minute before its reply."""
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, announcements=WARNINGS)

    def fault(method, path):
        if path.endswith("/command") and api.clock.now() > 1_000_280.0:
            ctx.client.ledger.block(WRITE, api.clock.now() + 50.0)
            return virtual.Fault(delay=5.0)

    api.fault = fault
    result = virtual.run(OPERATION, ctx)
    said = api.said().count("say Fred's: now")
    assert result["outcome"] == "done" and said == 1 + MOST_REPEATED and api.sent() == ["restart"], result


AT = 1_003_600.0


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, 300.25),
        ({"announcements": []}, 5.25),
        ({"announcements": [], "commands": []}, 0.0),
        ({"announcements": WARNINGS[-1:], "command_wait": 20.0}, 20.25),
    ],
)
def test_at_is_the_time_of_the_restart(options, first):
    api = virtual.api(SERVER)
    result = maintain(api, at=stamp(AT), **options)
    assert result["outcome"] == "done", result
    ((restarted, _server, _signal),) = api.signals
    assert 0 <= restarted - AT < 1.0
    assert not api.lines or 0 <= api.lines[0][0] - (AT - first) < 1.0


def test_offline_server_is_started_at_the_time_of_the_restart():
    api = virtual.api({**SERVER, "state": "offline"})
    assert maintain(api, at=stamp(AT), if_offline="start")["outcome"] == "done"
    ((started, _server, _signal),) = api.signals
    assert 0 <= started - AT < 1.0


def test_at_that_leaves_too_little_notice_moves_the_restart():
    api = virtual.api(SERVER)
    result = maintain(api, at=stamp(1_000_060.0))
    ((restarted, _server, _signal),) = api.signals
    assert result["outcome"] == "done" and restarted >= 1_000_300.0

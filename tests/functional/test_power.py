# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

FAST = {"id": 1234, "boot_seconds": 3.0, "stop_seconds": 2.0}
SLOW = {"id": 1234, "boot_seconds": 30.0, "stop_seconds": 15.0}


def signals(sim):
    return [post["body"]["signal"] for post in sim.posts()]


def test_restart_within_the_status_cache_is_confirmed_by_counters(simulator, operate):
    sim = simulator([FAST])
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert (result["confirmed"], result["evidence"]) == (True, "counters"), result
    assert sim.states(1234) == ["running", "stopping", "offline", "starting", "running"]


def test_slow_restart_is_confirmed_by_its_states(simulator, operate):
    sim = simulator([SLOW])
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert (result["changed"], result["confirmed"], result["evidence"], result["after"]) == (True, True, "state", "running"), result
    # Rounded to milliseconds.
    assert result["downtime"] >= sim.seconds(45) - 0.002


def test_dropped_restart_is_not_confirmed(simulator, operate):
    sim = simulator([{**FAST, "drop_signals": ["restart"]}])
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert (result["changed"], result["confirmed"], result["evidence"]) == (True, False, "none"), result
    assert signals(sim) == ["restart"]


@pytest.mark.parametrize("switch", [{"null": True}, {"shown_state": "missing"}, {"shown_state": "hibernating"}])
@pytest.mark.parametrize("state", ["started", "stopped", "restarted", "killed"])
def test_unknown_state_leads_to_no_signal(simulator, operate, switch, state):
    sim = simulator([{**FAST, **switch}], speed=200)
    result = operate(sim, "power", server_id=1234, state=state)
    assert result["failed"] and not result["changed"] and "unknown" in result["msg"], result
    assert not sim.posts()


@pytest.mark.parametrize(
    ("before", "state", "sent", "changed"),
    [
        ("running", "started", [], False),
        ("offline", "stopped", [], False),
        ("offline", "killed", [], False),
        ("offline", "started", ["start"], True),
        ("running", "stopped", ["stop"], True),
        ("running", "killed", ["kill"], True),
        ("offline", "restarted", ["start"], True),
    ],
)
def test_only_needed_signals_are_sent(simulator, operate, before, state, sent, changed):
    sim = simulator([{**FAST, "state": before}])
    result = operate(sim, "power", server_id=1234, state=state)
    assert (signals(sim), result["changed"], result["confirmed"]) == (sent, changed, True), result


@pytest.mark.parametrize("state", ["started", "stopped", "restarted", "killed"])
@pytest.mark.parametrize("before", ["offline", "running"])
def test_check_mode_sends_nothing_and_predicts(simulator, operate, before, state):
    sim = simulator([{**FAST, "state": before}])
    predicted = operate(sim, "power", server_id=1234, state=state, check_mode=True)
    assert not sim.posts()
    real = operate(sim, "power", server_id=1234, state=state)
    assert [predicted[k] for k in ("changed", "signal", "before")] == [real[k] for k in ("changed", "signal", "before")]


def test_kill_is_sent_only_after_a_stop_timed_out_and_only_if_configured(simulator, operate):
    sim = simulator([{**FAST, "hanging_stop": True}])
    result = operate(sim, "power", server_id=1234, state="stopped", wait_timeout=2.0)
    assert result["failed"] and result["changed"] and "stopping" in result["msg"], result
    assert signals(sim) == ["stop"]


def test_kill_after_kills(simulator, operate):
    sim = simulator([{**FAST, "hanging_stop": True}])
    result = operate(sim, "power", server_id=1234, state="stopped", kill_after=1.5)
    assert signals(sim) == ["stop", "kill"] and result["after"] == "offline" and result["signal"] == "kill", result


def test_hanging_restart_is_killed_only_if_configured_and_comes_back(simulator, operate):
    sim = simulator([{**FAST, "hanging_stop": True}])
    result = operate(sim, "power", server_id=1234, state="restarted", kill_after=1.5)
    assert signals(sim) == ["restart", "kill"] and result["confirmed"] and result["after"] == "running", result
    assert result["evidence"] == "state" and sim.states(1234)[-1] == "running"


def test_slow_boot_after_a_restart_is_not_killed(simulator, operate):
    sim = simulator([{**FAST, "boot_seconds": 60.0}])
    result = operate(sim, "power", server_id=1234, state="restarted", kill_after=0.5)
    assert signals(sim) == ["restart"] and result["confirmed"], result


def test_stop_dropped_in_early_boot_is_sent_again(simulator, operate):
    sim = simulator([{**SLOW, "state": "offline", "boot_seconds": 60.0, "early_boot_seconds": 15.0}])
    sim.patch(1234, signal="start")
    result = operate(sim, "power", server_id=1234, state="stopped")
    assert signals(sim) == ["stop", "stop"] and result["confirmed"] and result["after"] == "offline", result


def test_failed_start_is_an_error(simulator, operate):
    sim = simulator([{**FAST, "state": "offline", "boot_seconds": 30.0, "failed_start": True}])
    result = operate(sim, "power", server_id=1234, state="started")
    assert result["failed"] and result["changed"] and not result["confirmed"], result
    assert "offline again" in result["msg"]


def test_running_when_starting_accepts_a_game_that_never_reports_running(simulator, operate):
    sim = simulator([{**FAST, "stuck_starting": True}])
    result = operate(sim, "power", server_id=1234, state="restarted", running_when="starting")
    assert result["confirmed"] and result["after"] == "starting", result


def test_restart_whose_answer_was_lost_is_verified_and_not_repeated(simulator, operate):
    sim = simulator([FAST])
    sim.fault(method="POST", drop=True, done=True)
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert result["confirmed"] and signals(sim) == ["restart"], result


def test_restart_lost_on_the_way_fails_and_is_not_repeated(simulator, operate):
    sim = simulator([FAST])
    sim.fault(method="POST", drop=True)
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert result["failed"] and result["changed"] and not result["confirmed"], result
    assert len(sim.posts()) == 1

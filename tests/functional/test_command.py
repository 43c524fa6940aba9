# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One console command: at most once, and only to a game that runs."""

from __future__ import annotations

import pytest


def test_command_reaches_the_console_once(simulator, operate):
    sim = simulator()
    result = operate(sim, "command", server_id=1234, command="say hello")
    assert (result["sent"], result["changed"], result["command"]) == (True, True, "say hello"), result
    assert sim.console(1234) == ["say hello"] and result["api"] == {"reads": 0, "writes": 1, "waited_seconds": 0.0}


@pytest.mark.parametrize("status", [412, 502])
@pytest.mark.parametrize("rule", ["fail", "skip"])
def test_command_to_an_offline_server_fails(simulator, operate, status, rule):
    sim = simulator([{"id": 1234, "state": "offline"}], not_running_status=status)
    result = operate(sim, "command", server_id=1234, command="say hello", if_offline=rule)
    assert result.get("failed", False) == (rule == "fail"), result
    assert not result["sent"] and not result["changed"] and not sim.console(1234)


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 504}, {"truncate": True}, {"status": 200, "body": "<html>"}])
@pytest.mark.parametrize("done", [True, False])
def test_command_is_not_repeated_after_an_ambiguous_failure(simulator, operate, fault, done):
    sim = simulator()
    sim.fault(method="POST", done=done, **fault)
    result = operate(sim, "command", server_id=1234, command="say hello")
    assert result["failed"] and not result["sent"] and result["changed"] and "may have been" in result["msg"], result
    assert len(sim.posts()) == 1


@pytest.mark.parametrize("fault", [{"status": 429, "headers": {"Retry-After": "0"}}, {"status": 503}])
def test_command_is_repeated_if_it_was_certainly_not_carried_out(simulator, operate, fault):
    sim = simulator()
    sim.fault(method="POST", count=2, **fault)
    result = operate(sim, "command", server_id=1234, command="say hello")
    assert result["sent"] and sim.console(1234) == ["say hello"], result


@pytest.mark.parametrize("state", ["running", "offline"])
def test_check_mode_sends_nothing_and_predicts(simulator, operate, state):
    sim = simulator([{"id": 1234, "state": state}])
    result = operate(sim, "command", server_id=1234, command="say hello", if_offline="skip", check_mode=True)
    assert result["changed"] == (state == "running") and not result["sent"] and not sim.posts(), result


@pytest.mark.parametrize("state", ["running", "offline"])
@pytest.mark.parametrize("shown", [{"null": True}, {"shown_state": "missing"}])
def test_command_is_sent_to_a_server_of_unknown_state(simulator, operate, state, shown):
    sim = simulator([{"id": 1234, "state": state, **shown}])
    options = {"server_id": 1234, "command": "say hello", "if_offline": "skip"}
    assert operate(sim, "command", **options, check_mode=True)["changed"] and not sim.posts()
    result = operate(sim, "command", **options)
    assert not result.get("failed") and result["sent"] == result["changed"] == (state == "running"), result
    assert len(sim.posts()) == 1 and result["api"]["reads"] == 1


def test_failure_has_the_keys_of_a_result(simulator, operate):
    sim = simulator([{"id": 1234, "customer": "other"}])
    for rule in ("fail", "skip"):
        result = operate(sim, "command", server_id=1234, command="say hello", if_offline=rule)
        assert result["failed"] and (result["sent"], result["changed"], result["server_id"]) == (False, False, 1234), result


@pytest.mark.parametrize("command", ["", "   ", "say a\nstop", "say a\rstop", "say \x00", "say \x1b[2J", "x" * 1025])
def test_invalid_console_line_is_refused_before_any_request(simulator, operate, command):
    sim = simulator()
    result = operate(sim, "command", server_id=1234, command=command)
    assert result["failed"] and result["msg"].startswith("command: ") and not sim.requests(), result


def test_length_limit_counts_characters_not_bytes(simulator, operate):
    sim = simulator()
    result = operate(sim, "command", server_id=1234, command="say " + "\u00e4" * 1020)
    assert result["sent"] and len(sim.console(1234)[0]) == 1024, result

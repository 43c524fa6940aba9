# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import signal
import time
from datetime import datetime

import pytest
from functional.harness import ROOT

SERVER = {"id": 1234, "name": "Fred's Minecraft", "boot_seconds": 6.0, "stop_seconds": 3.0}
WARNINGS = [{"before": "3s", "text": "Restart in {remaining}"}, {"before": "1s", "text": "{name}: now"}]
AT_ONCE = {"announcements": [], "commands": []}


def test_players_are_warned_then_the_world_is_saved_then_it_restarts(simulator, operate):
    sim = simulator([SERVER])
    result = operate(
        sim,
        "maintenance",
        server_id=1234,
        announcements=WARNINGS,
        commands=["save-all"],
        command_wait=0.5,
        done_text="Back!",
        done_delay=0.0,
    )
    assert result["outcome"] == "done" and result["confirmed"] and result["changed"], result
    assert sim.console(1234) == ["say Restart in 3 seconds", "say Fred's Minecraft: now", "save-all", "say Back!"]
    assert [entry["outcome"] for entry in result["timeline"]] == ["sent"] * 5
    assert 0 <= result["notice_error"] <= 1.0
    lines = sim.console_log(1234)
    down = next(row["time"] for row in sim.state_log(1234) if row["state"] == "stopping")
    for line, notice in zip(lines, (3.0, 1.0)):
        assert down - line["time"] >= notice - 0.02


def test_check_mode_returns_the_plan_and_sends_nothing(simulator, operate):
    sim = simulator([SERVER])
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS, commands=["save-all"], check_mode=True, diff=True)
    assert not sim.posts()
    assert result["changed"] and result["outcome"] == "planned"
    assert [(e["kind"], e["outcome"]) for e in result["timeline"]][-1] == ("signal", "planned")
    assert "say Restart in 3 seconds" in result["diff"]["after"]


@pytest.mark.parametrize("switches", [{"state": "offline"}, {"service_status": "suspended"}])
def test_offline_server_is_skipped_and_not_started(simulator, operate, switches):
    sim = simulator([{**SERVER, **switches}])
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS)
    assert result["outcome"] == "skipped" and not result["changed"] and not sim.posts(), result


def test_unknown_state_leads_to_no_action(simulator, operate):
    sim = simulator([{**SERVER, "null": True}], speed=100)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS)
    assert result["outcome"] == "failed" and result["failed"] and not sim.posts(), result


def test_dropped_restart_is_not_confirmed(simulator, operate):
    sim = simulator([{**SERVER, "drop_signals": ["restart"]}])
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS[1:], done_text="Back!", done_delay=0.0)
    assert result["outcome"] == "unconfirmed" and not result["confirmed"] and result["changed"] and result["failed"], result
    assert "say Back!" not in sim.console(1234)


def test_refused_restart_is_cancelled_and_announced(simulator, operate):
    sim = simulator([{**SERVER, "conflict": True}])
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS[1:])
    assert result["outcome"] == "failed" and not result["changed"], result
    assert sim.console(1234)[-1] == "say Maintenance cancelled: no restart now."


def test_late_line_delays_the_restart_and_keeps_the_notice(simulator, operate):
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", delay=1.5, done=True, skip=1, count=1)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS)
    assert result["outcome"] == "done" and result["notice_error"] >= 0, result
    down = next(row["time"] for row in sim.state_log(1234) if row["state"] == "stopping")
    assert down - sim.console_log(1234)[1]["time"] >= 1.0


def test_line_without_an_answer_is_not_repeated(simulator, operate):
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", drop=True, done=True, skip=1, count=1)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS)
    assert result["outcome"] == "done" and result["timeline"][1]["outcome"] == "unknown", result
    assert len(sim.console(1234)) == 2


def test_restart_is_cancelled_if_no_line_was_certainly_delivered(simulator, operate):
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", drop=True, count=1)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS[1:])
    assert result["outcome"] == "failed" and not result["changed"], result
    assert sim.states(1234) == ["running"]


def test_nothing_begins_after_the_deadline(simulator, operate):
    sim = simulator([SERVER])
    soon = datetime.fromtimestamp(time.time() + 2).astimezone().isoformat()
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS, deadline=soon)
    assert result["outcome"] == "deferred" and not sim.posts(), result


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"announcements": [{"before": "soon", "text": "x"}]}, "announcements[0].before"),
        ({"announcements": [{"before": "5m", "text": "a\nstop"}]}, "announcements[0].text"),
        ({"announcements": [{"before": "5m", "text": "x" * 1021}]}, "announcements[0].text"),
        ({"announce_command": "say hello"}, "announce_command"),
        ({"commands": ["save\nstop"]}, "commands[0]"),
        ({"cancel_text": ""}, "cancel_text"),
        ({"start": "later"}, "start"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"server_id": 0}, "server_id"),
        ({"wait_timeout": -1}, "wait_timeout"),
        ({"api_url": "http://example.com"}, "api_url"),
        ({"api_token": "two words"}, "api_token"),
        ({"write_headroom": 20}, "write_headroom"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_bad_input_is_refused_by_name_before_any_request(simulator, operate, options, named):
    sim = simulator([SERVER])
    result = operate(sim, "maintenance", **{"server_id": 1234, **options})
    assert result["failed"] and result["msg"].startswith(named) and "\n" not in result["msg"], result
    assert not sim.requests()


PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "serverprism.cloud.serverprism_maintenance": {
                    "server_id": 1234,
                    "announcements": [{"before": "30s", "text": "Restart in {remaining}"}],
                }
            }
        ],
    }
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_countdown_is_cancelled_and_announced(simulator, ansible, number):
    sim = simulator([SERVER])
    process = ansible.start(sim, PLAY)
    until = time.monotonic() + 30
    while not sim.console(1234):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    output = "".join(process.communicate(timeout=30))
    while len(sim.console(1234)) < 2:
        assert time.monotonic() < until, output
        time.sleep(0.05)
    assert sim.console(1234) == ["say Restart in 30 seconds", "say Maintenance cancelled: no restart now."]
    assert sim.states(1234) == ["running"]
    # SIGTERM ends Ansible and its output at once, so only Ctrl-C shows that the players were told.
    seen = "[localhost] sent: say Maintenance cancelled: no restart now." in output
    assert seen or number == signal.SIGTERM, output


def test_task_timeout_cancels_the_countdown(simulator, ansible):
    sim = simulator([SERVER])
    play = [{**PLAY[0], "tasks": [{**PLAY[0]["tasks"][0], "timeout": 6}]}]
    run = ansible.run(sim, play)
    assert run.rc != 0
    assert sim.console(1234)[-1] == "say Maintenance cancelled: no restart now.", run.output
    assert sim.states(1234) == ["running"]


@pytest.mark.parametrize(("module", "options"), [("maintenance", AT_ONCE), ("power", {"state": "restarted"})])
def test_task_timeout_after_the_signal_reports_a_change(simulator, ansible, module, options):
    sim = simulator([{**SERVER, "boot_seconds": 1200.0}])
    result = ansible.task(sim, module, {"server_id": 1234, "poll_interval": 0.1, **options}, timeout=6)
    assert result["failed"] and result["changed"] and result["signal"] == "restart" and not result["confirmed"], result
    # Up to ansible-core 2.18 the timeout has no text.
    assert re.search(r"\((Timed out after 6 second\(s\)|TaskTimeoutError)\).* sent to server 1234", result["msg"]), result


@pytest.mark.parametrize(("module", "options"), [("maintenance", {}), ("power", {"state": "restarted"}), ("command", {"command": "list"})])
def test_timeout_that_cannot_reach_the_target_is_refused(simulator, ansible, module, options):
    sim = simulator([SERVER])
    plugins = ROOT / "tests" / "integration" / "targets" / "setup_simulator" / "connection_plugins"
    task = {"timeout": 30, "vars": {"ansible_connection": "faraway"}, "env": {"ANSIBLE_CONNECTION_PLUGINS": str(plugins)}}
    result = ansible.task(sim, module, {"server_id": 1234, **options}, **task)
    assert result["failed"] and result["msg"].startswith("timeout cannot be used with this connection") and not sim.requests(), result


def test_progress_is_shown_live_with_the_host(simulator, ansible):
    sim = simulator([SERVER])
    play = [
        {
            **PLAY[0],
            "tasks": [
                {
                    "serverprism.cloud.serverprism_maintenance": {
                        "server_id": 1234,
                        "announcements": [{"before": "1s", "text": "Restart in {remaining}"}],
                        "command_wait": 0.2,
                        "poll_interval": 0.1,
                    }
                }
            ],
        }
    ]
    run = ansible.run(sim, play)
    assert run.rc == 0, run.output
    assert re.search(r"^\[localhost\] sent: say Restart in 1 second$", run.stdout, re.MULTILINE), run.output

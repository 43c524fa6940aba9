# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of events during a countdown, and of what players and operator are told."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import Transport
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.file_ledger import FileLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import Ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota
from waiting import until

SERVER = {"id": 1234, "name": "Fred's Minecraft", "boot_seconds": 6.0, "stop_seconds": 3.0}
WARNINGS = [{"before": "3s", "text": "Restart in {remaining}"}, {"before": "1s", "text": "Now"}]
CANCELLED = "say Maintenance cancelled: no restart now."


@pytest.fixture
def during(simulator, operate):
    """Run a maintenance, and change its server once the first line was sent."""

    def run(happening, server=None, **options):
        sim = simulator([{**SERVER, **(server or {})}])

        def meanwhile():
            until(lambda: sim.console(1234), 20)
            happening(sim)

        thread = threading.Thread(target=meanwhile)
        thread.start()
        try:
            result = operate(sim, "maintenance", server_id=1234, **{"announcements": WARNINGS, **options})
        finally:
            thread.join()
        return sim, result

    return run


def test_server_that_crashed_and_stays_offline_is_not_started(during):
    sim, result = during(lambda sim: sim.patch(1234, auto_restart=False, crash=True))
    assert (result["outcome"], result["changed"]) == ("failed", False) and "went offline during its countdown" in result["reason"], result
    assert "could not be told that the maintenance is cancelled" in result["msg"], result
    assert sim.states(1234) == ["running", "offline"] and "signal" not in [e["kind"] for e in result["timeline"] if e["outcome"] == "sent"]


def test_server_that_crashes_and_comes_back_is_restarted(during):
    sim, result = during(lambda sim: sim.patch(1234, crash=True))
    assert result["outcome"] == "done" and result["confirmed"], result
    assert sim.states(1234)[-4:] == ["stopping", "offline", "starting", "running"]


def test_server_stopped_by_another_user_stays_stopped(during):
    sim, result = during(lambda sim: sim.patch(1234, signal="stop"))
    assert result["outcome"] == "failed" and "somebody stopped it" in result["msg"], result
    assert not [post for post in sim.posts() if "signal" in post["body"]]


def test_deleted_server_fails_with_one_clear_line(during):
    _sim, result = during(lambda sim: sim.patch(1234, delete=True))
    assert result["outcome"] == "failed" and not result["changed"] and "(HTTP 404)" in result["msg"], result


def test_suspension_during_a_countdown_cancels_it_and_is_announced(during):
    sim, result = during(lambda sim: sim.patch(1234, service_status="suspended"))
    assert result["outcome"] == "skipped" and result["reason"] == "suspended (billing)", result
    assert sim.console(1234)[-1] == CANCELLED and sim.states(1234) == ["running"]


def test_token_revoked_during_a_countdown_fails_and_reports_untold_players(simulator, operate):
    sim = simulator([SERVER])
    warnings = []
    sim.fault(method="POST", path="command", status=401, body='{"message": "Unauthenticated."}', skip=1)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS, warn=warnings.append)
    assert result["outcome"] == "failed" and "api_token" in result["msg"] and sim.states(1234) == ["running"], result
    assert any("could not be told" in text for text in warnings) and "players were warned, and could not be told" in result["msg"], result


def test_state_that_becomes_unknown_cancels_the_countdown(during):
    sim, result = during(lambda sim: sim.patch(1234, null=True))
    assert result["outcome"] == "failed" and not result["changed"] and "unknown" in result["msg"], result
    assert sim.console(1234)[-1] == CANCELLED and sim.states(1234) == ["running"]


def test_state_that_is_unknown_for_a_moment_delays_the_restart(during):
    def hide(sim):
        sim.patch(1234, null=True)
        time.sleep(2.5)
        sim.patch(1234, null=False)

    _sim, result = during(hide)
    assert result["outcome"] == "done" and result["notice_error"] >= 0, result


def test_node_that_is_down_for_a_moment_delays_the_restart_and_keeps_the_notice(simulator, operate):
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", status=503, skip=1, count=2)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS)
    down = next(row["time"] for row in sim.state_log(1234) if row["state"] == "stopping")
    for line, notice in zip(sim.console_log(1234), (3.0, 1.0)):
        assert down - line["time"] >= notice - 0.02
    assert result["outcome"] == "done" and result["notice_error"] >= 0, result


def test_delay_past_the_deadline_cancels_the_countdown_and_is_announced(simulator, operate):
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", delay=2.5, done=True, skip=1, count=1)
    deadline = datetime.fromtimestamp(time.time() + 4.5).astimezone().isoformat()
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS, deadline=deadline)
    assert result["outcome"] == "deferred" and not result["changed"], result
    assert sim.console(1234)[-1] == CANCELLED and sim.states(1234) == ["running"]


def test_restart_whose_answer_was_lost_is_confirmed(simulator, operate):
    sim = simulator([SERVER])
    sim.fault(method="POST", path="power", drop=True, done=True)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS[1:])
    assert result["outcome"] == "done" and result["confirmed"] and len([p for p in sim.posts() if "signal" in p["body"]]) == 1, result


def test_hanging_stop_fails_and_is_killed_only_if_configured(simulator, operate):
    for more, signals, outcome in (({"wait_timeout": 1.5}, ["stop"], "failed"), ({"kill_after": 1.0}, ["stop", "kill"], "done")):
        sim = simulator([{**SERVER, "hanging_stop": True}])
        result = operate(sim, "maintenance", server_id=1234, state="stopped", announcements=WARNINGS[1:], **more)
        assert (result["outcome"], result["changed"]) == (outcome, True), result
        assert [post["body"]["signal"] for post in sim.posts() if "signal" in post["body"]] == signals


def test_failed_boot_is_unconfirmed(simulator, operate):
    sim = simulator([{**SERVER, "failed_start": True}])
    result = operate(sim, "maintenance", server_id=1234, done_text="Back!", done_delay=0.0, wait_timeout=3.0)
    assert result["outcome"] == "failed" and result["changed"] and "last state: offline" in result["msg"], result
    assert not sim.console(1234)


def test_start_time_is_waited_for_and_the_state_read_again(simulator, operate):
    sim = simulator([SERVER])
    start = time.time() + 2
    at = datetime.fromtimestamp(start).astimezone().isoformat()
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS[1:], start=at)
    assert result["outcome"] == "done" and sim.console_log(1234)[0]["time"] >= start, result


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_server_in_transition_is_maintained(simulator, operate, state):
    sim = simulator([{**SERVER, "state": "offline" if state == "starting" else "running", "stop_seconds": 40.0}])
    sim.patch(1234, signal="start" if state == "starting" else "restart")
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS[1:])
    assert result["outcome"] == "done" and result["confirmed"], result


def test_urgent_stop_does_not_wait_for_a_fleet(simulator, operate):
    """Timelines leave ``write_headroom`` writes of each window free; if there is no room for another slot, a stop is sent at once."""
    limits = {"read_limit": 1000, "write_limit": 6}
    sim = simulator([{**SERVER, "id": i} for i in range(1, 5)], window=12_000.0, **limits)
    limits["limit_window"] = sim.seconds(12_000)
    deadline = datetime.fromtimestamp(time.time() + limits["limit_window"] / 2).astimezone().isoformat()
    options = {"announcements": WARNINGS[1:], "deadline": deadline, **limits}
    fleet = [operate(sim, "maintenance", server_id=i, **options) for i in (2, 3, 4)]
    assert [result["outcome"] for result in fleet] == ["done", "done", "deferred"], fleet
    urgent = operate(sim, "power", server_id=1, state="stopped", wait=False, **limits)
    assert urgent["signal"] == "stop" and urgent["api"]["waited_seconds"] < limits["limit_window"] / 2, urgent
    assert [post["status"] for post in sim.posts()] == [200] * 5


@pytest.mark.parametrize(("delay", "rescheduled"), [(0.5, 0), (1.5, 1)])
def test_slightly_late_line_keeps_its_slot(simulator, operate, monkeypatch, delay, rescheduled):
    """The restart moves within the guard first, and only then in the ledger."""
    calls, reschedule = [], Ledger.reschedule

    def spy(self, bucket, old, wanted):
        calls.append(bucket)
        return reschedule(self, bucket, old, wanted)

    monkeypatch.setattr(Ledger, "reschedule", spy)
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", delay=delay, done=True, skip=1, count=1)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS, limit_window=60.0)
    assert result["outcome"] == "done" and result["notice_error"] >= 0 and calls == [WRITE] * rescheduled, (result, calls)


def test_restart_that_moves_far_is_announced_again(simulator, operate, tmp_path, monkeypatch):
    """The last line is late and a 429 then blocks all requests: players who heard it must be told of the new time."""
    sim = simulator([SERVER])
    sim.fault(method="POST", path="command", delay=0.8, done=True, skip=1, count=1)
    quotas = {bucket: Quota(20, sim.seconds(60)) for bucket in (READ, WRITE)}
    others = FileLedger(str(tmp_path / "ledger"), sim.url, quotas, SystemClock())
    attempt, lines = Transport.attempt, []

    def blocked_after_the_last(self, method, path, body=None):
        reply = attempt(self, method, path, body)
        if path.endswith("/command"):
            lines.append(body)
            if len(lines) == 2:
                others.block(WRITE, others.clock.now() + sim.seconds(60))
        return reply

    monkeypatch.setattr(Transport, "attempt", blocked_after_the_last)
    result = operate(sim, "maintenance", server_id=1234, announcements=WARNINGS, limit_window=sim.seconds(60))
    assert result["outcome"] == "done" and sim.console(1234) == ["say Restart in 3 seconds", "say Now", "say Now"], result
    down = next(row["time"] for row in sim.state_log(1234) if row["state"] == "stopping")
    last = sim.console_log(1234)[-1]["time"]
    assert 1.0 - 0.02 <= down - last < sim.seconds(60) / 2 and [entry["outcome"] for entry in result["timeline"]] == ["sent"] * 4

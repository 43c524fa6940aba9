# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power operation on a simulated server: the signals it sends, and the outcome it confirms."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._power.operation import OPERATION
from hypothesis import given, settings
from hypothesis import strategies as st

# The simulated start takes 30 s and the stop 5 s, unless a test sets others.
SERVER = {"id": 1}


def power(api, state, **options):
    return virtual.operate(api, OPERATION, server_id=1, state=state, **options)


@pytest.mark.parametrize(
    ("before", "state", "options", "sent", "after"),
    [
        ("running", "started", {}, [], "running"),
        ("offline", "stopped", {}, [], "offline"),
        ("offline", "killed", {}, [], "offline"),
        ("offline", "started", {}, ["start"], "running"),
        ("running", "stopped", {}, ["stop"], "offline"),
        ("running", "killed", {}, ["kill"], "offline"),
        ("running", "restarted", {}, ["restart"], "running"),
        ("offline", "restarted", {}, ["start"], "running"),
        ("offline", "restarted", {"if_offline": "skip"}, [], "offline"),
    ],
)
def test_only_the_needed_signal_is_sent(before, state, options, sent, after):
    api = virtual.api({**SERVER, "state": before})
    result = power(api, state, **options)
    assert not result.get("failed") and result["changed"] == bool(sent), result
    assert api.sent() == sent and result["after"] == after == api.nodes[1].state
    assert result["confirmed"] and result["evidence"] in ("state", "counters")


@pytest.mark.parametrize("state", ["started", "stopped", "restarted", "killed"])
@pytest.mark.parametrize("before", ["offline", "running"])
def test_check_mode_predicts_the_result_and_shows_the_difference(before, state):
    api = virtual.api({**SERVER, "state": before})
    predicted = power(api, state, check_mode=True, diff=True)
    assert not api.signals
    real = power(api, state, diff=True)
    assert [predicted[key] for key in ("changed", "signal", "before")] == [real[key] for key in ("changed", "signal", "before")]
    assert predicted["diff"] == real["diff"]


@pytest.mark.parametrize(
    ("first", "second", "signals", "ends"),
    [
        ("stopped", "started", ["stop", "start"], "running"),
        ("killed", "started", ["kill", "start"], "running"),
        ("started", "stopped", ["start", "stop"], "offline"),
        ("stopped", "restarted", ["stop", "start"], "running"),
        ("stopped", "stopped", ["stop"], "offline"),
    ],
)
def test_task_after_one_without_wait_reads_a_new_status(first, second, signals, ends):
    """The first task does not wait, so the status that the second one reads may be older than its signal."""
    api = virtual.api({**SERVER, "state": "offline" if first == "started" else "running", "boot_seconds": 5.0, "stop_seconds": 5.0})
    one = virtual.context(api, OPERATION, server_id=1, state=first, wait=False)
    OPERATION.run(one)
    two = virtual.context(api, OPERATION, server_id=1, state=second)
    two.client.ledger = one.client.ledger
    result = OPERATION.run(two)
    assert result["confirmed"] and result["after"] == ends == api.nodes[1].state and api.sent() == signals, (result, api.sent())


@pytest.mark.parametrize(
    ("server", "state", "options"),
    [
        ({"service_status": "suspended"}, "stopped", {}),
        ({"conflict": True}, "stopped", {}),
        ({"state": "offline"}, "restarted", {"if_offline": "fail"}),
    ],
)
def test_failure_without_a_signal_confirms_nothing(server, state, options):
    result = power(virtual.api({**SERVER, **server}), state, **options)
    assert result["failed"] and not result["changed"] and (result["confirmed"], result["evidence"]) == (False, "none"), result


@pytest.mark.parametrize(
    ("signal", "state", "options", "after", "confirmed"),
    [
        ("start", "started", {}, "running", False),
        ("start", "started", {"running_when": "starting"}, "starting", True),
        ("stop", "stopped", {}, "offline", False),
    ],
)
def test_check_mode_does_not_confirm_a_transition_under_way(signal, state, options, after, confirmed):
    api = virtual.api({**SERVER, "state": "offline" if signal == "start" else "running", "boot_seconds": 90.0, "stop_seconds": 90.0})
    api.nodes[1].signal(signal, api.clock.now())
    api.clock.sleep(30.0)
    result = power(api, state, check_mode=True, **options)
    assert (result["changed"], result["after"], result["confirmed"]) == (False, after, confirmed), result


def test_check_mode_gives_the_reason_to_skip():
    result = power(virtual.api({**SERVER, "state": "offline"}), "restarted", if_offline="skip", check_mode=True)
    assert (result["changed"], result["reason"]) == (False, "offline"), result


def test_stale_status_is_waited_for_at_most_the_cache_time():
    """After a clock was set back, a time in the ledger can lie a year ahead."""
    api = virtual.api(SERVER)
    ctx = virtual.context(api, OPERATION, server_id=1, state="started")
    ctx.client.ledger.mark_stale(1, api.clock.now() + 1e7)
    begun = api.clock.now()
    assert OPERATION.run(ctx)["confirmed"] and 20.0 <= api.clock.now() - begun < 25.0


def test_signal_with_a_known_outcome_delays_no_later_task():
    api = virtual.api(SERVER)
    one = virtual.context(api, OPERATION, server_id=1, state="stopped")
    OPERATION.run(one)
    two = virtual.context(api, OPERATION, server_id=1, state="started")
    two.client.ledger, begun = one.client.ledger, api.clock.now()
    OPERATION.run(two)
    assert api.signals[-1][0] - begun < 1.0


@settings(max_examples=60)
@given(
    st.floats(0.5, 200.0),
    st.floats(0.5, 200.0),
    st.lists(st.sampled_from(["", "lost", "503", "slow"]), max_size=8),
    st.booleans(),
)
def test_restart_is_confirmed_only_if_it_happened(boot, stop, faults, dropped):
    api = virtual.api({**SERVER, "boot_seconds": boot, "stop_seconds": stop, "drop_signals": ["restart"] if dropped else []})
    left = list(faults)
    kinds = {"lost": virtual.Fault(lost=True), "503": virtual.Fault(status=503, done=False), "slow": virtual.Fault(delay=8.0)}
    api.fault = lambda method, path: kinds.get(left.pop(0)) if left else None
    result = power(api, "restarted", wait_timeout=900.0)
    assert api.sent().count("restart") <= 1
    if result.get("confirmed"):
        assert api.nodes[1].starts == 1 and api.nodes[1].state == "running", result
    if api.signals:
        assert result["changed"], result
    if not faults and not dropped:
        assert result["confirmed"] and result["downtime"] >= min(boot + stop, boot), result


@pytest.mark.parametrize(
    ("switches", "state", "options", "words", "changed"),
    [
        ({"conflict": True}, "stopped", {}, "(HTTP 409)", False),
        ({"null": True}, "stopped", {}, "unknown", False),
        ({"state": "offline"}, "restarted", {"if_offline": "fail"}, "if_offline is fail", False),
        ({"state": "offline", "service_status": "suspended"}, "started", {}, "suspended", False),
        ({"hanging_stop": True}, "stopped", {"wait_timeout": 60.0}, "stopping", True),
        ({"state": "offline", "failed_start": True}, "started", {}, "offline again", True),
        ({"id": 2}, "started", {}, "(HTTP 404)", False),
    ],
)
def test_failure_names_its_reason_and_the_signal(switches, state, options, words, changed):
    api = virtual.api({**SERVER, **switches})
    result = power(api, state, **options)
    assert result["failed"] and result["changed"] is changed and words in result["msg"], result


def test_hung_stop_is_killed_only_with_kill_after():
    api = virtual.api({**SERVER, "hanging_stop": True})
    result = power(api, "stopped", kill_after=120.0)
    assert api.sent() == ["stop", "kill"] and result["after"] == "offline" and result["confirmed"], result
    assert api.signals[1][0] - api.signals[0][0] >= 120.0


def test_hung_restart_is_killed_with_kill_after_and_comes_back():
    api = virtual.api({**SERVER, "hanging_stop": True})
    result = power(api, "restarted", kill_after=60.0)
    assert api.sent()[:2] == ["restart", "kill"] and result["after"] == "running" and result["confirmed"], result


def test_stop_dropped_during_boot_is_sent_again():
    api = virtual.api({**SERVER, "state": "offline", "boot_seconds": 90.0, "early_boot_seconds": 15.0})
    api.nodes[1].signal("start", api.clock.now())
    result = power(api, "stopped")
    assert api.sent() == ["stop", "stop"] and result["after"] == "offline", result


def test_start_that_is_always_dropped_is_sent_three_times():
    api = virtual.api({**SERVER, "state": "offline", "drop_signals": ["start"]})
    result = power(api, "started")
    assert result["failed"] and api.sent() == ["start"] * 3 and "start was accepted 3 times" in result["msg"], result


def test_signal_is_sent_after_a_stop_under_way_has_ended():
    api = virtual.api({**SERVER, "stop_seconds": 100.0})
    api.nodes[1].signal("stop", api.clock.now())
    told = []
    result = power(api, "started", progress=told.append)
    assert api.sent() == ["start"] and result["after"] == "running" and told[0].startswith("stopping: waiting"), (result, told)


def test_nothing_is_sent_during_a_stop_that_does_not_end():
    api = virtual.api({**SERVER, "hanging_stop": True, "stop_timeout": 5000.0})
    api.nodes[1].signal("stop", api.clock.now())
    result = power(api, "started", wait_timeout=100.0)
    assert result["failed"] and "still stopping after 100 s: nothing was sent" in result["msg"] and not api.signals, result


def starting(**server):
    """Return an API whose server is starting."""
    api = virtual.api({**SERVER, "state": "offline", **server})
    api.nodes[1].signal("start", api.clock.now())
    return api


def test_start_under_way_is_waited_for():
    api = starting(boot_seconds=100.0)
    result = power(api, "started")
    assert not result["changed"] and result["confirmed"] and result["after"] == "running" and not api.signals, result


def test_start_under_way_is_enough_without_wait_or_with_running_when_starting():
    result = power(starting(), "started", wait=False)
    assert not result["changed"] and not result["confirmed"] and result["after"] == "starting", result
    result = power(starting(), "started", running_when="starting")
    assert not result["changed"] and result["confirmed"] and result["after"] == "starting", result


def test_start_under_way_that_takes_too_long_fails():
    result = power(starting(stuck_starting=True), "started", wait_timeout=100.0)
    assert result["failed"] and not result["changed"] and not result["confirmed"], result
    assert "was already starting and is not running after 100 s (last state: starting)" in result["msg"]


def test_start_under_way_that_fails_is_reported():
    api = starting(boot_seconds=100.0)
    slept = api.clock.sleep

    def sleep(seconds):
        slept(seconds)
        if api.reads and api.nodes[1].state == "starting":
            api.nodes[1].signal("kill", api.clock.now())

    api.clock.sleep = sleep
    result = power(api, "started")
    assert result["failed"] and not result["confirmed"] and "the start failed, or the game crashed" in result["msg"], result


class TimedOut(BaseException):
    """The exception that the timeout of a task raises."""


@pytest.mark.parametrize("late", [False, True])
def test_interrupted_task_reports_its_signal(late):
    api = virtual.api(SERVER)

    def fault(method, path):
        if bool(api.signals) == late:
            raise TimedOut("the time is up.")

    api.fault = fault
    if not late:
        with pytest.raises(TimedOut):
            power(api, "stopped")
        return
    result = power(api, "stopped")
    assert result["failed"] and result["changed"] and result["signal"] == "stop" and not result["confirmed"], result
    assert result["msg"] == "Interrupted (the time is up) after stop was sent to server 1: its outcome is not known."


def test_yes_is_not_accepted_as_server_1():
    api = virtual.api(SERVER)
    result = virtual.operate(api, OPERATION, server_id=True, state="stopped")
    assert result["failed"] and result["msg"].startswith("server_id: True is not a service ID") and not api.signals


def test_restart_without_a_reply_reports_the_state_after_it():
    api = virtual.api({**SERVER, "drop_signals": ["restart"]})
    api.fault = lambda method, path: virtual.Fault(status=502) if method == "POST" else None
    result = power(api, "restarted")
    assert result["failed"] and "It is running now, which does not show whether it was. Look at its console" in result["msg"], result


def test_without_waiting_nothing_is_confirmed():
    result = power(virtual.api(SERVER), "restarted", wait=False)
    assert result["changed"] and not result["confirmed"] and result["evidence"] == "none", result


@pytest.mark.parametrize(("state", "waits", "after"), [("stopped", False, "stopping"), ("started", True, None), ("restarted", True, None)])
def test_stop_under_way_is_waited_for_without_wait_only_before_a_signal(state, waits, after):
    api = virtual.api({**SERVER, "stop_seconds": 100.0})
    api.nodes[1].signal("stop", api.clock.now())
    begun = api.clock.now()
    result = power(api, state, wait=False)
    assert not result.get("failed") and not result["confirmed"] and result["after"] == after, result
    assert (api.clock.now() - begun > 90.0) == waits == (api.sent() == ["start"])


def test_game_that_never_reports_running_is_up_with_running_when_starting():
    result = power(virtual.api({**SERVER, "stuck_starting": True}), "restarted", running_when="starting")
    assert result["confirmed"] and result["after"] == "starting", result


def test_failed_reads_after_the_signal_do_not_end_the_task():
    api, failing, told = virtual.api(SERVER), [1, 2], []
    api.fault = lambda method, path: virtual.Fault(status=418, done=False) if api.signals and failing and failing.pop() else None
    result = power(api, "stopped", progress=told.append)
    assert result["confirmed"] and result["after"] == "offline" and sum("reading the state failed" in line for line in told) == 2, (
        result,
        told,
    )


def test_server_that_does_not_come_up_has_no_downtime():
    result = power(virtual.api({**SERVER, "boot_seconds": 900.0}), "restarted", wait_timeout=120.0)
    assert result["failed"] and result["changed"] and result["downtime"] is None and result["after"] == "starting", result


def hung(*, restarting=False, **switches):
    """Return an API whose server has been hanging in a stop for a long time, which another client sent."""
    api = virtual.api({**SERVER, "hanging_stop": True, **switches})
    api.nodes[1].signal("restart" if restarting else "stop", api.clock.now() - 400.0)
    return api


@pytest.mark.parametrize(
    ("state", "restarting", "options", "sent", "after", "reason"),
    [
        ("stopped", False, {}, ["kill"], "offline", None),
        # A restart hung, so the node starts the server again. It is then stopped gracefully.
        ("stopped", True, {"hangs": False}, ["kill", "stop", "stop"], "offline", None),
        ("restarted", True, {}, ["kill"], "running", None),
        ("restarted", False, {}, ["kill", "start"], "running", None),
        ("restarted", False, {"if_offline": "skip"}, ["kill"], "offline", "offline"),
    ],
)
def test_server_that_is_already_hanging_is_killed_after_its_time(state, restarting, options, sent, after, reason):
    api = hung(restarting=restarting)
    if not options.pop("hangs", True):
        api.nodes[1].config.hanging_stop = False
    begun = api.clock.now()
    result = power(api, state, kill_after=60.0, **options)
    assert api.sent() == sent and result["changed"] and not result.get("failed"), result
    assert result["after"] == after == api.nodes[1].state and result["reason"] == reason and result["confirmed"]
    assert 60.0 <= api.signals[0][0] - begun <= 62.0


def test_hung_server_is_killed_and_fails_with_if_offline_fail():
    api = hung()
    result = power(api, "restarted", kill_after=60.0, if_offline="fail")
    assert result["failed"] and result["changed"] and api.sent() == ["kill"] and "if_offline is fail" in result["msg"], result


@pytest.mark.parametrize(("state", "options"), [("stopped", {}), ("restarted", {}), ("started", {"kill_after": 10.0})])
def test_server_that_is_already_hanging_is_not_killed_without_kill_after(state, options):
    api = hung(stop_timeout=3000.0)
    result = power(api, state, wait_timeout=200.0, **options)
    assert result["failed"] and not api.signals and "nothing was sent" in result["msg"], result


def test_stop_that_ends_in_time_is_not_killed():
    api = virtual.api({**SERVER, "stop_seconds": 30.0})
    api.nodes[1].signal("stop", api.clock.now())
    result = power(api, "stopped", kill_after=60.0)
    assert not api.signals and not result["changed"] and result["after"] == "offline", result


def test_kill_is_not_decided_on_an_old_status():
    """The server was seen stopping, then reads failed, and meanwhile it came up again."""
    api = virtual.api({**SERVER, "stop_seconds": 50.0, "boot_seconds": 5.0})
    api.fault = lambda method, path: virtual.Fault(status=503, done=False) if method == "GET" and len(api.reads) > 2 else None
    result = power(api, "restarted", kill_after=100.0, wait_timeout=200.0)
    assert api.sent() == ["restart"] and result["failed"], result

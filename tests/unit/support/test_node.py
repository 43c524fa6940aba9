# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated node: what each signal does in each state, by its own clock."""

from __future__ import annotations

import pytest
from simulator.config import Config, ServerConfig
from simulator.limiter import Limiter
from simulator.node import Node

DAY = 86400.0


def node(state="running", **switches):
    return Node(ServerConfig(1, state=state, **switches), 0.0)


def path(one, until=DAY):
    one.advance(until)
    return [state for _at, state in one.history]


def prepared(state):
    """A node in a state, by the way it really gets there."""
    if state == "restarting":
        one = node()
        one.signal("restart", 0.0)
        return one
    if state == "stopping":
        one = node()
        one.signal("stop", 0.0)
        return one
    if state == "starting":
        one = node("offline")
        one.signal("start", 0.0)
        return one
    return node(state)


STARTED, STOPPED = ["starting", "running"], ["stopping", "offline"]


@pytest.mark.parametrize(
    ("state", "signal", "then"),
    [
        ("offline", "start", STARTED),
        ("offline", "stop", []),
        ("offline", "restart", STARTED),
        ("offline", "kill", []),
        ("starting", "start", None),
        ("starting", "stop", STOPPED),
        ("starting", "restart", [*STOPPED, *STARTED]),
        ("starting", "kill", ["offline"]),
        ("running", "start", None),
        ("running", "stop", STOPPED),
        ("running", "restart", [*STOPPED, *STARTED]),
        ("running", "kill", ["offline"]),
        ("stopping", "start", None),
        ("stopping", "stop", None),
        ("stopping", "restart", None),
        ("stopping", "kill", ["offline"]),
        ("restarting", "start", None),
        ("restarting", "stop", None),
        ("restarting", "restart", None),
        ("restarting", "kill", ["offline", *STARTED]),
    ],
)
def test_what_each_signal_does_in_each_state(state, signal, then):
    one, undisturbed = prepared(state), prepared(state)
    done = one.signal(signal, 1.0)
    before = len(prepared(state).history)
    if then is None:
        assert not done and path(one) == path(undisturbed)
    else:
        assert done == bool(then) and path(one)[before:] == then


def test_a_signal_can_be_dropped_by_switch():
    one = node(drop_signals=["restart"])
    assert not one.signal("restart", 0.0) and path(one) == ["running"]


def test_a_stop_is_dropped_in_early_boot_only():
    one = node("offline", boot_seconds=30.0, early_boot_seconds=10.0)
    one.signal("start", 0.0)
    assert not one.signal("stop", 5.0)
    assert one.signal("stop", 15.0)


def test_boot_and_stop_take_their_time():
    one = node(boot_seconds=30.0, stop_seconds=5.0)
    one.signal("restart", 100.0)
    assert path(one) and one.history[1:] == [(100.0, "stopping"), (105.0, "offline"), (105.0, "starting"), (135.0, "running")]


def test_a_game_without_the_done_line_stays_starting():
    assert path(prepared_stuck())[-1] == "starting"


def prepared_stuck():
    one = node("offline", stuck_starting=True)
    one.signal("start", 0.0)
    return one


def test_a_failed_start_goes_offline_without_an_error():
    one = node("offline", failed_start=True)
    one.signal("start", 0.0)
    assert path(one)[1:] == ["starting", "stopping", "offline"]


def test_a_hanging_stop_is_ended_by_the_node_after_ten_minutes():
    one = node(hanging_stop=True)
    one.signal("stop", 0.0)
    assert one.history[-1] == (0.0, "stopping")
    one.advance(599.0)
    assert one.state == "stopping"
    one.advance(600.0)
    assert one.state == "offline"


def test_some_games_are_offline_while_they_still_save():
    one = node(offline_while_saving=True, stop_seconds=20.0)
    one.signal("stop", 0.0)
    assert one.state == "offline" and not one.signal("start", 10.0) and one.signal("start", 21.0)


def test_a_crash_is_brought_back_once_a_minute():
    one = node(boot_seconds=5.0)
    one.crash(10.0)
    assert path(one, 30.0) == ["running", "offline", "starting", "running"]
    one.crash(40.0)
    assert path(one)[-1] == "offline"


def test_counters_belong_to_the_container():
    one = node(bytes_per_second=100.0, uptime=1000.0, boot_seconds=5.0, stop_seconds=5.0)
    assert one.resources(0.0)["network_rx_bytes"] == 100_000
    one.signal("restart", 0.0)
    assert one.resources(15.0)["network_rx_bytes"] == 1000
    one.signal("stop", 20.0)
    off = one.resources(60.0)
    assert (off["memory_bytes"], off["cpu_absolute"], off["network_rx_bytes"]) == (0, 0.0, 0) and off["disk_bytes"] > 0


def test_an_unreachable_node_returns_nothing_or_zeros():
    assert node(null=True).resources(0.0) is None and node(node_down=True).resources(0.0) is None
    missing = node(shown_state="missing").resources(0.0)
    assert missing["current_state"] == "missing" and not any(value for key, value in missing.items() if key != "current_state")


def test_the_fixed_window_begins_with_its_first_hit():
    limiter = Limiter(2, 60.0, sliding=False)
    assert [limiter.hit(at) for at in (0.0, 59.0, 59.5, 60.0, 60.5)] == [None, None, 0.5, None, None]
    assert limiter.hit(61.0) == 59.0


def test_the_sliding_window_looks_back():
    limiter = Limiter(2, 60.0, sliding=True)
    assert [limiter.hit(at) for at in (0.0, 59.0, 60.0, 60.5)] == [None, None, None, 58.5]


def test_a_misspelt_switch_is_an_error():
    with pytest.raises(ValueError, match="sped"):
        Config.load({"sped": 3})
    with pytest.raises(TypeError):
        Config.load({"servers": [{"id": 1, "stat": "running"}]})

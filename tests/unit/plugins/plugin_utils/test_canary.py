# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pause after a canary."""

from __future__ import annotations

import os
import pty

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, NodeUnavailable
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Observation
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _canary
from ansible_collections.serverprism.cloud.plugins.plugin_utils._canary import check_terminal, pause_of, watch


def seen(state, counters=None):
    return Observation(0.0, state, counters)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (seen("running", (5, 5)), seen("running", (9, 5)), None),
        (seen("running", (5, 5)), seen("starting", (5, 5)), None),
        (seen("running", (5, 5)), seen("running", (5, 4)), "the server has restarted: its network counters fell"),
        (seen("running", (5, 5)), seen("running", (4, 9)), "the server has restarted: its network counters fell"),
        (seen("running"), seen("running", (0, 0)), None),
        (seen("running", (5, 5)), seen("running"), None),
        (seen("running"), seen("offline"), "the server is offline"),
        (seen("offline"), seen("offline"), "the server is offline"),
        (seen("running"), seen("stopping"), "the server is stopping"),
        (seen("running"), seen(None), "the server is in an unknown state"),
    ],
)
def test_canary_must_be_up_and_not_have_restarted(before, after, reason):
    looks = iter((before, after))
    bad = watch({"a": lambda: next(looks)}, 60.0, virtual.VirtualClock())
    assert bad == ({"a": f"after the canary's pause, {reason}"} if reason else {})


@pytest.mark.parametrize(("pause", "cache", "waited"), [(60.0, 20.0, 60.0), (5.0, 20.0, 20.0), (0.2, 0.0, 0.2)])
def test_second_look_is_after_the_pause_and_not_at_an_old_status(pause, cache, waited):
    clock, times = virtual.VirtualClock(), []

    def look():
        times.append(clock.now())
        return seen("running")

    assert watch({"a": look}, pause, clock, cache) == {} and times[1] - times[0] == pytest.approx(waited)


@pytest.mark.parametrize("failing", [0, 1])
def test_canary_that_cannot_be_read_is_refused(failing):
    looks = []

    def look():
        looks.append(1)
        if len(looks) == failing + 1:
            raise NodeUnavailable("the node is away")
        return seen("running")

    assert watch({"a": look}, 1.0, virtual.VirtualClock()) == {"a": "the canary could not be looked at again: the node is away"}


def test_interruption_ends_the_pause(monkeypatch):
    clock = virtual.VirtualClock()
    monkeypatch.setattr(_canary, "told_to_stop", lambda: clock.now() > 1_000_010.0)
    watch({"a": lambda: seen("running")}, 3600.0, clock)
    assert clock.now() < 1_000_012.0


@pytest.mark.parametrize(("value", "seconds"), [(None, 0.0), ("", 0.0), (0, 0.0), ("30m", 1800.0), ("24h", 86400.0), (90, 90.0)])
def test_pause(value, seconds):
    assert pause_of(value) == seconds


@pytest.mark.parametrize("value", ["soon", "-1", "24h1s"])
def test_wrong_pause_is_refused(value):
    with pytest.raises(BadOption, match="^maintenance_canary_pause: "):
        pause_of(value)


@pytest.mark.parametrize("confirms", [None, "", False, "false", "no", 0])
def test_no_terminal_is_needed_if_nobody_is_asked(confirms, monkeypatch):
    monkeypatch.setattr(_canary, "_has_terminal", lambda: False)
    check_terminal(confirms)


def test_person_needs_a_terminal(monkeypatch):
    terminal, child = pty.openpty()
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, flags: os.dup(child) if path.endswith("/fd/0") else opened(path, flags))
    check_terminal(True)
    monkeypatch.setattr(os, "open", lambda path, flags: opened(os.devnull, flags))
    with pytest.raises(BadOption, match="this run has no terminal"):
        check_terminal("true")
    os.close(terminal)
    os.close(child)

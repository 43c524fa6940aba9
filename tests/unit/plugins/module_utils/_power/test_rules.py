# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to send in which state, and what a look at the server afterwards proves."""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Sight, Watch
from ansible_collections.serverprism.cloud.plugins.module_utils._power.rules import Decision, decide, judge

START, STOP, RESTART, KILL = (Decision("send", s) for s in ("start", "stop", "restart", "kill"))
HOLD, WAIT, LOOK = Decision("hold"), Decision("wait"), Decision("look")


@pytest.mark.parametrize(
    ("wanted", "offline", "starting", "running", "stopping"),
    [
        ("started", START, HOLD, HOLD, WAIT),
        ("stopped", HOLD, STOP, STOP, WAIT),
        ("killed", HOLD, KILL, KILL, KILL),
        ("restarted", START, RESTART, RESTART, WAIT),
    ],
)
def test_the_state_table(wanted: str, offline: Decision, starting: Decision, running: Decision, stopping: Decision) -> None:
    got = [decide(wanted, state) for state in ("offline", "starting", "running", "stopping")]
    assert got == [offline, starting, running, stopping]


@pytest.mark.parametrize("wanted", ["started", "stopped", "killed", "restarted"])
def test_an_unknown_state_never_leads_to_a_signal(wanted: str) -> None:
    assert decide(wanted, None) == LOOK


@pytest.mark.parametrize(("rule", "decision"), [("start", START), ("skip", Decision("skip")), ("fail", Decision("refuse"))])
def test_if_offline_decides_for_a_restart_of_a_server_that_is_off(rule: str, decision: Decision) -> None:
    assert decide("restarted", "offline", rule) == decision


def sight(at: float, state: Optional[str], rx: int = 0) -> Sight:
    return Sight(at, state, (rx, rx) if state in ("running", "starting") else None, (state, rx))


def watch(before: Sight, *looks: Sight) -> Watch:
    seen = Watch(before, sent_at=100.0, cache=20.0)
    for one in looks:
        seen = seen.see(one)
    return seen


RUNNING = sight(99.9, "running", 5000)


@pytest.mark.parametrize(
    ("before", "looks", "status", "evidence"),
    [
        # A look of the cached status proves nothing, in either direction.
        (RUNNING, [sight(105, "running", 5000)], "pending", "none"),
        (RUNNING, [sight(120.5, "running", 300)], "done", "counters"),
        (RUNNING, [sight(105, "running", 300)], "done", "counters"),
        (RUNNING, [sight(105, "stopping", 5000)], "pending", "state"),
        (RUNNING, [sight(105, "offline")], "pending", "state"),
        (RUNNING, [sight(105, "starting", 10)], "pending", "state"),
        (RUNNING, [sight(105, "offline"), sight(125, "starting", 1), sight(145, "running", 9)], "done", "state"),
        # Dropped: still running past the cache, with counters that only grew.
        (RUNNING, [sight(105, "running", 5100)], "pending", "none"),
        (RUNNING, [sight(120.5, "running", 6000)], "unconfirmed", "none"),
        # Starting that becomes running is no restart: the signal may have been dropped.
        (sight(99.9, "starting", 50), [sight(121, "running", 90)], "unconfirmed", "none"),
        (sight(99.9, "starting", 50), [sight(121, "running", 20)], "done", "counters"),
        # Up and off again: a start that failed, or a crash; the node gets its time to bring it back.
        (RUNNING, [sight(105, "offline"), sight(125, "starting", 1), sight(145, "offline")], "pending", "state"),
        (RUNNING, [sight(121, None)], "pending", "none"),
    ],
)
def test_a_restart_is_done_only_on_evidence(before: Sight, looks: list[Sight], status: str, evidence: str) -> None:
    seen = watch(before, *looks)
    assert judge("restarted", "restart", seen, "running", looks[-1].at).status == status
    assert seen.evidence == evidence


def test_a_start_that_failed_is_told_after_the_nodes_grace() -> None:
    seen = watch(RUNNING, sight(105, "offline"), sight(125, "starting", 1), sight(145, "offline"))
    assert judge("restarted", "restart", seen, "running", 176.0).status == "failed"


def test_a_server_that_stays_starting_is_up_where_the_user_says_so() -> None:
    seen = watch(RUNNING, sight(105, "starting", 1))
    assert judge("restarted", "restart", seen, "starting", 105).status == "done"


@pytest.mark.parametrize(
    ("signal", "before", "look", "status"),
    [
        ("stop", RUNNING, sight(105, "offline"), "done"),
        ("stop", RUNNING, sight(105, "stopping", 1), "pending"),
        ("stop", RUNNING, sight(121, "running", 6000), "again"),
        ("kill", RUNNING, sight(121, "starting", 1), "again"),
        ("start", sight(99.9, "offline"), sight(121, "offline"), "again"),
        ("start", sight(99.9, "offline"), sight(105, "running", 1), "done"),
        ("start", sight(99.9, "offline"), sight(105, "offline"), "pending"),
    ],
)
def test_a_signal_that_may_be_repeated_is_repeated_only_when_it_was_dropped_for_certain(
    signal: str, before: Sight, look: Sight, status: str
) -> None:
    assert judge("x", signal, watch(before, look), "running", look.at).status == status


@pytest.mark.parametrize(
    ("look", "status"),
    [
        (sight(105, "offline"), "pending"),
        (sight(121, "offline"), "start"),
        (sight(121, "starting", 1), "pending"),
        (sight(121, "running", 1), "done"),
        (sight(121, "stopping", 9), "pending"),
    ],
)
def test_a_restart_that_was_killed_in_its_stop_goes_on(look: Sight, status: str) -> None:
    seen = watch(sight(99.9, "stopping", 5000), look)
    assert judge("restarted", "kill", seen, "running", look.at).status == status

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The signal for each state, and the outcome that later observations confirm."""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Evidence, Observation
from ansible_collections.serverprism.cloud.plugins.module_utils._power.rules import Decision, assess, decide

START, STOP, RESTART, KILL = (Decision("send", s) for s in ("start", "stop", "restart", "kill"))
KEEP, WAIT, LOOK = Decision("keep"), Decision("wait"), Decision("look")


@pytest.mark.parametrize(
    ("wanted", "offline", "starting", "running", "stopping"),
    [
        ("started", START, KEEP, KEEP, WAIT),
        ("stopped", KEEP, STOP, STOP, WAIT),
        ("killed", KEEP, KILL, KILL, KILL),
        ("restarted", START, RESTART, RESTART, WAIT),
    ],
)
def test_decision_for_each_state(wanted: str, offline: Decision, starting: Decision, running: Decision, stopping: Decision) -> None:
    got = [decide(wanted, state) for state in ("offline", "starting", "running", "stopping")]
    assert got == [offline, starting, running, stopping]


@pytest.mark.parametrize("wanted", ["started", "stopped", "killed", "restarted"])
def test_unknown_state_never_leads_to_a_signal(wanted: str) -> None:
    assert decide(wanted, None) == LOOK


@pytest.mark.parametrize(("rule", "decision"), [("start", START), ("skip", Decision("skip")), ("fail", Decision("refuse"))])
def test_if_offline_decides_for_the_restart_of_an_offline_server(rule: str, decision: Decision) -> None:
    assert decide("restarted", "offline", rule) == decision


def observed(at: float, state: Optional[str], rx: int = 0) -> Observation:
    return Observation(at, state, (rx, rx) if state in ("running", "starting") else None, (state, rx))


def evidence_of(before: Observation, *observations: Observation) -> Evidence:
    seen = Evidence(before, sent_at=100.0, cache=20.0)
    for one in observations:
        seen = seen.with_observation(one)
    return seen


RUNNING = observed(99.9, "running", 5000)


@pytest.mark.parametrize(
    ("before", "observations", "status", "evidence"),
    [
        # A read of the cached status confirms nothing and disproves nothing.
        (RUNNING, [observed(105, "running", 5000)], "pending", "none"),
        (RUNNING, [observed(120.5, "running", 300)], "done", "counters"),
        (RUNNING, [observed(105, "running", 300)], "done", "counters"),
        (RUNNING, [observed(105, "stopping", 5000)], "pending", "state"),
        (RUNNING, [observed(105, "offline")], "pending", "state"),
        (RUNNING, [observed(105, "starting", 10)], "pending", "state"),
        (RUNNING, [observed(105, "offline"), observed(125, "starting", 1), observed(145, "running", 9)], "done", "state"),
        # Dropped: still running after the cache expired, and the counters only grew.
        (RUNNING, [observed(105, "running", 5100)], "pending", "none"),
        (RUNNING, [observed(120.5, "running", 6000)], "unconfirmed", "none"),
        # A change from starting to running is not a restart: the signal may have been dropped.
        (observed(99.9, "starting", 50), [observed(121, "running", 90)], "unconfirmed", "none"),
        (observed(99.9, "starting", 50), [observed(121, "running", 20)], "done", "counters"),
        # Up and offline again: the start failed or the game crashed. The node gets time to start it again.
        (RUNNING, [observed(105, "offline"), observed(125, "starting", 1), observed(145, "offline")], "pending", "state"),
        (RUNNING, [observed(121, None)], "pending", "none"),
    ],
)
def test_restart_is_done_only_with_evidence(before: Observation, observations: list[Observation], status: str, evidence: str) -> None:
    seen = evidence_of(before, *observations)
    assert assess("restarted", "restart", seen, "running", observations[-1].at).status == status
    assert seen.kind == evidence


def test_failed_start_is_reported_after_the_grace_of_the_node() -> None:
    seen = evidence_of(RUNNING, observed(105, "offline"), observed(125, "starting", 1), observed(145, "offline"))
    assert assess("restarted", "restart", seen, "running", 176.0).status == "failed"


def test_starting_server_is_up_with_running_when_starting() -> None:
    seen = evidence_of(RUNNING, observed(105, "starting", 1))
    assert assess("restarted", "restart", seen, "starting", 105).status == "done"


@pytest.mark.parametrize(
    ("signal", "before", "look", "status"),
    [
        ("stop", RUNNING, observed(105, "offline"), "done"),
        ("stop", RUNNING, observed(105, "stopping", 1), "pending"),
        ("stop", RUNNING, observed(121, "running", 6000), "again"),
        ("kill", RUNNING, observed(121, "starting", 1), "again"),
        ("start", observed(99.9, "offline"), observed(121, "offline"), "again"),
        ("start", observed(99.9, "offline"), observed(105, "running", 1), "done"),
        ("start", observed(99.9, "offline"), observed(105, "offline"), "pending"),
    ],
)
def test_signal_is_repeated_only_if_it_was_certainly_dropped(signal: str, before: Observation, look: Observation, status: str) -> None:
    assert assess("x", signal, evidence_of(before, look), "running", look.at).status == status


@pytest.mark.parametrize(
    ("look", "status"),
    [
        (observed(105, "offline"), "pending"),
        (observed(121, "offline"), "start"),
        (observed(121, "starting", 1), "pending"),
        (observed(121, "running", 1), "done"),
        (observed(121, "stopping", 9), "pending"),
    ],
)
def test_restart_that_was_killed_while_stopping_continues(look: Observation, status: str) -> None:
    seen = evidence_of(observed(99.9, "stopping", 5000), look)
    assert assess("restarted", "kill", seen, "running", look.at).status == status

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of power operations against a model of the node: whatever the states, faults and interference, results are true."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from hostile.model import CACHE, FAULTS, World
from hostile.table import note
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

# With the number of examples of "make prove" they take minutes.
pytestmark = pytest.mark.timeout(1200)
WAIT = 120.0
# Another user at the panel, or a crash.
MEDDLING = ["start", "stop", "restart", "kill", "crash"]
_SWITCHES = {
    "boot_seconds": st.sampled_from([0.5, 8.0, 45.0]),
    "early_boot_seconds": st.sampled_from([0.0, 5.0]),
    "stop_seconds": st.sampled_from([0.1, 3.0, 25.0]),
    "drop_signals": st.lists(st.sampled_from(["start", "stop", "restart", "kill"]), max_size=2, unique=True),
    **{name: st.booleans() for name in ("stuck_starting", "failed_start", "hanging_stop", "auto_restart", "null")},
}


class PowerMachine(RuleBasedStateMachine):
    """Rules that change the model; ``operate`` runs an operation in it and checks the result."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(what=st.sampled_from(sorted(_SWITCHES)), data=st.data())
    def switch(self, what: str, data: Any) -> None:
        """Change a behaviour of the game."""
        setattr(self.world.node.config, what, data.draw(_SWITCHES[what]))

    @rule(seconds=st.sampled_from([0.5, 4.0, 19.0, 90.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.world.sleep(seconds)

    @rule(
        state=st.sampled_from(["started", "stopped", "restarted", "killed"]),
        if_offline=st.sampled_from(["start", "skip", "fail"]),
        wait=st.booleans(),
        running_when=st.sampled_from(["running", "starting"]),
        kill_after=st.sampled_from([None, None, 0.0, 15.0]),
        check_mode=st.sampled_from([False, False, False, True]),
        faults=st.lists(st.sampled_from(["", "", *FAULTS]), max_size=8),
        events=st.lists(st.tuples(st.sampled_from([0.0, 0.07, 1.0, 10.0, 30.0]), st.sampled_from(MEDDLING)), max_size=2),
    )
    def operate(self, check_mode: bool, faults: list[str], events: list[tuple[float, str]], **options: Any) -> None:
        """Run an operation with faults and interference, and compare its result with the model."""
        self.world.faults = faults
        self.world.events = [(self.world.time + delay, event) for delay, event in events]
        world, begun, before = self.world, self.world.time, len(self.world.sent)
        try:
            result, warnings = world.operate(check_mode=check_mode, wait_timeout=WAIT, poll_interval=2.0, **options)
        except ServerPrismError as exc:
            result, warnings = {"changed": False, "failed": True, "msg": str(exc)}, []
        sent = world.sent[before:]
        note("model", options["state"], "operation", failed=bool(result.get("failed")), broken=False)
        if check_mode:
            assert not sent
            return
        self.judge_changed(result, sent, options)
        if not result.get("failed"):
            self.judge_success(result, sent, begun, warnings, options)
        assert world.time - begun <= 3 * WAIT, result

    def judge_changed(self, result: dict[str, Any], sent: list[tuple[float, str, bool, bool]], options: dict[str, Any]) -> None:
        """Check that ``changed`` is true if a signal may have been sent, and that a kill is sent only if asked for."""
        assert result["changed"] == any(maybe for _at, _signal, _done, maybe in sent), (result, sent)
        asked = options["state"] == "killed" or options["kill_after"] is not None
        assert asked or "kill" not in [signal for _at, signal, _done, _maybe in sent], sent

    def judge_success(
        self, result: dict[str, Any], sent: list[tuple[float, str, bool, bool]], begun: float, warnings: list[str], options: dict[str, Any]
    ) -> None:
        """Check that a confirmed result matches the model."""
        world = self.world
        if not result["confirmed"]:
            assert not options["wait"] or warnings, result
            return
        # A status may be as old as the cache when it is read for the first time.
        since = (sent[0][0] if sent else begun) - CACHE - 1.0
        wanted = options["state"]
        up = ("running", "starting") if options["running_when"] == "starting" else ("running",)
        if result["reason"] is not None or (wanted == "restarted" and not sent):
            assert wanted == "restarted" and result["reason"] == "offline" and world.was(("offline",), since), result
        elif wanted in ("stopped", "killed"):
            assert world.was(("offline",), sent[0][0] if sent else since), (result, world.node.history)
        else:
            assert world.was(up, sent[0][0] if sent else since), (result, world.node.history)
            assert wanted == "started" or world.began(since), (result, world.node.history)


PowerMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("HOSTILE_EXAMPLES", "300")),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestPower = PowerMachine.TestCase

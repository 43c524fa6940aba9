# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C, SIGTERM, kill -9 and a full disk at every stage of a real run: players are told, and a repeated run finishes it."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hostile.fire import fill, small_disk
from hostile.interruption import CANCEL, FIRST, FLEET, GAME, HOW, LONG, STAGES, Scene, children, halted_screen, is_alive, later, start
from hostile.table import note
from simulator.process import Simulator

# The runs mostly wait, so several run at the same time.
THREADS = 4
pytestmark = pytest.mark.timeout(400)


def simulator(stages):
    servers = [{"id": i, **GAME} for i in range(1, FLEET * stages + 1)]
    return Simulator(servers, speed=20.0, write_limit=1000, read_limit=1000)


def run_one(scene, stage, how):
    scene.ledger.mkdir(exist_ok=True)
    early = {"maintenance_start": later(30.0)} if stage == "before the first line" else {}
    scene.begin(**early, maintenance_report_dir=str(scene.report))
    scene.interrupt(STAGES[stage], HOW[how], may_wait=how == "KILL of a worker")


def repeat(sim, folder, scenes):
    """Run all scenes again in one run under the same IDs; return its exit code and its output."""
    hosts = {name: variables for scene in scenes for name, variables in scene.hosts().items()}
    process = start(sim, folder, "again", hosts)
    output = process.communicate(timeout=2 * LONG)[0]
    return process.returncode, output


@pytest.mark.parametrize("how", HOW)
def test_run_interrupted_at_any_stage_tells_its_players_and_can_be_repeated(tmp_path, how):
    # A second Ctrl-C only makes a difference during the countdown.
    stages = list(STAGES)[1:5] if how == "Ctrl-C, twice" else list(STAGES)
    with simulator(len(stages)) as sim:
        scenes = {stage: Scene(sim, tmp_path, how, 1 + FLEET * number) for number, stage in enumerate(stages)}
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda stage: run_one(scenes[stage], stage, how), stages))
        # The conductor is one process: if it is killed, nobody is told, and the same command finishes the run.
        lost = FLEET if how == "KILL of a worker" else 0
        broken = {stage: scene.broken(lost=lost, ends_well=bool(lost) and stage == "during the report") for stage, scene in scenes.items()}
        outputs = "\n".join(f"--- {stage}\n{scene.output[-1500:]}" for stage, scene in scenes.items() if broken[stage])
        unseen = any(scene.left_unseen() for scene in scenes.values())
        rc, again = repeat(sim, tmp_path, scenes.values())
        for stage, scene in scenes.items():
            broken[stage] += scene.unfinished()
            told = f"{how}, and Ctrl-C as Ansible waits for it" if scene.waited_forever else how
            note("interruption", stage, told, failed=True, broken=bool(broken[stage]))
    if any(broken.values()):
        pytest.fail("\n".join(f"{stage}: {'; '.join(laws)}" for stage, laws in broken.items() if laws) + "\n" + outputs)
    # A signal whose outcome nobody saw stays unconfirmed, and that is a failure.
    assert rc == (2 if unseen else 0) and "Traceback" not in again, again


@pytest.mark.parametrize("stage", ["before the first line", "after the first announcement", "right after the signal"])
def test_full_disk_cancels_before_the_signal_and_changes_nothing_after_it(tmp_path, stage):
    """Before the signal the restart is cancelled, since a run cannot be repeated without a log; after it, the result stays."""
    try:
        with small_disk(tmp_path / "ledger"), simulator(1) as sim:
            scene = Scene(sim, tmp_path, "disk", 1)
            early = {"maintenance_start": later(12.0)} if stage == "before the first line" else {}
            scene.begin(**early)
            scene.interrupt(STAGES[stage], lambda scene: fill(scene.ledger))
            late = stage == "right after the signal"
            broken = scene.broken(ends_well=late)
            written = {i: scene.noted(i) for i in scene.ids}
            (scene.ledger / "filler").unlink()
            unseen = scene.left_unseen()
            rc, again = repeat(sim, tmp_path, [scene])
            broken += scene.unfinished()
    except PermissionError as exc:
        pytest.skip(f"this needs a file system of its own: {exc}")
    note("interruption", stage, "a full disk", failed=True, broken=bool(broken))
    assert not broken, (broken, scene.output)
    assert rc == (2 if unseen else 0), again
    text = scene.output.replace("\n", " ")
    assert str(scene.ledger) in text and "No space left on device" in text, scene.output
    # Once for the run, not once a server.
    assert text.count("cannot be used: No space left on device") <= 1, scene.output
    assert late or not any(written.values()), written
    assert late or "run log" in text and "folder that you can write to" in text, scene.output


def test_halted_terminal_does_not_delay_a_countdown(tmp_path):
    """Simulate Ctrl-S, Ctrl-Z or a pager."""
    with simulator(1) as sim:
        scene = Scene(sim, tmp_path, "screen", 1)
        process = start(sim, tmp_path, "halted", scene.hosts(), more=halted_screen(tmp_path))
        output = process.communicate(timeout=2 * LONG)[0]
        first = {row["server"]: row["time"] for row in sim.console_log() if row["line"] == FIRST}
        down = {row["server"]: row["time"] for row in sim.state_logs() if row["state"] == "stopping"}
        broken = set(first) != set(down) or any(down[i] - first[i] > 8 for i in down) or process.returncode != 0
    note("interruption", "a screen that stands still", "ansible-playbook", failed=False, broken=broken)
    assert not broken and len(down) == FLEET, (first, down, output)
    assert "sent: say First call" not in output, "the screen did not stand still: this test tests nothing"


def test_interrupted_fleet_sends_its_cancellations_as_the_quota_allows(tmp_path):
    """The cancellations need more than one window, longer than Ansible waits for its workers."""
    ids = range(1, 11)
    with Simulator([{"id": i, **GAME} for i in ids], speed=10.0, write_limit=8) as sim:
        hosts = {f"h{i}": {"serverprism_id": i, "serverprism_product": "Minecraft 4 GB"} for i in ids}
        early = [{"before": "45s", "text": "First call"}, {"before": "1.5s", "text": "Last call"}]
        scarce = {"SERVERPRISM_WRITE_LIMIT": "8", "SERVERPRISM_WRITE_HEADROOM": "0"}
        process = start(sim, tmp_path, "scarce", hosts, more=scarce, maintenance_announcements=early)
        until = time.monotonic() + LONG
        while (told := {row["server"] for row in sim.console_log() if row["line"] == FIRST}) != set(ids) and time.monotonic() < until:
            time.sleep(0.02)
        workers, stopped = children(process.pid), time.time()
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=2 * LONG)[0]
        while any(is_alive(pid) for pid in workers):
            assert time.monotonic() < until + LONG, "a worker hangs"
            time.sleep(0.02)
        cancelled = {row["server"]: row["time"] for row in sim.console_log() if row["line"] == CANCEL}
        broken = set(cancelled) != told or any(row["status"] == 429 for row in sim.posts()) or process.returncode == 0
    note("interruption", "a fleet that has used its quota", "Ctrl-C", failed=True, broken=broken)
    assert not broken and told == set(ids), (sorted(cancelled), output)
    assert max(cancelled.values()) - stopped > 5.0, "the quota was not used up: this test tests nothing"


def test_untold_players_are_found_by_the_rules(tmp_path):
    """A run whose worker is killed cannot tell its players: the rules must report that if no loss is allowed."""
    with simulator(1) as sim:
        scene = Scene(sim, tmp_path, "KILL of a worker", 1)
        run_one(scene, "between two announcements", "KILL of a worker")
        told = [text for text in scene.broken() if "not told" in text]
        assert len(told) == 1 and scene.told(FIRST) == FLEET and scene.told(CANCEL) == 0, scene.output

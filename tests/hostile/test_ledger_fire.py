# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the ledger under load: many processes, killed processes, full disks, wrong clocks, and other objects in place of its file."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.file_ledger import FileLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, is_allowed
from functional.harness import Ansible
from hostile.fire import LEFT_BEHIND, ON_A_DISK, TOLERANCE, UNUSABLE, Crowd, alone, die_at, quotas, small_disk
from hostile.table import note
from simulator.process import Simulator
from waiting import until

PLACES = ["while it holds the lock", "before it writes", "in the middle of writing", "between write and rename", "after the rename"]


def judge(crowd, row, *, least):
    """Check that the quota was kept, that nobody waited longer than all others needed, and that nobody was warned."""
    slots = crowd.wait()
    guarded = quotas(crowd.limit, crowd.window)[READ].guarded
    kept = is_allowed([slot.at for slot in slots], crowd.limit, guarded - TOLERANCE)
    # At most the slots of all others come first, including those of killed processes and one more of each.
    queue = (len(crowd.processes) / crowd.limit + 2) * guarded
    fair = all(slot.at - slot.got <= queue for slot in slots)
    note("ledger", row, "file", failed=bool(crowd.warnings), broken=not (kept and fair))
    assert kept, "the quota was exceeded"
    assert fair, max(slot.at - slot.got for slot in slots)
    assert not crowd.warnings and len(slots) >= least, (crowd.warnings, len(slots))
    return slots


def test_fifty_processes_share_one_quota(tmp_path):
    crowd = Crowd(tmp_path)
    for _each in range(50):
        crowd.join_in(4)
    judge(crowd, "50 processes at once", least=200)


@pytest.mark.parametrize("place", PLACES)
def test_killed_process_does_not_damage_the_ledger(tmp_path, place):
    crowd = Crowd(tmp_path)
    for number in range(25):
        crowd.join_in(4, trap=die_at(place, 0.3) if number % 2 else None)
    judge(crowd, f"kill -9 {place}", least=13 * 4)
    assert any(process.exitcode == -signal.SIGKILL for process in crowd.processes), "nobody died: this test tests nothing"


def test_processes_killed_at_random_times_do_not_damage_the_ledger(tmp_path):
    crowd, lot = Crowd(tmp_path), random.Random(7)
    for _each in range(50):
        crowd.join_in(4)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        lot.choice(crowd.processes[::2]).kill()
        crowd.join_in(2)
        time.sleep(lot.uniform(0.0, 0.05))
    judge(crowd, "kill -9 at any time", least=25 * 4)


def test_clock_changes_neither_exceed_the_quota_nor_block_anyone(tmp_path):
    crowd, lot = Crowd(tmp_path), random.Random(7)
    for _each in range(40):
        crowd.join_in(4, shift=lot.choice([0.0, 3600.0, -7200.0, 86400.0 * 365, -86400.0 * 365, lot.uniform(-1.0, 1.0)]))
    judge(crowd, "clocks set back and forth", least=160)


def test_removed_lock_is_not_trusted(tmp_path):
    """Programs that clean up old files do this: a process that then gets the old lock must not trust it."""
    crowd = Crowd(tmp_path)
    ledger = FileLedger(str(tmp_path / "ledger"), "https://x", quotas(20, 0.5), SystemClock())
    # Started before the lock is taken, since a fork would inherit it.
    crowd.join_in(1, trap=lambda: until((tmp_path / "go").exists))
    with ledger._locked():
        (tmp_path / "go").touch()
        until(lambda: is_open_by(crowd.processes[0].pid, ledger.lock_path))
        Path(ledger.lock_path).unlink()
        new = ledger._locked()
        new.__enter__()
    # The old lock is free now, but no longer valid.
    crowd.processes[0].join(0.5)
    waited = crowd.processes[0].exitcode is None
    new.__exit__(None, None, None)
    slots = crowd.wait()
    note("ledger", "the lock is removed", "file", failed=bool(crowd.warnings), broken=not waited)
    assert waited and len(slots) == 1 and not crowd.warnings


def is_open_by(pid, path):
    """Return true if a process has a file open."""
    try:
        return any(os.path.realpath(link) == path for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


@pytest.mark.parametrize("what", UNUSABLE)
def test_unusable_ledger_is_warned_about_once_and_each_task_keeps_the_quota(tmp_path, what):
    if what in ON_A_DISK:
        try:
            with small_disk(tmp_path / "ledger"):
                out = alone(tmp_path / "ledger", UNUSABLE[what], 12)
        except PermissionError as exc:
            pytest.skip(f"this needs a file system of its own: {exc}")
    else:
        out = alone(tmp_path / "ledger", UNUSABLE[what], 12)
    kept = is_allowed(out["slots"], 5, quotas(5, 0.5)[READ].guarded - 1e-6)
    told = len(out["warnings"]) == 1
    note("ledger", what, "file", failed=True, broken=not (kept and told and out["error"] is None))
    assert out["error"] is None and kept and out["seconds"] < 15, out
    assert told and all(word in out["warnings"][0] for word in (out["path"], "option ledger", "HTTP 429")), out
    victims = list(tmp_path.rglob("*.victim"))
    assert all(victim.read_text() == "precious" for victim in victims)
    shutil.rmtree(tmp_path / "ledger", ignore_errors=True)


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_leftover_at_the_path_of_the_new_ledger_is_removed(tmp_path, what):
    out = alone(tmp_path / "ledger", LEFT_BEHIND[what], 12)
    kept = is_allowed(out["slots"], 5, quotas(5, 0.5)[READ].guarded - 1e-6)
    note("ledger", f"{what} in place of the new ledger", "file", failed=False, broken=not kept or bool(out["warnings"]))
    assert out["error"] is None and kept and not out["warnings"], out
    assert all(victim.read_text() == "precious" for victim in tmp_path.rglob("*.victim"))


def test_run_without_a_ledger_warns_once_and_obeys_http_429(tmp_path):
    """Six workers of a real Ansible run share a quota of three without a ledger."""
    (tmp_path / "ledger").write_text("a file where a folder should be")
    hosts = {f"h{number}": {"ansible_connection": "local"} for number in range(6)}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    tasks = [{"serverprism.cloud.serverprism_server_info": {}}] * 2
    with Simulator([{"id": 1234}], speed=20.0, read_limit=3, sliding=True) as sim:
        plays = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        run = Ansible(tmp_path).run(sim, plays, "-i", str(tmp_path / "hosts.json"), "--forks", "6")
        statuses = [row["status"] for row in sim.requests()]
    text = run.output.replace("\n", " ")
    told = text.count("cannot be used")
    note("ledger", "real runs without a ledger", "file", failed=run.rc != 0, broken=told != 1 or statuses.count(200) != 12)
    assert run.rc == 0 and statuses.count(200) == 12, (statuses, run.output)
    assert told == 1 and str(tmp_path / "ledger") in text and "Traceback" not in text, run.output
    # A worker asks again only when the answer said so: at most once a window, and there are four windows.
    assert 0 < statuses.count(429) <= 6 * 6, statuses

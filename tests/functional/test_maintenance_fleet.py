# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the plan of a fleet, of a canary that tested nothing, and of a report that cannot be written."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from functional.test_maintenance_playbook import FAST, canary, fleet


def test_offline_canary_is_reported_as_untested(simulator, maintain):
    servers = fleet()
    servers[0]["state"] = "offline"
    sim = simulator(servers, write_limit=200)
    for args in (["--check"], []):
        run, spoken = canary(sim, maintain, *args)
        warning = "[WARNING]: The canary was skipped (offline), so it has tested nothing. The other 11 hosts follow anyway."
        assert run.rc == 0 and run.output.count(warning) == 1, run.output
    assert sorted(spoken) == list(range(2, 13))


def test_canary_done_by_an_earlier_run_is_not_reported_as_untested(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in (1, 2)}
    maintain(sim, hosts, "--limit", "h1", maintenance_id="CHG-7")
    run = maintain(sim, hosts, "-e", "maintenance_canary=1", maintenance_id="CHG-7")
    assert run.rc == 0 and "done already" in run.output and "WARNING: The canary" not in run.output, run.output


def unusable(kind, folder):
    """Return a report folder that cannot be used, and the text of the message."""
    file = folder / "a file"
    file.touch()
    (folder / "link").symlink_to(folder / "nowhere")
    return {
        "file": (file, f"into {file}, since it exists and is not a folder."),
        "below a file": (file / "report", f"into {file / 'report'}, since {file} exists and is not a folder."),
        "link": (folder / "link", "since it is a link to nothing."),
        "read-only": (Path("/sys/report"), "since /sys cannot be written by this user."),
    }[kind]


@pytest.mark.parametrize(("kind", "args"), [("file", []), ("below a file", ["--check"]), ("link", []), ("read-only", [])])
def test_unusable_report_folder_is_refused_before_any_request(simulator, maintain, tmp_path, kind, args):
    sim = simulator(fleet())
    path, words = unusable(kind, tmp_path)
    if kind == "read-only" and os.access("/sys", os.W_OK):
        pytest.skip("/sys can be written here: this test did NOT run")
    run, _spoken = canary(sim, maintain, *args, maintenance_report_dir=str(path))
    assert run.rc == 2 and not sim.requests(), run.output
    line = next(line for line in run.stdout.splitlines() if "FAILED!" in line)
    assert "maintenance_report_dir: no report can be written into " in line and words in line and run.stdout.count("FAILED!") == 1


@pytest.mark.parametrize("before", [0, 1])
def test_failed_report_is_reported_and_changes_no_outcome(simulator, maintain, tmp_path, before):
    """The folder is removed during the maintenance."""
    folder, tasks = tmp_path / "report", tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Lose it", "ansible.builtin.file": {"path": str(folder), "state": "touch", "mode": "0600"}}]))
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in (1, 2)}
    options = {"maintenance_verify_tasks": str(tasks), "maintenance_report_dir": str(folder)}
    run = maintain(sim, hosts, "-e", f"maintenance_canary={before}", **options)
    assert run.rc == 0 and run.output.count(f"WARNING]: The report could not be written to {folder}: ") == 1, run.output
    assert sorted({post["server"] for post in sim.posts()}) == [1, 2] and run.stdout.count("failed=0") == 2


def test_plan_of_one_server_includes_the_text_at_the_end(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": {"serverprism_id": 1}}, maintenance_done_text="{name} is back.")
    assert run.rc == 0 and "1 server, 4 writes: ends in about" in run.stdout and len(sim.posts()) == 4, run.output


def test_plan_does_not_count_refused_servers(simulator, maintain):
    sim = simulator([{"id": i, "state": "offline"} for i in (1, 2, 3)])
    hosts = {"a": {}, "b": {"serverprism_id": 1}, "c": {"serverprism_id": 99}, "d": {"serverprism_id": 2, "maintenance_state": "rebooted"}}
    run = maintain(sim, {**hosts, "e": {"serverprism_id": 3}})
    assert [run.outcomes[name] for name in "abcde"] == ["failed", "skipped", "failed", "failed", "skipped"], run.output
    assert "2 servers, 6 writes: ends in about" in run.stdout, run.output


@pytest.mark.parametrize("before", [0, 1])
def test_plan_of_a_repeated_run_contains_the_remaining_servers(simulator, maintain, before):
    sim = simulator([{"id": i, **FAST} for i in range(1, 9)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in range(1, 9)}
    maintain(sim, hosts, "--limit", "h1:h2:h3:h4:h5:h6", maintenance_id="N", maintenance_announcements=[])
    sent, start = len(sim.posts()), datetime.now(timezone.utc) + timedelta(hours=1)
    window = {"maintenance_start": start.isoformat(), "maintenance_deadline": (start + timedelta(seconds=3)).isoformat()}
    args = ["--check", "-e", json.dumps({**window, "maintenance_canary": before})]
    run = maintain(sim, hosts, *args, maintenance_id="N")
    assert run.rc == 0 and list(run.outcomes.values())[-2:] == ["planned", "planned"] and len(sim.posts()) == sent, run.output
    assert "2 servers, 6 writes: begins at " in run.stdout and "6 servers are left out: they are done under maintenance_id N." in run.stdout
    maintain(sim, hosts, "--limit", "h7:h8", maintenance_id="N", maintenance_announcements=[])
    run = maintain(sim, hosts, *args, maintenance_id="N")
    assert "Nothing will be sent. 8 servers are left out: they are done under maintenance_id N." in run.stdout, run.output

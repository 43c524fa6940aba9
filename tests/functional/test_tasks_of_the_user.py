# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of the user before, after and at the end of a maintenance."""

from __future__ import annotations

import json

import pytest

FAST = {"boot_seconds": 0.5, "stop_seconds": 0.2}
WHEN = ("before", "after", "failed", "finally")
HOSTS = {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}, "c": {"serverprism_id": 3}}


@pytest.fixture
def tasks(tmp_path):
    """Write a file of tasks for each kind, and return the arguments. Each writes a line with the name of its host."""

    def write(**more):
        out = []
        for when in WHEN:
            path = tmp_path / f"{when}.yml"
            line = f"{when} {{{{ inventory_hostname }}}}"
            say = {"name": "Say", "ansible.builtin.shell": f"echo '{line}' >>{tmp_path}/said"}
            path.write_text(json.dumps([say, *more.get(when, [])]))
            out += ["-e", f"maintenance_{when}_tasks={path}"]
        return out

    return write


def said(tmp_path):
    return sorted((tmp_path / "said").read_text().splitlines())


def signals(sim):
    return sorted(post["server"] for post in sim.posts() if "signal" in post["body"])


def test_tasks_run_before_and_after_each_server_and_once_at_the_end(simulator, maintain, tasks, tmp_path):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST, "conflict": True}, {"id": 3, "state": "offline"}])
    counts = {"ansible.builtin.debug": {"msg": "in all {{ maintenance_report.totals.failed }} failed"}}
    run = maintain(sim, HOSTS, *tasks(**{"finally": [counts]}))
    assert run.rc == 2 and run.outcomes == {"a": "done", "b": "failed", "c": "skipped"}, run.output
    assert "3 servers, " in run.output and "No conductor included" not in run.output, run.output
    assert said(tmp_path) == ["after a", "before a", "before b", "before c", "failed b", "finally a"], run.output
    assert "in all 1 failed" in run.output, run.output


def test_server_is_left_alone_if_its_tasks_before_fail(simulator, maintain, tasks, tmp_path):
    sim = simulator([{"id": number, **FAST} for number in (1, 2, 3)])
    fail = {"ansible.builtin.fail": {"msg": "no backup"}, "when": "inventory_hostname == 'b'"}
    run = maintain(sim, HOSTS, *tasks(before=[fail]))
    assert run.rc == 2 and run.outcomes == {"a": "done", "b": "failed", "c": "done"}, run.output
    assert signals(sim) == [1, 3] and not sim.console(2) and run.reasons["b"] == "no backup", run.output
    assert "finally a" in said(tmp_path) and "failed b" in said(tmp_path)


def test_nothing_is_sent_if_the_tasks_before_fail_everywhere(simulator, maintain, tasks, tmp_path):
    sim = simulator([{"id": number, **FAST} for number in (1, 2, 3)])
    run = maintain(sim, HOSTS, *tasks(before=[{"ansible.builtin.fail": {"msg": "no backup"}}], failed=[{"ansible.builtin.fail": {}}]))
    assert run.rc == 2 and run.outcomes == dict.fromkeys("abc", "failed") and not sim.posts(), run.output
    assert [line for line in said(tmp_path) if line.startswith("finally")] == ["finally a"] and set(run.reasons.values()) == {"no backup"}


def test_check_mode_runs_none_of_them(simulator, maintain, tasks, tmp_path):
    sim = simulator([{"id": number, **FAST} for number in (1, 2, 3)])
    run = maintain(sim, HOSTS, "--check", *tasks())
    assert run.rc == 0 and set(run.outcomes.values()) == {"planned"} and not (tmp_path / "said").exists(), run.output


@pytest.mark.parametrize("when", WHEN)
def test_missing_file_is_refused_before_anything_is_sent(simulator, maintain, when):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": HOSTS["a"]}, "-e", f"maintenance_{when}_tasks=/nowhere.yml")
    assert run.rc == 2 and f"maintenance_{when}_tasks: /nowhere.yml is not a file" in run.output and not sim.requests(), run.output


def test_file_that_is_set_for_hosts_is_refused(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": HOSTS["a"]}, maintenance_before_tasks="backup.yml")
    assert run.rc == 2 and "Give it with -e maintenance_before_tasks=backup.yml" in run.output and not sim.requests(), run.output


def test_id_under_the_name_of_another_playbook_is_refused(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": HOSTS["a"]}, "-e", "maintenance_run=CHG-7")
    assert run.rc == 2 and "give its ID as maintenance_id" in run.output and not sim.requests(), run.output

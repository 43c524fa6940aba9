# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that waits after its canary, asks a person, or is made in two parts."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import suppress

import pytest
from waiting import until

FAST = {"boot_seconds": 0.5, "stop_seconds": 0.2}
HOSTS = {name: {"serverprism_id": number} for number, name in enumerate("abc", 1)}
CANARY = ("-e", "maintenance_canary=1")


def signals(sim):
    return [post["server"] for post in sim.posts() if "signal" in post["body"]]


@pytest.fixture
def begin(simulator, ansible):
    """Start a run of three servers whose first one is the canary: ``begin(*args, terminal=...)``."""
    sim = simulator([{"id": number, **FAST, "auto_restart": False} for number in (1, 2, 3)])

    def start(*args, terminal=None):
        path = ansible.folder / "hosts.json"
        quick = {
            "maintenance_announcements": [{"before": "0.5s", "text": "x"}],
            "maintenance_poll_interval": 0.2,
            "maintenance_command_wait": 0.2,
        }
        path.write_text(json.dumps({"all": {"hosts": HOSTS, "vars": quick}}))
        return ansible.start(sim, "serverprism.cloud.maintenance", "-i", str(path), *CANARY, *args, terminal=terminal)

    return sim, start


def test_others_follow_a_canary_that_stayed_up(simulator, maintain, tmp_path):
    sim = simulator([{"id": number, **FAST} for number in (1, 2, 3)])
    verify = tmp_path / "verify.yml"
    verify.write_text(json.dumps([{"name": "Look", "ansible.builtin.shell": f"echo {{{{ inventory_hostname }}}} >>{tmp_path}/seen"}]))
    run = maintain(sim, HOSTS, *CANARY, "-e", "maintenance_canary_pause=1s", maintenance_verify_tasks=str(verify))
    assert run.rc == 0 and "waiting after the canary until" in run.output and signals(sim)[0] == 1 and len(signals(sim)) == 3, run.output
    assert sorted((tmp_path / "seen").read_text().split()) == ["a", "a", "b", "c"], run.output


def test_others_are_left_alone_if_the_canary_does_not_stay_up(simulator, maintain, tmp_path):
    """It crashes as soon as it was maintained, which the tasks of the user do here."""
    sim = simulator([{"id": number, **FAST, "auto_restart": False} for number in (1, 2, 3)])
    crash = {"url": f"{sim.url}/_sim/servers/1", "method": "POST", "body": {"crash": True}, "body_format": "json"}
    tasks = tmp_path / "after.yml"
    tasks.write_text(json.dumps([{"name": "Crash it", "ansible.builtin.uri": crash}]))
    run = maintain(sim, HOSTS, *CANARY, "-e", "maintenance_canary_pause=2s", "-e", f"maintenance_after_tasks={tasks}")
    assert run.rc == 2 and run.reasons["a"] == "after the canary's pause, the server is offline", run.output
    assert signals(sim) == [1] and run.outcomes == {"a": "failed", "b": "deferred", "c": "deferred"}, run.output


@pytest.mark.parametrize(("answer", "maintained"), [("yes", [1, 2, 3]), ("no", [1])])
def test_person_is_asked(begin, answer, maintained):
    sim, start = begin
    terminal, child = pty.openpty()
    process = start("-e", "maintenance_canary_confirm=true", terminal=child)

    def answered():
        # What is typed before the question is asked is lost.
        os.write(terminal, f"{answer}\n".encode())
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        return process.poll() is not None

    until(answered)
    output = "".join(process.communicate())
    assert sorted(signals(sim)) == maintained and process.returncode == (0 if answer == "yes" else 2), output
    assert ("Not confirmed" in output) == (answer == "no"), output


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("maintenance_canary_confirm=true", "asks a person, but this run has no terminal"),
        ("maintenance_canary_pause=soon", "maintenance_canary_pause: 'soon' is not a duration"),
        ("maintenance_canary_pause=25h", "must be 24 hours or less"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_sent(simulator, maintain, variable, said):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": HOSTS["a"]}, "-e", variable)
    assert run.rc == 2 and said in run.output and not sim.requests(), run.output


def test_two_runs_with_one_id_are_one_maintenance(simulator, maintain):
    sim = simulator([{"id": number, **FAST} for number in (1, 2, 3)])
    first = maintain(sim, HOSTS, "--limit", "a", maintenance_id="CHG-7")
    assert first.rc == 0 and list(first.outcomes) == ["a"], first.output
    second = maintain(sim, HOSTS, maintenance_id="CHG-7")
    assert second.rc == 0 and second.outcomes == dict.fromkeys("abc", "done") and sorted(signals(sim)) == [1, 2, 3], second.output
    third = maintain(sim, HOSTS, "--limit", "b", maintenance_id="CHG-7")
    assert third.outcomes == dict.fromkeys("abc", "done") and len(signals(sim)) == 3, third.output

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of starting a crashed server: a limited number of times, with a separate count for each server."""

from __future__ import annotations

import json
import time

import pytest

SPEED = 60.0
DOWN = {"state": "offline", "boot_seconds": 3.0}
BROKEN = {**DOWN, "failed_start": True}


@pytest.fixture
def bring_back(ansible):
    """Run the playbook for a server, as the rulebook does."""

    def run(sim, server_id, *args, **variables):
        given = {"server_id": server_id, "patience": 1, "verify": 1, "folder": str(ansible.folder / "count"), **variables}
        extra = json.dumps({f"bring_back_{name}": value for name, value in given.items()})
        return ansible.run(sim, "serverprism.cloud.bring_back", "-e", extra, *args)

    return run


def starts(sim, server_id):
    return sum(row.get("server") == server_id for row in sim.posts())


def test_crashed_server_is_started(simulator, bring_back):
    sim = simulator([{"id": 1, **DOWN}], speed=SPEED)
    run = bring_back(sim, 1)
    assert run.rc == 0 and "Server 1 is up (running)" in run.output, run.output
    assert sim.states(1)[-1] == "running" and starts(sim, 1) == 1


def test_each_server_is_given_up_with_an_error_after_its_own_tries(simulator, bring_back):
    sim = simulator([{"id": 1, **BROKEN}, {"id": 2, **BROKEN}], speed=SPEED)
    run = bring_back(sim, 1, tries=2)
    assert run.rc == 2 and "GIVING UP on server 1" in run.output and "2 times within 3600 s" in run.output, run.output
    assert starts(sim, 1) == 2
    # A later run continues the count.
    run = bring_back(sim, 1, tries=2)
    assert run.rc == 2 and "GIVING UP on server 1" in run.output and starts(sim, 1) == 2, run.output
    sim.patch(2, failed_start=False)
    run = bring_back(sim, 2, tries=2)
    assert run.rc == 0 and starts(sim, 2) == 1 and sim.states(2)[-1] == "running", run.output


def test_old_starts_are_not_counted(simulator, bring_back, ansible):
    sim = simulator([{"id": 1, **DOWN}], speed=SPEED)
    (ansible.folder / "count").mkdir()
    now = time.time()
    (ansible.folder / "count" / "1.json").write_text(json.dumps([now - 7200, now - 3700, now - 60]))
    run = bring_back(sim, 1, tries=2)
    assert run.rc == 0 and starts(sim, 1) == 1, run.output
    assert len(json.loads((ansible.folder / "count" / "1.json").read_text())) == 2


def test_unreadable_count_is_an_error_that_names_its_file(simulator, bring_back, ansible):
    sim = simulator([{"id": 1, **DOWN}], speed=SPEED)
    (ansible.folder / "count").mkdir()
    (ansible.folder / "count" / "1.json").write_text("garbage")
    run = bring_back(sim, 1)
    assert run.rc == 2 and "count/1.json is not a list of times" in " ".join(run.output.split()) and not sim.posts(), run.output


@pytest.mark.parametrize(
    ("server", "rc", "said"),
    [
        ({"state": "running"}, 0, "is up (running)"),
        ({"state": "starting", "stuck_starting": True}, 0, "is up (starting)"),
        ({"state": "stopping"}, 0, "is being stopped"),
        ({"state": "offline", "service_status": "suspended"}, 0, "is suspended"),
        ({"state": "offline", "null": True}, 2, "its state is unknown"),
        ({"state": "offline", "shown_state": "missing"}, 2, "its state is unknown"),
        ({"state": "offline", "customer": "other"}, 0, "is not found"),
    ],
)
def test_server_that_may_be_up_is_not_started(simulator, bring_back, server, rc, said):
    sim = simulator([{"id": 1, **server}], speed=SPEED)
    run = bring_back(sim, 1, tries=1)
    assert run.rc == rc and said in " ".join(run.output.split()) and not sim.posts(), run.output


def test_unconfirmed_crash_is_ignored_if_configured(simulator, bring_back):
    sim = simulator([{"id": 1, **DOWN}], speed=SPEED)
    run = bring_back(sim, 1, certain=False, certain_only=True)
    assert run.rc == 0 and "may have been stopped" in run.output and not sim.requests(), run.output
    run = bring_back(sim, 1, certain=True, certain_only=True)
    assert run.rc == 0 and starts(sim, 1) == 1, run.output


def test_variables_of_the_command_line_are_converted(simulator, bring_back):
    sim = simulator([{"id": 1, **BROKEN}], speed=SPEED)
    texts = {"server_id": "1", "tries": "1", "within": "3600", "patience": "1", "verify": "1"}
    run = bring_back(sim, **texts, certain="false", certain_only="true")
    assert run.rc == 0 and "may have been stopped" in run.output and not sim.requests(), run.output
    run = bring_back(sim, **texts, certain="false", certain_only="false")
    assert run.rc == 2 and "GIVING UP on server 1" in " ".join(run.output.split()) and starts(sim, 1) == 1, run.output


def test_refused_start_is_not_counted_as_a_crash(simulator, bring_back):
    sim = simulator([{"id": 1, **DOWN, "conflict": True}], speed=SPEED)
    run = bring_back(sim, 1)
    assert run.rc == 2 and "HTTP 409" in run.output and "GIVING UP" not in run.output and starts(sim, 1) == 1, run.output


def test_in_check_mode_nothing_is_sent_or_counted(simulator, bring_back, ansible):
    sim = simulator([{"id": 1, **DOWN}], speed=SPEED)
    run = bring_back(sim, 1, "--check", "--diff")
    assert run.rc == 0 and "would be started" in run.output and not sim.posts(), run.output
    assert not (ansible.folder / "count").exists()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"server_id": 0}, "bring_back_server_id"),
        ({"server_id": "x"}, "bring_back_server_id"),
        ({"tries": 0}, "bring_back_tries"),
        ({"within": 0}, "bring_back_within"),
        ({"patience": -1}, "bring_back_patience"),
        ({"verify": -1}, "bring_back_verify"),
        ({"within": "an hour"}, "bring_back_within"),
        ({"folder": None}, "bring_back_folder"),
    ],
)
def test_bad_variables_are_refused_by_name(simulator, bring_back, variables, named):
    sim = simulator([{"id": 1, **DOWN}], speed=SPEED)
    run = bring_back(sim, variables.pop("server_id", 1), **variables)
    assert run.rc == 2 and named in run.output and "Traceback" not in run.output and not sim.requests(), run.output

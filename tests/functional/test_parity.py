# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The in-process action and the module give the same result for the same input, and neither shows the token."""

from __future__ import annotations

import pytest

SERVERS = [
    {"id": 1234, "boot_seconds": 3.0, "stop_seconds": 2.0},
    {"id": 1290, "state": "offline", "product": "Palworld 8 GB"},
    {"id": 1300, "service_status": "suspended", "state": "offline"},
]
TIMES = {"elapsed", "downtime", "notice_error", "timeline", "api", "invocation", "_output"}
# What a task through async adds of its own.
OWN = {
    "ansible_job_id",
    "finished",
    "started",
    "results_file",
    "stdout",
    "stderr",
    "stdout_lines",
    "stderr_lines",
    "ansible_async_watchdog_pid",
}
CASES = [
    ("server_info", {}),
    ("server_info", {"server_ids": [1290, 1300]}),
    ("server_info", {"server_id": 99}),
    ("server_info", {"server_id": 99, "missing": "report"}),
    ("server_info", {"product": "("}),
    ("server_info", {"product": "^Palworld", "details": True}),
    ("power", {"server_id": 1234, "state": "started"}),
    ("power", {"server_id": 1234, "state": "restarted", "poll_interval": 0.1}),
    ("power", {"server_id": 1290, "state": "restarted", "if_offline": "fail"}),
    ("power", {"server_id": 1300, "state": "started"}),
    ("power", {"server_id": 1234, "state": "exploded"}),
    ("power", {"state": "started"}),
    ("command", {"server_id": 1234, "command": "say hello"}),
    ("command", {"server_id": 1234, "command": "say a\nstop"}),
    ("command", {"server_id": 1290, "command": "say hello", "if_offline": "skip"}),
    ("command", {"server_id": 1290, "command": "say hello"}),
    ("maintenance", {"server_id": 1290}),
    ("maintenance", {"server_id": 1234, "announcements": [{"before": "1s", "text": "x"}], "poll_interval": 0.1}),
    ("maintenance", {"server_id": 1234, "announcements": [{"before": "x", "text": "x"}]}),
]


def comparable(result):
    return {key: value for key, value in result.items() if key not in TIMES | OWN}


@pytest.mark.parametrize(("module", "options"), CASES)
def test_both_ways_give_the_same(simulator, ansible, module, options):
    results = []
    for keywords in ({}, {"async": 60, "poll": 1}):
        sim = simulator(SERVERS)
        result = ansible.task(sim, module, options, "-vvv", **keywords)
        assert "Traceback" not in result["_output"]
        assert sim.token not in result["_output"]
        results.append(result)
    assert comparable(results[0]) == comparable(results[1])
    assert set(results[0]) - OWN == set(results[1]) - OWN


@pytest.mark.parametrize("keywords", [{}, {"async": 60, "poll": 1}])
def test_the_environment_of_a_task_feeds_the_options_and_stays_unseen(simulator, ansible, keywords):
    sim = simulator(SERVERS)
    result = ansible.task(
        sim,
        "server_info",
        {},
        "-vvv",
        environment={"SERVERPRISM_API_TOKEN": "{{ lookup('env', 'HIDDEN') }}"},
        env={"SERVERPRISM_API_TOKEN": "wrong", "HIDDEN": sim.token},
        **keywords,
    )
    assert not result.get("failed"), result["_output"]
    assert sim.token not in result["_output"]


def test_module_defaults_of_the_group_reach_the_action(simulator, ansible):
    sim = simulator(SERVERS)
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/serverprism.cloud.api": {"api_token": "{{ lookup('env', 'HIDDEN') }}"}},
            "tasks": [{"serverprism.cloud.serverprism_server_info": {}}],
        }
    ]
    run = ansible.run(sim, play, env={"SERVERPRISM_API_TOKEN": "wrong", "HIDDEN": sim.token})
    assert run.rc == 0, run.output


@pytest.mark.parametrize(
    ("module", "options"), [c for c in CASES if c[0] != "server_info" and "server_id" in c[1] and c[1].get("state") != "exploded"]
)
def test_check_mode_sends_nothing(simulator, operate, module, options):
    sim = simulator(SERVERS)
    operate(sim, module, **options, check_mode=True, diff=True)
    assert not sim.posts()

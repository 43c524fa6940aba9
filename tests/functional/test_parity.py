# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that the in-process action and the module give the same result for the same input, and that neither shows the token."""

from __future__ import annotations

import importlib
import json
import re

import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import NO_TOKEN
from functional.harness import ROOT, kept, kept_task

SERVERS = [
    {"id": 1234, "boot_seconds": 3.0, "stop_seconds": 2.0},
    {"id": 1290, "state": "offline", "product": "Palworld 8 GB"},
    {"id": 1300, "service_status": "suspended", "state": "offline"},
    {"id": 1310, "drop_signals": ["restart"]},
]
TIMES = {"elapsed", "downtime", "notice_error", "timeline", "api", "invocation", "_output", "_host"}
# A connection with which the module runs on the target, which is this machine.
FARAWAY = {"ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "integration" / "targets" / "setup_simulator" / "connection_plugins")}
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
    ("power", {"server_id": 1310, "state": "restarted", "poll_interval": 0.1}),
    ("power", {"server_id": 1300, "state": "started"}),
    ("power", {"server_id": 1234, "state": "exploded"}),
    ("power", {"state": "started"}),
    ("power", {"server_id": 1234, "state": "started", "colour": "blue"}),
    ("command", {"server_id": 1234, "command": "say hello"}),
    ("command", {"server_id": 1234, "command": "say a\nstop"}),
    ("command", {"server_id": 1290, "command": "say hello", "if_offline": "skip"}),
    ("command", {"server_id": 1290, "command": "say hello"}),
    ("announce", {"server_id": 1234, "text": "hello {name}"}),
    ("announce", {"server_id": 1234, "text": "hello", "game": "valheim"}),
    ("announce", {"server_id": 1290, "text": "hello"}),
    ("announce", {"server_id": 99, "text": "hello"}),
    ("announce", {"server_id": 1234, "text": "a\nstop"}),
    ("hold", {"server_id": 1234, "end": "12:00", "timezone": "Europe/Berlin", "reason": "a tournament", "cancel": True}),
    ("hold", {"server_id": 1234, "end": "2020-05-04T12:00"}),
    ("hold", {"server_id": 1234}),
    ("hold", {"server_id": 1234, "state": "absent"}),
    ("maintenance", {"server_id": 1290}),
    ("maintenance", {"server_id": 1234, "announcements": [{"before": "1s", "text": "x"}], "command_wait": 0.2, "poll_interval": 0.1}),
    ("maintenance", {"server_id": 1234, "announcements": [{"before": "x", "text": "x"}]}),
    ("maintenance", {"server_id": 1234, "reason": "for {name}"}),
]


def assert_documented(module, result):
    """Assert that RETURN documents every key, and that the keys it promises are there, except after an early failure."""
    name = f"ansible_collections.serverprism.cloud.plugins.modules.serverprism_{module}"
    told = yaml.safe_load(importlib.import_module(name).RETURN)
    assert set(result) - {"changed", "failed", "msg", "invocation", "diff", "exception", "warnings", "_output"} <= set(told)
    if not result.get("failed"):
        assert {key for key, value in told.items() if value["returned"] == "always"} <= set(result)


def comparable(result):
    return {key: value for key, value in result.items() if key not in TIMES}


WAYS = {"action": "local", "module": "faraway"}


def run_both_ways(simulator, ansible, cases):
    """Run a play for each case, with a host and a simulator for each way. Return the pairs of results: by action, by module."""
    hosts, plays = {}, []
    for number, (module, options, keywords) in enumerate(cases):
        for way, connection in WAYS.items():
            sim = simulator(SERVERS)
            hosts[f"{way}_{number}"] = {"url": sim.url, "token": sim.token, "ansible_connection": connection}
        given = {**options, "api_url": "{{ url }}", "api_token": "{{ token }}"}
        plays.append({"hosts": f"*_{number}", "gather_facts": False, "tasks": kept_task(module, given, **keywords)})
    inventory = ansible.folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    output, results = kept(ansible.run(sim, plays, "-vvv", "-i", str(inventory), env=FARAWAY))
    assert "Traceback" not in output and not [host for host, its in hosts.items() if its["token"] in output + json.dumps(results)]
    assert set(re.findall(r"<(\w+)> EXEC .*AnsiballZ_serverprism_", output)) == {host for host in hosts if host.startswith("module")}
    by_host = {result.pop("_host"): result for result in results}
    for result in results:
        # ansible-core 2.22 leaves this key of its own in the results of modules.
        result.pop("ansible_parsed", None)
    return [(by_host[f"action_{number}"], by_host[f"module_{number}"]) for number in range(len(cases))]


@pytest.mark.parametrize("module", sorted({module for module, _options in CASES}))
def test_action_and_module_give_the_same_result(simulator, ansible, module):
    cases = [(*case, {}) for case in CASES if case[0] == module]
    for case, (action, by_module) in zip(cases, run_both_ways(simulator, ansible, cases)):
        assert_documented(module, action)
        assert comparable(action) == comparable(by_module), case
        assert set(action) == set(by_module), case


def test_action_and_module_give_the_same_result_in_check_and_diff_mode(simulator, ansible):
    options = {"server_id": 1234, "state": "restarted", "poll_interval": 0.1}
    cases = [("power", options, {"check_mode": True}), ("power", options, {"diff": True})]
    for case, (action, by_module) in zip(cases, run_both_ways(simulator, ansible, cases)):
        assert comparable(action) == comparable(by_module) and not action.get("failed"), case


@pytest.mark.parametrize("keywords", [{}, {"async": 60, "poll": 1}])
def test_environment_of_a_task_sets_options_and_is_not_shown(simulator, ansible, keywords):
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


@pytest.mark.parametrize("keywords", [{}, {"async": 60, "poll": 1}])
def test_missing_token_error_names_its_sources(simulator, ansible, keywords):
    result = ansible.task(simulator(SERVERS), "server_info", {}, env={"SERVERPRISM_API_TOKEN": None}, **keywords)
    assert result["failed"] and result["msg"] == NO_TOKEN, result


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
    ("module", "options"),
    [c for c in CASES if c[0] != "server_info" and "server_id" in c[1] and c[1].get("state") != "exploded" and "colour" not in c[1]],
)
def test_check_mode_sends_nothing(simulator, operate, module, options):
    sim = simulator(SERVERS)
    operate(sim, module, **options, check_mode=True, diff=True)
    assert not sim.posts()


@pytest.mark.parametrize("keywords", [{}, {"async": 60, "poll": 1}])
def test_warning_is_shown_once_and_is_in_the_result(simulator, ansible, keywords):
    result = ansible.task(simulator(SERVERS), "power", {"server_id": 1310, "state": "restarted", "poll_interval": 0.1}, **keywords)
    assert len(result["warnings"]) == 1 and "nothing confirms that it was carried out" in result["warnings"][0], result
    assert " ".join(result["_output"].split()).count("nothing confirms that it was carried out") == 1, result["_output"]


def test_no_log_hides_the_result_and_the_progress(simulator, ansible):
    sim = simulator(SERVERS)
    options = {"server_id": 1234, "state": "restarted", "poll_interval": 0.1}
    task = {"serverprism.cloud.serverprism_power": options, "no_log": True}
    run = ansible.run(sim, [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}], "-v")
    assert run.rc == 0 and "restart" not in run.output and "censored" in run.output, run.output


def test_delegated_task_runs_on_its_target(simulator, ansible):
    sim = simulator(SERVERS)
    inventory = ansible.folder / "hosts.ini"
    inventory.write_text("game ansible_host=192.0.2.1 ansible_connection=ssh\n")
    task = {
        "serverprism.cloud.serverprism_power": {"server_id": 1234, "state": "restarted", "poll_interval": 0.1},
        "delegate_to": "localhost",
    }
    run = ansible.run(sim, [{"hosts": "game", "gather_facts": False, "tasks": [task]}], "-i", str(inventory), "-vvv")
    assert run.rc == 0 and "[game] restart sent" in run.stdout and "AnsiballZ" not in run.output, run.output

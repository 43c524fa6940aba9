# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the playbooks with settings from elsewhere: Ansible's configuration, host variables, empty variables."""

from __future__ import annotations

import json
import re

import pytest
from functional.test_maintenance_playbook import FAST, canary, fleet

# Settings that an ansible.cfg may have for other playbooks.
FREE, FATAL = {"ANSIBLE_STRATEGY": "free"}, {"ANSIBLE_ANY_ERRORS_FATAL": "true"}


@pytest.fixture
def play(ansible):
    """Run a playbook of the collection on an inventory: ``play(sim, "power", {"all": ...}, *args, **variables)``."""

    def run(sim, name, inventory, *args, env=None, **variables):
        path = ansible.folder / "inventory.json"
        path.write_text(json.dumps(inventory))
        return ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "-e", json.dumps(variables), *args, env=env)

    return run


def test_canary_is_waited_for_under_every_default_strategy(simulator, maintain):
    sim = simulator(fleet(1), write_limit=200)
    run, spoken = canary(sim, maintain, "-e", "maintenance_canary=2", env=FREE)
    assert run.rc == 2 and sorted(spoken) == [1, 2], run.output
    assert list(run.outcomes.values()) == ["failed", "done"] + ["deferred"] * 10, run.output


def test_failure_stops_no_other_even_if_errors_are_fatal_by_default(simulator, maintain, play):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "conflict": True}])
    hosts = {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}, "c": {"serverprism_id": 99}}
    run = maintain(sim, hosts, env=FATAL)
    assert run.rc == 2 and [run.outcomes[name] for name in "abc"] == ["done", "failed", "failed"], run.output
    run = play(sim, "announce", {"all": {"hosts": hosts}}, env={**FREE, **FATAL}, announce_text="hello")
    assert run.rc == 2 and sim.console(1)[-1] == sim.console(2)[-1] == "say hello" and "run_once" not in run.output, run.output


@pytest.mark.parametrize("own", [True, False])
def test_status_uses_the_token_of_the_selected_hosts(simulator, play, own):
    """One of two customers has a token in the inventory, the other uses the token of the environment."""
    one, other = simulator([{"id": 1}]), simulator([{"id": 2}])

    def of(sim):
        return {"serverprism_api_url": sim.url, "serverprism_api_token": sim.token}

    groups = {"aaa": {"hosts": {"a": {"serverprism_id": 1}, "0lobby": {}}, "vars": of(one)}, "bbb": {"hosts": {"b": {"serverprism_id": 2}}}}
    if own:
        groups["bbb"]["vars"] = of(other)
    run = play(one if own else other, "status", {"all": {"children": groups}}, status_hosts="bbb:0lobby")
    assert run.rc == 0 and "b        2  active   running" in run.stdout and not one.requests(), run.output


def test_token_of_a_play_that_imports_status_is_used(simulator, ansible):
    sim = simulator([{"id": 1}])
    path = ansible.folder / "inventory.json"
    path.write_text(json.dumps({"all": {"hosts": {"a": {"serverprism_id": 1}}}}))
    mine = {"name": "Mine", "ansible.builtin.import_playbook": "serverprism.cloud.status", "vars": {"serverprism_api_token": sim.token}}
    run = ansible.run(sim, [mine], "-i", str(path), env={"SERVERPRISM_API_TOKEN": "wrong"})
    assert run.rc == 0 and "running" in run.stdout, run.output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("canary", value) for value in ("yes", "25%", "-1", "one")),
        *(("max_fail_percentage", value) for value in ("-5", "abc", "100.5", "nan")),
    ],
)
def test_batch_setting_that_is_not_a_number_is_refused_before_any_request(simulator, maintain, name, value):
    sim = simulator(fleet())
    run, _spoken = canary(sim, maintain, "-e", f"maintenance_{name}={value}")
    assert run.rc == 2 and f"maintenance_{name}: must be a " in run.stdout and f"got {value}" in run.stdout and not sim.requests(), (
        run.output
    )


def test_canary_that_ansible_would_ignore_is_refused(simulator, maintain):
    sim = simulator(fleet())
    run, _spoken = canary(sim, maintain, maintenance_canary=3)
    assert run.rc == 2 and "Give it with" in run.stdout and not sim.requests(), run.output


def test_fail_percentage_that_ansible_would_ignore_is_refused(simulator, maintain):
    sim = simulator(fleet(1), write_limit=200)
    run, _spoken = canary(sim, maintain, maintenance_max_fail_percentage=50)
    assert run.rc == 2 and "-e maintenance_max_fail_percentage=50" in run.stdout and not sim.requests(), run.output
    # Host variables make no difference here, since -e takes precedence.
    run, spoken = canary(sim, maintain, maintenance_max_fail_percentage=None)
    assert run.rc == 2 and spoken == [1] and run.outcomes["h12"] == "deferred", run.output
    run, spoken = canary(
        sim, maintain, "-e", "maintenance_max_fail_percentage=100 maintenance_canary=2", maintenance_max_fail_percentage=50
    )
    assert run.rc == 2 and sorted(spoken) == list(range(1, 13)), run.output


# YAML reads a name without a value as null.
EMPTY = ["announce_command", "commands", "deadline", "done_text", "id", "kill_after", "max_failures", "product"]
EMPTY += ["report_dir", "start", "verify_tasks"]


def test_empty_variables_count_as_not_set_and_an_id_may_be_a_number_or_a_date(simulator, maintain, ansible):
    sim = simulator([{"id": i, **FAST, "product": "Palworld 8 GB"} for i in (1, 2, 3)])
    # -e accepts YAML. Its variables are merged with those of the inventory.
    written = {1: "".join(f"maintenance_{name}:\n" for name in EMPTY), 2: "maintenance_id: 20260504\n", 3: "maintenance_id: 2026-05-04\n"}
    (ansible.folder / "host_vars").mkdir()
    for number, text in written.items():
        (ansible.folder / "host_vars" / f"h{number}.yml").write_text(text)
    hosts = {f"h{number}": {"serverprism_id": number} for number in written}
    run = maintain(sim, hosts)
    assert run.rc == 0 and list(run.outcomes.values()) == ["done"] * 3, run.output
    assert sim.console(1) == ["Broadcast Restart_in_1_second", "Save"], run.output
    run = maintain(sim, hosts, "--limit", "h2:h3")
    assert run.rc == 0 and list(run.outcomes.values()) == ["done"] * 2 and "done already" in next(iter(run.reasons.values())), run.output
    assert "1 server is left out: it is done under maintenance_id 20260504." in run.stdout, run.output


def test_announce_accepts_a_number_as_text_and_an_empty_command(simulator, play):
    sim = simulator([{"id": 1, "product": "Palworld 8 GB"}])
    run = play(sim, "announce", {"all": {"hosts": {"a": {"serverprism_id": 1}}}}, announce_text=20260504, announce_command=None)
    assert run.rc == 0 and sim.console(1) == ["Broadcast 20260504"], run.output


def test_host_with_a_separate_token_does_not_fail_with_the_first_host(simulator, maintain, play):
    """Hosts with the same broken token send one request together, not one each."""
    sim = simulator([{"id": i, **FAST, "product": "Palworld 8 GB"} for i in (1, 2, 3)])
    hosts = {name: {"serverprism_id": number} for number, name in enumerate("abc", 1)}
    hosts["c"]["serverprism_api_token"] = sim.token
    run = maintain(sim, hosts, serverprism_api_token="expired")
    assert run.rc == 2 and [run.outcomes[name] for name in "abc"] == ["failed", "failed", "done"], run.output
    assert all("api_token" in run.reasons[name] for name in "ab") and sim.console(3)[-1] == "Save", run.output
    # One when the run is checked, and one when it is conducted, since a failure is not kept.
    assert sum(request["status"] == 401 for request in sim.requests()) == 2
    inventory = {"all": {"hosts": hosts, "vars": {"serverprism_api_token": "expired"}}}
    run = play(sim, "announce", inventory, announce_text="hello")
    assert run.rc == 2 and sim.console(3)[-1] == "Broadcast hello", run.output
    # When the run is checked, once more for both hosts with the expired token, and when each of them fails.
    assert sum(request["status"] == 401 for request in sim.requests()) == 2 + 4


def test_run_with_start_at_task_knows_the_game(simulator, maintain):
    """Each host then conducts its own server."""
    sim = simulator([{"id": 1, **FAST, "product": "Palworld 8 GB"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "--start-at-task", "Return the outcome of this server")
    assert run.rc == 0 and sim.console(1) == ["Broadcast Restart_in_1_second", "Save"], run.output


def test_run_has_one_report_wherever_its_folder_is_set(simulator, maintain, tmp_path):
    sim = simulator([{"id": i, "state": "offline"} for i in (1, 2, 3)])
    first, other = (str(tmp_path / name) for name in ("first", "other"))
    hosts = {name: {"serverprism_id": number} for number, name in enumerate("abc", 1)}
    hosts["b"]["maintenance_report_dir"], hosts["c"]["maintenance_report_dir"] = first, other
    run = maintain(sim, hosts, maintenance_report_dir="")
    assert run.rc == 2 and f"different folders: {first}, {other}." in run.stdout and not sim.requests(), run.output
    hosts["c"]["maintenance_report_dir"] = f"{first}/"
    run = maintain(sim, hosts, "-e", "maintenance_canary=1", maintenance_report_dir="")
    report = json.loads((tmp_path / "first" / "report.json").read_text())
    assert run.rc == 0 and [one["host"] for one in report["servers"]] == ["a", "b", "c"], run.output
    hosts["c"]["maintenance_report_dir"] = other
    run = maintain(sim, hosts, "-e", f"maintenance_report_dir={tmp_path / 'given'}", "--check")
    assert run.rc == 0 and (tmp_path / "given" / "report.json").exists() and not (tmp_path / "other").exists(), run.output


def test_summary_is_aligned_for_wide_host_names(simulator, maintain):
    sim = simulator([{"id": i, "state": "offline"} for i in (1, 2)])
    run = maintain(sim, {"日本のサーバー": {"serverprism_id": 1}, "ab": {"serverprism_id": 2}})
    lines = run.stdout.splitlines()
    start = lines.index("server          outcome      signal         downtime  notice error  why")
    assert run.rc == 0 and lines[start + 1 : start + 3] == [
        "ab              skipped                                             offline",
        "日本のサーバー  skipped                                             offline",
    ], run.output


def test_bad_variable_of_power_fails_only_its_host(simulator, play):
    wrong = {
        "power_if_offline": ("maybe", "value of if_offline must be one of: start, skip, fail, got: maybe"),
        "power_wait": ("later", "argument 'wait' is of type"),
        "power_wait_timeout": (0, "wait_timeout: must be greater than 0 seconds, got 0."),
        "power_running_when": ("stopped", "value of running_when must be one of: running, starting, got: stopped"),
        "power_kill_after": ("soon", "argument 'kill_after' is of type"),
    }
    sim = simulator([{"id": i, "state": "offline"} for i in range(1, 7)])
    hosts = {name: {"serverprism_id": number, name: value} for number, (name, (value, _message)) in enumerate(wrong.items(), 1)}
    hosts["empty"] = {"serverprism_id": 6, **dict.fromkeys(wrong), "power_kill_after": ""}
    run = play(sim, "power", {"all": {"hosts": hosts}}, power_state="stopped")
    for name, (_value, message) in wrong.items():
        assert re.search(rf"fatal: \[{name}\]: FAILED! => .*{re.escape(message)}", run.stdout), run.output
    assert run.rc == 2 and {request["server"] for request in sim.requests() if "server" in request} == {6} and "failed=0" in run.stdout, (
        run.output
    )
    hosts["empty"]["power_kill_after"] = "{{ nowhere }}"
    asked = len(sim.requests())
    run = play(sim, "power", {"all": {"hosts": hosts}}, power_state="stopped")
    assert run.rc == 2 and "empty: power_kill_after: 'nowhere' is undefined." in run.stdout and len(sim.requests()) == asked, run.output

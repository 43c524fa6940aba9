# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the playbook and its role as a user runs them: with an inventory and one command."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import is_allowed
from functional.conftest import QUICK

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}


def test_failure_of_one_server_stops_no_other(simulator, maintain):
    sim = simulator(
        [
            {"id": 1, **FAST},
            {"id": 2, **FAST, "product": "Palworld 8 GB"},
            {"id": 3, "state": "offline"},
            {"id": 4, "service_status": "suspended"},
            {"id": 5, "conflict": True},
        ]
    )
    names = ["survival", "pals", "attic", "unpaid", "broken"]
    run = maintain(sim, {name: {"serverprism_id": i} for i, name in enumerate(names, 1)})
    assert run.rc == 2, run.output
    assert run.outcomes == {
        "survival": "done",
        "pals": "done",
        "attic": "skipped",
        "unpaid": "skipped",
        "broken": "failed",
    }
    assert sim.states(1)[-2:] == sim.states(2)[-2:] == ["starting", "running"]
    assert sim.states(3) == ["offline"] and sim.states(5) == ["running"]
    assert "failed=1" in next(line for line in run.stdout.splitlines() if line.startswith("broken ") and "ok=" in line)


def test_output_of_a_small_run_is_short(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    announcements = [{"before": f"{before}s", "text": "{action} in {remaining}"} for before in (3, 2, 1)]
    run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}, maintenance_announcements=announcements)
    assert run.rc == 0 and len(run.output.splitlines()) <= 60, run.output


def test_each_game_gets_its_own_console_commands(simulator, maintain):
    sim = simulator([{"id": 1, **FAST, "product": "Palworld 8 GB"}, {"id": 2, **FAST, "product": "7 Days To Die (EU)"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}})
    assert run.rc == 0, run.output
    assert sim.console(1) == ["Broadcast Restart_in_1_second", "Save"]
    assert sim.console(2) == ['say "Restart in 1 second"', "saveworld"]


def test_products_of_all_servers_cost_one_read(simulator, maintain):
    sim = simulator([{"id": i, "state": "offline"} for i in (1, 2, 3)])
    run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)})
    assert run.rc == 0, run.output
    assert sum(request["path"].endswith("/servers") for request in sim.requests()) == 1


def test_variables_override_the_profile_of_the_game(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    mine = {"maintenance_announce_command": "tellraw {text}", "maintenance_commands": []}
    run = maintain(sim, {"a": {"serverprism_id": 1, "serverprism_product": "Minecraft 4 GB", **mine}})
    assert run.rc == 0, run.output
    assert sim.console(1) == ["tellraw Restart in 1 second"]


def test_unknown_game_gets_a_safe_default_and_a_warning(simulator, maintain):
    sim = simulator([{"id": 1, **FAST, "product": "Dark Spark 4 GB"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}})
    assert run.rc == 0, run.output
    assert sim.console(1) == ["say Restart in 1 second"]
    assert "No known game matches the product" in run.stdout and "Dark Spark" in run.stdout


def test_game_without_a_console_gets_no_commands_and_a_warning(simulator, maintain):
    sim = simulator([{"id": 1, **FAST, "product": "Valheim 4 GB"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}})
    assert run.rc == 0, run.output
    assert "takes no console commands: players are not warned" in run.stdout and not sim.console(1)
    # At the end, its line in the summary says so as well.
    assert "; nobody was warned: the game takes no console commands" in run.stdout and run.report["totals"]["not_warned"] == 1, run.output
    assert sim.states(1)[-1] == "running" and len(sim.states(1)) > 1


def test_check_and_diff_show_the_plan_and_send_nothing(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, "--check", "--diff")
    assert run.rc == 0 and "Check mode: nothing was sent." in run.stdout and "done" not in run.stdout, run.output
    plan = [line for line in run.stdout.splitlines() if line.startswith("+")]
    assert [line.split(" UTC ", 1)[-1] for line in plan[-3:]] == [
        "announcement: say Restart in 1 second",
        "command: save-all",
        "signal: restart",
    ], run.output
    assert run.outcomes["a"] == "planned" and run.outcomes["b"] == "skipped"
    assert not sim.posts()


def test_servers_are_stopped_and_players_told(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "--check", "--diff", maintenance_state="stopped", maintenance_announcements=None)
    assert run.rc == 0 and "announcement: say Shutdown in 5 minutes, at " in run.stdout, run.output
    words = [{"before": 1, "text": "Shutdown in {remaining}"}]
    run = maintain(sim, {"a": {"serverprism_id": 1}}, maintenance_state="stopped", maintenance_announcements=words)
    assert run.rc == 0, run.output
    assert sim.states(1)[-1] == "offline" and sim.console(1)[0] == "say Shutdown in 1 second"


def test_failing_verify_task_fails_its_host_after_the_restart(simulator, maintain, tmp_path):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}])
    tasks = tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.fail": {"msg": "players cannot join {{ inventory_hostname }}"}}]))
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, maintenance_verify_tasks=str(tasks))
    assert run.rc == 2, run.output
    assert run.outcomes["a"] == "failed" and "players cannot join a" in run.reasons["a"]
    assert run.outcomes["b"] == "skipped" and "players cannot join b" not in run.output


def test_repeated_run_verifies_again(simulator, maintain, tmp_path):
    sim = simulator([{"id": 1, **FAST}])
    tasks = tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.fail": {"msg": "players cannot join"}}]))
    options = {"maintenance_verify_tasks": str(tasks), "maintenance_id": "CHG-7"}
    for _each in range(2):
        run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
        assert run.rc == 2 and run.outcomes["a"] == "failed" and "players cannot join" in run.reasons["a"], run.output
    assert [post["body"]["signal"] for post in sim.posts() if "signal" in post["body"]] == ["restart"]
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.debug": {"msg": "players can join"}}]))
    run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
    assert run.rc == 0 and run.outcomes["a"] == "done" and "players can join" in run.output, run.output


def test_server_whose_signal_may_have_been_sent_stays_unconfirmed_in_a_repeated_run(simulator, maintain, tmp_path):
    sim = simulator([{"id": 1, **FAST, "drop_signals": ["restart"]}])
    tasks = tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.debug": {"msg": "players can join"}}]))
    options = {"maintenance_verify_tasks": str(tasks), "maintenance_id": "CHG-7"}
    run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
    assert run.rc == 2 and "players can join" not in run.output, run.output
    run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
    assert run.rc == 2 and run.outcomes["a"] == "unconfirmed" and "players can join" not in run.output, run.output


def test_token_may_be_a_variable(simulator, maintain):
    sim = simulator([{"id": 1, "state": "offline"}])
    env = {"SERVERPRISM_API_TOKEN": "", "SERVERPRISM_API_URL": "http://127.0.0.1:1"}
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "-vvv", env=env, serverprism_api_token=sim.token, serverprism_api_url=sim.url)
    assert run.rc == 0, run.output
    assert sim.token not in run.output


def test_run_without_servers_fails(simulator, maintain):
    sim = simulator()
    run = maintain(sim, {})
    assert run.rc == 2 and "No server in this run" in run.output, run.output
    run = maintain(sim, {"a": {"serverprism_id": 1234}, "b": {"serverprism_id": 1234}}, "--limit", "a", maintenance_hosts="b")
    assert run.rc == 2 and "No server in this run" in run.output, run.output
    assert not sim.requests()


def test_limit_restricts_the_run(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, "--limit", "a")
    assert run.rc == 0 and list(run.outcomes) == ["a"], run.output
    assert sim.states(2) == ["running"]


def test_bad_variables_are_refused_by_name_before_any_write(simulator, maintain):
    wrong = [
        (
            {"serverprism_id": None},
            "maintenance_server_id: host h0 has no server. Set serverprism_id in the inventory (the number in the "
            "server's /services/ID address), or leave the host out with --limit.",
        ),
        ({"maintenance_state": "rebooted"}, "maintenance_state"),
        ({"maintenance_announcements": [{"text": "no time"}]}, "before"),
        ({"maintenance_announcements": [{"before": "soon", "text": "x"}]}, "announcements[0].before"),
        ({"maintenance_if_offline": "maybe"}, "maintenance_if_offline"),
        ({"maintenance_timezone": "Mars/Olympus"}, "timezone"),
        ({"maintenance_start": "later"}, "start"),
        ({"maintenance_verify_tasks": "verify.yml"}, "verify.yml is not a file."),
        ({"maintenance_max_failures": -1}, "max_failures"),
    ]
    sim = simulator([{"id": i + 1, "state": "offline"} for i in range(len(wrong) + 1)])
    hosts = {"fine": {"serverprism_id": len(wrong) + 1, "serverprism_product": "Minecraft"}}
    for i, (variables, _named) in enumerate(wrong):
        known = {"serverprism_id": i + 1, "serverprism_product": "Minecraft", **variables}
        hosts[f"h{i}"] = {key: value for key, value in known.items() if value is not None}
    run = maintain(sim, hosts)
    told = dict(re.findall(r"^fatal: \[(.*?)\]: FAILED! => (.*)$", run.stdout, re.MULTILINE))
    assert run.rc == 2 and set(told) == {*hosts} - {"fine"} and "Traceback" not in run.output, run.output
    for number, (_variables, named) in enumerate(wrong):
        assert named in told[f"h{number}"], number
    assert not sim.posts()


def test_paths_start_at_the_working_directory(simulator, maintain, ansible):
    sim = simulator([{"id": 1, "product": "Minecraft"}])
    (ansible.folder / "verify.yml").write_text("[{name: Look, ansible.builtin.debug: {msg: It was verified}}]")
    run = maintain(sim, {"a": {"serverprism_id": 1}}, maintenance_report_dir="my report", maintenance_verify_tasks="verify.yml")
    assert run.rc == 0 and "It was verified" in run.stdout, run.output
    assert (ansible.folder / "my report" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["maintenance_announcement=[]"],
            "-e maintenance_announcement: there is no such variable. Did you mean",
        ),
        (["maintenance_id=May", "4th"], "-e: '4th' belongs to no variable"),
    ],
)
def test_variable_of_the_command_line_that_has_no_effect_is_refused(simulator, maintain, arguments, said):
    sim = simulator([{"id": 1, "product": "Minecraft"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "-e", " ".join(arguments))
    assert run.rc == 2 and said in run.stdout and not sim.requests(), run.output


def test_misspelt_variable_of_the_inventory_is_warned_about(simulator, maintain):
    sim = simulator([{"id": 1, "product": "Minecraft"}])
    run = maintain(sim, {"a": {"serverprism_id": 1, "maintenance_startt": "03:00"}}, "--check")
    assert run.rc == 0 and "Did you mean maintenance_start?" in " ".join(run.output.split()), run.output


def test_plan_counts_the_writes_of_each_server(simulator, maintain):
    sim = simulator([{"id": i, "product": "Minecraft" if i > 1 else "Valheim"} for i in range(1, 6)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in range(1, 6)}
    hosts["h3"]["maintenance_announcements"] = [{"before": before, "text": "x"} for before in ("3s", "2s", "1s")]
    # Variables that exist only in a play are templated for each host.
    hosts["h4"]["maintenance_commands"] = ["say {{ ansible_play_batch | length }}"]
    hosts["h5"]["maintenance_announcements"] = [{"before": "{{ ansible_play_batch | length }}s", "text": "x"}]
    hosts["h2"]["maintenance_commands"] = "{{ ['save-all'] * (ansible_play_batch | length) }}"
    run = maintain(sim, hosts, "--check")
    # One signal each; h2: 1 + 5 lines, h3: 3 + 1, h4: 1 + 1, h5: 1 + 1.
    assert run.rc == 0 and "5 servers, 19 writes: ends in about " in run.stdout and "WARNING" not in run.output, run.output


def test_deadline_before_the_start_is_refused(simulator, maintain):
    sim = simulator([{"id": 1}])
    times = {"maintenance_start": "2099-01-01T04:00", "maintenance_deadline": "2099-01-01T03:00"}
    run = maintain(sim, {"a": {"serverprism_id": 1, "serverprism_product": "Minecraft", **times}})
    assert run.rc == 2 and "maintenance_deadline: must not be before start" in run.output and "Traceback" not in run.output, run.output
    assert not sim.requests()


def test_empty_variable_of_a_survey_counts_as_not_set(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    names = ["start", "deadline", "id", "kill_after", "announce_command", "done_text", "verify_tasks", "report_dir"]
    run = maintain(sim, {"a": {"serverprism_id": 1, **{f"maintenance_{name}": "" for name in names}}})
    assert run.rc == 0 and re.search(r"^a +done ", run.stdout, re.MULTILINE) and not run.report, run.output


def test_names_of_the_api_are_never_templates(simulator, maintain, tmp_path):
    trap = "{{ lookup('pipe', 'touch %s') }}" % (tmp_path / "pwned")
    sim = simulator([{"id": 1, **FAST, "name": trap, "product": trap}])
    words = [{"before": "1s", "text": "{name} restarts"}]
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "--diff", maintenance_announcements=words)
    assert run.rc == 0, run.output
    assert not (tmp_path / "pwned").exists() and sim.console(1)[0] == f"say {trap} restarts"


def canary(sim, maintain, *args, **variables):
    """Run twelve servers, of which the first and the last refuse their restart; return the IDs of those that got a line, in order."""
    hosts = {f"h{i:02}": {"serverprism_id": i} for i in range(1, 13)}
    run = maintain(sim, hosts, "--forks", "12", *args, maintenance_announcements=[{"before": "0.5s", "text": "x"}], **variables)
    return run, list(dict.fromkeys(post["server"] for post in sim.posts()))


def fleet(*broken):
    return [{"id": i, **FAST, "conflict": i in broken} for i in range(1, 13)]


def test_failed_canary_defers_the_other_servers(simulator, maintain):
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain)
    assert run.rc == 2 and spoken == [1], run.output
    assert run.outcomes == {"h01": "failed", **{f"h{i:02}": "deferred" for i in range(2, 13)}}, run.output
    assert run.reasons["h12"] == "not begun: too many servers before it failed"
    assert run.report["totals"]["failed"] == 1 and run.report["totals"]["deferred"] == 11
    assert re.search(r"^h12 +deferred +not begun", run.stdout, re.MULTILINE), run.output


@pytest.mark.parametrize("broken", [(2,), (1, 2)])
def test_report_has_every_server_if_a_part_of_the_canary_fails(simulator, maintain, broken):
    run, spoken = canary(simulator(fleet(*broken), write_limit=200), maintain, "-e", "maintenance_canary=2")
    assert run.rc == 2 and sorted(spoken) == [1, 2], run.output
    expected = {f"h{i:02}": "failed" if i in broken else "done" if i < 3 else "deferred" for i in range(1, 13)}
    assert run.outcomes == expected, run.output
    assert re.search(r"^h12 +deferred +not begun", run.stdout, re.MULTILINE), run.output


@pytest.mark.parametrize("message", ["the map is gone", ""])
def test_canary_fails_with_its_verify_tasks(simulator, maintain, tmp_path, message):
    verify = tmp_path / "verify.yml"
    verify.write_text(json.dumps([{"ansible.builtin.fail": {"msg": message}, "when": "inventory_hostname == 'h01'"}]))
    run, spoken = canary(simulator(fleet(), write_limit=200), maintain, maintenance_verify_tasks=str(verify))
    assert run.rc == 2 and spoken == [1], run.output
    assert run.outcomes == {"h01": "failed", **{f"h{i:02}": "deferred" for i in range(2, 13)}}, run.output
    # Some versions of ansible-core have a message of their own for a failure without one.
    assert run.reasons["h01"] and message in run.reasons["h01"], run.reasons


@pytest.fixture
def playbook(ansible):
    """Run a playbook of three plays: one of the user's, the playbook maintenance, and the same again: ``playbook(sim, tasks, *args)``."""

    def run(sim, tasks, *args, again=False):
        inventory = ansible.folder / "hosts.json"
        hosts = {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}
        everyone = {**QUICK, "ansible_connection": "local", "maintenance_product": "Minecraft"}
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": everyone}}))
        mine = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        maintenance = {"import_playbook": "serverprism.cloud.maintenance"}
        plays = [maintenance, mine, maintenance] if again else [mine, maintenance]
        return ansible.run(sim, plays, "-i", str(inventory), *args)

    return run


def test_host_that_failed_in_an_earlier_play_is_no_canary(simulator, playbook):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    fail = {"ansible.builtin.fail": {"msg": "no backup"}, "when": "inventory_hostname == 'h1'"}
    run = playbook(sim, [fail], "--check")
    assert run.rc == 2 and "2 servers, 6 writes: ends in about" in run.stdout, run.output
    assert re.findall(r"^(h\d) +planned", run.stdout, re.MULTILINE) == ["h2", "h3"], run.output


@pytest.mark.parametrize("cleared", [False, True])
def test_failures_of_an_earlier_run_of_the_playbook_do_not_count(simulator, playbook, cleared):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    sim.fault(method="POST", path="/1/", status=403, body="{}", count=1)
    run = playbook(sim, [{"ansible.builtin.meta": "clear_host_errors"}] if cleared else [], again=True)
    tables = re.findall(r"^(h\d) +(done|failed|deferred)", run.stdout, re.MULTILINE)
    assert tables[:3] == [("h1", "failed"), ("h2", "done"), ("h3", "done")], run.output
    assert tables[3:] == [*([("h1", "done")] if cleared else []), ("h2", "done"), ("h3", "done")], run.output


def test_plan_shown_before_a_canary_contains_all_servers(simulator, maintain):
    run, _spoken = canary(simulator(fleet(1), write_limit=200), maintain, "-e", "maintenance_canary=2")
    assert "12 servers (2 of them ahead of the others), 36 writes: ends in about" in run.stdout, run.output
    assert run.stdout.index("12 servers (2") < run.stdout.index("sent: say")


def test_failures_of_a_canary_count_for_the_whole_run(simulator, maintain):
    options = {"maintenance_canary": 2, "maintenance_max_failures": 1, "maintenance_max_fail_percentage": 100}
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, "-e", json.dumps(options))
    assert run.rc == 2 and sorted(spoken) == [1, 2] and list(run.outcomes.values())[2:] == ["deferred"] * 10, run.output


@pytest.fixture
def role(ansible):
    """Run the role in a play: ``role(sim, {"host": {variables}}, *args, how="import_role", play={...}, task={...}, **variables)``."""

    def run(sim, hosts, *args, how="import_role", play=None, task=None, env=None, **variables):
        inventory = ansible.folder / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**QUICK, **variables}}}))
        role = {f"ansible.builtin.{how}": {"name": "serverprism.cloud.maintenance"}, **(task or {})}
        tasks = [role, {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }} is {{ maintenance_result.outcome | default('left') }}"}}]
        plays = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": tasks, **(play or {})}]
        return ansible.run(sim, plays, "-i", str(inventory), *args, env=env)

    return run


def ended(run):
    """Return the outcome of each host, from the task after the role."""
    return dict(re.findall(r'"msg": "(\w+) is (\w+)"', run.stdout))


@pytest.mark.parametrize("how", ["import_role", "include_role"])
def test_max_failures_defers_the_servers_that_have_not_begun(simulator, role, how):
    # A window of the quota has room for two servers.
    sim = simulator([{"id": i, **FAST, "conflict": i == 1} for i in range(1, 7)], write_limit=8)
    hosts = {f"h{i}": {"serverprism_id": i} for i in range(1, 7)}
    run = role(sim, hosts, how=how, env={"SERVERPRISM_WRITE_LIMIT": "8"}, maintenance_max_failures=1, maintenance_product="Minecraft")
    assert run.rc == 2 and list(ended(run).values()).count("deferred") >= 2, run.output
    assert {post["server"] for post in sim.posts()} == {1, *(int(host[1]) for host, outcome in ended(run).items() if outcome == "done")}


def test_max_failures_counts_each_pass_of_a_loop_separately(simulator, role):
    sim = simulator([{"id": i, **FAST, "conflict": i == 1} for i in (1, 2, 3)])
    task = {"loop": ["one", "two"], "loop_control": {"loop_var": "pass"}}
    options = {"maintenance_max_failures": 1, "maintenance_commands": ["say {{ pass }}"], "maintenance_product": "Minecraft"}
    run = role(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}, how="include_role", task=task, **options)
    said = [post["server"] for post in sim.posts() if post["body"].get("command") == "say two"]
    assert run.rc == 2 and sorted(said) == [2, 3] and ended(run) == {"h2": "done", "h3": "done"}, run.output


@pytest.mark.parametrize("how", ["import_role", "include_role"])
def test_host_with_a_false_condition_is_not_maintained(simulator, role, how):
    """A host whose condition is false is not maintained, whether it is the first of the play or not."""
    for left_out in ("h1", "h3"):
        sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
        run = role(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}, how=how, task={"when": f"inventory_hostname != '{left_out}'"})
        others = {"h1", "h2", "h3"} - {left_out}
        assert run.rc == 0 and {host for host, outcome in ended(run).items() if outcome == "done"} == others, run.output
        assert {f"h{post['server']}" for post in sim.posts()} == others
        # The first host's task conducts the run; import_role gives it the condition of the role.
        alone = left_out == "h1" and how == "import_role"
        assert run.output.count("is maintained in a run of its own") == (2 if alone else 0), run.output


@pytest.mark.parametrize("strategy", ["ansible.builtin.free", "ansible.builtin.host_pinned"])
@pytest.mark.parametrize("how", ["import_role", "include_role"])
def test_strategy_without_run_once_maintains_every_server_once(simulator, role, strategy, how):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    run = role(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}, how=how, play={"strategy": strategy})
    assert run.rc == 0 and ended(run) == dict.fromkeys(("h1", "h2", "h3"), "done"), run.output
    assert sorted(post["server"] for post in sim.posts() if "signal" in post["body"]) == [1, 2, 3]


def test_serial_batches_of_a_play_follow_each_other(simulator, role):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    run = role(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}, play={"serial": 1})
    assert run.rc == 0 and ended(run) == dict.fromkeys(("h1", "h2", "h3"), "done"), run.output
    assert list(dict.fromkeys(post["server"] for post in sim.posts())) == [1, 2, 3]


def test_failed_server_can_be_rescued(simulator, role):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "conflict": True}])
    inner = {"ansible.builtin.import_role": {"name": "serverprism.cloud.maintenance"}}
    rescue = [{"ansible.builtin.debug": {"msg": "rescued {{ inventory_hostname }} {{ maintenance_result.outcome }}"}}]
    run = role(sim, {"h1": {"serverprism_id": 1}, "h2": {"serverprism_id": 2}}, play={"tasks": [{"block": [inner], "rescue": rescue}]})
    assert run.rc == 0 and "rescued h2 failed" in run.stdout and "rescued h1" not in run.stdout, run.output


def test_no_log_of_a_play_hides_progress_and_results(simulator, role):
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    run = role(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2)}, "-vv", play={"no_log": True})
    assert run.rc == 0 and len(sim.posts()) == 6 and "save-all" not in run.output and "sent:" not in run.output, run.output


@pytest.mark.parametrize("what", ["module_defaults", "environment"])
def test_settings_of_a_play_hold_for_all_hosts(simulator, ansible, what):
    one, other = simulator([{"id": 1, **FAST}]), simulator([{"id": 2, **FAST}])
    options = {"api_url": one.url, "api_token": one.token}
    setting = {
        "module_defaults": {"group/serverprism.cloud.api": options},
        "environment": {f"SERVERPRISM_{name.upper()}": value for name, value in options.items()},
    }[what]
    inventory = ansible.folder / "hosts.json"
    # A host of another customer.
    own = {"serverprism_id": 2, "serverprism_api_url": other.url, "serverprism_api_token": other.token}
    inventory.write_text(json.dumps({"all": {"hosts": {"h1": {"serverprism_id": 1}, "h2": own}, "vars": QUICK}}))
    role = {"ansible.builtin.import_role": {"name": "serverprism.cloud.maintenance"}}
    play = {"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [role], what: setting}
    env = {"SERVERPRISM_API_URL": "http://127.0.0.1:1", "SERVERPRISM_API_TOKEN": "wrong"}
    run = ansible.run(one, [play], "-i", str(inventory), env=env)
    assert run.rc == 0 and one.states(1)[-1] == other.states(2)[-1] == "running" and one.posts() and other.posts(), run.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step": "dance"}, "value of step must be one of"),
        ({}, "missing required arguments: step"),
        ({"step": "check", "hosts": "nobody"}, "no host matches"),
    ],
)
def test_bad_step_of_a_run_is_refused(simulator, ansible, options, words):
    sim = simulator()
    result = ansible.task(sim, "run", options)
    assert result["failed"] and words in result["msg"] and not sim.requests(), result


def test_run_refuses_to_run_on_a_target(simulator, ansible, operate):
    sim = simulator()
    result = ansible.task(sim, "run", {"step": "conduct"}, **{"async": 30, "poll": 1})
    assert result["failed"] and "async" in result["msg"] and not sim.requests(), result
    result = operate(sim, "run", step="conduct")
    assert result["failed"] and result["msg"] == "step: conduct can run only on the controller." and not sim.requests(), result


BROKEN = """
from ansible.plugins.callback import CallbackBase
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.timeline import Maintenance
was = Maintenance.run
async def run(self):
    if self.server_id == 2:
        raise KeyError("a bug")
    return await was(self)
Maintenance.run = run
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "broken"
"""


def test_bug_in_one_server_does_not_end_the_others(simulator, maintain, ansible):
    # Ansible loads a callback plugin before it starts its workers.
    (ansible.folder / "broken.py").write_text(BROKEN)
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    env = {"ANSIBLE_CALLBACK_PLUGINS": str(ansible.folder), "ANSIBLE_CALLBACKS_ENABLED": "broken"}
    run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}, env=env)
    assert run.rc == 2 and run.outcomes == {"h1": "done", "h2": "failed", "h3": "done"}, run.output
    assert "A bug in serverprism.cloud: KeyError('a bug')" in run.reasons["h2"]


def test_value_that_is_out_of_range_fails_its_own_host(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}
    hosts["h1"]["maintenance_start"] = "0001-01-01T00:00"
    hosts["h2"]["maintenance_done_delay"] = 10**400
    run = maintain(sim, hosts)
    assert run.rc == 2 and run.outcomes == {"h1": "failed", "h2": "failed", "h3": "done"}, run.output
    assert run.reasons["h1"].startswith("maintenance_start: must be in 1970 or later"), run.reasons


@pytest.mark.parametrize("share", ["50", "50%"])
def test_server_reported_as_deferred_gets_no_request_and_the_others_are_maintained(simulator, maintain, share):
    sim = simulator(fleet(1), write_limit=200)
    run, spoken = canary(sim, maintain, "-e", f"maintenance_canary=2 maintenance_max_fail_percentage={share}")
    assert run.rc == 2 and sorted(spoken) == list(range(1, 13)) and "not begun" not in run.stdout, run.output


def test_fleet_follows_a_successful_canary_and_its_failures_stop_no_other(simulator, maintain):
    run, spoken = canary(simulator(fleet(5), write_limit=200), maintain)
    assert run.rc == 2 and spoken[0] == 1 and sorted(spoken) == list(range(1, 13)), run.output
    assert run.outcomes["h05"] == "failed" and list(run.outcomes.values()).count("done") == 11


def test_canary_can_be_disabled(simulator, maintain):
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, "-e", "maintenance_canary=0")
    assert run.rc == 2 and sorted(spoken) == list(range(1, 13)), run.output


def test_bad_values_of_the_first_host_fail_only_that_host(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    bad = {"serverprism_id": 1, "maintenance_start": "later", "maintenance_timezone": "Mars"}
    run = maintain(sim, {"a": bad, "b": {"serverprism_id": 2}, "c": {"serverprism_id": 3}})
    assert run.rc == 2 and [run.outcomes[name] for name in "abc"] == ["failed", "done", "done"], run.output
    assert "2 servers, " in run.stdout and "timezone" in run.reasons["a"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"status": 404, "body": "{}"}, "api_url is not the address of the API"), ({"status": 403, "body": "{}"}, "HTTP 403")],
)
def test_every_server_fails_if_the_products_cannot_be_read(simulator, maintain, fault, words):
    sim = simulator([{"id": i} for i in (1, 2)])
    sim.fault(**fault)
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}})
    assert run.rc == 2 and list(run.outcomes.values()) == ["failed", "failed"], run.output
    # One when the run is checked, and one when it is conducted, however many servers there are.
    assert all(words in reason for reason in run.reasons.values()) and len(sim.requests()) == 2


def test_few_servers_of_a_large_fleet_need_no_canary(simulator, maintain):
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, "--limit", "h01:h02:h03")
    assert run.rc == 2 and sorted(spoken) == [1, 2, 3], run.output


@pytest.mark.parametrize("before", [0, 2])
def test_check_mode_shows_every_server_as_planned(simulator, maintain, ansible, before):
    sim, start = simulator(fleet()), datetime.now(timezone.utc) + timedelta(hours=1)
    folder = ansible.folder / "report"
    options = {
        "maintenance_start": start.isoformat(),
        "maintenance_deadline": (start + timedelta(seconds=5 if before else 2)).isoformat(),
        "maintenance_report_dir": str(folder),
        "maintenance_canary": before,
    }
    run, spoken = canary(sim, maintain, "--check", "-e", json.dumps(options))
    assert run.rc == 0 and not spoken and run.stdout.count("leaves out") == 1, run.output
    left_out = int(re.search(r"leaves out (\d+) of them", run.stdout)[1])
    report = json.loads((folder / "report.json").read_text())
    assert 0 < left_out == report["totals"]["deferred"] < 10, run.output
    planned = [entry["planned"] for one in report["servers"] if one["outcome"] == "done" for entry in one["timeline"]]
    times = [datetime.fromisoformat(at).timestamp() for at in planned]
    # The simulator's minute, and the two writes that are left to others.
    assert is_allowed(times, 18, sim.seconds(60)), report


def test_plan_is_shown_before_anything_is_sent(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}})
    plan = run.stdout.index("2 servers, 6 writes: ends in about")
    assert plan < run.stdout.index("sent: say") and ", not limited by the quota." in run.stdout, run.output


def test_duration_does_not_depend_on_forks(simulator, maintain):
    took = {}
    for forks in ("1", "40"):
        sim = simulator([{"id": i, **FAST} for i in range(1, 9)])
        run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in range(1, 9)}, "--forks", forks)
        assert run.rc == 0 and set(run.outcomes.values()) == {"done"}, run.output
        begun, ended = (datetime.fromisoformat(run.report[name].replace("Z", "+00:00")) for name in ("begun", "ended"))
        took[forks] = (ended - begun).total_seconds()
    # 24 writes need a second window of the quota, whose length is 3 s.
    # One fork for all servers would take many times as long.
    assert max(took.values()) < 2 * min(took.values()), took


def test_variable_that_cannot_be_templated_fails_its_own_host(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)}
    hosts["h2"]["maintenance_timezone"] = "{{ 1 / 0 }}"
    run = maintain(sim, hosts)
    assert run.rc == 2 and run.outcomes == {"h1": "done", "h2": "failed", "h3": "done"}, run.output
    assert run.reasons["h2"].startswith("maintenance_timezone: "), run.reasons


def test_run_shows_its_progress(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}, {"id": 3, "conflict": True}, {"id": 4, "state": "offline"}])
    run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3, 4)})
    lines = re.findall(r"^run: (.*?)(; ends at about \d\d:\d\d UTC)?$", run.stdout, re.MULTILINE)
    # A server that ends within a second of another has no line of its own, except the last.
    assert len(lines) in (2, 3) and all(end for _counts, end in lines[:-1]) and not lines[-1][1], run.output
    assert re.fullmatch(r"[12] skipped, deferred or cancelled, [23] in countdown or restart", lines[0][0]), run.output
    assert lines[-1][0] == "1 done, 1 failed or unconfirmed, 2 skipped, deferred or cancelled", run.output


@pytest.mark.parametrize("way", ["local", "module"])
def test_clock_time_means_the_same_for_every_server_of_a_run(simulator, ansible, way):
    """A server that starts after 03:00 is maintained then, and not at 03:00 tomorrow."""
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    start = datetime.now(timezone.utc) + timedelta(seconds=4)
    quick = {"announcements": [{"before": "1s", "text": "x"}], "command_wait": 0.2, "poll_interval": 0.2}
    options = {**quick, "start": start.strftime("%H:%M:%S")}
    task = {"serverprism.cloud.serverprism_maintenance": {"server_id": "{{ number }}", **options}, "register": "done"}
    shown = {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }} is {{ done.outcome }}"}}
    if way == "module":
        task.update({"async": 60, "poll": 1})
    play = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [task, shown]}]
    inventory = ansible.folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"number": i} for i in (1, 2)}}}))
    run = ansible.run(sim, play, "-i", str(inventory), "--forks", "1")
    assert run.rc == 0 and "h1 is done" in run.stdout and "h2 is done" in run.stdout, run.output
    assert sim.posts()[0]["time"] >= start.timestamp() - 1

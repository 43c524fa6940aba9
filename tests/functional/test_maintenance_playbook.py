# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook and its role, as a user runs them: an inventory and one command."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import is_allowed

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}


def rows(run):
    """The last summary by host: the words of its line."""
    lines = [line.strip().strip('",') for line in run.stdout.splitlines()]
    start = max(i for i, line in enumerate(lines) if line.split()[:2] == ["server", "outcome"])
    table = lines[start + 1 : lines.index("]", start)]
    return {line.split()[0]: line.split()[1:] for line in table}


def test_a_failure_of_one_server_stops_no_other(simulator, maintain):
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
    assert {name: words[0] for name, words in rows(run).items()} == {
        "survival": "done",
        "pals": "done",
        "attic": "skipped",
        "unpaid": "skipped",
        "broken": "failed",
    }
    assert sim.states(1)[-2:] == sim.states(2)[-2:] == ["starting", "running"]
    assert sim.states(3) == ["offline"] and sim.states(5) == ["running"]
    assert "failed=1" in next(line for line in run.stdout.splitlines() if line.startswith("broken ") and "ok=" in line)


def test_each_game_is_spoken_to_in_its_own_words(simulator, maintain):
    sim = simulator([{"id": 1, **FAST, "product": "Palworld 8 GB"}, {"id": 2, **FAST, "product": "7 Days To Die (EU)"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}})
    assert run.rc == 0, run.output
    assert sim.console(1) == ["Broadcast Restart_in_1_second", "Save"]
    assert sim.console(2) == ['say "Restart in 1 second"', "saveworld"]


def test_the_products_of_all_servers_cost_one_read(simulator, maintain):
    sim = simulator([{"id": i, "state": "offline"} for i in (1, 2, 3)])
    run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)})
    assert run.rc == 0, run.output
    assert sum(request["path"].endswith("/servers") for request in sim.requests()) == 1


def test_what_the_user_sets_wins_over_the_profile(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    mine = {"maintenance_announce_command": "tellraw {text}", "maintenance_commands": []}
    run = maintain(sim, {"a": {"serverprism_id": 1, "serverprism_product": "Minecraft 4 GB", **mine}})
    assert run.rc == 0, run.output
    assert sim.console(1) == ["tellraw Restart in 1 second"]


def test_an_unknown_game_gets_a_safe_default_and_a_notice(simulator, maintain):
    sim = simulator([{"id": 1, **FAST, "product": "Dark Spark 4 GB"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}})
    assert run.rc == 0, run.output
    assert sim.console(1) == ["say Restart in 1 second"]
    assert "No profile fits the product" in run.stdout and "Dark Spark" in run.stdout


def test_a_game_without_a_console_is_told_of_and_gets_no_commands(simulator, maintain):
    sim = simulator([{"id": 1, **FAST, "product": "Valheim 4 GB"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}})
    assert run.rc == 0, run.output
    assert "takes no console commands: nobody is warned" in run.stdout and not sim.console(1)
    assert sim.states(1)[-1] == "running" and len(sim.states(1)) > 1


def test_check_and_diff_show_the_plan_and_send_nothing(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, "--check", "--diff")
    assert run.rc == 0, run.output
    plan = [line for line in run.stdout.splitlines() if line.startswith("+")]
    assert [line.split("Z ", 1)[-1] for line in plan[-3:]] == [
        "announcement: say Restart in 1 second",
        "command: save-all",
        "signal: restart",
    ], run.output
    assert rows(run)["a"][0] == "planned" and rows(run)["b"][0] == "skipped"
    assert not sim.posts()


def test_servers_can_be_stopped_and_the_players_hear_so(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "--check", "--diff", maintenance_state="stopped", maintenance_announcements=None)
    assert run.rc == 0 and "announcement: say Shutdown in 5 minutes, at " in run.stdout, run.output
    words = [{"before": 1, "text": "Shutdown in {remaining}"}]
    run = maintain(sim, {"a": {"serverprism_id": 1}}, maintenance_state="stopped", maintenance_announcements=words)
    assert run.rc == 0, run.output
    assert sim.states(1)[-1] == "offline" and sim.console(1)[0] == "say Shutdown in 1 second"


def test_the_verify_tasks_run_after_a_restart_and_fail_the_host(simulator, maintain, tmp_path):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}])
    tasks = tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.fail": {"msg": "players cannot join {{ inventory_hostname }}"}}]))
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, maintenance_verify_tasks=str(tasks))
    assert run.rc == 2, run.output
    assert rows(run)["a"][0] == "failed" and "players cannot join a" in " ".join(rows(run)["a"])
    assert rows(run)["b"][0] == "skipped" and "players cannot join b" not in run.output


def test_a_repeated_run_verifies_again(simulator, maintain, tmp_path):
    sim = simulator([{"id": 1, **FAST}])
    tasks = tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.fail": {"msg": "players cannot join"}}]))
    options = {"maintenance_verify_tasks": str(tasks), "maintenance_id": "CHG-7"}
    for _each in range(2):
        run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
        assert run.rc == 2 and rows(run)["a"][0] == "failed" and "players cannot join" in " ".join(rows(run)["a"]), run.output
    assert [post["body"]["signal"] for post in sim.posts() if "signal" in post["body"]] == ["restart"]
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.debug": {"msg": "players can join"}}]))
    run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
    assert run.rc == 0 and rows(run)["a"][0] == "skipped" and "players can join" in run.output, run.output


def test_a_repeated_run_verifies_a_server_whose_signal_may_be_out(simulator, maintain, tmp_path):
    sim = simulator([{"id": 1, **FAST, "drop_signals": ["restart"]}])
    tasks = tmp_path / "verify.yml"
    tasks.write_text(json.dumps([{"name": "Look", "ansible.builtin.debug": {"msg": "players can join"}}]))
    options = {"maintenance_verify_tasks": str(tasks), "maintenance_id": "CHG-7"}
    run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
    assert run.rc == 2 and "players can join" not in run.output, run.output
    run = maintain(sim, {"a": {"serverprism_id": 1}}, **options)
    assert run.rc == 0 and rows(run)["a"][0] == "skipped" and "players can join" in run.output, run.output


def test_the_token_may_be_a_variable(simulator, maintain):
    sim = simulator([{"id": 1, "state": "offline"}])
    env = {"SERVERPRISM_API_TOKEN": "", "SERVERPRISM_API_URL": "http://127.0.0.1:1"}
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "-vvv", env=env, serverprism_api_token=sim.token, serverprism_api_url=sim.url)
    assert run.rc == 0, run.output
    assert sim.token not in run.output


def test_a_run_over_no_servers_fails_loudly(simulator, maintain):
    sim = simulator()
    run = maintain(sim, {})
    assert run.rc == 2 and "No server in this run" in run.output, run.output
    run = maintain(sim, {"a": {"serverprism_id": 1234}, "b": {"serverprism_id": 1234}}, "--limit", "a", maintenance_hosts="b")
    assert run.rc == 2 and "No server in this run" in run.output, run.output
    assert not sim.requests()


def test_limit_restricts_the_run(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, "--limit", "a")
    assert run.rc == 0 and list(rows(run)) == ["a"], run.output
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
        ({"maintenance_verify_tasks": "verify.yml"}, "Write it as {{ inventory_dir }}/verify.yml."),
        ({"maintenance_report_dir": "report"}, "maintenance_report_dir"),
        ({"maintenance_max_failures": -1}, "max_failures"),
    ]
    sim = simulator([{"id": i + 1} for i in range(len(wrong))])
    hosts = {}
    for i, (variables, _named) in enumerate(wrong):
        known = {"serverprism_id": i + 1, "serverprism_product": "Minecraft", **variables}
        hosts[f"h{i}"] = {key: value for key, value in known.items() if value is not None}
    run = maintain(sim, hosts)
    told = dict(re.findall(r"^fatal: \[(.*?)\]: FAILED! => (.*)$", run.stdout, re.MULTILINE))
    assert run.rc == 2 and set(told) == set(hosts) and "Traceback" not in run.output, run.output
    for host, (_variables, named) in zip(hosts, wrong):
        assert named in told[host], host
    assert not sim.posts()


def test_the_plan_of_a_mixed_fleet_is_the_most_that_it_can_take(simulator, maintain):
    """The first host is told nothing, one has words of its own, and what one has makes sense to nobody else."""
    sim = simulator([{"id": i, "product": "Minecraft" if i > 1 else "Valheim"} for i in range(1, 6)])
    hosts = {f"h{i}": {"serverprism_id": i} for i in range(1, 6)}
    hosts["h3"]["maintenance_announcements"] = [{"before": before, "text": "x"} for before in ("3s", "2s", "1s")]
    run = maintain(sim, hosts, "--check")
    assert run.rc == 0 and '"5 servers, 25 writes at most: done in about ' in run.stdout, run.output
    # In a play it is there, for the other hosts it is not.
    hosts["h4"]["maintenance_commands"] = ["say {{ ansible_play_batch | length }}"]
    hosts["h5"]["maintenance_announcements"] = [{"before": "{{ ansible_play_batch | length }}s", "text": "x"}]
    hosts["h2"]["maintenance_commands"] = "{{ ['save-all'] * (ansible_play_batch | length) }}"
    run = maintain(sim, hosts, "--check")
    assert run.rc == 0 and '"5 servers, 25 writes at most: done in about ' in run.stdout and "WARNING" not in run.output, run.output


def test_a_deadline_before_the_start_is_refused_and_there_is_no_plan(simulator, maintain):
    sim = simulator([{"id": 1}])
    times = {"maintenance_start": "2099-01-01T04:00", "maintenance_deadline": "2099-01-01T03:00"}
    run = maintain(sim, {"a": {"serverprism_id": 1, "serverprism_product": "Minecraft", **times}})
    assert run.rc == 2 and "no plan: deadline: lies before start" in run.output and "Traceback" not in run.output, run.output
    assert not sim.posts()


def test_what_a_survey_leaves_empty_counts_as_not_set(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    names = ["start", "deadline", "id", "kill_after", "announce_command", "done_text", "verify_tasks", "report_dir"]
    run = maintain(sim, {"a": {"serverprism_id": 1, **{f"maintenance_{name}": "" for name in names}}})
    assert run.rc == 0 and rows(run)["a"][0] == "done", run.output


def test_names_of_the_api_are_never_templates(simulator, maintain, tmp_path):
    trap = "{{ lookup('pipe', 'touch %s') }}" % (tmp_path / "pwned")
    sim = simulator([{"id": 1, **FAST, "name": trap, "product": trap}])
    words = [{"before": "1s", "text": "{name} restarts"}]
    run = maintain(sim, {"a": {"serverprism_id": 1}}, "--diff", maintenance_announcements=words)
    assert run.rc == 0, run.output
    assert not (tmp_path / "pwned").exists() and sim.console(1)[0] == f"say {trap} restarts"


def canary(sim, maintain, *args, **variables):
    """Twelve servers, of which the first and the last refuse their restart; the IDs of those that were spoken to, in order."""
    hosts = {f"h{i:02}": {"serverprism_id": i} for i in range(1, 13)}
    run = maintain(sim, hosts, "--forks", "12", *args, maintenance_announcements=[{"before": "0.5s", "text": "x"}], **variables)
    return run, list(dict.fromkeys(post["server"] for post in sim.posts()))


def fleet(*broken):
    return [{"id": i, **FAST, "conflict": i in broken} for i in range(1, 13)]


def test_a_canary_that_fails_spares_the_fleet_and_that_is_told(simulator, maintain, ansible):
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, maintenance_report_dir=str(ansible.folder / "report"))
    assert run.rc == 2 and spoken == [1], run.output
    told = rows(run)
    assert told["h01"][0] == "failed" and {told[f"h{i:02}"][0] for i in range(2, 13)} == {"deferred"}, run.output
    assert " ".join(told["h12"][1:]) == "not begun, since too many of those before it failed"
    report = json.loads((ansible.folder / "report" / "report.json").read_text())
    assert report["totals"]["failed"] == 1 and report["totals"]["deferred"] == 11 == len(report["servers"]) - 1


def test_the_plan_that_is_shown_before_a_canary_is_that_of_all_servers(simulator, maintain):
    run, _spoken = canary(simulator(fleet(1), write_limit=200), maintain, "-e", "maintenance_canary=2")
    assert "12 servers (2 of them ahead of the others), 36 writes: done in about" in run.stdout, run.output
    assert run.stdout.index("12 servers (2") < run.stdout.index("sent: say")


def test_the_failures_of_a_canary_count_for_the_whole_run(simulator, maintain):
    options = {"maintenance_canary": 2, "maintenance_max_failures": 1, "maintenance_max_fail_percentage": 100}
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, "-e", json.dumps(options))
    assert run.rc == 2 and sorted(spoken) == [1, 2] and [words[0] for words in rows(run).values()] == ["deferred"] * 10, run.output


@pytest.mark.parametrize("strategy", ["linear", "free"])
@pytest.mark.parametrize("how", ["import_role", "include_role"])
def test_failures_are_counted_by_the_whole_play_however_the_role_comes_into_it(simulator, ansible, strategy, how):
    """And each pass of a loop counts its own."""
    sim = simulator([{"id": 1, "drop_signals": ["restart"]}, *({"id": i, **FAST} for i in range(2, 5))])
    inventory = ansible.folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"serverprism_id": i} for i in range(1, 5)}}}))
    task = {
        f"ansible.builtin.{how}": {"name": "serverprism.cloud.maintenance"},
        "vars": {
            "maintenance_product": "Minecraft",
            "maintenance_announcements": [],
            "maintenance_commands": ["say {{ pass | default('once') }}"],
            "maintenance_command_wait": 0.1,
            "maintenance_poll_interval": 0.1,
            "maintenance_wait_timeout": 2,
            "maintenance_max_failures": 1,
        },
    }
    passes = {"loop": ["one", "two"], "loop_control": {"loop_var": "pass"}} if how == "include_role" else {}
    play = {"hosts": "all", "connection": "local", "gather_facts": False, "strategy": strategy, "tasks": [{**task, **passes}]}
    run = ansible.run(sim, [play], "-i", str(inventory), "--forks", "1")
    spoken = [(post["server"], post["body"]["command"]) for post in sim.posts() if "command" in post["body"]]
    # With one fork the first is alone, and it fails.
    again = [(i, "say two") for i in range(2, 5)] if passes else []
    assert spoken == [(1, "say one" if passes else "say once"), *again], run.output


@pytest.mark.parametrize("share", ["50", "50%"])
def test_who_is_told_as_deferred_is_left_alone_and_the_others_are_maintained(simulator, maintain, share):
    sim = simulator(fleet(1), write_limit=200)
    run, spoken = canary(sim, maintain, "-e", f"maintenance_canary=2 maintenance_max_fail_percentage={share}")
    assert run.rc == 2 and sorted(spoken) == list(range(1, 13)) and "not begun" not in run.stdout, run.output


def test_a_canary_that_goes_well_is_followed_by_the_fleet_and_its_failures_stop_nobody(simulator, maintain):
    run, spoken = canary(simulator(fleet(5), write_limit=200), maintain)
    assert run.rc == 2 and spoken[0] == 1 and sorted(spoken) == list(range(1, 13)), run.output
    assert rows(run)["h05"][0] == "failed" and [words[0] for words in rows(run).values()].count("done") == 10


def test_the_canary_can_be_left_out(simulator, maintain):
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, "-e", "maintenance_canary=0")
    assert run.rc == 2 and sorted(spoken) == list(range(1, 13)), run.output


def test_bad_values_of_the_first_host_are_its_own_failure(simulator, maintain):
    sim = simulator([{"id": i, **FAST} for i in (1, 2, 3)])
    bad = {"serverprism_id": 1, "maintenance_start": "later", "maintenance_timezone": "Mars"}
    run = maintain(sim, {"a": bad, "b": {"serverprism_id": 2}, "c": {"serverprism_id": 3}})
    assert run.rc == 2 and [rows(run)[name][0] for name in "abc"] == ["failed", "done", "done"], run.output
    assert "There is no plan: timezone" in run.stdout and "timezone" in " ".join(rows(run)["a"])


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"status": 401, "body": '{"message": "Unauthenticated."}'}, "api_token"), ({"status": 403, "body": "{}"}, "HTTP 403")],
)
def test_where_the_products_cannot_be_read_every_server_is_told_as_failed(simulator, maintain, fault, words):
    sim = simulator([{"id": i} for i in (1, 2)])
    sim.fault(**fault)
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}})
    assert run.rc == 2 and [row[0] for row in rows(run).values()] == ["failed", "failed"], run.output
    assert all(words in " ".join(row) for row in rows(run).values()) and len(sim.requests()) == 1


def test_a_few_servers_of_a_large_fleet_need_no_canary(simulator, maintain):
    run, spoken = canary(simulator(fleet(1), write_limit=200), maintain, "--limit", "h01:h02:h03")
    assert run.rc == 2 and sorted(spoken) == [1, 2, 3], run.output


@pytest.mark.parametrize("before", [0, 2])
def test_check_mode_shows_each_server_beside_the_others_as_the_plan_has_it(simulator, maintain, ansible, before):
    sim, start = simulator(fleet()), datetime.now(timezone.utc) + timedelta(hours=1)
    folder = ansible.folder / "report"
    options = {
        "maintenance_start": start.isoformat(),
        "maintenance_deadline": (start + timedelta(seconds=6 if before else 3)).isoformat(),
        "maintenance_report_dir": str(folder),
        "maintenance_canary": before,
    }
    run, spoken = canary(sim, maintain, "--check", "-e", json.dumps(options))
    assert run.rc == 0 and not spoken and run.stdout.count("leaves out") == 1, run.output
    left_out = int(re.search(r"leaves out (\d+) of them", run.stdout)[1])
    report = json.loads((folder / "report.json").read_text())
    assert 0 < left_out == report["totals"]["deferred"] < 10, run.output
    planned = [entry["planned"] for one in report["servers"] if one["outcome"] == "done" for entry in one["timeline"]]
    instants = [datetime.fromisoformat(at).timestamp() for at in planned]
    # The simulator's minute, and the two writes that are left to others.
    assert is_allowed(instants, 18, sim.seconds(60)), report


def test_the_plan_is_shown_before_anything_is_sent(simulator, maintain):
    sim = simulator([{"id": i, "state": "offline"} for i in (1, 2)])
    run = maintain(sim, {"a": {"serverprism_id": 1}, "b": {"serverprism_id": 2}}, "--forks", "1")
    assert "2 servers, 6 writes: done in about" in run.stdout and "limited by 1 fork; 2 forks would be enough" in run.stdout, run.output


def test_a_run_says_how_far_it_is(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}, {"id": 3, "conflict": True}])
    run = maintain(sim, {f"h{i}": {"serverprism_id": i} for i in (1, 2, 3)})
    lines = re.findall(r"run: (.*?); \d+ of 20 writes used in the last 3 s(; ends at about \d\d:\d\d UTC)?$", run.stdout, re.MULTILINE)
    assert len(lines) == 3 and all(end for _counts, end in lines[:2]) and not lines[2][1], run.output
    assert lines[0][0].startswith("0 done, 1 skipped, deferred or cancelled, ") and lines[0][0].endswith(" waiting")
    assert lines[2][0] == "1 done, 1 failed or unconfirmed, 1 skipped, deferred or cancelled, 0 in countdown or restart, 0 waiting", (
        run.output
    )


@pytest.mark.parametrize("way", ["local", "module"])
def test_a_clock_time_is_the_same_for_every_server_of_a_run(simulator, ansible, way):
    """A server whose turn comes after 03:00 is maintained then, and not at 03:00 tomorrow."""
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    start = datetime.now(timezone.utc) + timedelta(seconds=4)
    options = {"announcements": [{"before": "1s", "text": "x"}], "poll_interval": 0.2, "start": start.strftime("%H:%M:%S")}
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

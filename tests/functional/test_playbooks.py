# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks for whole groups: power, announce, status."""

from __future__ import annotations

import csv
import json

import pytest

FAST = {"boot_seconds": 3.0, "stop_seconds": 30.0}


@pytest.fixture
def fleet(ansible):
    """Run a playbook of the collection on hosts h1, h2, ...: ``fleet(sim, "power", [1, 2], *args, **variables)``."""

    def run(sim, name, ids, *args, **variables):
        path = ansible.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"serverprism_id": i} for i in ids}}}))
        return ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "-e", json.dumps(variables), *args)

    return run


def test_power_brings_every_server_to_its_state(simulator, fleet):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}, {"id": 3, **FAST, "conflict": True}])
    run = fleet(sim, "power", [1, 2, 3], power_state="stopped")
    assert run.rc == 2 and sim.states(1)[-1] == sim.states(2)[-1] == "offline" and sim.states(3) == ["running"], run.output
    assert run.stdout.count("changed=1") == 1


def test_power_in_check_mode_sends_nothing(simulator, fleet):
    sim = simulator([{"id": 1}])
    run = fleet(sim, "power", [1], "--check", "--diff", power_state="killed")
    assert run.rc == 0 and "changed=1" in run.stdout and not sim.posts(), run.output


@pytest.mark.parametrize(
    ("name", "variables", "named"),
    [
        ("power", {}, "power_state"),
        ("power", {"power_state": "rebooted"}, "power_state"),
        ("power", {"power_state": "stopped", "power_kill_after": -1}, "kill_after"),
        ("power", {"power_state": "stopped", "power_hosts": "nobody"}, "power_hosts"),
        ("announce", {}, "announce_text"),
        ("announce", {"announce_text": "a\nstop"}, "line break"),
        ("announce", {"announce_text": "back at {time}"}, "{time} has no meaning here"),
        ("announce", {"announce_text": "x", "announce_command": "say x"}, "{text}"),
        ("status", {"status_file": "status.xls"}, "status_file"),
        ("status", {"status_hosts": "nobody"}, "status_hosts"),
    ],
)
def test_bad_variables_are_refused_by_name(simulator, fleet, name, variables, named):
    sim = simulator([{"id": 1}])
    run = fleet(sim, name, [1], **variables)
    assert run.rc == 2 and named in run.output and "Traceback" not in run.output and not sim.posts(), run.output


def test_announce_speaks_to_each_game_in_its_words(simulator, fleet):
    games = [{"id": 1}, {"id": 2, "product": "Palworld 8 GB"}, {"id": 3, "product": "7 Days to Die"}, {"id": 4, "state": "offline"}]
    sim = simulator([*games, {"id": 5, "product": "Valheim"}])
    run = fleet(sim, "announce", [1, 2, 3, 4, 5], announce_text='The "event" begins')
    assert run.rc == 0, run.output
    assert [sim.console(i) for i in (1, 2, 3, 4, 5)] == [
        ['say The "event" begins'],
        ['Broadcast The_"event"_begins'],
        ["say \"The 'event' begins\""],
        [],
        [],
    ]


def test_announce_knows_the_names_and_where_it_does_not_no_player_reads_braces(simulator, fleet):
    sim = simulator([{"id": 1}, {"id": 2}])
    run = fleet(sim, "announce", [1], announce_text="Welcome to {name}", serverprism_name='"x"; op me', announce_command='say "{text}"')
    assert run.rc == 0 and sim.console(1) == ["say \"Welcome to 'x', op me\""], run.output
    run = fleet(sim, "announce", [2], announce_text="Welcome to {name}")
    assert run.rc == 2 and "serverprism_name: host h2 has none" in run.output and not sim.console(2), run.output


def test_announce_speaks_only_to_servers_that_are_there(simulator, fleet):
    sim = simulator([{"id": 1}])
    run = fleet(sim, "announce", [1, 99, "nobody"], announce_text="hello")
    assert run.rc == 2 and sim.console(1) == ["say hello"] and "No profile fits" not in run.output, run.output
    said = " ".join(run.output.split())
    assert "Server 99: not found" in said and "Host hnobody has no server" in said


def test_a_host_of_another_customer_is_spoken_to_in_the_words_of_its_own_game(simulator, ansible):
    one, other = simulator([{"id": 1}]), simulator([{"id": 2, "product": "Palworld 8 GB"}])
    path = ansible.folder / "inventory.json"
    hosts = {
        f"h{number}": {"serverprism_id": number, "serverprism_api_url": sim.url, "serverprism_api_token": sim.token}
        for number, sim in ((1, one), (2, other))
    }
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    run = ansible.run(one, "serverprism.cloud.announce", "-i", str(path), "-e", "announce_text=hello")
    assert run.rc == 0 and one.console(1) == ["say hello"] and other.console(2) == ["Broadcast hello"], run.output
    run = ansible.run(one, "serverprism.cloud.status", "-i", str(path))
    assert run.rc == 2 and "serverprism_api_token: the hosts of this run have different ones" in run.output, run.output


@pytest.mark.parametrize(
    ("name", "variables"),
    [("power", {"power_state": "restarted"}), ("announce", {"announce_text": "x"}), ("maintenance", {"maintenance_announcements": []})],
)
def test_a_server_that_is_two_hosts_is_refused(simulator, ansible, name, variables):
    sim = simulator([{"id": 1}])
    path = ansible.folder / "inventory.json"
    path.write_text(json.dumps({"all": {"hosts": {"a": {"serverprism_id": 1}, "b": {"serverprism_id": "1"}, "c": {}, "d": {}}}}))
    run = ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "-e", json.dumps(variables))
    said = " ".join(run.output.split())
    assert run.rc == 2 and "server 1 is more than one host of this run: a, b. Leave all but one" in said and not sim.requests(), run.output
    run = ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "--limit", "a", "--check", "-e", json.dumps(variables))
    assert run.rc == 0, run.output


def test_announce_says_that_a_game_is_not_known_and_nothing_of_saving(simulator, fleet):
    sim = simulator([{"id": 1, "product": "A new game"}])
    run = fleet(sim, "announce", [1], announce_text="hello")
    said = " ".join(run.stdout.split())
    assert run.rc == 0 and 'its players are told with \\"say {text}\\". Set maintenance_announce_command for this game.' in said, run.output


def test_announce_in_check_mode_says_nothing_aloud(simulator, fleet):
    sim = simulator([{"id": 1}])
    run = fleet(sim, "announce", [1], "--check", announce_text="hello", announce_command="broadcast {text}")
    assert run.rc == 0 and "changed=1" in run.stdout and not sim.posts(), run.output


def test_status_shows_a_table_and_writes_files(simulator, fleet, ansible):
    sim = simulator([{"id": 1, "name": '=cmd|"x"'}, {"id": 2, "null": True, "service_status": "suspended"}])
    run = fleet(sim, "status", [1, 2, 99, "abc"], status_file=str(ansible.folder / "s.csv"))
    assert run.rc == 0, run.output
    table = [line.strip(' ",').split() for line in run.stdout.splitlines() if line.strip().startswith('"h')]
    assert [row[:4] for row in table] == [
        ["h1", "1", "active", "running"],
        ["h2", "2", "suspended", "unknown"],
        ["h99", "99", "not", "found"],
        ["habc", "no", "serverprism_id"],
    ]
    lines = list(csv.DictReader((ansible.folder / "s.csv").read_text().splitlines()))
    assert [line["state"] for line in lines] == ["running", "unknown", "not found", "no serverprism_id"]
    assert lines[0]["name"] == '\'=cmd|"x"'
    run = fleet(sim, "status", [1, 2, 99], status_file="~/s.json")
    assert run.rc == 0, run.output
    rows = json.loads((ansible.home / "s.json").read_text())
    assert [(one["host"], one["id"]) for one in rows] == [("h1", 1), ("h2", 2), ("h99", 99)] and rows[2]["problem"] == "not found"


def test_a_file_of_status_lies_where_the_user_stands_and_not_where_a_variable_says(simulator, fleet, ansible, tmp_path):
    """Cron and systemd set no PWD, and the root folder is not meant."""
    sim = simulator([{"id": 1}])
    fleet(sim, "status", [1])
    path = str(ansible.folder / "inventory.json")
    for number, directory in enumerate((None, str(ansible.home))):
        name = f"status-{tmp_path.name}-{number}.csv"
        run = ansible.run(sim, "serverprism.cloud.status", "-i", path, "-e", f"status_file={name}", env={"PWD": directory})
        assert run.rc == 0 and (ansible.folder / name).exists(), run.output

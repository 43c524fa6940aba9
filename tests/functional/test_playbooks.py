# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks for whole groups: power, announce, status."""

from __future__ import annotations

import csv
import json

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import NO_TOKEN

FAST = {"boot_seconds": 3.0, "stop_seconds": 30.0}


@pytest.fixture
def fleet(ansible):
    """Run a playbook of the collection on hosts h1, h2, ...: ``fleet(sim, "power", [1, 2], *args, **variables)``."""

    def run(sim, name, ids, *args, env=None, **variables):
        path = ansible.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"serverprism_id": i} for i in ids}}}))
        return ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "-e", json.dumps(variables), *args, env=env)

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
        ("power", {"power_state": "stopped", "power_hosts": "nobody"}, "power_hosts"),
        (
            "power",
            {"power_state": "stopped", "power_kill": "30"},
            "Did you mean power_kill_after?",
        ),
        ("announce", {"announce_text": "Hello", "_raw_params": "world"}, "-e: 'world' belongs to no variable"),
        ("status", {"status_fil": "status.csv"}, "-e status_fil: there is no such variable. Did you mean status_file?"),
        ("announce", {"announce_text": None}, "missing required arguments: announce_text"),
        ("announce", {"announce_text": "a\nstop"}, '"announce_text: contains a line break'),
        ("announce", {"announce_text": "x" * 1100}, '"announce_text: must have at most 1024 characters, got 1100."'),
        ("announce", {"announce_text": "back at {time}"}, '"announce_text: {time} cannot be used here'),
        ("announce", {"announce_text": "x", "announce_command": "say x"}, '"announce_command: must contain {text}'),
        ("hold", {}, '"hold_until: is not set.'),
        ("hold", {"hold_until": "noon"}, "\"hold_until: 'noon' is neither HH:MM nor ISO 8601"),
        ("hold", {"hold_until": "2020-05-04"}, "end (hold_until of the playbook): 2020-05-04 00:00:00 UTC is in the past"),
        ("hold", {"hold_until": "12:00", "hold_reasn": "x"}, "Did you mean hold_reason?"),
        ("hold", {"hold_until": "12:00", "hold_reason": "a\nb"}, '"hold_reason: contains a line break'),
        ("hold", {"hold_until": "12:00", "maintenance_timezone": "Mars"}, "\"maintenance_timezone: 'Mars' is not"),
        ("release", {"hold_hosts": "nobody"}, "no host matches hold_hosts (nobody)"),
        ("status", {"status_file": "status.xls"}, "status_file"),
        ("status", {"status_hosts": "nobody"}, "status_hosts"),
    ],
)
def test_bad_variables_are_refused_by_name(simulator, fleet, name, variables, named):
    sim = simulator([{"id": 1}])
    run = fleet(sim, name, [1], **variables)
    assert run.rc == 2 and named in run.output and "Traceback" not in run.output and not sim.posts(), run.output
    assert "Finalization" not in run.output, run.output


def test_announce_uses_the_command_of_each_game(simulator, fleet):
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


def test_announce_knows_the_name_of_the_server(simulator, fleet):
    sim = simulator([{"id": 1, "name": '"x"; op me'}])
    run = fleet(sim, "announce", [1], announce_text="Welcome to {name}", announce_command='say "{text}"')
    assert run.rc == 0 and sim.console(1) == ["say \"Welcome to 'x', op me\""], run.output


def test_announce_skips_missing_servers(simulator, fleet):
    sim = simulator([{"id": 1}])
    run = fleet(sim, "announce", [1, 99, "nobody"], announce_text="hello")
    assert run.rc == 2 and sim.console(1) == ["say hello"] and "No known game" not in run.output, run.output
    said = " ".join(run.output.split())
    assert "Not found: server 99" in said and "argument 'server_id' is of type" in said


def test_announce_uses_the_game_of_another_customers_host(simulator, ansible):
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
    assert run.rc == 2 and "serverprism_api_token: must be the same for all hosts of this run" in run.output, run.output


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("power", {"power_state": "restarted"}),
        ("announce", {"announce_text": "x"}),
        ("maintenance", {"maintenance_announcements": []}),
        ("hold", {"hold_until": "12:00"}),
        ("release", {}),
    ],
)
def test_server_with_two_hosts_is_refused(simulator, ansible, name, variables):
    sim = simulator([{"id": 1}])
    path = ansible.folder / "inventory.json"
    path.write_text(json.dumps({"all": {"hosts": {"a": {"serverprism_id": 1}, "b": {"serverprism_id": "1"}, "c": {}, "d": {}}}}))
    run = ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "-e", json.dumps(variables))
    said = " ".join(run.output.split())
    assert run.rc == 2 and "server 1 belongs to more than one host of this run: a, b. Leave all but one" in said and not sim.requests(), (
        run.output
    )
    run = ansible.run(sim, f"serverprism.cloud.{name}", "-i", str(path), "--limit", "a", "--check", "-e", json.dumps(variables))
    assert run.rc == 0, run.output


@pytest.mark.parametrize(
    ("name", "variables"), [("announce", {"announce_text": "hello"}), ("power", {"power_state": "stopped", "power_wait": False})]
)
def test_every_server_gets_its_slot_with_many_forks(simulator, fleet, name, variables):
    sim = simulator([{"id": i} for i in range(1, 13)], speed=40.0, write_limit=2)
    env = {"SERVERPRISM_WRITE_LIMIT": "2", "SERVERPRISM_WRITE_HEADROOM": "0", "SERVERPRISM_MAX_WAIT": "2"}
    run = fleet(sim, name, range(1, 13), "--forks", "12", env=env, **variables)
    assert run.rc == 0 and run.stdout.count("changed=1") == 12 == len([post for post in sim.posts() if post["status"] == 200]), run.output


def test_patience_that_is_not_a_number_is_refused_by_name(simulator, fleet):
    sim = simulator([{"id": 1}])
    run = fleet(sim, "announce", [1], announce_text="hello", serverprism_product="Minecraft", env={"SERVERPRISM_MAX_WAIT": "soon"})
    assert run.rc == 2 and "argument 'max_wait' is of type" in run.output and not sim.requests(), run.output


def test_announce_warns_about_a_game_without_a_console_and_not_about_saving(simulator, fleet):
    games = [{"id": 1, "product": "A new game"}, {"id": 2, "product": "Valheim"}]
    run = fleet(simulator(games), "announce", [1, 2], announce_text="hello")
    said = " ".join(run.stdout.split())
    known = 'No known game matches the product "A new game": players are warned with "say {text}". Set game, or announce_command.'
    assert run.rc == 0 and said.count(known) == 1, run.output
    assert "Valheim takes no console commands: players are not told. If a mod adds a console, set announce_command." in said
    assert "save" not in said and "maintenance_announce_command" not in said, run.output


def test_announce_command_overrides_the_game(simulator, fleet):
    sim = simulator([{"id": 1, "product": "A new game"}, {"id": 2, "product": "Valheim"}])
    run = fleet(sim, "announce", [1, 2], announce_text="hello", announce_command="shout {text}")
    assert run.rc == 0 and sim.console(1) == sim.console(2) == ["shout hello"], run.output
    assert "No known game" not in run.output and "takes no console commands:" not in run.output, run.output


def test_announce_in_check_mode_sends_nothing(simulator, fleet):
    sim = simulator([{"id": 1}])
    run = fleet(sim, "announce", [1], "--check", announce_text="hello", announce_command="broadcast {text}")
    assert run.rc == 0 and "changed=1" in run.stdout and not sim.posts(), run.output


STATUS = [
    {"id": 1, "name": '=cmd|"x"'},
    {"id": 2, "null": True, "service_status": "suspended"},
    {"id": 3, "state": "offline", "product": "Palworld 8 GB"},
]


def use(memory, cpu, disk):
    """Return a fault with which the live part of a server is known."""
    return {"data.resources.memory_bytes": memory, "data.resources.cpu_absolute": cpu, "data.resources.disk_bytes": disk}


def test_status_shows_a_table(simulator, fleet, ansible):
    sim = simulator(STATUS)
    sim.fault(path="/1$", fields=use(1536 * 1048576 + 5, 12.6, 7))
    sim.fault(path="/3$", fields=use(0, 0, 8_000_000_000))
    path = ansible.folder / "named.json"
    names = {"日本のサーバー": 1, "cafe\u0301": 2, "lobby": 3, "zz-gone": 99, "zz-word": "abc"}
    path.write_text(json.dumps({"all": {"hosts": {name: {"serverprism_id": number} for name, number in names.items()}}}))
    run = ansible.run(sim, "serverprism.cloud.status", "-i", str(path))
    assert run.rc == 0, run.output
    lines = run.stdout[run.stdout.index("server  ") :].splitlines()
    assert lines[:6] == [
        "server          id  billing    state     memory   cpu  product",
        "cafe\u0301             2  suspended  unknown                 Minecraft 4 GB",
        "lobby            3  active     offline     0 MB   0 %  Palworld 8 GB",
        "zz-gone         99  not found",
        "zz-word             no serverprism_id",
        "日本のサーバー   1  active     running  1536 MB  13 %  Minecraft 4 GB",
    ]


def test_status_shows_the_others_if_the_id_of_a_host_cannot_be_templated(simulator, ansible):
    sim = simulator(STATUS)
    path, file = ansible.folder / "inventory.json", ansible.folder / "s.json"
    path.write_text(json.dumps({"all": {"hosts": {"a": {"serverprism_id": 1}, "b": {"serverprism_id": "{{ nowhere }}"}}}}))
    run = ansible.run(sim, "serverprism.cloud.status", "-i", str(path), "-e", f"status_file={file}")
    rows = json.loads(file.read_text())
    assert run.rc == 0 and [row.get("current_state") for row in rows] == ["running", None], run.output
    assert rows[1]["id"] is None and rows[1]["problem"].startswith("serverprism_id: ") and "nowhere" in rows[1]["problem"]


def test_status_in_check_mode_writes_no_file(simulator, fleet, ansible):
    run = fleet(simulator(STATUS), "status", [1], "--check", status_file=str(ansible.folder / "s.csv"))
    assert run.rc == 0 and "changed=1" in run.stdout and not (ansible.folder / "s.csv").exists(), run.output


def test_status_refuses_an_unwritable_file_before_any_request(simulator, fleet, ansible):
    sim = simulator(STATUS)
    run = fleet(sim, "status", [1], status_file=str(ansible.folder / "nowhere" / "s.csv"))
    assert run.rc == 2 and "status_file" in run.output and not sim.requests(), run.output


def test_status_writes_files(simulator, fleet, ansible):
    sim = simulator(STATUS)
    sim.fault(path="/1$", fields=use(1536 * 1048576 + 5, 12.6, 7))
    sim.fault(path="/3$", fields=use(0, 0, 8_000_000_000))
    run = fleet(sim, "status", [1, 2, 3, 99, "abc"], status_file=str(ansible.folder / "s.csv"))
    assert run.rc == 0, run.output
    rows = list(csv.reader((ansible.folder / "s.csv").read_text().splitlines()))
    named = "host id name product billing state memory_bytes memory_limit_mb cpu_percent disk_bytes"
    assert rows == [
        named.split(),
        ["h1", "1", '\'=cmd|"x"', "Minecraft 4 GB", "active", "running", "1610612741", "4096", "12.6", "7"],
        ["h2", "2", "A server", "Minecraft 4 GB", "suspended", "unknown", "", "4096", "", ""],
        ["h3", "3", "A server", "Palworld 8 GB", "active", "offline", "0", "4096", "0", "8000000000"],
        ["h99", "99", "", "", "", "not found", "", "", "", ""],
        ["habc", "", "", "", "", "no serverprism_id", "", "", "", ""],
    ]
    run = fleet(sim, "status", [1, 2, 99], status_file="~/s.json")
    assert run.rc == 0, run.output
    rows = json.loads((ansible.home / "s.json").read_text())
    assert [(one["host"], one["id"]) for one in rows] == [("h1", 1), ("h2", 2), ("h99", 99)] and rows[2]["problem"] == "not found"
    assert rows[0]["resources"]["memory_bytes"] == 1610612741 and rows[0]["limits"]["memory_mb"] == 4096


def test_status_shows_the_others_if_one_node_is_down(simulator, fleet, ansible):
    sim = simulator(STATUS)
    sim.fault(path="/3$", status=503)
    run = fleet(sim, "status", [1, 2, 3], status_file=str(ansible.folder / "s.csv"))
    states = [line["state"] for line in csv.DictReader((ansible.folder / "s.csv").read_text().splitlines())]
    assert run.rc == 0 and states == ["running", "unknown", "unknown"] and "Server 3: its node is unavailable" in run.output, run.output


def test_status_file_is_relative_to_the_working_directory(simulator, fleet, ansible, tmp_path):
    """Cron and systemd do not set PWD, and the file must not end up in the root folder."""
    sim = simulator([{"id": 1}])
    fleet(sim, "status", [1])
    path = str(ansible.folder / "inventory.json")
    for number, directory in enumerate((None, str(ansible.home))):
        name = f"status-{tmp_path.name}-{number}.csv"
        run = ansible.run(sim, "serverprism.cloud.status", "-i", path, "-e", f"status_file={name}", env={"PWD": directory})
        assert run.rc == 0 and (ansible.folder / name).exists(), run.output


@pytest.mark.parametrize(
    ("name", "variables"),
    [("maintenance", {}), ("power", {"power_state": "stopped"}), ("announce", {"announce_text": "x", "announce_command": "say {text}"})],
)
def test_token_that_is_not_accepted_is_reported_once(simulator, fleet, name, variables):
    sim = simulator([{"id": server} for server in (1, 2, 3)])
    run = fleet(sim, name, [1, 2, 3], env={"SERVERPRISM_API_TOKEN": "spc_wrong"}, **variables)
    assert run.rc == 2 and run.output.count("FAILED! => ") == 1 and len(sim.requests()) == 1, run.output
    assert "Check the environment variable SERVERPRISM_API_TOKEN. (HTTP 401)" in run.output


@pytest.mark.parametrize(("name", "variables"), [("maintenance", {}), ("power", {"power_state": "stopped"})])
def test_missing_token_is_reported_once(simulator, fleet, name, variables):
    sim = simulator([{"id": server} for server in (1, 2, 3)])
    run = fleet(sim, name, [1, 2, 3], env={"SERVERPRISM_API_TOKEN": None}, **variables)
    assert run.rc == 2 and run.output.count("FAILED! => ") == 1 and not sim.requests(), run.output
    assert NO_TOKEN in run.output and "missing required" not in run.output, run.output


def test_token_that_one_host_lacks_stops_no_other_host(simulator, ansible):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    hosts = {"h1": {"serverprism_id": 1, "serverprism_api_token": "spc_wrong"}, "h2": {"serverprism_id": 2}}
    (ansible.folder / "two.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    run = ansible.run(sim, "serverprism.cloud.power", "-i", str(ansible.folder / "two.json"), "-e", "power_state=stopped")
    assert run.rc == 2 and sim.states(1) == ["running"] and sim.states(2)[-1] == "offline", run.output


def test_announced_texts_take_one_read_of_the_list(simulator, fleet):
    sim = simulator([{"id": server, "product": "Minecraft"} for server in (1, 2, 3)])
    run = fleet(sim, "announce", [1, 2, 3], announce_text="Hello")
    assert run.rc == 0 and [one["path"] for one in sim.requests()].count("/api/v1/client/servers") == 1, run.output

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the playbooks hold and release, and of runs that meet a hold or an exclusion."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from functional.conftest import QUICK
from functional.harness import Ansible
from redis_server import needs_redis, servers
from waiting import until

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}
HOSTS = {"survival": {"serverprism_id": 1}, "pals": {"serverprism_id": 2}}


def noon():
    """Return a time in the next summer that is at noon in Berlin, and at most a year away."""
    now = datetime.now(timezone.utc)
    year = now.year if now.month < 6 else now.year + 1
    return f"{year}-06-01T12:00"


def change(ansible, sim, name, *args, env=None, **variables):
    """Run the playbook hold or release for the hosts, without a token."""
    path = ansible.folder / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": HOSTS, "vars": {"maintenance_timezone": "Europe/Berlin"}}}))
    arguments = ["-i", str(path), "-e", json.dumps(variables), *args]
    return ansible.run(sim, f"serverprism.cloud.{name}", *arguments, env={"SERVERPRISM_API_TOKEN": None, **(env or {})})


def test_server_on_hold_is_deferred_until_it_is_released(simulator, ansible, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    predicted = change(ansible, sim, "hold", "--limit", "pals", "--check", hold_until=noon())
    held = change(ansible, sim, "hold", "--limit", "pals", hold_until=noon(), hold_reason="a tournament")
    again = change(ansible, sim, "hold", "--limit", "pals", hold_until=noon(), hold_reason="a tournament")
    assert [run.rc for run in (predicted, held, again)] == [0, 0, 0] and not sim.requests(), held.output
    assert [run.stdout.count("changed=1") for run in (predicted, held, again)] == [1, 1, 0], again.output
    assert f"[pals] on hold until {noon()[:10]} 12:00 CEST by " in held.stdout, held.output

    zone = {"maintenance_timezone": "Europe/Berlin"}
    plan = maintain(sim, HOSTS, "--check", **zone)
    assert plan.rc == 0 and plan.outcomes == {"survival": "planned", "pals": "deferred"} and not sim.posts(), plan.output
    assert "1 server is left out: it is on hold or in an exclusion." in plan.stdout, plan.output
    run = maintain(sim, HOSTS, **zone)
    assert run.rc == 0 and run.outcomes == {"survival": "done", "pals": "deferred"}, run.output
    assert run.reasons["pals"].startswith("on hold until ") and run.reasons["pals"].endswith(": a tournament"), run.reasons
    assert not sim.console(2) and sim.states(2) == ["running"]

    status = ansible.run(sim, "serverprism.cloud.status", "-i", str(ansible.folder / "hosts.json"))
    assert f"pals is {run.reasons['pals']}\n" in status.stdout and "survival is on hold" not in status.stdout, status.output

    released = change(ansible, sim, "release")
    assert released.rc == 0 and released.stdout.count("changed=1") == 1 and "[survival] was not on hold" in released.stdout, released.output
    run = maintain(sim, {"pals": HOSTS["pals"]})
    assert run.rc == 0 and run.outcomes == {"pals": "done"}, run.output


def test_cancelling_hold_ends_a_countdown_and_tells_the_players(simulator, ansible):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    path, report = ansible.folder / "inventory.json", ansible.folder / "report" / "report.json"
    words = [{"before": "300s", "text": "Restart in {remaining}"}]
    options = {**QUICK, "maintenance_announcements": words, "maintenance_report_dir": str(report.parent)}
    path.write_text(json.dumps({"all": {"hosts": HOSTS, "vars": options}}))
    process = ansible.start(sim, "serverprism.cloud.maintenance", "-i", str(path))
    until(lambda: sim.console(1) and sim.console(2))
    plain = change(ansible, sim, "hold", "--limit", "survival", hold_until=noon())
    held = change(ansible, sim, "hold", hold_until=noon(), hold_cancel=True)
    assert (plain.rc, held.rc) == (0, 0), held.output
    output = "".join(process.communicate(timeout=60))
    servers = json.loads(report.read_text())["servers"]
    assert process.returncode == 0 and [one["outcome"] for one in servers] == ["cancelled", "cancelled"], output
    assert all(one["reason"].startswith("on hold until ") for one in servers), servers
    for server in (1, 2):
        assert sim.console(server) == ["say Restart in 5 minutes", "say Maintenance cancelled: no restart now."]
    assert not [post for post in sim.posts() if "signal" in post["body"]], output


@needs_redis
def test_hold_of_another_machine_is_seen_through_redis(simulator, tmp_path):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    machines = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        machines.append(Ansible(tmp_path / name))
    with servers(tmp_path) as start:
        env = {"SERVERPRISM_LEDGER": start().url()}
        held = change(machines[0], sim, "hold", env=env, hold_until=noon(), hold_reason="finals")
        assert held.rc == 0, held.output
        path = machines[1].folder / "inventory.json"
        path.write_text(json.dumps({"all": {"hosts": HOSTS, "vars": QUICK}}))
        run = machines[1].run(sim, "serverprism.cloud.maintenance", "-i", str(path), env=env)
        assert run.rc == 0 and run.stdout.count("deferred: on hold until ") == 2 and ": finals" in run.stdout, run.output
        assert not sim.posts()
        assert change(machines[1], sim, "release", env=env).stdout.count("changed=1") == 2
        assert change(machines[0], sim, "release", env=env).stdout.count("changed=1") == 0


@pytest.mark.parametrize(("name", "variables"), [("hold", {"hold_until": "12:00"}), ("release", {})])
def test_hold_without_a_shared_ledger_is_refused(simulator, ansible, name, variables):
    run = change(ansible, simulator(), name, env={"SERVERPRISM_LEDGER": "none"}, **variables)
    assert run.rc == 2 and "is none, so no other run would see the hold. Set a folder or a Redis address." in run.output, run.output


def test_restart_in_an_exclusion_is_deferred(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    now = datetime.now(timezone.utc)
    times = {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=1)).isoformat()}
    past = {"name": "over", "start": "2020-05-04", "end": "2020-05-05"}
    hosts = {
        "survival": {**HOSTS["survival"], "maintenance_exclusions": [past]},
        "pals": {**HOSTS["pals"], "maintenance_exclusions": [past, {"name": "finals", **times}]},
    }
    run = maintain(sim, hosts)
    assert run.rc == 0 and run.outcomes == {"survival": "done", "pals": "deferred"}, run.output
    assert "would be in the exclusion finals (" in run.reasons["pals"] and not sim.console(2), run.reasons
    assert "1 server is left out: it is on hold or in an exclusion." in run.stdout, run.output


@pytest.mark.parametrize(
    ("exclusions", "said"),
    [
        ("finals", 'maintenance_exclusions: must be a list such as [{name: finals, start: \\"18:00\\", end: \\"22:00\\"}].'),
        ([{"name": "finals", "start": "18:00"}], "missing required arguments: end found in maintenance_exclusions"),
        ([{"name": "finals", "start": "18:00", "end": "later"}], "maintenance_exclusions[0].end: 'later' is neither HH:MM nor ISO 8601"),
    ],
)
def test_bad_exclusion_is_refused_by_the_name_of_its_variable(simulator, maintain, exclusions, said):
    sim = simulator()
    run = maintain(sim, HOSTS, maintenance_exclusions=exclusions)
    assert run.rc == 2 and said in run.output and not sim.requests(), run.output

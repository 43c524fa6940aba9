# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of repeated runs: after a crash, after too many failures, and two at the same time on one server."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import RunLogUnusable
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from functional.conftest import QUICK
from waiting import until

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}
# Slow enough that its states confirm a restart right after another one.
SLOW = {"boot_seconds": 3.0, "stop_seconds": 30.0}
WORDS = [{"before": "0.5s", "text": "x"}]


def maintenance(operate, sim, **options):
    return operate(sim, "maintenance", **{"server_id": 1234, "announcements": WORDS, "maintenance_id": "CHG-7", **options})


def signals(sim):
    return [post["body"]["signal"] for post in sim.posts() if "signal" in post["body"]]


def play(ids, **options):
    task = {"announcements": WORDS, "command_wait": 0.2, "poll_interval": 0.2, "maintenance_id": "CHG-7", **options}
    tasks = [{"serverprism.cloud.serverprism_maintenance": {"server_id": "{{ id }}", **task}, "register": "it"}]
    tasks.append({"ansible.builtin.debug": {"msg": "{{ it.outcome }}"}})
    inventory = {"all": {"hosts": {f"h{i}": {"id": i} for i in ids}, "vars": {"ansible_connection": "local"}}}
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}], inventory


def test_repeated_run_skips_a_server_that_was_done(simulator, operate):
    sim = simulator([{"id": 1234, **SLOW}])
    assert maintenance(operate, sim)["outcome"] == "done"
    again = maintenance(operate, sim)
    assert (again["outcome"], again["changed"], again["reason"]) == ("skipped", False, "done already under maintenance_id CHG-7"), again
    assert again["api"]["reads"] == 0 and signals(sim) == ["restart"]
    assert maintenance(operate, sim, maintenance_id="CHG-8")["outcome"] == "done"


def test_repeated_run_sends_a_signal_that_was_refused(simulator, operate):
    sim = simulator([{"id": 1234, **FAST, "conflict": True}])
    assert maintenance(operate, sim)["outcome"] == "failed"
    sim.patch(1234, conflict=False)
    assert maintenance(operate, sim)["outcome"] == "done"


def test_repeated_run_does_not_send_an_unconfirmed_signal_again(simulator, operate):
    sim = simulator([{"id": 1234, **FAST, "drop_signals": ["restart"]}])
    assert maintenance(operate, sim)["outcome"] == "unconfirmed"
    again = maintenance(operate, sim)
    assert (again["outcome"], again["failed"], again["changed"]) == ("unconfirmed", True, False), again
    assert "may have been sent already" in again["msg"] and "use another maintenance_id" in again["msg"], again
    assert signals(sim) == ["restart"]


def test_check_mode_reads_the_log_and_writes_nothing(simulator, operate, tmp_path):
    sim = simulator([{"id": 1234, **FAST}])
    assert maintenance(operate, sim, check_mode=True)["outcome"] == "planned" and not (tmp_path / "ledger" / "runs").exists()
    maintenance(operate, sim)
    assert maintenance(operate, sim, check_mode=True)["outcome"] == "skipped"


def test_nothing_is_sent_without_a_log(simulator, operate, tmp_path):
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "runs").write_text("a file where a folder should be")
    sim = simulator([{"id": 1234, **FAST}])
    result = maintenance(operate, sim)
    assert result["failed"] and "run log" in result["msg"] and not signals(sim), result


def started(ansible, sim, ids, **options):
    """Start a run in a separate group, so that all of it can be killed at once."""
    plays, inventory = play(ids, **options)
    path = ansible.folder / "hosts.json"
    path.write_text(json.dumps(inventory))
    return ansible.start(sim, plays, "-i", str(path), "--forks", "5")


def killed(process):
    """Kill ansible-playbook and all of its workers, which have separate sessions, with SIGKILL."""
    children = [int(pid) for pid in os.popen(f"pgrep -P {process.pid}").read().split()]
    for pid in [process.pid, *children]:
        os.kill(pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("moment", ["countdown", "signal"])
def test_repeated_run_after_a_power_cut_restarts_no_server_twice(simulator, ansible, moment):
    sim = simulator([{"id": i, "boot_seconds": 30.0, "stop_seconds": 10.0} for i in (1, 2, 3)])
    slow = {"announcements": [{"before": "2s", "text": "x"}]}
    first = started(ansible, sim, [1, 2, 3], **slow)
    until(lambda: len(sim.console_log()) == 3 if moment == "countdown" else len(signals(sim)) == 3)
    killed(first)
    again = started(ansible, sim, [1, 2, 3], **slow)
    output = "".join(again.communicate(timeout=60))
    # A signal whose outcome nobody saw stays unconfirmed.
    assert again.returncode == (0 if moment == "countdown" else 2), output
    assert len(signals(sim)) == 3 and sorted(post["server"] for post in sim.posts() if "signal" in post["body"]) == [1, 2, 3]


def test_ctrl_c_cancels_every_countdown_of_a_fleet_at_once(simulator, ansible):
    """Each server is in a long pause between two lines, and its worker has a thread that could get the signal."""
    sim = simulator([{"id": i, **FAST} for i in range(1, 9)])
    plays, inventory = play(range(1, 9), announcements=[{"before": "100s", "text": "x"}])
    path = ansible.folder / "hosts.json"
    path.write_text(json.dumps(inventory))
    run = ansible.start(sim, plays, "-i", str(path), "--forks", "8")
    until(lambda: len(sim.console_log()) == 8)
    run.send_signal(signal.SIGINT)
    output = "".join(run.communicate(timeout=50))
    lines = sim.console_log()
    assert sum("cancelled" in line["line"] for line in lines) == 8 and not signals(sim), (output, lines)
    # The operator sees that the players were told.
    assert sorted(re.findall(r"^\[h(\d)\] sent: say Maintenance cancelled", output, re.MULTILINE)) == [str(i) for i in range(1, 9)], output


def test_second_run_on_the_same_server_is_refused(simulator, ansible, operate):
    sim = simulator([{"id": 1234, **SLOW}])
    first = started(ansible, sim, [1234], announcements=[{"before": "3s", "text": "x"}], maintenance_id="one")
    until(sim.console_log)
    second = maintenance(operate, sim, maintenance_id="two", ledger=str(ansible.folder / "ledger"))
    assert second["failed"] and "Another run is maintaining server 1234 (" in second["msg"] and not second["changed"], second
    output = "".join(first.communicate(timeout=60))
    assert first.returncode == 0 and signals(sim) == ["restart"], output
    assert maintenance(operate, sim, maintenance_id="two", ledger=str(ansible.folder / "ledger"))["outcome"] == "done"


def test_second_run_is_refused_for_every_server_of_a_run(simulator, ansible):
    """This includes servers that the first run has not begun, or has done."""
    # A window of the quota has room for two servers.
    sim, env = simulator([{"id": i, **FAST} for i in range(1, 7)], write_limit=8), {"SERVERPRISM_WRITE_LIMIT": "8"}
    path = ansible.folder / "hosts.json"
    slow = {**QUICK, "maintenance_announcements": [{"before": "4s", "text": "x"}]}
    path.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"serverprism_id": i} for i in range(1, 7)}, "vars": slow}}))
    run = ["serverprism.cloud.maintenance", "-i", str(path)]
    first = ansible.start(sim, *run, env=env)
    until(sim.console_log)
    for other in [ansible.start(sim, *run, *more, env=env) for more in ([], ["--check"])]:
        output = "".join(other.communicate(timeout=100))
        refused = set(re.findall(r"Another run is maintaining server (\d)", output))
        assert other.returncode == 2 and refused == set("123456") and "restart sent" not in output, output
    assert first.poll() is None
    output = "".join(first.communicate(timeout=100))
    assert first.returncode == 0 and len(signals(sim)) == 6, output
    again = ansible.run(sim, *run, "--limit", "h1,h6", "-e", json.dumps(QUICK), env=env)
    assert again.rc == 0 and len(signals(sim)) == 8, again.output


def test_log_lost_after_the_signal_hides_no_result(simulator, operate, monkeypatch):
    add, warnings = FileLog.add, []

    def full_disk(self, event, now, /, **fields):
        if event == "done":
            raise RunLogUnusable("No space left on device")
        add(self, event, now, **fields)

    monkeypatch.setattr(FileLog, "add", full_disk)
    sim = simulator([{"id": 1234, **FAST}])
    result = maintenance(operate, sim, warn=warnings.append)
    assert (result["outcome"], result["changed"], result["confirmed"]) == ("done", True, True), result
    assert len(warnings) == 1 and "could not be written to the run log" in warnings[0]
    monkeypatch.undo()
    assert maintenance(operate, sim)["outcome"] == "unconfirmed" and signals(sim) == ["restart"]

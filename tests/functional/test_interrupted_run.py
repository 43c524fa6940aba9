# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of runs of many servers that are interrupted in the middle of their countdowns."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest
from functional.conftest import QUICK

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}


def started(ansible, sim, ids, *args, **variables):
    """Start the playbook for servers with a long countdown, and wait until the players of all are warned."""
    inventory, report = ansible.folder / "inventory.json", ansible.folder / "report"
    words = [{"before": "100s", "text": "Restart in {remaining}"}]
    options = {**QUICK, "maintenance_announcements": words, "maintenance_report_dir": str(report), **variables}
    inventory.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"serverprism_id": i} for i in ids}, "vars": options}}))
    process = ansible.start(sim, "serverprism.cloud.maintenance", "-i", str(inventory), *args)
    until = time.monotonic() + 30
    while len(sim.console_log()) < len(ids):
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process, report / "report.json"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_run_tells_the_players_and_writes_its_report(simulator, ansible, number):
    sim = simulator([{"id": i, **FAST} for i in range(1, 7)])
    process, report = started(ansible, sim, range(1, 7), maintenance_report_formats=["json", "markdown"])
    process.send_signal(number)
    output = "".join(process.communicate(timeout=60))
    until = time.monotonic() + 30
    while not report.exists():
        # SIGHUP ends ansible-playbook at once; its worker goes on.
        assert time.monotonic() < until and number == signal.SIGHUP, output
        time.sleep(0.05)
    lines = [line for line in sim.console_log() if "cancelled" in line["line"]]
    assert len(lines) == 6 and not [post for post in sim.posts() if "signal" in post["body"]], output
    assert json.loads(report.read_text())["totals"]["cancelled"] == 6, output
    if number != signal.SIGHUP:
        assert len(re.findall(r"^h\d +cancelled ", output, re.MULTILINE)) == 6, output
        assert f"The report is in {report.parent}." in output
        assert "6 cancelled. 6 servers need attention." in (report.parent / "report.md").read_text()
        assert not (report.parent / "report.html").exists()


def test_task_timeout_tells_the_players_and_the_run_continues(simulator, ansible):
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    inventory = ansible.folder / "inventory.json"
    words = [{"before": "100s", "text": "Restart in {remaining}"}]
    options = {**QUICK, "maintenance_announcements": words, "maintenance_report_dir": str(ansible.folder / "report")}
    inventory.write_text(json.dumps({"all": {"hosts": {f"h{i}": {"serverprism_id": i} for i in (1, 2)}, "vars": options}}))
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(inventory), env={"ANSIBLE_TASK_TIMEOUT": "6"})
    report = json.loads((ansible.folder / "report" / "report.json").read_text())
    assert run.rc == 2 and report["totals"]["cancelled"] == 2, run.output
    assert sorted(line["server"] for line in sim.console_log() if "cancelled" in line["line"]) == [1, 2], run.output
    # Up to ansible-core 2.18 the timeout has no text.
    assert all(re.search(r"Timed out after 6 second|TaskTimeoutError", one["reason"]) for one in report["servers"]), report


def test_closed_pipe_does_not_stop_the_run(simulator, ansible):
    """``| head`` does this."""
    sim = simulator([{"id": i, **FAST} for i in (1, 2)])
    process, _report = started(ansible, sim, (1, 2), maintenance_announcements=[{"before": "2s", "text": "x"}])
    process.stdout.close()
    assert process.wait(timeout=60) is not None
    assert sorted(post["server"] for post in sim.posts() if "signal" in post["body"]) == [1, 2]

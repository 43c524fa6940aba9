# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run is watched from another terminal, and its report is written later."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest
from waiting import until

FAST = {"boot_seconds": 4.0, "stop_seconds": 0.5}
TEXT = {"maintenance_announcements": [{"before": "3s", "text": "Restart in {remaining}."}], "maintenance_poll_interval": 0.2}


@pytest.fixture
def fleet(simulator, ansible):
    """Return a function that starts a maintenance of two servers in the background, and the simulator."""
    sim = simulator([{"id": number, **FAST} for number in (1, 2)])
    path = ansible.folder / "hosts.json"

    def start(**variables):
        hosts = {f"mc-{number}": {"serverprism_id": number} for number in (1, 2)}
        path.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**TEXT, **variables}}}))
        return ansible.start(sim, "serverprism.cloud.maintenance", "-i", str(path))

    return sim, start


def progress(ansible, sim, *more):
    return ansible.run(sim, "serverprism.cloud.progress", *more)


def test_run_is_watched_until_it_ends(fleet, ansible):
    sim, start = fleet
    # Long enough for another ansible-playbook to start.
    first = start(maintenance_id="CHG-7", maintenance_announcements=[{"before": "20s", "text": "Restart in {remaining}."}])
    log = ansible.folder / "ledger" / "runs" / "CHG-7.jsonl"
    until(lambda: log.exists() and log.read_text().count('"announcement"') == 2)
    seen = progress(ansible, sim, "-e", "progress_follow=true")
    output = "".join(first.communicate(timeout=100))
    assert first.returncode == 0 and "This run is CHG-7." in output, output
    assert seen.rc == 0 and re.search(r"Run CHG-7: running since", seen.output), seen.output
    assert re.search(r"^mc-1 +countdown +restart at \S+ UTC, in [0-9]+ seconds?; announced once", seen.output, re.M), seen.output
    assert re.search(r"mc-2: restarting: restart at", seen.output) and "Run CHG-7: ended at " in seen.output, seen.output
    assert re.search(r"\d of 20 writes in the last", seen.output) and "2 done" in seen.output, seen.output


def test_report_is_written_after_a_kill_and_says_what_is_not_known(fleet, ansible, tmp_path):
    sim, start = fleet
    first = start(maintenance_announcements=[{"before": "60s", "text": "Restart in {remaining}."}])
    (log,) = until(lambda: list((ansible.folder / "ledger" / "runs").glob("*.jsonl")))
    until(lambda: log.read_text().count('"announcement"') == 2)
    children = [int(pid) for pid in os.popen(f"pgrep -P {first.pid}").read().split()]
    for pid in [first.pid, *children]:
        os.kill(pid, signal.SIGKILL)
    first.communicate()
    seen = progress(ansible, sim)
    assert "vanished: its process is gone. Repeat the run with" in seen.output and "2 in countdown" in seen.output, seen.output
    written = ansible.run(
        sim, "serverprism.cloud.report", "-e", f"maintenance_report_dir={tmp_path}/report", "-e", "maintenance_report_formats=json"
    )
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    assert written.rc == 0 and [one["outcome"] for one in data["servers"]] == ["failed", "failed"], data
    assert [one["timeline"][0]["outcome"] for one in data["servers"]] == ["sent", "sent"] and not data["running"], data
    assert "the players were not told that it is off" in data["servers"][0]["reason"] and not (tmp_path / "report" / "report.html").exists()


def test_report_shows_the_present_state_while_the_run_goes_on(fleet, ansible, tmp_path):
    sim, start = fleet
    first = start(maintenance_announcements=[{"before": "60s", "text": "Restart in {remaining}."}])
    until(lambda: len(sim.console_log()) == 2)
    ansible.run(sim, "serverprism.cloud.report", "-e", f"maintenance_report_dir={tmp_path}")
    page = (tmp_path / "report.html").read_text()
    assert '<meta http-equiv="refresh"' in page and "2 in countdown." in page and "Maintenance in progress" in page
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=100)
    ansible.run(sim, "serverprism.cloud.report", "-e", f"maintenance_report_dir={tmp_path}")
    page = (tmp_path / "report.html").read_text()
    assert "refresh" not in page and "2 cancelled." in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No run has a log here. Set ledger (or SERVERPRISM_LEDGER) to"),
        (["-e", "progress_folow=true"], "Did you mean progress_follow?"),
    ],
)
def test_what_cannot_be_shown_is_said(simulator, ansible, arguments, said):
    sim = simulator([])
    seen = progress(ansible, sim, *arguments)
    assert seen.rc == 2 and said in seen.output and not sim.requests(), seen.output

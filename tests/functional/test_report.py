# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a run: its data, its page, and the page in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._page import page
from ansible_collections.serverprism.cloud.plugins.module_utils._report import build

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}
EVIL = "<script>document.title='pwned'</script><img src=x onerror=alert(1)>\"'&\u202e"
needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None and not os.environ.get("CI"), reason="chromium is not installed: this test did NOT run"
)


def entry(kind, second, outcome="sent"):
    at = f"2026-05-04T03:00:{second:02}.000000Z"
    return {"kind": kind, "text": kind, "planned": at, "at": at if outcome == "sent" else None, "outcome": outcome}


def result(outcome="done", confirmed=True, **more):
    timeline = [entry("announcement", 0), entry("command", 9), entry("signal", 10)]
    base = {"server_id": 1, "name": "n", "outcome": outcome, "reason": None, "signal": "restart", "confirmed": confirmed}
    return {**base, "evidence": "state", "notice_error": 0.25, "downtime": 5.0, "timeline": timeline, **more}


CANCELLED = result("cancelled", False, timeline=[entry("announcement", 0), entry("cancel", 4)], downtime=None)
ROWS = [
    {"host": "b", "result": result(), "error": ""},
    {"host": "a", "result": result("failed", False, downtime=None, notice_error=-2.0), "error": "nothing proves it"},
    {"host": "c", "result": result("skipped", False, timeline=[], downtime=None, notice_error=None, reason="offline"), "error": ""},
    {"host": "d", "result": result(), "error": "players cannot join"},
    {"host": "e", "result": {}, "error": "no server"},
    {
        "host": "f",
        "result": result("cancelled", False, timeline=[entry("announcement", 0), entry("cancel", 4)], downtime=None),
        "error": "",
    },
]


def test_the_sums():
    report = build(ROWS, "2026-05-04T04:00:00Z", False)
    assert report["totals"] == {"servers": 6, "done": 1, "skipped": 1, "deferred": 0, "failed": 3, "cancelled": 1, "unconfirmed": 1}
    assert (report["worst_notice_error"], report["longest_downtime"]) == (-2.0, 5.0)
    assert (report["begun"][17:19], report["ended"][17:19]) == ("00", "10")
    assert [one["host"] for one in report["servers"]] == list("abcdef")


def test_what_somebody_has_to_look_at_is_on_top():
    html = page(build(ROWS, "2026-05-04T04:00:00Z", False))
    alert = re.search(r'<div class="bad-list".*?</div>', html, re.DOTALL)[0]
    assert re.findall(r"<b>(\w)</b> ([^:]*)", alert) == [("a", "failed, unconfirmed"), ("d", "failed"), ("e", "failed"), ("f", "cancelled")]
    assert html.index("bad-list") < html.index("<svg") < html.index("<table>")
    assert html.count('class="wait"') == 4 and html.count('class="down"') == 3 and html.count('class="cross"') == 1


def test_an_empty_run_has_a_page_too():
    assert "<svg" not in page(build([], "2026-05-04T04:00:00Z", True))


def test_no_outside_resource_and_no_text_as_html():
    row = {"host": EVIL, "result": result(name=EVIL, reason=EVIL, timeline=[{**entry("announcement", 0), "text": EVIL}]), "error": EVIL}
    html = page(build([row], "2026-05-04T04:00:00Z", False))
    assert html.count("<script>") == 1 and "<img" not in html and "\u202e" not in html
    assert not re.search(r"<[^>]+(src|href)=|url\(|@import", html)


@pytest.fixture
def reported(simulator, ansible):
    """A run with a report: the folder it is in."""

    def run(servers, *args):
        sim = simulator(servers)
        path, folder = ansible.folder / "inventory.json", ansible.folder / "report"
        path.write_text(json.dumps({"all": {"hosts": {f"h{one['id']}": {"serverprism_id": one["id"]} for one in servers}}}))
        options = {
            "maintenance_announcements": [{"before": "0.5s", "text": "x"}],
            "maintenance_poll_interval": 0.2,
            "maintenance_command_wait": 0.1,
            "maintenance_report_dir": str(folder),
        }
        done = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(path), "-e", json.dumps(options), *args)
        assert sim.token not in "".join(file.read_text() for file in folder.iterdir())
        return done, folder

    return run


def test_a_run_writes_its_report(reported):
    done, folder = reported([{"id": 1, **FAST}, {"id": 2, "state": "offline"}, {"id": 3, "conflict": True}])
    report = json.loads((folder / "report.json").read_text())
    assert done.rc == 2 and report["schema"] == 1, done.output
    assert {one["host"]: one["outcome"] for one in report["servers"]} == {"h1": "done", "h2": "skipped", "h3": "failed"}
    assert report["servers"][0]["timeline"][-1]["kind"] == "signal"


def test_check_mode_writes_the_plan(reported):
    done, folder = reported([{"id": 1, **FAST}], "--check")
    report = json.loads((folder / "report.json").read_text())
    assert done.rc == 0 and report["check_mode"] and report["begun"] is None, done.output
    assert "Maintenance plan" in (folder / "report.html").read_text()


@needs_browser
def test_in_a_browser_names_stay_text_and_the_table_sorts(reported, tmp_path):
    _done, folder = reported([{"id": 1, **FAST, "name": EVIL}, {"id": 2, "state": "offline", "name": "zz"}])
    probe = """<script>
      const buttons = document.querySelectorAll("th button"); buttons[1].click(); buttons[1].click();
      document.title = [document.title, document.images.length, document.querySelectorAll("svg circle").length > 0,
        [...document.querySelectorAll("tbody tr")].map((row) => row.cells[1].textContent).join("-")].join("|");
    </script></body>"""
    file = tmp_path / "probe.html"
    file.write_text((folder / "report.html").read_text().replace("</body>", probe))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chromium'}"]
    command = ["chromium", *flags, "--dump-dom", f"file://{file}"]
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    dom = subprocess.run(command, env=home, capture_output=True, text=True, timeout=90, check=False).stdout
    assert re.search("<title>(.*?)</title>", dom)[1] == "Maintenance report|0|true|2-1", dom[:300]

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the report of a run: the files, and the page in a real browser."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from functional.browser import needs_browser
from functional.harness import ROOT

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}
EVIL = "<script>document.title='pwned'</script><img src=x onerror=alert(1)>\"'&\u202e"


@pytest.fixture
def reported(simulator, ansible):
    """Run a maintenance with a report; return its folder."""

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


def test_run_writes_its_report(reported):
    done, folder = reported([{"id": 1, **FAST}, {"id": 2, "state": "offline"}, {"id": 3, "conflict": True}])
    report = json.loads((folder / "report.json").read_text())
    assert done.rc == 2 and report["schema"] == 1, done.output
    assert {one["host"]: one["outcome"] for one in report["servers"]} == {"h1": "done", "h2": "skipped", "h3": "failed"}
    assert report["servers"][0]["timeline"][-1]["kind"] == "signal"
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600} and folder.stat().st_mode & 0o777 == 0o700


def test_run_writes_all_formats_with_names_as_plain_text(reported):
    name = "@octocat | [x](https://example.com) & <b>"
    servers = [{"id": 1, "name": name, **FAST}, {"id": 2, "name": "two", "state": "offline"}, {"id": 3, "name": "three", "conflict": True}]
    done, folder = reported(servers, "-e", "maintenance_report_formats=html,json,markdown,junit")
    assert done.rc == 2 and sorted(file.name for file in folder.iterdir()) == ["junit.xml", "report.html", "report.json", "report.md"], (
        done.output
    )
    text = (folder / "report.md").read_text()
    assert "1 restarted, 1 failed, 1 was off. 1 server needs attention." in text
    rows = [line for line in text.splitlines() if line.startswith("| `h")]
    assert [row[:6] for row in rows] == ["| `h3`", "| `h1`", "| `h2`"] and "**failed**" in rows[0]
    assert "| `@octocat \\| [x](https://example.com) & <b>` | done | `restart` " in rows[1]
    suite = ElementTree.parse(folder / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [(case.get("name"), case[0].tag) for case in suite] == [("h1", "system-out"), ("h2", "skipped"), ("h3", "failure")]
    assert "downtime: up to" in suite[0][0].text and suite[1][0].get("message") == "skipped: offline"


def test_unknown_format_is_refused_before_any_request(simulator, ansible):
    sim = simulator([{"id": 1, **FAST}])
    path, folder = ansible.folder / "inventory.json", ansible.folder / "report"
    path.write_text(json.dumps({"all": {"hosts": {"h1": {"serverprism_id": 1}}}}))
    args = ["-e", f"maintenance_report_dir={folder}", "-e", "maintenance_report_formats=html,pdf"]
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(path), *args)
    assert run.rc == 2 and "maintenance_report_formats: must be a list of html, json, markdown, junit, got pdf." in run.output
    assert not sim.requests() and not folder.exists()


def written(value, path):
    """Return the values of each path of a report."""
    for name, one in value.items():
        yield f"{path}{name}", one
        for each in one if isinstance(one, list) else [one]:
            if isinstance(each, dict):
                yield from written(each, f"{path}{name}{'[]' * isinstance(one, list)}.")


KINDS = {"str": str, "int": int, "float": (int, float), "bool": bool, "dict": dict, "list of dict": list}


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["run", "plan"])
def test_report_matches_its_documentation(reported, check):
    guide = (ROOT / "docs" / "docsite" / "rst" / "maintenance.rst").read_text()
    rows = dict(
        re.findall(r"^   \* - ``([\w.\[\]]+)``\n     - (.*)\n", guide[guide.index("docsite.maintenance.report_json:") :], re.MULTILINE)
    )
    _done, folder = reported([{"id": 1, **FAST}, {"id": 2, "state": "offline"}, {"id": 3, "conflict": True}], *check)
    found = list(written(json.loads((folder / "report.json").read_text()), ""))
    assert {path for path, _value in found} == set(rows)
    for path, value in found:
        kind, _or, null = rows[path].partition(" or ")
        assert isinstance(value, KINDS[kind]) if value is not None else null == "null", (path, value)
        assert kind == "bool" or not isinstance(value, bool), path


def test_page_has_the_time_zone_of_the_run(reported):
    done, folder = reported([{"id": 1, **FAST}], "-e", "maintenance_timezone=Asia/Tokyo")
    report = json.loads((folder / "report.json").read_text())
    assert done.rc == 0 and report["timezone"] == "Asia/Tokyo" and report["begun"].endswith("Z"), done.output
    assert '<h2>Timeline <span class="dim">(JST)</span></h2>' in (folder / "report.html").read_text()


def test_report_keeps_the_mode_that_its_owner_set(reported, ansible):
    folder = ansible.folder / "report"
    folder.mkdir(mode=0o755)
    (folder / "report.html").touch(mode=0o644)
    reported([{"id": 1, "state": "offline"}])
    assert (folder / "report.html").stat().st_mode & 0o777 == 0o644 and (folder / "report.json").stat().st_mode & 0o777 == 0o600


def test_check_mode_writes_the_plan(reported):
    done, folder = reported([{"id": 1, **FAST}], "--check")
    report = json.loads((folder / "report.json").read_text())
    assert done.rc == 0 and report["check_mode"] and report["begun"] is None, done.output
    assert (report["totals"]["planned"], report["totals"]["done"], report["servers"][0]["outcome"]) == (1, 0, "planned")
    html = (folder / "report.html").read_text()
    assert "Maintenance plan" in html and 'class="wait"' in html and 'class="down"' not in html and 'class="unknown"' not in html


def test_unconfirmed_restart_has_no_downtime_in_the_report(reported):
    done, folder = reported([{"id": 1, **FAST, "drop_signals": ["restart"]}], "-e", "maintenance_wait_timeout=8")
    report, html = json.loads((folder / "report.json").read_text()), (folder / "report.html").read_text()
    assert done.rc == 2 and report["totals"]["unconfirmed"] == 1, done.output
    assert html.count('class="unknown"') == 1 and 'class="down"' not in html and "</i>not known</span>" in html


@needs_browser
def test_names_stay_text_and_the_table_sorts_in_a_browser(reported, browser):
    _done, folder = reported([{"id": 1, **FAST, "name": EVIL}, {"id": 2, "state": "offline", "name": "zz"}])
    browser.open(folder / "report.html")
    assert browser.tell("document.title") == "Maintenance report"
    assert browser.tell("document.images.length") == 0 and browser.tell("document.querySelectorAll('svg circle').length") > 0
    browser.tell("for (let times = 0; times < 2; times++) document.querySelectorAll('th button')[1].click()")
    assert browser.tell("[...document.querySelectorAll('tbody tr')].map((row) => row.cells[1].textContent)") == ["2", "1"]

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a run: its summary, its warning and its files."""

from __future__ import annotations

import json
import stat

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.run import REPORT_FORMATS
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.plugin_utils._report_files import FORMATS, ReportOptions, RunReport
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import DEFAULT_FORMATS

BASE = {
    "server_id": 1,
    "name": "n",
    "outcome": "done",
    "reason": None,
    "signal": "restart",
    "earlier": None,
    "confirmed": True,
    "evidence": "state",
    "notice_error": 0.25,
    "downtime": 5.0,
    "timeline": [],
}
SKIPPED = {**BASE, "outcome": "skipped", "reason": "offline", "signal": None, "confirmed": False}


def report(results, check_mode=False, **options):
    return RunReport([server(host, result) for host, result in results.items()], ReportOptions(**options), check_mode)


def write(results, folder, formats=DEFAULT_FORMATS, **more):
    return report(results, folder=str(folder), formats=formats, **more).write()


def test_lines_are_those_of_the_given_hosts():
    one = report({"a": BASE, "b": SKIPPED, "c": BASE})
    lines = one.lines(["a", "b"])
    assert len(lines) == 3 and lines[1].startswith("a") and lines[2].startswith("b") and "offline" in lines[2]


def test_message_of_a_failed_server_is_its_reason():
    one = report({"a": {**BASE, "outcome": "failed", "failed": True, "msg": "the node is away"}})
    assert one.data["servers"][0]["reason"] == "the node is away"


@pytest.mark.parametrize(
    ("results", "tested"),
    [
        ({"a": BASE}, True),
        ({"a": {**BASE, "outcome": "unconfirmed"}}, True),
        ({"a": {**SKIPPED, "earlier": "done"}}, True),
        ({"a": SKIPPED}, False),
        ({"a": {**SKIPPED, "outcome": "cancelled", "held_back": True}}, False),
        ({"a": {**SKIPPED, "outcome": "deferred"}, "b": SKIPPED}, False),
        ({"a": SKIPPED, "b": BASE}, True),
    ],
)
def test_canary_has_tested_something_if_a_signal_was_sent(results, tested):
    assert report(results).has_tested() is tested


def test_warning_of_a_canary_that_has_tested_nothing():
    one = report({"a": SKIPPED, "b": {**SKIPPED, "outcome": "deferred", "reason": None}})
    assert one.untested(9) == ("The canary was deferred or skipped (offline), so it has tested nothing. The other 9 hosts follow anyway.")


def test_files_are_written_into_a_new_folder_of_this_user(tmp_path):
    folder = tmp_path / "new" / "reports"
    assert write({"a": BASE}, folder) == ""
    data = json.loads((folder / "report.json").read_text())
    assert data["servers"][0]["host"] == "a" and data["totals"]["done"] == 1
    assert "<html" in (folder / "report.html").read_text() and stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_page_shows_the_time_zone_of_the_run_and_data_is_in_utc(tmp_path):
    sent = {"kind": "signal", "text": "restart", "planned": "2026-05-04T01:00:00Z", "at": "2026-05-04T01:00:00Z", "outcome": "sent"}
    write({"a": {**BASE, "timeline": [sent]}}, tmp_path, timezone="Europe/Berlin")
    data = json.loads((tmp_path / "report.json").read_text())
    assert (data["timezone"], data["begun"]) == ("Europe/Berlin", "2026-05-04T01:00:00Z")
    assert "2026-05-04 03:00:00 to 03:00:05 CEST" in (tmp_path / "report.html").read_text()


def test_files_are_replaced(tmp_path):
    write({"a": BASE}, tmp_path)
    write({"b": BASE}, tmp_path)
    assert [one["host"] for one in json.loads((tmp_path / "report.json").read_text())["servers"]] == ["b"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["report.html", "report.json"]


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_every_format_of_the_option_has_a_file():
    assert tuple(FORMATS) == REPORT_FORMATS


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("results", [{}, {"a": BASE}], ids=["empty", "one server"])
@pytest.mark.parametrize("check_mode", [False, True], ids=["run", "plan"])
def test_only_the_file_of_the_format_is_written(tmp_path, name, results, check_mode):
    assert write(results, tmp_path, [name], check_mode=check_mode) == ""
    (file,) = tmp_path.iterdir()
    assert file.name == FORMATS[name].file and file.stat().st_mode & 0o777 == 0o600
    # A later run finds the file by this.
    assert file.read_text().startswith(FORMATS[name].begin)


@pytest.mark.parametrize("name", FORMATS)
def test_report_of_an_earlier_run_in_another_format_is_removed(tmp_path, name):
    write({"a": BASE}, tmp_path, FORMATS)
    write({"b": BASE}, tmp_path, [name])
    assert names(tmp_path) == [FORMATS[name].file]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["other content", "empty", "link", "folder"])
def test_file_that_is_not_a_report_is_kept(tmp_path, name, kind):
    folder, file = tmp_path / "report", tmp_path / "report" / FORMATS[name].file
    write({"a": BASE}, folder, FORMATS)
    own = tmp_path / "own"
    file.rename(own)
    if kind == "link":
        file.symlink_to(own)
    elif kind == "folder":
        file.mkdir()
    else:
        file.write_text("<testsuites/>" if kind == "other content" else "")
    other = "html" if name == "json" else "json"
    assert write({"b": BASE}, folder, [other]) == ""
    assert names(folder) == sorted([FORMATS[name].file, FORMATS[other].file]) and file.is_symlink() == (kind == "link")
    assert own.exists()


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write({"a": BASE}, "~/reports") == "" and (tmp_path / "reports" / "report.json").exists()


def test_report_that_cannot_be_written_returns_a_message(tmp_path):
    (tmp_path / "file").write_text("")
    problem = write({"a": BASE}, tmp_path / "file")
    assert problem.startswith(f"The report could not be written to {tmp_path}/file: ") and problem.endswith(
        "Check that the folder exists and the disk is not full."
    )

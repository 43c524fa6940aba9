# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a run: its data, and its page."""

from __future__ import annotations

import re

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.guard import MAY_HAVE_BEGUN
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import why
from ansible_collections.serverprism.cloud.plugins.module_utils._report.page import page
from reports import build

EVIL = "<script>document.title='pwned'</script><img src=x onerror=alert(1)>\"'&\u202e"


def step(kind, second, outcome="sent"):
    at = f"2026-05-04T03:00:{second:02}.000000Z"
    return {"kind": kind, "text": kind, "planned": at, "at": at if outcome == "sent" else None, "outcome": outcome}


def result(outcome="done", confirmed=True, **more):
    timeline = [step("announcement", 0), step("command", 9), step("signal", 10)]
    base = {"server_id": 1, "name": "n", "outcome": outcome, "reason": None, "signal": "restart", "confirmed": confirmed}
    return {**base, "evidence": "state", "notice_error": 0.25, "not_warned": None, "downtime": 5.0, "timeline": timeline, **more}


CANCELLED = result("cancelled", False, timeline=[step("announcement", 0), step("cancel", 4)], downtime=None)
ROWS = [
    {"host": "b", "result": result(), "error": ""},
    {"host": "a", "result": result("unconfirmed", False, downtime=None, notice_error=-2.0), "error": "nothing proves it"},
    {"host": "c", "result": result("skipped", False, timeline=[], downtime=None, notice_error=None, reason="offline"), "error": ""},
    {"host": "d", "result": result(), "error": "players cannot join"},
    {"host": "e", "result": {}, "error": "no server"},
    {"host": "f", "result": CANCELLED, "error": ""},
]


def test_totals_of_a_run():
    report = build(ROWS, "2026-05-04T04:00:00Z", False)
    totals = {"planned": 0, "done": 1, "skipped": 1, "deferred": 0, "failed": 2, "cancelled": 1, "unconfirmed": 1}
    assert report["totals"] == {"servers": 6, **totals, "not_warned": 0}
    assert (report["worst_notice_error"], report["longest_downtime"]) == (-2.0, 5.0)
    assert (report["begun"][17:19], report["ended"][17:19]) == ("00", "15")
    assert [one["host"] for one in report["servers"]] == list("abcdef")


def test_run_ends_with_its_last_observation_or_last_line():
    late = result(downtime=90.0)
    said = result(timeline=[*result()["timeline"], step("done", 50)])
    for rows, ended in (([late], "03:01:40"), ([said], "03:00:50"), ([CANCELLED], "03:00:04")):
        report = build([{"host": "a", "result": one, "error": ""} for one in rows], "2026-05-04T04:00:00Z", False)
        assert report["ended"][11:19] == ended


def planned(**more):
    timeline = [step(kind, second, "planned") for kind, second in (("announcement", 0), ("command", 9), ("signal", 10))]
    reason = "check mode: nothing was sent"
    return result("planned", False, evidence="none", timeline=timeline, downtime=None, notice_error=None, reason=reason, **more)


def test_outcome_of_a_plan_is_planned():
    skipped = result("skipped", False, timeline=[], downtime=None, notice_error=None, reason="offline")
    rows = [{"host": "a", "result": planned(), "error": ""}, {"host": "b", "result": skipped, "error": ""}]
    report = build(rows, "2026-05-04T04:00:00Z", True)
    assert [one["outcome"] for one in report["servers"]] == ["planned", "skipped"]
    assert {name: number for name, number in report["totals"].items() if number} == {"servers": 2, "planned": 1, "skipped": 1}
    assert (report["begun"], report["ended"]) == (None, None)


def test_server_whose_signal_may_have_been_sent_in_an_earlier_run_is_unconfirmed():
    reason = f"{MAY_HAVE_BEGUN} under maintenance_id CHG-7"
    begun = result("skipped", False, timeline=[], downtime=None, notice_error=None, reason=reason, earlier="unconfirmed")
    report = build([{"host": "a", "result": begun, "error": ""}], "2026-05-04T04:00:00Z", False)
    assert report["totals"]["unconfirmed"] == 1 and "<b>a</b> unconfirmed" in page(report)


def test_servers_that_need_attention_are_at_the_top():
    html = page(build(ROWS, "2026-05-04T04:00:00Z", False))
    alert = re.search(r'<div class="bad-list".*?</div>', html, re.DOTALL)[0]
    assert re.findall(r"<b>(\w)</b> ([^:]*)", alert) == [("a", "unconfirmed"), ("d", "failed"), ("e", "failed"), ("f", "cancelled")]
    assert html.index("bad-list") < html.index("<svg") < html.index("<table>")
    drawn = {kind: html.count(f'class="{kind}"') for kind in ("wait", "down", "up", "unknown", "cross")}
    assert drawn == {"wait": 4, "down": 2, "up": 2, "unknown": 1, "cross": 1}


def tiles(html):
    return [(value, name, bool(bad)) for bad, value, name in re.findall(r'<div class="tile( bad)?"><b>(.*?)</b>(.*?)</div>', html)]


def test_tiles_of_a_run():
    assert tiles(page(build(ROWS, "2026-05-04T04:00:00Z", False))) == [
        ("6", "servers", False),
        ("1", "done", False),
        ("1", "skipped", False),
        ("2", "failed", True),
        ("1", "cancelled", True),
        ("1", "unconfirmed", True),
        ("-2.00 s", "worst notice error", True),
        ("5.0 s", "longest downtime, at most", False),
    ]


def test_page_of_a_plan_has_no_measured_values():
    html = page(build([{"host": "a", "result": planned(), "error": ""}], "2026-05-04T04:00:00Z", True))
    assert tiles(html) == [("1", "servers", False), ("1", "planned", False)]
    assert re.findall(r'<button type="button">(.*?)</button>', html) == ["server", "id", "name", "outcome", "signal"]
    assert not re.search(r">done<|check mode: nothing|class=\"(down|up|unknown)\"|key-(down|up|unknown)\"", html)
    assert html.count('class="wait"') == 1 and html.count('class="signal"') == 1
    assert "Nothing was sent. Planned for 2026-05-04 03:00:00 to 03:00:10 UTC" in html


NO_CONSOLE = "the game takes no console commands"


@pytest.mark.parametrize(
    ("more", "is_plan", "expected"),
    [
        ({}, False, ""),
        ({"not_warned": NO_CONSOLE}, False, f"nobody was warned: {NO_CONSOLE}"),
        ({"not_warned": NO_CONSOLE, "outcome": "failed", "reason": "It crashed."}, False, f"nobody was warned: {NO_CONSOLE}; It crashed."),
        ({"not_warned": NO_CONSOLE, "outcome": "planned", "reason": "check mode: ..."}, True, f"nobody would be warned: {NO_CONSOLE}"),
        ({"outcome": "planned", "reason": "check mode: nothing was sent"}, True, ""),
        ({"outcome": "skipped", "reason": "offline"}, True, "offline"),
    ],
)
def test_why_says_that_nobody_was_warned(more, is_plan, expected):
    report = build([{"host": "a", "result": result(**more), "error": ""}], "2026-05-04T04:00:00Z", is_plan)
    (row,) = report["servers"]
    assert why(row, is_plan) == expected and report["totals"]["not_warned"] == ("not_warned" in more)
    cells = re.findall(r'<td class="why[^"]*" data-label="why">(.*?)</td>', page(report))
    assert cells == ([expected] if expected else [])


def columns(*rows):
    """Return the columns of the table in the page of these results."""
    html = page(build([{"host": f"h{index}", "result": one, "error": ""} for index, one in enumerate(rows)], "2026-05-04T04:00:00Z", False))
    return re.findall(r'<button type="button">(.*?)</button>', html), "Notice error: how much" in html


def test_empty_column_is_not_shown():
    everything = ["server", "id", "name", "outcome", "signal", "evidence", "downtime", "notice error", "why"]
    skipped = result("skipped", False, timeline=[], downtime=None, notice_error=None, signal=None, reason="offline")
    assert columns(result(), skipped) == (everything, True)
    assert columns(result()) == (everything[:-1], True)
    assert columns(skipped) == (["server", "id", "name", "outcome", "why"], False)
    assert columns() == ([], False)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (4, 4), (5, 3), (6, 3), (7, 4), (8, 4)])
def test_rows_of_tiles_on_a_phone_have_about_the_same_length(count, expected):
    outcomes = ("done", "skipped", "failed", "cancelled", "deferred")[: count - 1 if count < 7 else count - 3]
    more = {"notice_error": None, "downtime": None} if count < 7 else {}
    html = page(build([{"host": one, "result": result(one, **more), "error": ""} for one in outcomes], "2026-05-04T04:00:00Z", False))
    assert len(tiles(html)) == count and f"--columns: {expected}" in html


def test_head_and_axis_name_the_second_day():
    timeline = [{**step("signal", 0), "at": "2026-05-04T23:59:30.000000Z"}]
    html = page(build([{"host": "a", "result": result(timeline=timeline, downtime=60.0), "error": ""}], "2026-05-05T04:00:00Z", False))
    assert "2026-05-04 23:59:30 to 2026-05-05 00:00:30 UTC" in html
    assert re.findall(r'<span class="day[ \w]*" style="left:([\d.]+)%?">(.*?)</span>', html) == [
        ("0", "2026-05-04"),
        ("48.54", "2026-05-05"),
    ]


def page_of(at, zone, downtime=60.0):
    """Return the page of one server that was restarted at a time."""
    timeline = [{**step("signal", 0), "at": at}]
    report = build([{"host": "a", "result": result(timeline=timeline, downtime=downtime), "error": ""}], at, False, zone)
    assert report["timezone"] == zone and report["begun"] == at
    return page(report)


@pytest.mark.parametrize(
    ("zone", "at", "when", "abbreviations", "signal"),
    [
        ("UTC", "2026-05-04T01:00:00Z", "2026-05-04 01:00:00 to 01:01:00 UTC", "UTC", "01:00:00"),
        ("Europe/Berlin", "2026-05-04T01:00:00Z", "2026-05-04 03:00:00 to 03:01:00 CEST", "CEST", "03:00:00"),
        ("Europe/Berlin", "2026-12-04T23:30:00Z", "2026-12-05 00:30:00 to 00:31:00 CET", "CET", "00:30:00"),
        ("America/Sao_Paulo", "2026-05-04T01:00:00Z", "2026-05-03 22:00:00 to 22:01:00 UTC-03", "UTC-03", "22:00:00"),
        ("Europe/Berlin", "2026-10-25T00:59:30Z", "2026-10-25 02:59:30 CEST to 02:00:30 CET", "CEST, then CET", "02:59:30"),
    ],
)
def test_page_shows_times_of_the_zone_with_its_abbreviation(zone, at, when, abbreviations, signal):
    html = page_of(at, zone)
    assert f'<div class="dim">{when}</div>' in html and f">restart {signal}</td>" in html
    assert re.findall(r"<h2>(\w+) <span class=\"dim\">\((.*?)\)</span>", html) == [("Timeline", abbreviations), ("Servers", abbreviations)]


def test_page_of_a_run_that_sent_nothing_shows_when_it_was_made():
    html = page(build([], "2026-05-04T04:00:00Z", False, "Europe/Berlin"))
    assert "2026-05-04 06:00:00 CEST, nothing was sent" in html


@pytest.mark.parametrize(("reason", "data", "shown"), [("update & restart", "update & restart", ["update &amp; restart"]), ("", None, [])])
def test_page_shows_the_reason_under_its_title(reason, data, shown):
    report = build(ROWS, "2026-05-04T04:00:00Z", False, reason=reason)
    assert report["reason"] == data and re.findall(r'<div class="dim words">Reason: (.*?)</div>', page(report)) == shown


def test_empty_run_has_a_page():
    assert "<svg" not in page(build([], "2026-05-04T04:00:00Z", True))


def test_page_has_no_external_resource_and_escapes_all_texts():
    row = {"host": EVIL, "result": result(name=EVIL, reason=EVIL, timeline=[{**step("announcement", 0), "text": EVIL}]), "error": EVIL}
    html = page(build([row], "2026-05-04T04:00:00Z", False, reason=EVIL))
    assert html.count("<script>") == 1 and "<img" not in html and "\u202e" not in html
    assert not re.search(r"<[^>]+(src|href)=|url\(|@import", html)

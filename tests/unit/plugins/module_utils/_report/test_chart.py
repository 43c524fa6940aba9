# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chart of a report: the periods of a server, and the axis."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report import chart as pic
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso

# Midnight.
BASE = 1777852800.0


def step(kind, at, outcome="sent"):
    return {
        "kind": kind,
        "text": kind,
        "planned": iso(BASE + at),
        "at": iso(BASE + at) if outcome != "planned" else None,
        "outcome": outcome,
    }


def row(*timeline, confirmed=True, downtime=None, signal="restart", host="h"):
    base = {"host": host, "outcome": "done", "reason": None, "confirmed": confirmed, "downtime": downtime, "signal": signal}
    return {**base, "timeline": list(timeline)}


SAID, SENT = step("announcement", 0), step("signal", 60)


@pytest.mark.parametrize(
    ("one", "planned", "expected"),
    [
        (row(SAID, SENT, downtime=30.0), False, [("wait", 0, 60), ("down", 60, 90), ("up", 90, 200)]),
        (row(SENT, downtime=30.0), False, [("down", 60, 90), ("up", 90, 200)]),
        # The server that is seen up last of all still has a period "up".
        (row(SENT, downtime=140.0), False, [("down", 60, 200), ("up", 200, 200)]),
        (row(SAID, SENT, confirmed=False), False, [("wait", 0, 60), ("unknown", 60, None)]),
        (row(SAID, step("signal", 60, "unknown"), confirmed=False), False, [("wait", 0, 60), ("unknown", 60, None)]),
        (row(SAID, SENT, signal="stop"), False, [("wait", 0, 60), ("down", 60, 200)]),
        (row(SAID, SENT, signal="stop", confirmed=False), False, [("wait", 0, 60), ("unknown", 60, None)]),
        # Confirmed, but not seen up.
        (row(SAID, SENT), False, [("wait", 0, 60), ("unknown", 60, None)]),
        # The first of two signals counts.
        (row(SENT, step("signal", 80), downtime=30.0), False, [("down", 60, 90), ("up", 90, 200)]),
        (row(SAID, step("cancel", 40), confirmed=False), False, [("wait", 0, 40)]),
        (row(SAID, step("signal", 60, "failed"), confirmed=False), False, [("wait", 0, 60)]),
        (row(step("announcement", 0, "planned"), step("signal", 60, "planned"), confirmed=False), True, [("wait", 0, 60)]),
        (row(step("signal", 60, "planned"), confirmed=False), True, []),
        # Interrupted: the planned signal was not sent.
        (row(SAID, step("signal", 60, "planned"), confirmed=False), False, []),
        (row(), False, []),
    ],
)
def test_unknown_state_is_not_shown_as_down(one, planned, expected):
    shown = [(each.kind, each.begin - BASE, each.end and each.end - BASE) for each in pic.periods(one, planned, BASE + 200)]
    assert shown == expected


@pytest.mark.parametrize("length", [1, 7, 59, 61, 600, 3000, 4000, 40000, 86401, 200000, 1000000])
def test_axis_has_few_marks_and_fewer_on_a_phone(length):
    fine = pic.step_of(length, pic.WIDE)
    coarse = pic.step_of(length, pic.NARROW, fine)
    assert length / fine <= pic.WIDE and length / coarse <= pic.NARROW and coarse % fine == 0
    assert length < 2 or (length / fine > 2 and length / coarse > 2)
    assert fine % 86400 == 0 or 86400 % fine == 0


def days(begin, end):
    drawn = pic.chart([row(step("announcement", begin), step("announcement", end))], False)
    return re.findall(r'class="(day[ \w]*)" style="left:([\d.]+)%?">(.*?)<', drawn)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (3600, 7200, [("day", "0", "2026-05-04")]),
        (-600, 600, [("day", "0", "2026-05-03"), ("day", "48.54", "2026-05-04")]),
        # Too little room for the names of both days.
        (-60, 600, [("day", "8.83", "2026-05-04")]),
        (-600, 60, [("day", "0", "2026-05-03"), ("day before", "88.26", "until 05-03, then 2026-05-04")]),
    ],
)
def test_axis_names_each_day(begin, end, expected):
    assert days(begin, end) == expected


BERLIN = ZoneInfo("Europe/Berlin")


def labels(zone, begin, end, kind="tick"):
    """Return the labels of an axis between two local times, each with its place."""
    first, last = (datetime.fromisoformat(one).replace(tzinfo=zone).timestamp() for one in (begin, end))
    scale = pic.Scale(first, last, zone)
    drawn = pic._axis(scale)
    return [(one, float(x)) for x, one in re.findall(rf'class="{kind}[ \w]*" style="left:([\d.]+)%?">(.*?)<', drawn)]


@pytest.mark.parametrize(
    ("zone", "begin", "end", "expected"),
    [
        (timezone.utc, "2026-05-04T03:00", "2026-05-04T05:00", ["03:00", "03:15", "03:30", "03:45", "04:00", "04:15", "04:30", "04:45"]),
        (BERLIN, "2026-05-03T22:00", "2026-05-04T10:00", ["22:00", "00:00", "02:00", "04:00", "06:00", "08:00"]),
        (
            ZoneInfo("Asia/Kathmandu"),
            "2026-05-04T03:00",
            "2026-05-04T07:00",
            ["03:00", "03:30", "04:00", "04:30", "05:00", "05:30", "06:00", "06:30"],
        ),
        # One hour does not exist, and another exists twice.
        (BERLIN, "2026-03-29T01:00", "2026-03-29T05:00", ["01:00", "01:30", "03:00", "03:30", "04:00", "04:30"]),
        (BERLIN, "2026-10-25T02:00", "2026-10-25T04:00", ["02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]),
    ],
)
def test_axis_shows_round_times_of_the_zone(zone, begin, end, expected):
    found = labels(zone, begin, end)
    assert [label for label, _x in found] == expected
    gaps = [later - earlier for (_a, earlier), (_b, later) in zip(found, found[1:])]
    assert max(gaps) - min(gaps) < 0.05


def test_axis_names_the_day_at_midnight_of_the_zone():
    assert labels(BERLIN, "2026-05-03T23:00", "2026-05-04T01:00", "day") == [("2026-05-03", 0), ("2026-05-04", 48.54)]
    # 22:00 UTC to 00:00 UTC.
    assert labels(BERLIN, "2026-05-04T00:00", "2026-05-04T02:00", "day") == [("2026-05-04", 0)]


def test_axis_names_midnight_after_the_clocks_changed():
    assert [label for label, _x in labels(BERLIN, "2026-10-24T12:00", "2026-10-26T12:00", "day")] == [
        "2026-10-24",
        "2026-10-25",
        "2026-10-26",
    ]


def test_bar_says_when_the_server_was_up_on_the_clock_of_the_zone():
    drawn = pic.chart([row(SAID, SENT, downtime=30.0)], False, BERLIN)
    assert "seen up at 02:01:30" in drawn


def test_legend_names_only_what_is_in_the_chart():
    rows = [row(SAID, SENT, confirmed=False), row(SAID, step("announcement", 10, "failed"), step("cancel", 20), confirmed=False)]
    kinds = re.findall(r'<i class="key-(\w+)">', pic.chart(rows, False))
    assert kinds == ["wait", "signal", "unknown", "mark", "missed", "cross"]
    assert re.findall(r'<i class="key-(\w+)">', pic.chart([row(SENT, downtime=5.0)], False)) == ["signal", "down", "up"]


def test_label_of_a_server_has_its_outcome():
    assert '<div class="label failed">h</div>' in pic.chart([{**row(SAID, SENT), "outcome": "failed"}], False)


def test_widths_are_per_cent():
    drawn = pic.chart([row(SAID, SENT, downtime=30.0)], False)
    assert "viewBox" not in drawn and not re.search(r' (x|x1|x2|cx)="[\d.]+"', drawn)


def test_run_without_times_has_no_chart():
    assert pic.chart([row()], False) == "" == pic.chart([], False)

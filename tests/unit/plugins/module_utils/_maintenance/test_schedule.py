# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, time, timezone
from typing import Any

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.options import as_of
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import maintenance_window, parse_time, zone
from hypothesis import given
from hypothesis import strategies as st


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("text", "tz", "after", "expected"),
    [
        ("03:00", "UTC", "2026-05-04T01:00:00", "2026-05-04T03:00:00"),
        ("03:00", "UTC", "2026-05-04T03:00:00", "2026-05-04T03:00:00"),
        ("03:00", "UTC", "2026-05-04T03:00:01", "2026-05-05T03:00:00"),
        ("03:00", "Europe/Berlin", "2026-05-04T00:30:00", "2026-05-04T01:00:00"),
        ("2026-05-04T03:00:00Z", "Europe/Berlin", "2026-01-01T00:00:00", "2026-05-04T03:00:00"),
        ("2026-05-04T03:00:00+02:00", "UTC", "2026-01-01T00:00:00", "2026-05-04T01:00:00"),
        ("2026-05-04T03:00", "Europe/Berlin", "2026-01-01T00:00:00", "2026-05-04T01:00:00"),
    ],
)
def test_start_is_converted_to_utc(text: str, tz: str, after: str, expected: str) -> None:
    assert parse_time("start", text, zone(tz), utc(after)) == utc(expected)


DAY = "2026-05-04T"


@pytest.mark.parametrize(
    ("start", "deadline", "now", "begins", "ends"),
    [
        (None, None, DAY + "02:00:00", None, None),
        ("03:00", None, DAY + "02:00:00", DAY + "03:00:00", None),
        # 03:00 lasts for a minute, since cron can be a second late.
        ("03:00", None, DAY + "03:00:01", DAY + "03:00:00", None),
        ("03:00", None, DAY + "03:01:00", "2026-05-05T03:00:00", None),
        ("03:00:00", None, DAY + "03:00:01", "2026-05-05T03:00:00", None),
        (None, "04:00", DAY + "02:00:00", None, DAY + "04:00:00"),
        # A run that is a few seconds late must not have tomorrow's deadline.
        (None, "04:00", DAY + "04:00:30", None, DAY + "04:00:00"),
        ("03:00", "04:00", DAY + "02:00:00", DAY + "03:00:00", DAY + "04:00:00"),
        ("22:00", "04:00", DAY + "21:00:00", DAY + "22:00:00", "2026-05-05T04:00:00"),
        # The window is open, so a repeated run continues in it.
        ("03:00", "04:00", DAY + "03:30:00", DAY + "03:00:00", DAY + "04:00:00"),
        ("22:00", "04:00", DAY + "01:00:00", "2026-05-03T22:00:00", DAY + "04:00:00"),
        ("22:00", "04:00", DAY + "23:00:00", DAY + "22:00:00", "2026-05-05T04:00:00"),
        ("03:00", "04:00", DAY + "04:00:00", "2026-05-05T03:00:00", "2026-05-05T04:00:00"),
        ("2026-05-04T03:00:00Z", "04:00", DAY + "03:30:00", DAY + "03:00:00", DAY + "04:00:00"),
        ("03:00", "2026-05-04T04:00:00Z", DAY + "02:30:00", DAY + "03:00:00", DAY + "04:00:00"),
    ],
)
def test_window_is_the_open_one_or_the_next(start: Any, deadline: Any, now: str, begins: Any, ends: Any) -> None:
    expected = tuple(None if text is None else utc(text) for text in (begins, ends))
    assert maintenance_window(start, deadline, zone("UTC"), utc(now)) == expected


@given(st.integers(0, 2 * 86_400), st.times(), st.one_of(st.none(), st.times()), st.sampled_from(["UTC", "Asia/Kolkata", "America/Lima"]))
def test_window_never_ends_before_it_begins(after: int, start: time, deadline: time | None, tz: str) -> None:
    texts = start.strftime("%H:%M"), deadline and deadline.strftime("%H:%M")
    now = utc(DAY + "00:00:00") + after
    try:
        begins, ends = maintenance_window(*texts, zone(tz), now)
    except BadOption:
        minutes = 0 if deadline is None else (deadline.hour - start.hour) * 60 + deadline.minute - start.minute
        assert minutes % 1440 > 720
        return
    assert begins is not None and begins - now < 86_400
    assert ends is None or (begins <= ends <= begins + 43_200 and (ends > now or begins >= now - 60))


@pytest.mark.parametrize(("start", "deadline"), [("04:00", "03:00"), ("03:00", "18:00")])
def test_deadline_that_is_a_day_after_its_start_is_refused(start: str, deadline: str) -> None:
    with pytest.raises(BadOption, match=f"deadline: {deadline} is before at {start}, or more than 12 hours after it"):
        maintenance_window(start, deadline, zone("UTC"), utc(DAY + "20:00:00"), "at")


@pytest.mark.parametrize("now", ["2026-03-29T08:00:00", "2026-10-25T08:00:00"])
def test_skipped_or_repeated_time_is_tomorrow_once_it_has_passed(now: str) -> None:
    berlin = zone("Europe/Berlin")
    begins, _ends = maintenance_window("02:30", "03:30", berlin, utc(now))
    assert begins is not None and datetime.fromtimestamp(begins, berlin).strftime("%H:%M") == "02:30" and begins > utc(now)


def test_time_that_yaml_read_as_a_number_is_refused() -> None:
    with pytest.raises(BadOption, match="start: '1350' is a number.*write it in quotes"):
        parse_time("start", "1350", zone("UTC"), 0)


@pytest.mark.parametrize(
    "options", [{}, {"start": "later"}, {"start": "02:30", "timezone": "Mars/Olympus"}, {"start": 1350}, {"start": None, "deadline": None}]
)
def test_as_of_leaves_bad_times_to_the_check(options: dict[str, Any]) -> None:
    assert as_of(options, 0.0) == options


def test_clock_time_is_relative_to_the_start_of_the_run() -> None:
    got = as_of({"server_id": 1, "start": "03:00", "deadline": "04:00", "timezone": "Europe/Berlin"}, utc(DAY + "00:59:00"))
    assert (got["start"], got["deadline"]) == (DAY + "01:00:00.000000Z", DAY + "02:00:00.000000Z") and got["server_id"] == 1


def test_no_start_is_none() -> None:
    assert parse_time("start", None, zone("UTC"), 0) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-29T02:30:00", r"does not exist .* as 2026-03-29T02:30:00\+01:00"),
        ("2026-10-25T02:30:00", r"exists twice .* as 2026-10-25T02:30:00\+02:00"),
        ("25:00", "neither"),
        ("tomorrow", "neither"),
    ],
)
def test_start_that_does_not_exist_or_exists_twice_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadOption, match=why) as error:
        parse_time("start", text, zone("Europe/Berlin"), 0)
    assert "start" in str(error.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd"])
def test_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(BadOption, match="timezone"):
        zone(name)


@pytest.fixture
def no_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Simulate a machine without a time zone database, such as a small container."""
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("no_zones")
def test_only_utc_works_without_a_time_zone_database() -> None:
    assert parse_time("start", "03:00", zone("UTC"), utc("2026-05-04T01:00:00")) == utc("2026-05-04T03:00:00")
    with pytest.raises(BadOption, match="has no time zone database: install tzdata"):
        zone("Europe/Berlin")

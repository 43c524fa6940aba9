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
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import instant, maintenance_window, zone
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
def test_a_start_is_one_instant(text: str, tz: str, after: str, expected: str) -> None:
    assert instant("start", text, zone(tz), utc(after)) == utc(expected)


DAY = "2026-05-04T"


@pytest.mark.parametrize(
    ("start", "deadline", "now", "begins", "ends"),
    [
        (None, None, DAY + "02:00:00", None, None),
        ("03:00", None, DAY + "02:00:00", DAY + "03:00:00", None),
        # The clock shows 03:00 for a minute: cron is a second late.
        ("03:00", None, DAY + "03:00:01", DAY + "03:00:00", None),
        ("03:00", None, DAY + "03:01:00", "2026-05-05T03:00:00", None),
        ("03:00:00", None, DAY + "03:00:01", "2026-05-05T03:00:00", None),
        (None, "04:00", DAY + "02:00:00", None, DAY + "04:00:00"),
        # A run that is late by seconds restarts nobody until tomorrow's deadline.
        (None, "04:00", DAY + "04:00:30", None, DAY + "04:00:00"),
        ("03:00", "04:00", DAY + "02:00:00", DAY + "03:00:00", DAY + "04:00:00"),
        ("22:00", "04:00", DAY + "21:00:00", DAY + "22:00:00", "2026-05-05T04:00:00"),
        # The window is open: a run that is repeated goes on in it.
        ("03:00", "04:00", DAY + "03:30:00", DAY + "03:00:00", DAY + "04:00:00"),
        ("22:00", "04:00", DAY + "01:00:00", "2026-05-03T22:00:00", DAY + "04:00:00"),
        ("22:00", "04:00", DAY + "23:00:00", DAY + "22:00:00", "2026-05-05T04:00:00"),
        ("03:00", "04:00", DAY + "04:00:00", "2026-05-05T03:00:00", "2026-05-05T04:00:00"),
        # So far apart they are no window.
        ("03:00", "18:00", DAY + "10:00:00", "2026-05-05T03:00:00", "2026-05-05T18:00:00"),
        ("2026-05-04T03:00:00Z", "04:00", DAY + "03:30:00", DAY + "03:00:00", DAY + "04:00:00"),
        ("03:00", "2026-05-04T04:00:00Z", DAY + "02:30:00", DAY + "03:00:00", DAY + "04:00:00"),
    ],
)
def test_a_window_is_the_next_or_the_one_that_is_open(start: Any, deadline: Any, now: str, begins: Any, ends: Any) -> None:
    expected = tuple(None if text is None else utc(text) for text in (begins, ends))
    assert maintenance_window(start, deadline, zone("UTC"), utc(now)) == expected


@given(st.integers(0, 2 * 86_400), st.times(), st.one_of(st.none(), st.times()), st.sampled_from(["UTC", "Asia/Kolkata", "America/Lima"]))
def test_a_window_is_never_over_before_it_begins(after: int, start: time, deadline: time | None, tz: str) -> None:
    texts = start.strftime("%H:%M"), deadline and deadline.strftime("%H:%M")
    now = utc(DAY + "00:00:00") + after
    begins, ends = maintenance_window(*texts, zone(tz), now)
    assert begins is not None and begins - now < 86_400
    assert ends is None or (begins <= ends and ends - begins < 86_400 and (ends > now or begins >= now - 60))


@pytest.mark.parametrize("now", ["2026-03-29T08:00:00", "2026-10-25T08:00:00"])
def test_a_time_that_the_clocks_skipped_or_repeated_is_of_tomorrow_once_it_is_over(now: str) -> None:
    berlin = zone("Europe/Berlin")
    begins, _ends = maintenance_window("02:30", "03:30", berlin, utc(now))
    assert begins is not None and datetime.fromtimestamp(begins, berlin).strftime("%H:%M") == "02:30" and begins > utc(now)


def test_a_time_that_yaml_took_for_a_number_is_refused_and_says_why() -> None:
    with pytest.raises(BadOption, match="start: '1350' is a number.*write it in quotes"):
        instant("start", "1350", zone("UTC"), 0)


@pytest.mark.parametrize(
    "options", [{}, {"start": "later"}, {"start": "02:30", "timezone": "Mars/Olympus"}, {"start": 1350}, {"start": None, "deadline": None}]
)
def test_what_is_no_time_is_left_for_the_check_to_name(options: dict[str, Any]) -> None:
    assert as_of(options, 0.0) == options


def test_a_time_is_what_it_was_when_the_run_began() -> None:
    got = as_of({"server_id": 1, "start": "03:00", "deadline": "04:00", "timezone": "Europe/Berlin"}, utc(DAY + "00:59:00"))
    assert (got["start"], got["deadline"]) == (DAY + "01:00:00.000000Z", DAY + "02:00:00.000000Z") and got["server_id"] == 1


def test_no_start_is_no_instant() -> None:
    assert instant("start", None, zone("UTC"), 0) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-29T02:30:00", r"does not exist .* as 2026-03-29T02:30:00\+01:00"),
        ("2026-10-25T02:30:00", r"exists twice .* as 2026-10-25T02:30:00\+02:00"),
        ("25:00", "neither"),
        ("tomorrow", "neither"),
    ],
)
def test_a_start_that_is_none_or_two_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(BadOption, match=why) as error:
        instant("start", text, zone("Europe/Berlin"), 0)
    assert "start" in str(error.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(BadOption, match="timezone"):
        zone(name)


@pytest.fixture
def no_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a database of time zones, as the smallest containers are."""
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("no_zones")
def test_without_a_database_of_zones_utc_works_and_others_say_what_is_missing() -> None:
    assert instant("start", "03:00", zone("UTC"), utc("2026-05-04T01:00:00")) == utc("2026-05-04T03:00:00")
    with pytest.raises(BadOption, match="has no time zone database: install tzdata"):
        zone("Europe/Berlin")

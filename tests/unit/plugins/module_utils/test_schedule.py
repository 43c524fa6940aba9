# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._schedule import instant, zone


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


def test_no_start_is_no_instant() -> None:
    assert instant("start", None, zone("UTC"), 0) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-29T02:30:00", "does not exist"),
        ("2026-10-25T02:30:00", "exists twice"),
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
    with pytest.raises(BadOption, match="knows no time zones: install its package tzdata"):
        zone("Europe/Berlin")

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times in which nothing restarts: their start belongs to them, their end does not."""

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.exclusions import excluding, parse_exclusions
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import zone


def at(text):
    """Return the UTC seconds of an ISO 8601 time with an offset."""
    return datetime.fromisoformat(text).timestamp()


def parsed(*times, tz="Europe/Berlin"):
    return parse_exclusions([{"name": "finals", "start": start, "end": end} for start, end in times], zone(tz))


DAILY, NIGHT = ("18:00", "22:00"), ("22:00", "02:00")
ONCE, HOLIDAYS = ("2026-05-04T18:00", "2026-05-05T01:00"), ("2026-12-24", "2026-12-27")


@pytest.mark.parametrize(
    ("times", "moment", "is_covered"),
    [
        (DAILY, "2026-05-04T17:59:59.900+02:00", False),
        (DAILY, "2026-05-04T18:00:00+02:00", True),
        (DAILY, "2026-05-04T21:59:59.900+02:00", True),
        (DAILY, "2026-05-04T22:00:00+02:00", False),
        (DAILY, "2026-12-04T18:30:00+01:00", True),
        (NIGHT, "2026-05-04T21:59:59+02:00", False),
        (NIGHT, "2026-05-04T22:00:00+02:00", True),
        (NIGHT, "2026-05-05T00:00:00+02:00", True),
        (NIGHT, "2026-05-05T01:59:59+02:00", True),
        (NIGHT, "2026-05-05T02:00:00+02:00", False),
        (ONCE, "2026-05-04T17:59:59+02:00", False),
        (ONCE, "2026-05-04T18:00:00+02:00", True),
        (ONCE, "2026-05-05T00:59:59+02:00", True),
        (ONCE, "2026-05-05T01:00:00+02:00", False),
        (ONCE, "2026-05-05T18:30:00+02:00", False),
        # A date is its midnight.
        (HOLIDAYS, "2026-12-23T23:59:59+01:00", False),
        (HOLIDAYS, "2026-12-24T00:00:00+01:00", True),
        (HOLIDAYS, "2026-12-26T23:59:59+01:00", True),
        (HOLIDAYS, "2026-12-27T00:00:00+01:00", False),
        # The clock shows 02:30 twice.
        (("02:00", "02:45"), "2026-10-25T02:30:00+02:00", True),
        (("02:00", "02:45"), "2026-10-25T02:30:00+01:00", True),
        (("02:00", "02:45"), "2026-10-25T02:45:00+02:00", False),
        # The clock goes from 02:00 to 03:00.
        (("01:30", "02:30"), "2026-03-29T01:59:59+01:00", True),
        (("01:30", "02:30"), "2026-03-29T03:00:00+02:00", False),
        (("02:30", "03:30"), "2026-03-29T03:00:00+02:00", True),
        (("2026-05-04T18:00Z", "2026-05-04T19:00Z"), "2026-05-04T20:30:00+02:00", True),
    ],
)
def test_exclusion_covers_times(times, moment, is_covered):
    assert (excluding(parsed(times), at(moment)) is not None) == is_covered


def test_first_exclusion_is_named():
    found = excluding(parsed(ONCE, DAILY), at("2026-05-04T18:00:00+02:00"))
    assert str(found) == "finals (2026-05-04 18:00 CEST to 2026-05-05 01:00 CEST)"
    assert str(parsed(DAILY)[0]) == "finals (18:00 to 22:00)" and parse_exclusions(None, zone("UTC")) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start": "18:00", "end": "18:00"}, "exclusions[0].end: must not be the same as start, got '18:00'."),
        ({"start": "18:00", "end": "2026-05-04"}, "exclusions[0]: start and end must both be HH:MM, for every day, or both have a date."),
        ({"start": "2026-05-04", "end": "2026-05-03"}, "exclusions[0].end: must be after start, got '2026-05-03'."),
        ({"start": "1080", "end": "22:00"}, "exclusions[0].start: '1080' is a number: YAML reads a time such as 22:30 as one, so write it"),
        ({"start": "", "end": "22:00"}, "exclusions[0].start: is empty. Write HH:MM for every day, or a date and time."),
        ({"start": "18:00", "end": "later"}, "exclusions[0].end: 'later' is neither HH:MM nor ISO 8601"),
        ({"start": "2026-03-29T02:30", "end": "2026-03-30"}, "exclusions[0].start: 2026-03-29 02:30:00 does not exist in Europe/Berlin"),
        ({"name": " ", "start": "18:00", "end": "22:00"}, "exclusions[0].name: is empty. Write what the exclusion is for."),
    ],
)
def test_bad_exclusion_is_refused(given, said):
    with pytest.raises(BadOption) as refused:
        parse_exclusions([{"name": "finals", **given}], zone("Europe/Berlin"))
    assert str(refused.value).startswith(said)

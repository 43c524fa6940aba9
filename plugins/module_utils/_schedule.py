# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a maintenance may start and until when: wall-clock texts to UTC instants. Pure. Private to this collection."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Optional
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def zone(name: str) -> tzinfo:
    """The IANA zone; BadOption names the option where there is no such zone.

    Small containers have no database of zones: there UTC, the default, still works.
    """
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        if not available_timezones():
            why = f"{name!r} cannot be looked up, since this machine knows no time zones: install its package tzdata, or pip install tzdata"
            raise BadOption("timezone", why) from exc
        raise BadOption("timezone", f"{name!r} is not an IANA time zone such as UTC or Europe/Berlin") from exc


def instant(option: str, text: Optional[str], tz: tzinfo, after: float) -> Optional[float]:
    """UTC epoch seconds of an ISO 8601 instant, or of the next ``HH:MM`` at or after ``after``; None for no text.

    A local time that does not exist (the clocks jump over it) or exists twice is refused: guessing
    would restart a fleet an hour off. An ISO 8601 text with its own offset is always exact.
    """
    if not text:
        return None
    match = _CLOCK.fullmatch(text.strip())
    if match:
        return _next_occurrence(option, match, tz, after)
    try:
        moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text.strip()))
    except ValueError as exc:
        raise BadOption(option, f"{text!r} is neither HH:MM nor ISO 8601 such as 2026-05-04T03:00:00Z") from exc
    return _exact(option, moment, tz) if moment.tzinfo is None else moment.timestamp()


def _next_occurrence(option: str, match: "re.Match[str]", tz: tzinfo, after: float) -> float:
    now = datetime.fromtimestamp(after, timezone.utc).astimezone(tz)
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    for days in range(3):
        day = (now + timedelta(days=days)).date()
        when = _exact(option, datetime(day.year, day.month, day.day, hour, minute, second), tz)
        if when >= after:
            return when
    raise BadOption(option, "no such time within two days")


def _exact(option: str, local: datetime, tz: tzinfo) -> float:
    first = local.replace(tzinfo=tz, fold=0)
    second = local.replace(tzinfo=tz, fold=1)
    if first.utcoffset() != second.utcoffset():
        back = first.astimezone(timezone.utc).astimezone(tz).replace(tzinfo=None)
        what = "exists twice" if back == local else "does not exist"
        raise BadOption(
            option,
            f"{local.isoformat(sep=' ')} {what} in {tz} that day (the clocks change): write it with its offset, "
            f"as {local.isoformat()}+00:00",
        )
    return first.timestamp()

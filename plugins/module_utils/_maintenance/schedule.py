# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Convert start and deadline from texts to UTC. Pure. Private to this collection."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Any, Mapping, Optional, Tuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .._errors import BadOption

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
# The longest time, in seconds, from a start to a deadline that are both HH:MM, and the greatest age of a start that is accepted.
LONGEST_MAINTENANCE = 12 * 3600.0
# Python cannot convert the first times of year 1 to UTC.
EARLIEST_YEAR = 1970
# A deadline of 04:00:00 includes that second: a restart that is planned for it has delays of milliseconds.
DEADLINE_SECOND = 1.0


def zone(name: str) -> tzinfo:
    """Return an IANA time zone. Raise BadOption if there is none of this name.

    UTC, the default, also works in small containers, which have no time zone database.
    """
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        if not available_timezones():
            why = (
                f"{name!r} cannot be looked up, since this machine has no time zone database: install tzdata from its packages or with pip"
            )
            raise BadOption("timezone", why) from exc
        raise BadOption("timezone", f"{name!r} is not an IANA time zone such as UTC or Europe/Berlin") from exc


def opening_of(params: Mapping[str, Any]) -> str:
    """Return the option that says when a maintenance begins: ``at``, the time of the action, or ``start``, that of the first step."""
    return "at" if params.get("at") else "start"


def window_of(params: Mapping[str, Any], now: float) -> Tuple[Optional[float], Optional[float]]:
    """Return ``maintenance_window`` for the options of a maintenance, with ``at`` or ``start``."""
    opening = opening_of(params)
    return maintenance_window(params.get(opening), params.get("deadline"), zone(params.get("timezone") or "UTC"), now, opening)


def maintenance_window(
    start: Optional[str], deadline: Optional[str], tz: tzinfo, now: float, opening: str = "start"
) -> Tuple[Optional[float], Optional[float]]:
    """Return the start and the deadline of a maintenance in UTC epoch seconds; None for one that is not given.

    ``opening`` is the option that the start comes from.

    ``HH:MM`` is the next minute in which the clock shows it. If both are clock times and ``now`` is between them, the window is open,
    so that a run can be repeated in it.
    """
    both_clock_times = bool(start and deadline and _CLOCK.fullmatch(start.strip()) and _CLOCK.fullmatch(deadline.strip()))
    if both_clock_times and start:
        opened = _last_occurrence(start, tz, now)
        closes = None if opened is None else parse_time("deadline", deadline, tz, opened)
        if opened is not None and closes is not None and now < closes <= opened + LONGEST_MAINTENANCE:
            return opened, closes
    begin = parse_time(opening, start, tz, _minute_of(start, now))
    after = _minute_of(deadline, now) if begin is None or begin <= now else begin
    end = parse_time("deadline", deadline, tz, after)
    if both_clock_times and begin is not None and end is not None and end > begin + LONGEST_MAINTENANCE:
        # A deadline of 03:00 for a start at 04:00 is a mistake, and not 23 hours later.
        raise BadOption(
            "deadline", f"{deadline} is before {opening} {start}, or more than 12 hours after it. If you mean that, add the dates"
        )
    return begin, end


def local_time(at: float, tz: tzinfo, with_day: bool = False, with_seconds: bool = True) -> str:
    """Return a time (UTC seconds) on the clock of a zone, with its abbreviation: ``04:00:00 CET``, ``2026-05-04 04:00 CEST``."""
    form = f"{'%Y-%m-%d ' if with_day else ''}%H:%M{':%S' if with_seconds else ''} %Z"
    return datetime.fromtimestamp(at, tz).strftime(form)


def parse_time(option: str, text: Optional[str], tz: tzinfo, after: float) -> Optional[float]:
    """Return the UTC epoch seconds of an ISO 8601 time, or of the next ``HH:MM`` from ``after`` on. None for no text.

    Raise BadOption for a local time that does not exist or exists twice because the clocks change. A guess could be an hour wrong.
    An ISO 8601 time with a UTC offset is always exact.
    """
    if not text:
        return None
    if _CLOCK.fullmatch(text.strip()):
        days = (_clock_time(text, tz, after, day) for day in range(4))
        return _exact(option, next(local for local in days if _latest(local, tz) >= after), tz)
    if text.strip().isdigit():
        raise BadOption(option, f"{text!r} is a number: YAML reads a time such as 22:30 as one, so write it in quotes")
    try:
        moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text.strip()))
    except ValueError as exc:
        raise BadOption(option, f"{text!r} is neither HH:MM nor ISO 8601 such as 2026-05-04T03:00:00Z") from exc
    if moment.year < EARLIEST_YEAR:
        raise BadOption(option, f"must be in {EARLIEST_YEAR} or later, got {text!r}")
    return _exact(option, moment, tz) if moment.tzinfo is None else moment.timestamp()


def time_of_day(text: str) -> Optional[time]:
    """Return the time of ``HH:MM`` or ``HH:MM:SS``, or None for any other text."""
    return time.fromisoformat(text.strip()) if _CLOCK.fullmatch(text.strip()) else None


def _minute_of(text: Optional[str], now: float) -> float:
    """Return the beginning of this minute if the text names a minute, else ``now``."""
    return now if text is None or text.count(":") > 1 else now - now % 60


def _last_occurrence(text: str, tz: tzinfo, before: float) -> Optional[float]:
    """Return the last time, UTC seconds, at which the clock showed this. None if the clocks changed then."""
    local = next(local for local in (_clock_time(text, tz, before, day) for day in (0, -1, -2)) if _latest(local, tz) <= before)
    try:
        return _exact("start", local, tz)
    except BadOption:
        return None


def _clock_time(text: str, tz: tzinfo, seen_at: float, days: int) -> datetime:
    """Return the local time ``HH:MM`` a number of days after the day of ``seen_at``."""
    hour, minute, second = [*map(int, text.strip().split(":")), 0][:3]
    today = datetime.fromtimestamp(seen_at, timezone.utc).astimezone(tz)
    day = (today + timedelta(days=days)).date()
    return datetime(day.year, day.month, day.day, hour, minute, second)


def _latest(local: datetime, tz: tzinfo) -> float:
    """Return the UTC seconds of a local time, the later one if it exists twice."""
    return max(local.replace(tzinfo=tz, fold=fold).timestamp() for fold in (0, 1))


def _exact(option: str, local: datetime, tz: tzinfo) -> float:
    first = local.replace(tzinfo=tz, fold=0)
    second = local.replace(tzinfo=tz, fold=1)
    if first.utcoffset() != second.utcoffset():
        back = first.astimezone(timezone.utc).astimezone(tz).replace(tzinfo=None)
        what = "exists twice" if back == local else "does not exist"
        raise BadOption(
            option,
            f"{local.isoformat(sep=' ')} {what} in {tz} that day (the clocks change): write it with its offset, as {first.isoformat()}",
        )
    return first.timestamp()

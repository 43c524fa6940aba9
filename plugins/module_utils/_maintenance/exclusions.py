# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times in which no power signal is sent, such as an event. Pure. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple, Union

from .._errors import BadOption
from .schedule import local_time, parse_time, time_of_day

# The start or end of an exclusion: UTC seconds, or a time of every day.
Edge = Union[float, time]


@dataclass(frozen=True)
class Exclusion:
    """A time in which nothing restarts. ``start`` belongs to it, ``end`` does not.

    Both are UTC seconds, or both are times of every day in ``tz``. Those may cross midnight.
    """

    name: str
    start: Edge
    end: Edge
    tz: tzinfo

    def covers(self, at: float) -> bool:
        """Return whether a time, UTC seconds, is in the exclusion. A daily one follows the clock, also on a day when it is changed."""
        if isinstance(self.start, time) and isinstance(self.end, time):
            clock = datetime.fromtimestamp(at, self.tz).time()
            if self.start < self.end:
                return self.start <= clock < self.end
            return clock >= self.start or clock < self.end
        return not isinstance(self.start, time) and not isinstance(self.end, time) and self.start <= at < self.end

    def __str__(self) -> str:
        """Return the name and the times, such as ``evening (18:00 to 22:00)``."""
        return f"{self.name} ({self._said(self.start)} to {self._said(self.end)})"

    def _said(self, edge: Edge) -> str:
        return f"{edge:%H:%M}" if isinstance(edge, time) else local_time(edge, self.tz, with_day=True, with_seconds=False)


def parse_exclusions(given: Optional[Sequence[Mapping[str, Any]]], tz: tzinfo) -> Tuple[Exclusion, ...]:
    """Return the exclusions of the option. Raise BadOption for bad times."""
    return tuple(_parse(f"exclusions[{index}]", one, tz) for index, one in enumerate(given or ()))


def _parse(option: str, given: Mapping[str, Any], tz: tzinfo) -> Exclusion:
    if not given["name"].strip():
        raise BadOption(f"{option}.name", "is empty. Write what the exclusion is for")
    start, end = (_edge(f"{option}.{name}", given[name], tz) for name in ("start", "end"))
    if isinstance(start, time) != isinstance(end, time):
        raise BadOption(option, "start and end must both be HH:MM, for every day, or both have a date")
    if start == end:
        raise BadOption(f"{option}.end", f"must not be the same as start, got {given['end']!r}")
    if isinstance(start, float) and isinstance(end, float) and end < start:
        raise BadOption(f"{option}.end", f"must be after start, got {given['end']!r}")
    return Exclusion(given["name"].strip(), start, end, tz)


def _edge(option: str, text: str, tz: tzinfo) -> Edge:
    daily = time_of_day(text)
    if daily is not None:
        return daily
    at = parse_time(option, text, tz, 0.0)
    if at is None:
        raise BadOption(option, "is empty. Write HH:MM for every day, or a date and time")
    return at


def excluding(exclusions: Iterable[Exclusion], at: float) -> Optional[Exclusion]:
    """Return the first exclusion that covers a time, UTC seconds, or None."""
    return next((one for one in exclusions if one.covers(at)), None)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time as an argument. Private to this collection."""

from __future__ import annotations

import time
from typing import Protocol

from ._process import boottime

# A long sleep is split into pieces of this many seconds, so that it ends in time after a suspended machine wakes up.
NAP = 1.0


class Clock(Protocol):
    """What an operation needs of time; tests bring their own."""

    def now(self) -> float:
        """UTC seconds since the epoch; it never jumps within a process."""

    def wall(self) -> float:
        """Return the wall clock as it is set now, UTC seconds since the epoch; it follows corrections, ``now`` does not."""

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""


def _origin() -> float:
    """The wall clock at the system's start. Two clocks cannot be read at once: the reading that took least time is the truest."""
    readings = []
    for _each in range(5):
        before, wall, after = boottime(), time.time(), boottime()
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]


class SystemClock:
    """The wall clock as it was when the process began, moved on by a clock that cannot be set."""

    def __init__(self) -> None:
        self.origin = _origin()

    def now(self) -> float:
        """UTC seconds since the epoch."""
        return self.origin + boottime()

    def wall(self) -> float:
        """Return the wall clock as it is set now."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds; a signal handler that raises ends it."""
        until = boottime() + seconds
        while (left := until - boottime()) > 0:
            time.sleep(min(left, NAP))


def when(clock: Clock, wall: float) -> float:
    """Return what ``now`` will be when the wall clock shows ``wall``, as it is set now; below a second clocks count as equal."""
    behind = clock.wall() - clock.now()
    return wall - behind if abs(behind) >= 1.0 else wall

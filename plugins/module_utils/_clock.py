# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clocks that operations get as an argument. Private to this collection."""

from __future__ import annotations

import time
from typing import Protocol

from ._process import boottime

# Long sleeps are split into parts of this many seconds, so that a sleep ends on time after a suspended machine wakes up.
NAP = 1.0


class Clock(Protocol):
    """A clock as operations use it. Tests have their own."""

    def now(self) -> float:
        """Return UTC seconds since the epoch. The value never jumps within a process."""

    def wall(self) -> float:
        """Return the wall clock, UTC seconds since the epoch. Unlike ``now``, it changes when the clock is set."""

    def sleep(self, seconds: float) -> None:
        """Wait for the given number of seconds."""


def _origin() -> float:
    """Return the wall clock at the start of the system. Of several readings of the two clocks, the fastest is the most exact."""
    readings = []
    for _each in range(5):
        before, wall, after = boottime(), time.time(), boottime()
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]


class SystemClock:
    """A clock that starts with the wall clock at the start of the process and then follows a clock that cannot be set."""

    def __init__(self) -> None:
        self.origin = _origin()

    def now(self) -> float:
        """Return UTC seconds since the epoch."""
        return self.origin + boottime()

    def wall(self) -> float:
        """Return the wall clock, UTC seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for the given number of seconds. A signal handler that raises an exception ends the wait."""
        until = boottime() + seconds
        while (left := until - boottime()) > 0:
            time.sleep(min(left, NAP))


def when(clock: Clock, wall: float) -> float:
    """Return the value of ``now`` at the wall clock time ``wall``. Differences between the clocks below one second are ignored."""
    behind = clock.wall() - clock.now()
    return wall - behind if abs(behind) >= 1.0 else wall

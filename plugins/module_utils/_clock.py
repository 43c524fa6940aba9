# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time as an argument. Private to this collection."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Callable, Iterator, Protocol

from ansible_collections.serverprism.cloud.plugins.module_utils._process import boottime

# A sleep is made of pieces of so many seconds: after a suspended machine has woken up, or a signal has come to another thread, it
# ends, or is answered, by the end of its piece.
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


class Ticking:
    """A clock that calls a function every so often while somebody sleeps on it, so that a lock is renewed during a long wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tick: Callable[[], None] = lambda: None
        self._every = self._due = math.inf

    @property
    def origin(self) -> float:
        """Return the wall clock at the system's start, 0 for a clock that does not know it."""
        return float(getattr(self._clock, "origin", 0.0))

    def now(self) -> float:
        """Return UTC seconds since the epoch."""
        return self._clock.now()

    def wall(self) -> float:
        """Return the wall clock as it is set now."""
        return self._clock.wall()

    def when(self, wall: float) -> float:
        """Return what ``now`` will be when the wall clock shows ``wall``, as it is set now; below a second clocks count as equal."""
        behind = self.wall() - self.now()
        return wall - behind if abs(behind) >= 1.0 else wall

    @contextmanager
    def ticking(self, every: float, tick: Callable[[], None]) -> Iterator[None]:
        """Call ``tick`` every so many seconds of sleep; what it raises ends the sleep."""
        self._tick, self._every, self._due = tick, every, self.now() + every
        try:
            yield
        finally:
            self._due = math.inf

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        until = self.now() + seconds
        while self._due < until:
            self._clock.sleep(max(0.0, self._due - self.now()))
            if self.now() < self._due:
                continue
            # A tick that sleeps is not interrupted by the next one.
            self._due = math.inf
            try:
                self._tick()
            finally:
                self._due = self.now() + self._every
            seconds = until - self.now()
        if seconds > 0:
            self._clock.sleep(seconds)


def iso(epoch: float) -> str:
    """UTC, ISO 8601, with fractions: ``2026-11-24T00:15:41.123456Z``."""
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

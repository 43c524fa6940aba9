# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations of all ledgers: pure functions, each applied to the calendars under one lock. Private to this collection."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple, TypeVar

from .._clock import Clock
from .._process import ALIVE, DEAD, fate_of
from . import holds as _holds
from . import locks as _locks
from . import reservations as _reservations
from .codec import Calendars
from .reservations import WRITE, Calendar, Hold, Lock, Quota

T = TypeVar("T")


def valid_until(lock: Lock, fate: str) -> float:
    """Return the time until which a lock is valid, UTC seconds, given the fate of its owner."""
    if fate == DEAD:
        return 0.0
    return lock.until if fate == ALIVE else min(lock.until, lock.renewed + _locks.LEASE)


class Ledger:
    """The shared quota of a customer. Slots are UTC epoch seconds of the caller's clock.

    All methods use ``_change``, which applies a pure function to the calendars under the lock.
    """

    def __init__(self, quotas: Mapping[str, Quota], clock: Clock) -> None:
        self.quotas = dict(quotas)
        self.clock = clock
        # The holds as of the last operation. A run makes one for each request, so it needs no separate reads.
        self.seen_holds: Tuple[Hold, ...] = ()

    @property
    def is_given_up(self) -> bool:
        """Return whether the ledger has failed, so that this process no longer shares the quota and the locks."""
        return False

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        raise NotImplementedError

    def _pruned(self, calendars: Calendars) -> Calendars:
        """Return the calendars without entries that are older than two windows."""
        before = self.clock.now() - 2 * max(quota.guarded for quota in self.quotas.values())
        return {bucket: _reservations.prune(calendar, before) for bucket, calendar in calendars.items()}

    def reserve(
        self,
        bucket: str,
        offsets: Sequence[float] = (0.0,),
        *,
        not_before: Optional[float] = None,
        headroom: int = 0,
        commit: bool = True,
    ) -> Tuple[float, ...]:
        """Reserve the earliest slots for all offsets in one step, and return them. ``commit=False`` reserves nothing."""

        def step(calendar: Calendar) -> Tuple[Calendar, Tuple[float, ...]]:
            # The clock is read under the lock, so that processes are served in the order in which they get it.
            start = max(self.clock.now(), not_before or 0.0)
            return _reservations.reserve(calendar, self.quotas[bucket], offsets, start, headroom)

        return self.reserve_with(bucket, step, commit)

    def reserve_with(self, bucket: str, step: Callable[[Calendar], Tuple[Calendar, T]], commit: bool = True) -> T:
        """Apply a function that reserves slots in a calendar, and return its result."""

        def change(calendars: Calendars) -> T:
            calendars[bucket], out = step(calendars[bucket])
            return out

        return self._change(change, commit)

    def calendar(self, bucket: str) -> Calendar:
        """Return the calendar of a bucket as it is now."""
        return self._change(lambda calendars: calendars[bucket], commit=False)

    def reschedule(self, bucket: str, old: Sequence[float], wanted: Sequence[float]) -> Tuple[float, ...]:
        """Release the old slots and reserve urgent ones, each as soon after the wanted time as earlier slots allow. Return them."""

        def step(calendars: Calendars) -> Tuple[float, ...]:
            now = self.clock.now()
            calendar = _reservations.release(calendars[bucket], old)
            calendars[bucket], slots = _reservations.reschedule(calendar, self.quotas[bucket], [max(now, at) for at in wanted], now)
            return slots

        return self._change(step)

    def due(self, bucket: str, at: float) -> float:
        """Return the time at which a request with the slot ``at`` may be sent: ``at`` if it is on time, otherwise the new slot."""

        def step(calendars: Calendars) -> float:
            now = self.clock.now()
            when = _reservations.due(calendars[bucket], self.quotas[bucket], at, now)
            if when != at:
                calendars[bucket] = _reservations.move(calendars[bucket], at, when, now)
            return when

        # Nearly all requests are on time, and then nothing has to be written.
        return at if self._change(step, commit=False) == at else self._change(step)

    def release(self, bucket: str, slots: Sequence[float]) -> None:
        """Release slots."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _reservations.release(calendars[bucket], slots)

        if slots:
            self._change(step)

    def correct(self, bucket: str, reserved: float, spent: float) -> None:
        """Record that the request of the slot ``reserved`` was sent at ``spent``, which is later."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _reservations.correct(calendars[bucket], reserved, spent)

        self._change(step)

    def block(self, bucket: str, until: float) -> None:
        """Block new slots before ``until``, for all processes."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _reservations.block(calendars[bucket], until)

        self._change(step)

    def blocked_until(self, bucket: str) -> float:
        """Return the time until which the bucket is blocked. A time in the past means that it is not blocked."""
        return self._change(lambda calendars: calendars[bucket].blocked_until, commit=False)

    def lock(self, servers: Sequence[int], owner: str, seconds: float, *, commit: bool = True) -> Dict[int, Lock]:
        """Lock servers for a number of seconds, and return the locks of other runs on them. ``commit=False`` locks nothing."""

        def step(calendars: Calendars) -> Dict[int, Lock]:
            now = self.clock.now()
            calendars[WRITE], others = _locks.take(
                calendars[WRITE], servers, owner, now + seconds, now, lambda one: valid_until(one, fate_of(one.owner)) > now
            )
            # Users are shown the time at which the lock ends.
            return {server: replace(one, until=valid_until(one, fate_of(one.owner))) for server, one in others.items()}

        return self._change(step, commit)

    def renew(self, servers: Sequence[int], owner: str, seconds: float) -> Set[int]:
        """Renew the locks of an owner for a number of seconds, and return the servers whose lock is lost."""

        def step(calendars: Calendars) -> Set[int]:
            now = self.clock.now()
            calendars[WRITE], lost = _locks.renew(calendars[WRITE], servers, owner, now + seconds, now)
            return lost

        return self._change(step)

    def unlock(self, servers: Sequence[int], owner: str) -> None:
        """Release the locks of an owner."""

        def step(calendars: Calendars) -> None:
            calendars[WRITE] = _locks.free(calendars[WRITE], servers, owner)

        self._change(step)

    def mark_stale(self, server_id: int, until: Optional[float]) -> None:
        """Set the time until which a status may be older than the last signal. None means that its effect was observed."""

        def step(calendars: Calendars) -> None:
            calendars[WRITE] = _locks.mark_stale(calendars[WRITE], server_id, until)

        self._change(step)

    def stale_until(self, server_id: int) -> float:
        """Return the time until which a status of the server may be older than its last signal. It may be in the past."""
        return self._change(lambda calendars: _locks.stale_until(calendars[WRITE], server_id), commit=False)

    def hold(self, hold: Hold, *, commit: bool = True) -> bool:
        """Hold a server, in place of an earlier hold, and return whether that is a change. ``commit=False`` changes nothing."""

        def step(calendars: Calendars) -> bool:
            calendars[WRITE], changed = _holds.place(calendars[WRITE], hold, self.clock.now())
            return changed

        return self._change(step, commit)

    def unhold(self, server_id: int, *, commit: bool = True) -> bool:
        """End the hold on a server, and return whether there was one. ``commit=False`` changes nothing."""

        def step(calendars: Calendars) -> bool:
            calendars[WRITE], changed = _holds.release(calendars[WRITE], server_id, self.clock.now())
            return changed

        return self._change(step, commit)

    def holds(self) -> Tuple[Hold, ...]:
        """Return the holds on all servers. Some may have ended."""
        return self._change(lambda calendars: calendars[WRITE].holds, commit=False)

    # Whether the ledger keeps the logs of runs, too.
    keeps_logs = False

    def append(self, run: str, text: str, keep: float) -> None:
        """Add a line to the log of a run, which is kept for a number of seconds."""
        raise NotImplementedError

    def entries(self, run: str, after: str) -> List[Tuple[str, str]]:
        """Return the lines of the log of a run after a position, each with its position. The first position is empty."""
        raise NotImplementedError

    def runs(self) -> List[str]:
        """Return the IDs of the runs that have a log, the newest last."""
        raise NotImplementedError


class MemoryLedger(Ledger):
    """A ledger that only this process uses."""

    def __init__(self, quotas: Mapping[str, Quota], clock: Clock) -> None:
        super().__init__(quotas, clock)
        self._calendars: Calendars = {bucket: Calendar() for bucket in quotas}
        self._lock = threading.Lock()

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        with self._lock:
            calendars = dict(self._calendars)
            out = step(calendars)
            self.seen_holds = calendars[WRITE].holds
            if commit:
                self._calendars = self._pruned(calendars)
            return out

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every ledger can do: pure functions, each applied to the calendars under one lock. Private to this collection."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Callable, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from ansible_collections.serverprism.cloud.plugins.module_utils import _budget, _claims
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import WRITE, Calendar, Claim, Hold, Quota, Run
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import Clock
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import (
    Fleet,
    Standing,
    batch_of,
    decide_gap,
    foresee,
    reserve_next,
    standing,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._process import UNKNOWN, fate_of, own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._stored import Calendars

T = TypeVar("T")


class Ledger:
    """Reservations of the customer's quota. Instants are UTC epoch seconds of the caller's clock.

    All verbs are on top of ``_change``, which applies a pure function to the calendars under the lock.
    """

    def __init__(self, quotas: Mapping[str, Quota], clock: Clock) -> None:
        self.quotas = dict(quotas)
        self.clock = clock

    @property
    def is_given_up(self) -> bool:
        """Whether it could not be used, so that this process knows nothing of the others."""
        return False

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        raise NotImplementedError

    def reserve(
        self,
        bucket: str,
        offsets: Sequence[float] = (0.0,),
        *,
        not_before: Optional[float] = None,
        headroom: int = 0,
        commit: bool = True,
        fleet: Optional[Fleet] = None,
    ) -> Tuple[float, ...]:
        """Reserve the earliest place for all offsets in one step; ``commit=False`` only tells where it would be.

        The timelines of a ``fleet`` keep the distance that ends its run soonest, and what is only told counts those before it.
        """
        quota = self.quotas[bucket]
        if fleet is not None and not commit:
            return self._foresee(bucket, offsets, not_before or 0.0, headroom, fleet)

        def step(calendars: Calendars) -> Tuple[float, ...]:
            calendar = calendars[bucket]
            # The clock is read under the lock: first come, first served.
            start = max(self.clock.now(), not_before or 0.0)
            if fleet is None:
                calendars[bucket], instants = _budget.reserve(calendar, quota, offsets, start, headroom)
            else:
                calendars[bucket], instants = reserve_next(calendar, quota, offsets, start, headroom, fleet)
            return instants

        return self._change(step, commit)

    def _foresee(self, bucket: str, offsets: Sequence[float], not_before: float, headroom: int, fleet: Fleet) -> Tuple[float, ...]:
        """What ``foresee`` says. Only how to pack is remembered, so that a large fleet does not simulate it for each server again."""
        quota = self.quotas[bucket]

        def step(calendars: Calendars) -> Calendar:
            start = max(self.clock.now(), not_before)
            calendars[bucket], _batch = decide_gap(calendars[bucket], quota, offsets, headroom, fleet, start)
            return calendars[bucket]

        calendar = self._change(lambda calendars: calendars[bucket], commit=False)
        if batch_of(calendar, fleet) is None:
            calendar = self._change(step)
        # The simulation itself needs no lock, so nobody waits for it.
        return foresee(calendar, quota, offsets, max(self.clock.now(), not_before), headroom, fleet)

    def rebook(self, bucket: str, old: Sequence[float], wanted: Sequence[float]) -> Tuple[float, ...]:
        """Give back, and reserve anew what is urgent: each as soon after its wanted instant as what lies before it allows."""

        def step(calendars: Calendars) -> Tuple[float, ...]:
            now = self.clock.now()
            calendar = _budget.release(calendars[bucket], old)
            calendars[bucket], instants = _budget.squeeze(calendar, self.quotas[bucket], [max(now, at) for at in wanted], now)
            return instants

        return self._change(step)

    def due(self, bucket: str, at: float) -> float:
        """When a request whose reserved instant has come may really go: that instant where it is in time, else the one noted now."""

        def step(calendars: Calendars) -> float:
            now = self.clock.now()
            when = _budget.due(calendars[bucket], self.quotas[bucket], at, now)
            if when != at:
                calendars[bucket] = _budget.defer(calendars[bucket], at, when, now)
            return when

        # Nearly always it is in time, and nothing has to be written.
        return at if self._change(step, commit=False) == at else self._change(step)

    def release(self, bucket: str, instants: Sequence[float]) -> None:
        """Give instants back."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _budget.release(calendars[bucket], instants)

        if instants:
            self._change(step)

    def correct(self, bucket: str, reserved: float, spent: float) -> None:
        """Note that a request was spent so much later than it was reserved for."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _budget.correct(calendars[bucket], reserved, spent)

        self._change(step)

    def block(self, bucket: str, until: float) -> None:
        """Nothing new before ``until``, for every process."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _budget.block(calendars[bucket], until)

        self._change(step)

    def blocked_until(self, bucket: str) -> float:
        """Until when the bucket is blocked; in the past where it is not."""
        return self._change(lambda calendars: calendars[bucket].blocked_until, commit=False)

    def claim(self, server_id: int, seconds: float, run: Optional[Hold] = None, *, commit: bool = True) -> Union[Claim, Hold, None]:
        """Claim a server for so long, and hold those of its run, or tell who has it already; ``commit=False`` only tells."""

        def step(calendars: Calendars) -> Union[Claim, Hold, None]:
            now = self.clock.now()

            def counts(one: Union[Claim, Hold]) -> bool:
                fate = fate_of(one.owner)
                # Whether a run elsewhere has died is not known; one of the same ID goes on with what is left, and repeats nothing.
                is_repeated = isinstance(one, Hold) and run is not None and one.maintenance == run.maintenance != ""
                return _claims.valid_until(one, fate) > now and not (is_repeated and fate == UNKNOWN)

            wanted = Claim(server_id, own_name(), now + seconds, now)
            calendars[WRITE], other = _claims.claim(calendars[WRITE], wanted, now, counts, run)
            # What is shown of it is when it will be over.
            return other if other is None else replace(other, until=_claims.valid_until(other, fate_of(other.owner)))

        return self._change(step, commit)

    def renew(self, server_id: int, run: Optional[Hold] = None) -> bool:
        """Note that the owner of this process's claim, and its run, are alive. False where the claim is not there any more."""

        def step(calendars: Calendars) -> bool:
            calendars[WRITE], is_there = _claims.renew(calendars[WRITE], server_id, own_name(), self.clock.now(), run)
            return is_there

        return self._change(step)

    def give_up(self, server_id: int, run: Optional[Hold] = None) -> None:
        """End the claim."""

        def step(calendars: Calendars) -> None:
            calendars[WRITE] = _claims.give_up(calendars[WRITE], server_id, own_name(), self.clock.now(), run)

        self._change(step)

    def doubt(self, server_id: int, until: Optional[float]) -> None:
        """Note until when a status may be older than a signal; None: what came of it was seen."""

        def step(calendars: Calendars) -> None:
            calendars[WRITE] = _claims.doubt(calendars[WRITE], server_id, until)

        self._change(step)

    def doubtful_until(self, server_id: int) -> float:
        """Until when a status of the server may be older than its last signal; in the past where it is not."""
        return self._change(lambda calendars: _claims.doubtful_until(calendars[WRITE], server_id), commit=False)

    def count_end(self, fleet: Fleet, outcome: str, counted: bool, *, is_over: bool = False) -> Run:
        """One more server of a run has ended; ``counted`` where it had a timeline. The run as it is then.

        With its last server, or where it ``is_over`` before that, it lets go of them all.
        """

        def step(calendars: Calendars) -> Run:
            calendars[WRITE] = _claims.count_end(calendars[WRITE], fleet.key, outcome, counted, self.clock.now())
            run = _claims.run_of(calendars[WRITE], fleet.key)
            if is_over or run.ended >= fleet.total:
                calendars[WRITE] = _claims.let_go(calendars[WRITE], fleet.owner)
            return run

        return self._change(step)

    def standing(self, fleet: Fleet, offsets: Sequence[float], headroom: int) -> Standing:
        """How far a run is, of timelines with these offsets."""
        # The simulation is for a line on the screen: nobody has to wait for it at the lock.
        calendar = self._change(lambda calendars: calendars[WRITE], commit=False)
        return standing(calendar, self.quotas[WRITE], offsets, headroom, fleet, self.clock.now())

    def failures(self, key: str) -> int:
        """How many servers of a run have failed."""
        return self._change(lambda calendars: _claims.run_of(calendars[WRITE], key).failed, commit=False)

    def tell(self, key: str, every: float) -> bool:
        """Whether the caller is to say how far a run is: once in so many seconds, whoever asks."""

        def step(calendars: Calendars) -> bool:
            calendars[WRITE], is_due = _claims.tell(calendars[WRITE], key, every, self.clock.now())
            return is_due

        # Nearly always it is too soon, and nothing has to be written.
        return self._change(step, commit=False) and self._change(step)

    def note(self, journal: str, server_id: int, event: str) -> None:
        """Note the last event of a server in a journal, for other machines. Where there are none, nothing is noted."""

    def noted(self, journal: str, server_id: int) -> Optional[str]:
        """The last event of a server in a journal, as other machines noted it."""
        return None


class MemoryLedger(Ledger):
    """A ledger of this process alone."""

    def __init__(self, quotas: Mapping[str, Quota], clock: Clock) -> None:
        super().__init__(quotas, clock)
        self._calendars: Calendars = {bucket: Calendar() for bucket in quotas}
        self._lock = threading.Lock()

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        with self._lock:
            calendars = dict(self._calendars)
            out = step(calendars)
            if commit:
                now = self.clock.now()
                self._calendars = {
                    bucket: _budget.prune(calendar, now - 2 * self.quotas[bucket].guarded) for bucket, calendar in calendars.items()
                }
            return out

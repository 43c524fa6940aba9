# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the calendar lives: one locked file for every process of this machine. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, Optional, Protocol, Sequence, Tuple, TypeVar

from ansible_collections.serverprism.cloud.plugins.module_utils import _budget, _claims
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import READ, WRITE, Calendar, Claim, Quota, Run
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import Clock, boot_id, may_be_alive, own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._files import (
    make_folder,
    make_new,
    open_locked,
    open_own,
    read_all,
    sealed,
    unsealed,
    write_all,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import (
    Fleet,
    Standing,
    batch_of,
    decide_gap,
    foresee,
    reserve_next,
    standing,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from ansible_collections.serverprism.cloud.plugins.module_utils._stored import (
    NOT_A_LEDGER,
    Calendars,
    dump_calendars,
    parse_calendars,
    seconds,
)

VERSION = 1
# The lock is held for about a millisecond at a time: who does not get it for so long has met a hung holder.
LOCK_PATIENCE = 10.0
# A folder: where the quota is shared instead, once a ledger in Redis is lost.
FALLBACK_VARIABLE = "SERVERPRISM_LEDGER_FALLBACK"
T = TypeVar("T")


class LedgerUnusable(Exception):
    """The file cannot be locked, read or written; the text says why."""


class Ledger(Protocol):
    """Reservations of the customer's quota. Instants are UTC epoch seconds of the caller's clock."""

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

    def release(self, bucket: str, instants: Sequence[float]) -> None:
        """Give instants back."""

    def rebook(self, bucket: str, old: Sequence[float], wanted: Sequence[float]) -> Tuple[float, ...]:
        """Give back, and reserve anew what is urgent: each as soon after its wanted instant as what lies before it allows."""

    def due(self, bucket: str, at: float) -> float:
        """When a request whose reserved instant has come may really go: that instant where it is in time, else the one noted now."""

    def correct(self, bucket: str, reserved: float, spent: float) -> None:
        """Note that a request was spent so much later than it was reserved for."""

    def block(self, bucket: str, until: float) -> None:
        """Nothing new before ``until``, for every process."""

    def blocked_until(self, bucket: str) -> float:
        """Until when the bucket is blocked; in the past where it is not."""

    def claim(self, server_id: int, seconds: float) -> Optional[Claim]:
        """Claim a server for so long, or tell who maintains it already."""

    def give_up(self, server_id: int) -> None:
        """End the claim."""

    def doubt(self, server_id: int, until: Optional[float]) -> None:
        """Note until when a status may be older than a signal; None: what came of it was seen."""

    def doubtful_until(self, server_id: int) -> float:
        """Until when a status of the server may be older than its last signal; in the past where it is not."""

    def count_end(self, fleet: Fleet, outcome: str, counted: bool) -> Run:
        """One more server of a run has ended; ``counted`` where it had a timeline. The run as it is then."""

    def standing(self, fleet: Fleet, offsets: Sequence[float], headroom: int) -> Standing:
        """How far a run is, of timelines with these offsets."""

    def failures(self, key: str) -> int:
        """How many servers of a run have failed."""

    def tell(self, key: str, every: float) -> bool:
        """Whether the caller is to say how far a run is: once in so many seconds, whoever asks."""

    def note(self, journal: str, server_id: int, event: str) -> None:
        """Note the last event of a server in a journal, for other machines. Where there are none, nothing is noted."""

    def noted(self, journal: str, server_id: int) -> Optional[str]:
        """The last event of a server in a journal, as other machines noted it."""


class BaseLedger:
    """The verbs of a ledger on top of ``_change``, which applies a pure function to the calendars under the lock."""

    def __init__(self, quotas: Mapping[str, Quota], clock: Clock) -> None:
        self.quotas = dict(quotas)
        self.clock = clock

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
        """See Ledger."""
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
        """See Ledger."""

        def step(calendars: Calendars) -> Tuple[float, ...]:
            now = self.clock.now()
            calendar = _budget.release(calendars[bucket], old)
            calendars[bucket], instants = _budget.squeeze(calendar, self.quotas[bucket], [max(now, at) for at in wanted], now)
            return instants

        return self._change(step)

    def due(self, bucket: str, at: float) -> float:
        """See Ledger."""

        def step(calendars: Calendars) -> float:
            now = self.clock.now()
            when = _budget.due(calendars[bucket], self.quotas[bucket], at, now)
            if when != at:
                calendars[bucket] = _budget.defer(calendars[bucket], at, when, now)
            return when

        # Nearly always it is in time, and nothing has to be written.
        return at if self._change(step, commit=False) == at else self._change(step)

    def release(self, bucket: str, instants: Sequence[float]) -> None:
        """See Ledger."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _budget.release(calendars[bucket], instants)

        if instants:
            self._change(step)

    def correct(self, bucket: str, reserved: float, spent: float) -> None:
        """See Ledger."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _budget.correct(calendars[bucket], reserved, spent)

        self._change(step)

    def block(self, bucket: str, until: float) -> None:
        """See Ledger."""

        def step(calendars: Calendars) -> None:
            calendars[bucket] = _budget.block(calendars[bucket], until)

        self._change(step)

    def blocked_until(self, bucket: str) -> float:
        """See Ledger."""
        return self._change(lambda calendars: calendars[bucket].blocked_until, commit=False)

    def claim(self, server_id: int, seconds: float) -> Optional[Claim]:
        """See Ledger."""

        def step(calendars: Calendars) -> Optional[Claim]:
            now = self.clock.now()
            wanted = Claim(server_id, own_name(), now + seconds)
            calendars[WRITE], other = _claims.claim(calendars[WRITE], wanted, now, may_be_alive)
            return other

        return self._change(step)

    def give_up(self, server_id: int) -> None:
        """See Ledger."""

        def step(calendars: Calendars) -> None:
            calendars[WRITE] = _claims.give_up(calendars[WRITE], server_id, own_name())

        self._change(step)

    def doubt(self, server_id: int, until: Optional[float]) -> None:
        """See Ledger."""

        def step(calendars: Calendars) -> None:
            calendars[WRITE] = _claims.doubt(calendars[WRITE], server_id, until)

        self._change(step)

    def doubtful_until(self, server_id: int) -> float:
        """See Ledger."""
        return self._change(lambda calendars: _claims.doubtful_until(calendars[WRITE], server_id), commit=False)

    def count_end(self, fleet: Fleet, outcome: str, counted: bool) -> Run:
        """See Ledger."""

        def step(calendars: Calendars) -> Run:
            calendars[WRITE] = _claims.count_end(calendars[WRITE], fleet.key, outcome, counted, self.clock.now())
            return _claims.run_of(calendars[WRITE], fleet.key)

        return self._change(step)

    def standing(self, fleet: Fleet, offsets: Sequence[float], headroom: int) -> Standing:
        """See Ledger."""
        # The simulation is for a line on the screen: nobody has to wait for it at the lock.
        calendar = self._change(lambda calendars: calendars[WRITE], commit=False)
        return standing(calendar, self.quotas[WRITE], offsets, headroom, fleet, self.clock.now())

    def failures(self, key: str) -> int:
        """See Ledger."""
        return self._change(lambda calendars: _claims.run_of(calendars[WRITE], key).failed, commit=False)

    def tell(self, key: str, every: float) -> bool:
        """See Ledger."""

        def step(calendars: Calendars) -> bool:
            calendars[WRITE], is_due = _claims.tell(calendars[WRITE], key, every, self.clock.now())
            return is_due

        # Nearly always it is too soon, and nothing has to be written.
        return self._change(step, commit=False) and self._change(step)

    def note(self, journal: str, server_id: int, event: str) -> None:
        """See Ledger. A ledger of this machine alone has nobody to tell."""

    def noted(self, journal: str, server_id: int) -> Optional[str]:
        """See Ledger."""
        return None


class MemoryLedger(BaseLedger):
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


class FileLedger(BaseLedger):
    """A ledger in a folder of this machine: ``flock`` on one file, the calendar in another that is replaced as a whole.

    A process that is killed leaves either the old calendar or the new one, and the system frees its lock.
    """

    def __init__(
        self,
        folder: str,
        key: str,
        quotas: Mapping[str, Quota],
        clock: Clock,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(quotas, clock)
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        self.folder = folder
        self.path = os.path.join(folder, f"ledger-{name}.json")
        self.lock_path = os.path.join(folder, f"ledger-{name}.lock")
        self._warn = warn
        self._thread_lock = threading.Lock()
        self._boot = boot_id()

    @property
    def _origin(self) -> float:
        return float(getattr(self.clock, "origin", 0.0))

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        try:
            with self._thread_lock, self._locked():
                calendars, window = self._load()
                out = step(calendars)
                if commit:
                    self._save(calendars, window)
                return out
        except OSError as exc:
            raise LedgerUnusable(f"{exc.strerror or exc}") from exc

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.folder)
        descriptor = open_locked(self.lock_path, os.O_RDWR | os.O_CREAT, LOCK_PATIENCE)
        try:
            yield
        finally:
            os.close(descriptor)

    def _load(self) -> Tuple[Calendars, float]:
        own = max(quota.window for quota in self.quotas.values())
        empty: Calendars = {bucket: Calendar() for bucket in self.quotas}
        try:
            descriptor = open_own(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return empty, own
        try:
            data, is_sealed = unsealed(read_all(descriptor))
            version = data["version"]
            if isinstance(version, int) and version > VERSION:
                raise LedgerUnusable(f"it was written by a newer release of this collection (format {version}): update this one")
            if not is_sealed:
                raise ValueError("not as it was written")
            return {**empty, **self._parse(data)}, max(own, seconds(data["window"]))
        except NOT_A_LEDGER:
            self._warn(f"The ledger {self.path} was not readable and begins anew; the last minute's requests are not known.")
            return empty, own

    def _parse(self, data: Mapping[str, Any]) -> Calendars:
        """The calendars in this process's time: within one boot a clock that was set moves nothing."""
        moved = self._origin - float(data["origin"]) if data["boot_id"] == self._boot and self._boot else 0.0
        return parse_calendars(data["buckets"], self.quotas, moved, self.clock.now())

    def _save(self, calendars: Calendars, window: float) -> None:
        keep = self.clock.now() - 2 * max(window, 1.0)
        buckets = dump_calendars(calendars, keep)
        data = {"version": VERSION, "origin": self._origin, "boot_id": self._boot, "window": window, "buckets": buckets}
        # Whoever holds the lock is alone with this name.
        name = self.path + ".new"
        descriptor = make_new(name)
        try:
            write_all(descriptor, sealed(json.dumps(data)))
        finally:
            os.close(descriptor)
        os.replace(name, self.path)


class _Resilient(BaseLedger):
    """A file ledger that, once unusable, is given up with one clear warning: from then on 429 answers are obeyed."""

    def __init__(self, file: FileLedger, warn: Callable[[str], None]) -> None:
        super().__init__(file.quotas, file.clock)
        self._file: Optional[FileLedger] = file
        self._memory = MemoryLedger(file.quotas, file.clock)
        self._warn = warn
        self._lock = threading.Lock()

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        file = self._file
        if file is not None:
            try:
                return file._change(step, commit)
            except LedgerUnusable as exc:
                with self._lock:
                    if self._file is not None:
                        self._warn(
                            f"The ledger {file.path} cannot be used: {exc}. From here on this task paces itself alone, "
                            "obeys HTTP 429, and knows neither who else maintains a server nor how many have failed; set the option "
                            "ledger to a folder that can be written."
                        )
                    self._file = None
        return self._memory._change(step, commit)


def open_ledger(settings: Settings, clock: Clock, warn: Callable[[str], None] = lambda text: None) -> Ledger:
    """The ledger that the settings name. All tokens of a customer share its quota, so the key is the API alone."""
    quotas = {
        READ: Quota(settings.read_limit, settings.limit_window),
        WRITE: Quota(settings.write_limit, settings.limit_window),
    }
    if settings.ledger == "none":
        return MemoryLedger(quotas, clock)
    if "://" not in settings.ledger:
        return _Resilient(FileLedger(settings.ledger, settings.api_url, quotas, clock, warn), warn)
    from ansible_collections.serverprism.cloud.plugins.module_utils._redis import RedisLedger, RedisOrFolder

    shared = RedisLedger(settings.ledger, settings.api_url, quotas, clock, warn, settings.ca_path)
    folder = os.path.abspath(os.path.expanduser(os.environ.get(FALLBACK_VARIABLE, "") or "/"))
    if folder == "/":
        return shared
    own = _Resilient(FileLedger(folder, settings.api_url, quotas, clock, warn), warn)
    return RedisOrFolder(shared, own, folder, warn)

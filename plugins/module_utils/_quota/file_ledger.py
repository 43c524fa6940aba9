# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger in a file that all processes of this machine share. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import contextmanager
from typing import Callable, Iterator, Mapping, Optional, Tuple

from .._clock import Clock
from .._files import make_folder, make_new, open_locked, open_own, read_all, write_all
from .._process import boot_id
from .codec import NOT_A_LEDGER, VERSION, Calendars, dump_calendars, is_newer, parse_calendars
from .ledger import Ledger, MemoryLedger, T
from .reservations import WRITE, Calendar, Quota

# Seconds to wait for the file lock. Processes hold it for about a millisecond, so after this time the holder hangs.
LOCK_PATIENCE = 10.0


class FileLedger(Ledger):
    """A ledger in a folder of this machine: one file is locked with ``flock``, another with the calendars is replaced atomically.

    A killed process leaves either the old calendars or the new ones, and the system releases its lock. Once the files cannot be used, this
    process continues with a ledger in memory and warns.
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
        self._memory: Optional[MemoryLedger] = None
        self._boot = boot_id()
        # The file as this process last wrote it, and what is in it. A run makes thousands of changes, nearly all of them by itself.
        self._written: Optional[Tuple[bytes, Calendars]] = None

    @property
    def _origin(self) -> float:
        return float(getattr(self.clock, "origin", 0.0))

    @property
    def is_given_up(self) -> bool:
        """See Ledger."""
        return self._memory is not None

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        with self._thread_lock:
            if self._memory is None:
                try:
                    return self._change_file(step, commit)
                except OSError as exc:
                    self._memory = MemoryLedger(self.quotas, self.clock)
                    self._warn(
                        f"The ledger {self.path} cannot be used: {exc.strerror or exc}. This task continues without it: it does not see "
                        "the requests and server locks of other tasks, and waits after HTTP 429. Set the option ledger to a folder that "
                        "can be written."
                    )
        return self._memory._change(step, commit)

    def _change_file(self, step: Callable[[Calendars], T], commit: bool) -> T:
        with self._locked():
            calendars = self._load()
            out = step(calendars)
            self.seen_holds = calendars[WRITE].holds
            if commit:
                self._save(calendars)
            return out

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.folder)
        descriptor = open_locked(self.lock_path, os.O_RDWR | os.O_CREAT, LOCK_PATIENCE)
        try:
            yield
        finally:
            os.close(descriptor)

    def _load(self) -> Calendars:
        try:
            descriptor = open_own(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return {bucket: Calendar() for bucket in self.quotas}
        try:
            text = read_all(descriptor)
            if self._written is not None and text == self._written[0]:
                return dict(self._written[1])
            data = json.loads(text.decode())
            if is_newer(data):
                raise OSError("a newer release of this collection wrote it, so update the collection")
            # Within one boot, setting the clock does not move the slots.
            moved = self._origin - float(data["origin"]) if data["boot_id"] == self._boot and self._boot else 0.0
            return parse_calendars(data["buckets"], self.quotas, moved, self.clock.now())
        except NOT_A_LEDGER:
            self._warn(f"The ledger {self.path} was not readable and starts again empty. Requests of the last minute are not counted.")
            return {bucket: Calendar() for bucket in self.quotas}

    def _save(self, calendars: Calendars) -> None:
        kept = self._pruned(calendars)
        text = json.dumps({"version": VERSION, "origin": self._origin, "boot_id": self._boot, "buckets": dump_calendars(kept)}).encode()
        # Only the process that holds the lock uses this name.
        name = self.path + ".new"
        descriptor = make_new(name)
        try:
            write_all(descriptor, text)
        finally:
            os.close(descriptor)
        os.replace(name, self.path)
        self._written = (text, kept)

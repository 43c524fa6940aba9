# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of a run, to which every process that takes part appends its events. Private to this collection.

Events are never changed. That of a signal is on the disk before the signal is sent. After a power cut the log may therefore contain a
signal that was not sent, but never lack one that was sent, so no server is restarted twice.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import Any, Dict, List, Optional
from urllib.parse import unquote

from .._errors import RunLogUnusable
from .._files import LARGEST, make_folder, open_locked, open_own, write_all
from .._quota.ledger import Ledger
from .events import ENDING, KEEP_RUNS, Event, Key, decided, file_name, line, parse

# Seconds to wait for the lock on a file. Its owner needs it for one line only, so after this time it hangs.
LOCK_PATIENCE = 10.0
FOLDER = "runs"
DAY = 86400.0
# The first bytes of a log that contain the number of days for which it is kept.
LONGEST_HEAD = 4096


class RunLog:
    """The log of one run, in this process only. ``add`` raises RunLogUnusable or LedgerLost if the event is not stored."""

    # Where the log is, for messages.
    place = "the memory of this process"

    def __init__(self, run: str) -> None:
        self.run = run
        self._events: List[Event] = []
        self._decided: Dict[Key, Optional[str]] = {}

    def add(self, event: str, now: float, /, *, durable: bool = False, **fields: Any) -> None:
        """Append an event. With ``durable``, return only after it is on the disk. ``now`` is UTC seconds."""
        self._append(line(self.run, event, now, fields), durable)

    def events(self) -> List[Event]:
        """Return all events of all processes."""
        more = parse(self.run, self._more())
        self._events += more
        self._decided.update(decided(more))
        return self._events

    def last(self, api_url: str, server_id: int) -> Optional[str]:
        """Return the last event that decides whether a server is maintained again: None, ``signal``, ``done`` or ``unconfirmed``."""
        self.events()
        return self._decided.get((api_url, server_id))

    def _append(self, text: str, durable: bool) -> None:
        del durable
        self._events += parse(self.run, text)
        self._decided.update(decided(self._events[-1:]))

    def _more(self) -> str:
        """Return the lines that were added since the last call."""
        return ""


class FileLog(RunLog):
    """A log in a file of this machine."""

    def __init__(self, folder: str, run: str) -> None:
        super().__init__(run)
        self._folder = folder
        self.place = self._path = os.path.join(folder, FOLDER, file_name(run))
        self._read = 0

    def _append(self, text: str, durable: bool) -> None:
        try:
            make_folder(self._folder)
            make_folder(os.path.dirname(self._path))
            descriptor = open_locked(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, LOCK_PATIENCE)
            try:
                size = os.fstat(descriptor).st_size
                # A new line must not become a part of an incomplete one.
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                try:
                    write_all(descriptor, (("\n" if torn else "") + text).encode())
                    if durable:
                        os.fsync(descriptor)
                except OSError:
                    # An event that is reported as not written must not be read later.
                    os.ftruncate(descriptor, size)
                    raise
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise self._unusable(exc) from exc

    def _more(self) -> str:
        try:
            descriptor = open_own(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return ""
        except OSError as exc:
            raise self._unusable(exc) from exc
        try:
            more = os.fstat(descriptor).st_size - self._read
            if more > LARGEST:
                raise self._unusable(ValueError("the file is too large"))
            data = os.pread(descriptor, more, self._read) if more > 0 else b""
        finally:
            os.close(descriptor)
        whole = data.rfind(b"\n") + 1
        self._read += whole
        return data[:whole].decode(errors="replace")

    def _unusable(self, exc: Exception) -> RunLogUnusable:
        return RunLogUnusable(
            f"The run log {self._path} cannot be used ({getattr(exc, 'strerror', None) or exc}). Set the option ledger to a folder that "
            "you can write to, with free space."
        )


class SharedLog(RunLog):
    """A log in a ledger that several machines share."""

    def __init__(self, ledger: Ledger, run: str, keep: float) -> None:
        super().__init__(run)
        self._ledger = ledger
        self._keep = keep
        self._read = ""
        self.place = "the ledger"

    def _append(self, text: str, durable: bool) -> None:
        del durable
        self._ledger.append(self.run, text, self._keep)

    def _more(self) -> str:
        entries = self._ledger.entries(self.run, self._read)
        if entries:
            self._read = entries[-1][0]
        return "".join(text for _position, text in entries)


def runs_in(folder: str) -> List[str]:
    """Return the IDs of the runs whose logs are in a folder, the newest last."""
    found = []
    with suppress(OSError), os.scandir(os.path.join(folder, FOLDER)) as entries:
        for entry in entries:
            if entry.name.endswith(ENDING) and entry.is_file(follow_symlinks=False):
                found.append((entry.stat(follow_symlinks=False).st_mtime, unquote(entry.name[: -len(ENDING)])))
    return [run for _changed, run in sorted(found)]


def remove_old(folder: str) -> None:
    """Remove the logs in a folder that are to be kept no longer. Errors are ignored, since old logs harm nobody."""
    now = time.time()
    with suppress(OSError), os.scandir(os.path.join(folder, FOLDER)) as entries:
        for entry in entries:
            with suppress(OSError, ValueError):
                changed = entry.stat(follow_symlinks=False).st_mtime
                if entry.name.endswith(ENDING) and changed < now - DAY and changed < now - _kept_days(entry.path) * DAY:
                    os.unlink(entry.path)


def _kept_days(path: str) -> int:
    """Return the number of days for which a log is kept. Its first event says so."""
    with open(open_own(path, os.O_RDONLY), "rb") as stream:
        found = re.search(rb'"keep_days": ([0-9]{1,6})', stream.read(LONGEST_HEAD))
    return int(found[1]) if found else KEEP_RUNS

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A journal of each maintenance ID, so that a run can be repeated after a crash. Private to this collection.

There is one file for each ID, with one line for each event. Lines are never rewritten. A line is on the disk before its signal is sent.
After a power cut the journal may therefore contain a signal that was not sent, but never lack one that was sent, so no server is
restarted twice. An incomplete last line is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, List, Optional, Sequence

from .._errors import JournalUnusable
from .._files import make_folder, open_locked, open_own, read_all, write_all
from .._text import iso

# Seconds to wait for the lock on the file. Its owner needs it for one line only, so after this time it hangs.
LOCK_PATIENCE = 10.0
# The environment variable with the folder of the journals of a run whose ledger is not a folder.
FOLDER_VARIABLE = "SERVERPRISM_JOURNAL"
SIGNAL, DONE, UNCONFIRMED, REFUSED = "signal", "done", "unconfirmed", "refused"
# The reason of a repeated run for a server whose signal may have been sent.
MAY_HAVE_BEGUN = "its signal may have been sent already"
EVENTS = (SIGNAL, DONE, UNCONFIRMED, REFUSED)


def last_event(events: List[Dict[str, Any]], server_id: int) -> Optional[str]:
    """Return the last event of a server. None if it must still be maintained, as after a refused signal."""
    last = next((event["event"] for event in reversed(events) if event.get("server_id") == server_id), None)
    return None if last == REFUSED else last


def strongest(*events: Optional[str]) -> Optional[str]:
    """Return the event that leaves the least to do, of the events that several journals have for a server."""
    order = (None, SIGNAL, UNCONFIRMED, DONE)
    # An event of another release means at least that a signal may have been sent.
    known = (None if event in (None, REFUSED) else event if event in order else SIGNAL for event in events)
    return max(known, key=order.index)


def parse(text: str) -> List[Dict[str, Any]]:
    """Return the events of a journal. Lines without an event, such as an incomplete one, are ignored."""
    out = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and event.get("event") in EVENTS and isinstance(event.get("server_id"), int):
            out.append(event)
    return out


class Journal:
    """The journal of one maintenance ID at one API. Raises JournalUnusable."""

    def __init__(self, folder: str, api_url: str, maintenance_id: str) -> None:
        self.maintenance_id = maintenance_id
        self.name = hashlib.sha256(f"{api_url}\n{maintenance_id}".encode()).hexdigest()[:16]
        self.path = os.path.join(folder, "journal", f"{self.name}.jsonl")

    def last(self, server_id: int) -> Optional[str]:
        """Return the last event of a server: None, ``signal``, ``done`` or ``unconfirmed``."""
        return last_event(self._events(), server_id)

    def outcomes(self, server_ids: Sequence[int]) -> Dict[int, str]:
        """Return the last event of each server that must not be maintained again. Create no file."""
        events = self._events()
        found = ((server_id, last_event(events, server_id)) for server_id in server_ids)
        return {server_id: last for server_id, last in found if last is not None}

    def _events(self) -> List[Dict[str, Any]]:
        try:
            descriptor = open_own(self.path, os.O_RDONLY)
            return parse(read_all(descriptor).decode(errors="replace"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as exc:
            raise self._unusable(exc) from exc

    def note(self, server_id: int, event: str, at: float) -> None:
        """Add an event. Return only after it is on the disk. ``at`` is UTC seconds."""
        line = json.dumps({"time": iso(at), "id": self.maintenance_id, "server_id": server_id, "event": event}) + "\n"
        try:
            make_folder(os.path.dirname(os.path.dirname(self.path)))
            make_folder(os.path.dirname(self.path))
            descriptor = open_locked(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, LOCK_PATIENCE)
            try:
                size = os.fstat(descriptor).st_size
                # A new line must not become a part of an incomplete one.
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                try:
                    write_all(descriptor, (("\n" if torn else "") + line).encode())
                    os.fsync(descriptor)
                except OSError:
                    # An event that is reported as not written must not be read later.
                    os.ftruncate(descriptor, size)
                    raise
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise self._unusable(exc) from exc

    def _unusable(self, exc: Exception) -> JournalUnusable:
        return JournalUnusable(
            f"The journal {self.path} of maintenance_id {self.maintenance_id!r} cannot be used ({getattr(exc, 'strerror', None) or exc}). "
            "Without it a run cannot be repeated safely, so nothing was sent. Set the option ledger to a folder that you can write to, or "
            f"{FOLDER_VARIABLE} if the ledger is not a folder."
        )

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was done under a maintenance ID, so that a run can be repeated after a crash. Private to this collection.

One file for each ID, one line for each event, never rewritten. A line is on the disk before what it announces is done: after a
power cut the journal may say too much, never too little, so no server is restarted twice. A torn last line is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, List, Optional, Sequence

from .._errors import JournalUnusable
from .._files import make_folder, open_locked, open_own, read_all, write_all
from .._text import iso

# Whoever does not get the lock for so long has met a hung holder: it is held for one line.
LOCK_PATIENCE = 10.0
SIGNAL, DONE, UNPROVEN, REFUSED = "signal", "done", "unproven", "refused"
# What a repeated run says of a server that may have had its signal; the report and the role know it by these words.
MAY_HAVE_BEGUN = "its signal may have been sent already"
EVENTS = (SIGNAL, DONE, UNPROVEN, REFUSED)


def verdict(events: List[Dict[str, Any]], server_id: int) -> Optional[str]:
    """The last event of a server, None where it is still to be done. A refused signal did nothing."""
    last = next((event["event"] for event in reversed(events) if event.get("server_id") == server_id), None)
    return None if last == REFUSED else last


def strongest(*events: Optional[str]) -> Optional[str]:
    """Of what several journals say of a server, what leaves least to be done."""
    order = (None, SIGNAL, UNPROVEN, DONE)
    return max((event if event in order else None for event in events), key=order.index)


def parse(text: str) -> List[Dict[str, Any]]:
    """The events of a journal; lines that are none (a torn one) are passed over."""
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
        """What the journal says of a server: None, ``signal``, ``done`` or ``unproven``."""
        return verdict(self._events(), server_id)

    def outcomes(self, server_ids: Sequence[int]) -> Dict[int, str]:
        """The servers of these that are not to be maintained again, with what the journal says of each. Makes nothing."""
        events = self._events()
        found = ((server_id, verdict(events, server_id)) for server_id in server_ids)
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
        """Add an event, and return only when it is on the disk."""
        line = json.dumps({"time": iso(at), "id": self.maintenance_id, "server_id": server_id, "event": event}) + "\n"
        try:
            make_folder(os.path.dirname(os.path.dirname(self.path)))
            make_folder(os.path.dirname(self.path))
            descriptor = open_locked(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, LOCK_PATIENCE)
            try:
                size = os.fstat(descriptor).st_size
                # After a torn line a new one must not become a part of it.
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                try:
                    write_all(descriptor, (("\n" if torn else "") + line).encode())
                    os.fsync(descriptor)
                except OSError:
                    # What is told as not written must not be read later.
                    os.ftruncate(descriptor, size)
                    raise
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise self._unusable(exc) from exc

    def _unusable(self, exc: Exception) -> JournalUnusable:
        return JournalUnusable(
            f"The journal {self.path} of maintenance_id {self.maintenance_id!r} cannot be used ({getattr(exc, 'strerror', None) or exc}): "
            "without it a run cannot be repeated safely, so nothing was sent. Set the option ledger to a folder that can be written."
        )

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Convert calendars to and from the data that a file or Redis stores. Pure. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, Iterable

from . import reservations as _reservations
from .reservations import LONGEST_RETRY_AFTER, Calendar, Hold, Lock

Calendars = Dict[str, Calendar]
# The format of the stored data.
VERSION = 1
LATEST = 95_649_119_999.0  # The end of the year 5000.
# The exceptions that reading invalid data can raise.
NOT_A_LEDGER = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def is_newer(data: Any) -> bool:
    """Return whether a newer release wrote the stored data, in a format that this one does not know. Raises one of NOT_A_LEDGER."""
    version = data["version"]
    return isinstance(version, int) and version > VERSION


def seconds(value: Any) -> float:
    """Return a stored time or duration in seconds. Raises ValueError if no clock can have shown it."""
    out = float(value)
    if not -LATEST <= out <= LATEST:
        raise ValueError("the value is not a time")
    return out


def parse_calendars(buckets: Any, known: Iterable[str], moved: float, now: float) -> Calendars:
    """Return the calendars of a stored ledger, shifted by ``moved`` seconds. Raises one of NOT_A_LEDGER for invalid data."""
    out: Calendars = {}
    seconds(moved)
    for bucket in known:
        part = buckets.get(bucket, {})
        slots = tuple(sorted(seconds(at) for at in part.get("slots", [])))
        blocked = seconds(part.get("blocked_until", 0.0))
        locks = tuple(
            Lock(int(server), str(owner), seconds(until), seconds(renewed)) for server, owner, until, renewed in part.get("locks", [])
        )
        if blocked + moved > now + 2 * LONGEST_RETRY_AFTER:
            raise ValueError("blocked_until is later than any response can ask for")
        stale = tuple((int(server), seconds(until)) for server, until in part.get("stale", []))
        late = tuple(sorted(seconds(at) for at in part.get("late", [])))
        holds = tuple(
            Hold(int(server), seconds(until), str(reason), str(by), bool(cancel))
            for server, until, reason, by, cancel in part.get("holds", [])
        )
        out[bucket] = _reservations.shift(Calendar(slots, blocked, locks, stale, late, holds), moved)
    return out


def dump_calendars(calendars: Calendars) -> Dict[str, Any]:
    """Return the data to store."""
    return {
        bucket: {
            "slots": list(one.slots),
            "blocked_until": one.blocked_until,
            "locks": [[lock.server_id, lock.owner, lock.until, lock.renewed] for lock in one.locks],
            "stale": [[server, until] for server, until in one.stale],
            "late": list(one.late),
            "holds": [[hold.server_id, hold.until, hold.reason, hold.by, hold.cancel] for hold in one.holds],
        }
        for bucket, one in calendars.items()
    }

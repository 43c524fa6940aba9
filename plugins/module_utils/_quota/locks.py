# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server locks, and servers whose status may be stale: notes in the calendar. Pure. Private to this collection.

A run locks all of its servers, so that no other run restarts what this one is about to restart, or has just restarted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, Optional, Sequence, Set, Tuple

from .reservations import Calendar, Lock

# A lock is renewed every RENEW_EVERY seconds. A lock whose owner cannot be looked at (on another machine, in another container) is over
# once it was not renewed for LEASE seconds.
RENEW_EVERY, LEASE = 15.0, 60.0


def take(
    calendar: Calendar, servers: Sequence[int], owner: str, until: float, now: float, counts: Callable[[Lock], bool]
) -> Tuple[Calendar, Dict[int, Lock]]:
    """Lock servers, and return the locks of others that prevent it, by server. ``counts`` says whether a lock of another owner is valid."""
    wanted = set(servers)
    others = {one.server_id: one for one in calendar.locks if one.server_id in wanted and one.owner != owner and one.until > now}
    others = {server: lock for server, lock in others.items() if counts(lock)}
    free = wanted - set(others)
    kept = [one for one in calendar.locks if one.server_id not in free]
    return replace(calendar, locks=(*kept, *(Lock(server, owner, until, now) for server in sorted(free)))), others


def renew(calendar: Calendar, servers: Sequence[int], owner: str, until: float, now: float) -> Tuple[Calendar, Set[int]]:
    """Renew the locks of an owner, and return the servers whose lock is not there any more.

    While a lock is there, nobody else has had the server: taking a lock replaces the one before it.
    """
    wanted = set(servers)
    mine = {one.server_id for one in calendar.locks if one.owner == owner and one.server_id in wanted}
    locks = tuple(Lock(one.server_id, owner, until, now) if one.server_id in mine and one.owner == owner else one for one in calendar.locks)
    return replace(calendar, locks=locks), wanted - mine


def free(calendar: Calendar, servers: Sequence[int], owner: str) -> Calendar:
    """Unlock servers; the locks of other owners are left alone."""
    gone = set(servers)
    return replace(calendar, locks=tuple(one for one in calendar.locks if one.owner != owner or one.server_id not in gone))


def mark_stale(calendar: Calendar, server_id: int, until: Optional[float]) -> Calendar:
    """Note until when a status of a server may be older than its last signal; None where what came of the signal was seen."""
    others = tuple(one for one in calendar.stale if one[0] != server_id)
    return replace(calendar, stale=others if until is None else (*others, (server_id, until)))


def stale_until(calendar: Calendar, server_id: int) -> float:
    """Return what ``mark_stale`` noted, 0 for nothing."""
    return max((until for server, until in calendar.stale if server == server_id), default=0.0)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server locks and stale statuses, which are stored in the calendar. Pure. Private to this collection.

A run locks all of its servers, so that no other run restarts what this one is about to restart, or has just restarted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, Optional, Sequence, Set, Tuple

from .reservations import Calendar, Lock

# Owners renew their locks every RENEW_EVERY seconds. If the owner's process cannot be checked, because it runs on another machine or in
# another container, its lock ends LEASE seconds after the last renewal.
RENEW_EVERY, LEASE = 15.0, 60.0


def take(
    calendar: Calendar, servers: Sequence[int], owner: str, until: float, now: float, counts: Callable[[Lock], bool]
) -> Tuple[Calendar, Dict[int, Lock]]:
    """Lock servers, and return the locks of other owners that prevent it, by server. ``counts`` returns whether such a lock is valid."""
    wanted = set(servers)
    others = {one.server_id: one for one in calendar.locks if one.server_id in wanted and one.owner != owner and one.until > now}
    others = {server: lock for server, lock in others.items() if counts(lock)}
    free = wanted - set(others)
    kept = [one for one in calendar.locks if one.server_id not in free]
    return replace(calendar, locks=(*kept, *(Lock(server, owner, until, now) for server in sorted(free)))), others


def renew(calendar: Calendar, servers: Sequence[int], owner: str, until: float, now: float) -> Tuple[Calendar, Set[int]]:
    """Renew the locks of an owner, and return the servers whose lock is gone.

    A lock that is still there was never interrupted, because a new lock replaces the previous one.
    """
    wanted = set(servers)
    mine = {one.server_id for one in calendar.locks if one.owner == owner and one.server_id in wanted}
    locks = tuple(Lock(one.server_id, owner, until, now) if one.server_id in mine and one.owner == owner else one for one in calendar.locks)
    return replace(calendar, locks=locks), wanted - mine


def free(calendar: Calendar, servers: Sequence[int], owner: str) -> Calendar:
    """Unlock servers. The locks of other owners stay."""
    gone = set(servers)
    return replace(calendar, locks=tuple(one for one in calendar.locks if one.owner != owner or one.server_id not in gone))


def mark_stale(calendar: Calendar, server_id: int, until: Optional[float]) -> Calendar:
    """Set the time until which a status may be older than the last signal. None means that its effect was observed."""
    others = tuple(one for one in calendar.stale if one[0] != server_id)
    return replace(calendar, stale=others if until is None else (*others, (server_id, until)))


def stale_until(calendar: Calendar, server_id: int) -> float:
    """Return the time that ``mark_stale`` set, or 0."""
    return max((until for server, until in calendar.stale if server == server_id), default=0.0)

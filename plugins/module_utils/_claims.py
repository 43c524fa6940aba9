# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who maintains which server right now, and how many of a run have failed: notes in the calendar. Pure. Private to this collection."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Calendar, Claim, Run


def claim(calendar: Calendar, wanted: Claim, now: float, is_alive: Callable[[str], bool]) -> Tuple[Calendar, Optional[Claim]]:
    """Claim a server, or tell who else holds it: another owner that is alive as far as anybody knows, until its claim expires."""
    for one in calendar.claims:
        if one.server_id == wanted.server_id and one.owner != wanted.owner and one.until > now and is_alive(one.owner):
            return calendar, one
    others = tuple(one for one in calendar.claims if one.server_id != wanted.server_id and one.until > now)
    return replace(calendar, claims=(*others, wanted)), None


def give_up(calendar: Calendar, server_id: int, owner: str) -> Calendar:
    """End a claim; another owner's is left alone."""
    return replace(calendar, claims=tuple(one for one in calendar.claims if (one.server_id, one.owner) != (server_id, owner)))


def failures(calendar: Calendar, key: str) -> int:
    """How many servers of a run have failed."""
    return next((run.failures for run in calendar.runs if run.key == key), 0)


def count_end(calendar: Calendar, key: str, failed: bool, now: float) -> Tuple[Calendar, Run]:
    """One more server of a run has ended; the run as it is then."""
    known = next((run for run in calendar.runs if run.key == key), Run(key, now, 0.0, 1))
    counted = replace(known, ended=known.ended + 1, failures=known.failures + failed)
    return replace(calendar, runs=(*(run for run in calendar.runs if run.key != key), counted)), counted


def used(calendar: Calendar, window: float, now: float) -> int:
    """How many requests of this bucket lie within the last window."""
    return sum(now - window < at <= now for at in calendar.instants)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who maintains which server right now, and what became of a run: notes in the calendar. Pure. Private to this collection."""

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


def doubt(calendar: Calendar, server_id: int, until: Optional[float]) -> Calendar:
    """Until when a status of a server may be older than its last signal; None where what came of that was seen."""
    others = tuple(one for one in calendar.doubts if one.server_id != server_id)
    return replace(calendar, doubts=others if until is None else (*others, Claim(server_id, "", until)))


def doubtful_until(calendar: Calendar, server_id: int) -> float:
    """See ``doubt``; 0 where there is none."""
    return max((one.until for one in calendar.doubts if one.server_id == server_id), default=0.0)


def run_of(calendar: Calendar, key: str) -> Run:
    """What became of a run so far."""
    return next((run for run in calendar.runs if run.key == key), Run(key, 0.0))


def _with_run(calendar: Calendar, run: Run) -> Calendar:
    return replace(calendar, runs=(*(one for one in calendar.runs if one.key != run.key), run))


def count_begin(calendar: Calendar, key: str, now: float) -> Calendar:
    """One more server of a run has its timeline."""
    run = run_of(calendar, key)
    return _with_run(calendar, replace(run, at=now, counting=run.counting + 1))


def count_end(calendar: Calendar, key: str, outcome: str, counted: bool, now: float) -> Calendar:
    """One more server of a run has ended; ``counted`` where it had a timeline."""
    run = run_of(calendar, key)
    kind = outcome if outcome in ("done", "failed") else "other"
    ended = {kind: getattr(run, kind) + 1}
    return _with_run(calendar, replace(run, at=now, counting=max(0, run.counting - counted), **ended))


def tell(calendar: Calendar, key: str, every: float, now: float) -> Tuple[Calendar, bool]:
    """Whether somebody is to say how far a run is; with that it is said, and for ``every`` seconds not again."""
    run = run_of(calendar, key)
    if now - run.told < every:
        return calendar, False
    return _with_run(calendar, replace(run, told=now)), True


def used(calendar: Calendar, window: float, now: float) -> int:
    """How many requests of this bucket lie within the last window."""
    return sum(now - window < at <= now for at in calendar.instants)

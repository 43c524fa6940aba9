# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who maintains which server right now, and what became of a run: notes in the calendar. Pure. Private to this collection."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional, Tuple, Union

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Calendar, Claim, Hold, Run
from ansible_collections.serverprism.cloud.plugins.module_utils._process import ALIVE, DEAD

# Between two servers of a run nobody is at work for it: so many seconds its servers are left to it all the same.
PAUSE = 120.0
# A lock is renewed every RENEW_EVERY seconds. One whose owner cannot be looked at (another machine, another container) is over when it
# was not renewed for LEASE seconds, that of a run after PAUSE.
RENEW_EVERY, LEASE = 15.0, 60.0


def valid_until(one: Union[Claim, Hold], fate: str) -> float:
    """Return until when a lock counts, UTC seconds, given the fate of its owner."""
    if fate == DEAD:
        return 0.0
    lease = PAUSE if isinstance(one, Hold) else LEASE
    return one.until if fate == ALIVE else min(one.until, one.renewed + lease)


def claim(
    calendar: Calendar, wanted: Claim, now: float, is_alive: Callable[[Union[Claim, Hold]], bool], run: Optional[Hold] = None
) -> Tuple[Calendar, Union[Claim, Hold, None]]:
    """Claim a server, or tell who else has it, until that expires. ``is_alive`` says of claims and holds whether they count.

    With the server its ``run`` gets hold of all its others, too, as far as no other run has them: two runs at once would else
    share them out between themselves, and each begin what the other has just done.
    """
    known = [one for one in calendar.claims if one.server_id == wanted.server_id and one.until > now]
    for one in known:
        if one.owner != wanted.owner and is_alive(one):
            return calendar, one
    others = [one for one in calendar.holds if one.until > now and (run is None or one.owner != run.owner)]
    # Whoever has a server already goes on with it.
    if not any(one.owner == wanted.owner for one in known):
        for hold in others:
            if wanted.server_id in hold.servers and is_alive(hold):
                return calendar, hold
    claims = tuple(one for one in calendar.claims if one.server_id != wanted.server_id and one.until > now)
    calendar = replace(calendar, claims=(*claims, wanted))
    if run is None:
        return calendar, None
    own = next((one for one in calendar.holds if one.owner == run.owner), replace(run, servers=()))
    taken = {server for hold in others if is_alive(hold) for server in hold.servers}
    servers = tuple(sorted({*own.servers, *run.servers, wanted.server_id} - taken))
    return replace(calendar, holds=(*others, replace(run, until=max(own.until, wanted.until), servers=servers, renewed=now))), None


def renew(calendar: Calendar, server_id: int, owner: str, now: float, run: Optional[Hold] = None) -> Tuple[Calendar, bool]:
    """Note that the owner of a claim is alive, and with it the run. False where the claim is not there.

    While it is there nobody else has had the server: a claim replaces the one before it.
    """
    mine = (server_id, owner)
    if not any((one.server_id, one.owner) == mine for one in calendar.claims):
        return calendar, False
    claims = tuple(replace(one, renewed=now) if (one.server_id, one.owner) == mine else one for one in calendar.claims)
    holds = tuple(replace(one, renewed=now) if run is not None and one.owner == run.owner else one for one in calendar.holds)
    return replace(calendar, claims=claims, holds=holds), True


def give_up(calendar: Calendar, server_id: int, owner: str, now: float, run: Optional[Hold] = None) -> Calendar:
    """End a claim; another owner's is left alone. Its ``run`` holds its servers for as long as one of them is claimed, and a pause."""
    claims = tuple(one for one in calendar.claims if (one.server_id, one.owner) != (server_id, owner))
    holds = []
    for hold in calendar.holds:
        if run is not None and hold.owner == run.owner:
            mine = set(hold.servers)
            hold = replace(hold, until=max([now + PAUSE, *(one.until for one in claims if one.server_id in mine)]), renewed=now)
        holds.append(hold)
    return replace(calendar, claims=claims, holds=tuple(holds))


def let_go(calendar: Calendar, owner: str) -> Calendar:
    """A run is over: its servers are free."""
    return replace(calendar, holds=tuple(one for one in calendar.holds if one.owner != owner))


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
    kind = {"done": "done", "failed": "failed", "unconfirmed": "failed"}.get(outcome, "other")
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

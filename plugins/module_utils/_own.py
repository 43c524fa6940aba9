# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one process has in a shared ledger, so that it can write it down anew where that lost it. Pure. Private to this collection.

A server that takes over from another may not have what that was told last. Nobody else can know what is missing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Sequence, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Calendar, Claim
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import LEASE

# Seconds by which an instant may seem to have moved: clocks are compared over a network, and anew with each connection.
ALIKE = 0.25


def missing(known: Sequence[float], wanted: Sequence[float]) -> Tuple[float, ...]:
    """Those of ``wanted`` that have no like in ``known``, each of which is the like of one."""
    left, out = sorted(known), []
    for at in sorted(wanted):
        index = bisect_left(left, at - ALIKE)
        if index < len(left) and left[index] <= at + ALIKE:
            del left[index]
        else:
            out.append(at)
    return tuple(out)


@dataclass(frozen=True)
class Own:
    """The instants of a process by bucket, UTC epoch seconds, and its claims by bucket."""

    instants: Mapping[str, Tuple[float, ...]] = field(default_factory=dict)
    claims: Mapping[str, Tuple[Claim, ...]] = field(default_factory=dict)

    def after(self, before: Mapping[str, Calendar], now: Mapping[str, Calendar], owner: str, since: float) -> "Own":
        """What is its own after its change of the calendars; what lies before ``since`` matters no more."""
        instants: Dict[str, Tuple[float, ...]] = {}
        for bucket, calendar in now.items():
            count = Counter(calendar.instants)
            count.subtract(before[bucket].instants)
            added = [at for at, times in count.items() for _each in range(times)]
            gone = [at for at, times in count.items() for _each in range(-times)]
            kept = missing(gone, self.instants.get(bucket, ()))
            instants[bucket] = tuple(at for at in (*kept, *added) if at >= since)
        claims = {bucket: tuple(one for one in calendar.claims if one.owner == owner) for bucket, calendar in now.items()}
        return Own(instants, claims)

    def lost(self, calendars: Mapping[str, Calendar], since: float, now: float) -> Dict[str, Calendar]:
        """Return the calendars with what they lack of it; empty where they lack nothing.

        A lock that was not renewed for so long that others may have had the server meanwhile is not lacking.
        """
        out = dict(calendars)
        for bucket, calendar in calendars.items():
            instants = missing(calendar.instants, [at for at in self.instants.get(bucket, ()) if at >= since])
            held = {one.server_id for one in calendar.claims}
            claims: List[Claim] = [one for one in self.claims.get(bucket, ()) if one.renewed + LEASE > now and one.server_id not in held]
            if instants or claims:
                whole = tuple(sorted((*calendar.instants, *instants)))
                out[bucket] = replace(calendar, instants=whole, claims=(*calendar.claims, *claims))
        return out if out != dict(calendars) else {}

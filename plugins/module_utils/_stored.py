# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calendars as they are stored, in a file or in Redis. Pure. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, Iterable

from ansible_collections.serverprism.cloud.plugins.module_utils import _budget
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Batch, Calendar, Claim, Hold, Run
from ansible_collections.serverprism.cloud.plugins.module_utils._retry import LONGEST_RETRY_AFTER

Calendars = Dict[str, Calendar]
LATEST = 95_649_119_999.0  # The end of the year 5000.
# What reading a stored ledger can raise where it is none.
NOT_A_LEDGER = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def seconds(value: Any) -> float:
    """A stored time or duration; ValueError where no clock can have shown it, and nothing could be reckoned with it."""
    out = float(value)
    if not -LATEST <= out <= LATEST:
        raise ValueError("not a time")
    return out


def _count(value: Any) -> int:
    if not 0 <= int(value) <= LATEST:
        raise ValueError("not a number of servers")
    return int(value)


def parse_calendars(buckets: Any, known: Iterable[str], moved: float, now: float) -> Calendars:
    """The calendars of a stored ledger, ``moved`` seconds later; one of NOT_A_LEDGER where it is none."""
    out: Calendars = {}
    seconds(moved)
    for bucket in known:
        part = buckets.get(bucket, {})
        instants = tuple(sorted(seconds(at) for at in part.get("instants", [])))
        blocked = seconds(part.get("blocked_until", 0.0))
        runs = tuple(
            Run(str(key), seconds(at), _count(done), _count(failed), _count(other), _count(counting), seconds(told))
            for key, at, done, failed, other, counting, told in part.get("runs", [])
        )
        batches = tuple(Batch(str(key), seconds(last), seconds(gap)) for key, last, gap in part.get("batches", []))
        claims = tuple(
            Claim(int(server), str(owner), seconds(until), seconds(renewed)) for server, owner, until, renewed in part.get("claims", [])
        )
        if blocked + moved > now + 2 * LONGEST_RETRY_AFTER:
            raise ValueError("blocked for longer than any answer asks for")
        doubts = tuple(Claim(int(server), "", seconds(until)) for server, until in part.get("doubts", []))
        late = tuple(sorted(seconds(at) for at in part.get("late", [])))
        holds = tuple(
            Hold(str(owner), seconds(until), tuple(map(int, servers)), str(maintenance), seconds(renewed))
            for owner, until, servers, maintenance, renewed in part.get("holds", [])
        )
        out[bucket] = _budget.shift(Calendar(instants, blocked, runs, claims, batches, doubts, late, holds), moved)
    return out


def dump_calendars(calendars: Calendars, before: float) -> Dict[str, Any]:
    """The calendars as they are stored, without what lies before ``before``."""
    pruned = {bucket: _budget.prune(calendar, before) for bucket, calendar in calendars.items()}
    return {
        bucket: {
            "instants": list(one.instants),
            "blocked_until": one.blocked_until,
            "runs": [[run.key, run.at, run.done, run.failed, run.other, run.counting, run.told] for run in one.runs],
            "batches": [[batch.key, batch.last, batch.gap] for batch in one.batches],
            "claims": [[claim.server_id, claim.owner, claim.until, claim.renewed] for claim in one.claims],
            "doubts": [[doubt.server_id, doubt.until] for doubt in one.doubts],
            "late": list(one.late),
            "holds": [[hold.owner, hold.until, list(hold.servers), hold.maintenance, hold.renewed] for hold in one.holds],
        }
        for bucket, one in pruned.items()
    }

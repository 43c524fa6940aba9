# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a maintenance run as data: the outcome of each server, and totals. Pure. Private to this collection."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from .._text import iso

SCHEMA = 1
# The states of servers that have not ended, in their order.
WAITING, IN_COUNTDOWN = "waiting", "countdown"
# The state of a server after a signal, until its effect is seen.
ACTING = {"restart": "restarting", "stop": "stopping", "start": "starting", "kill": "being killed"}
GOING_ON = (WAITING, IN_COUNTDOWN, *ACTING.values())
OUTCOMES = ("planned", "done", "unconfirmed", "skipped", "deferred", "failed", "cancelled")


def epoch(text: Optional[str]) -> Optional[float]:
    """Return the UTC epoch seconds of an ISO 8601 text, None for None."""
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def step_times(row: Mapping[str, Any], planned: bool) -> List[Tuple[Mapping[str, Any], float]]:
    """Return the steps of a timeline that were sent, with their times in UTC seconds. Of a plan, return the planned ones."""
    known = [
        (step, epoch(step["at"] or (step["planned"] if planned and step["outcome"] == "planned" else None))) for step in row["timeline"]
    ]
    return [(step, at) for step, at in known if at is not None]


def signalled(row: Mapping[str, Any], planned: bool) -> Optional[float]:
    """Return the time of the first signal that was sent or is planned, UTC seconds. None if there is none."""
    wanted = ("sent", "unknown", "planned") if planned else ("sent", "unknown")
    return min((at for step, at in step_times(row, planned) if step["kind"] == "signal" and step["outcome"] in wanted), default=None)


def up_again(row: Mapping[str, Any]) -> Optional[float]:
    """Return the time at which the server was seen up after the signal, UTC seconds. None if it was not."""
    sent = signalled(row, planned=False)
    return None if sent is None or row["downtime"] is None else sent + float(row["downtime"])


def span(servers: Sequence[Mapping[str, Any]], planned: bool) -> Optional[Tuple[float, float]]:
    """Return the first and the last known time of all servers, UTC seconds, or None."""
    points = [at for row in servers for _step, at in step_times(row, planned)]
    points += [up for row in servers for up in [up_again(row)] if up is not None]
    return (min(points), max(points)) if points else None


def is_unconfirmed(row: Mapping[str, Any]) -> bool:
    """Return whether a signal of this run, or possibly of one before, is neither confirmed nor disproved."""
    return "unconfirmed" in (row["outcome"], row["earlier"])


def why(row: Mapping[str, Any], planned: bool) -> str:
    """Return the reason for an outcome, after the note that nobody was warned. Empty if there is neither."""
    note = row["not_warned"] and f"nobody {'would be' if planned else 'was'} warned: {row['not_warned']}"
    # A report says once that a plan sent nothing.
    reason = None if row["outcome"] == "planned" else row["reason"]
    return "; ".join(" ".join(str(part).split()) for part in (note, reason) if part)


def _worst(values: Sequence[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return max(known, key=abs) if known else None


def build(
    rows: Iterable[Mapping[str, Any]], generated: str, check_mode: bool, timezone: str = "UTC", reason: str = "", running: bool = False
) -> Dict[str, Any]:
    """Return the report of ``rows`` (see ``_runs.rows``), sorted by host.

    ``timezone`` is the IANA zone in which the page shows times. Those of the data are always UTC. ``reason`` is that of the whole run. In
    a report of a run that goes on (``running``), the outcome of a server that has not ended is its state.
    """
    servers = sorted(rows, key=lambda one: str(one["host"]))
    sent: List[str] = [step["at"] for one in servers for step in one["timeline"] if step["at"]]
    seen = [iso(up) for up in map(up_again, servers) if up is not None]
    totals = {outcome: sum(one["outcome"] == outcome for one in servers) for outcome in OUTCOMES}
    if running:
        totals.update({state: sum(one["outcome"] == state for one in servers) for state in GOING_ON})
    totals["unconfirmed"] = sum(is_unconfirmed(one) for one in servers)
    return {
        "schema": SCHEMA,
        "generated": generated,
        "timezone": timezone,
        "reason": reason or None,
        "check_mode": check_mode,
        "running": running,
        "totals": {"servers": len(servers), **totals, "not_warned": sum(bool(one["not_warned"]) for one in servers)},
        "worst_notice_error": _worst([one["notice_error"] for one in servers]),
        "longest_downtime": _worst([one["downtime"] for one in servers]),
        "begun": min(sent, default=None),
        "ended": max([*sent, *seen], default=None),
        "servers": servers,
    }

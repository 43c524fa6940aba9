# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a maintenance run as data: what became of each server, and the sums. Pure. Private to this collection.

The schema of ``report.json``: ``schema`` (1), ``generated``, ``check_mode``, ``totals`` (servers by outcome, and ``unconfirmed``),
``worst_notice_error`` and ``longest_downtime`` (seconds or null), ``begun`` and ``ended`` (UTC, ISO 8601, or null), and ``servers``: a
list, each with ``host``, ``server_id``, ``name``, ``outcome``, ``reason``, ``signal``, ``confirmed``, ``evidence``, ``notice_error``,
``downtime`` and ``timeline`` (as the result of serverprism_maintenance has it).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, List, Mapping, Optional, Sequence

SCHEMA = 1
OUTCOMES = ("done", "skipped", "deferred", "failed", "cancelled")
COPIED = ("server_id", "name", "signal", "confirmed", "evidence", "notice_error", "downtime")


def epoch(text: Optional[str]) -> Optional[float]:
    """UTC epoch seconds of an ISO 8601 text of a timeline; None for none."""
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def server(host: str, result: Mapping[str, Any], error: str) -> Dict[str, Any]:
    """One server of the report. An error after the maintenance (a check that failed) makes it a failure all the same."""
    outcome = str(result.get("outcome") or "failed")
    if error and outcome in ("done", "skipped"):
        outcome = "failed"
    out: Dict[str, Any] = {"host": host, **{key: result.get(key) for key in COPIED}}
    out.update(outcome=outcome, reason=error or result.get("reason"), timeline=list(result.get("timeline") or []))
    return out


def is_unconfirmed(row: Mapping[str, Any]) -> bool:
    """Whether a signal went out and nothing proved what came of it."""
    sent = any(entry["kind"] == "signal" and entry["outcome"] in ("sent", "unknown") for entry in row["timeline"])
    return sent and not row["confirmed"]


def _worst(values: Sequence[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return max(known, key=abs) if known else None


def build(rows: Sequence[Mapping[str, Any]], generated: str, check_mode: bool) -> Dict[str, Any]:
    """The report of ``rows``, each with ``host``, ``result`` and ``error``; servers are sorted by host."""
    servers = sorted((server(row["host"], row["result"], row["error"]) for row in rows), key=lambda one: str(one["host"]))
    times: List[str] = [entry["at"] for one in servers for entry in one["timeline"] if entry["at"]]
    totals = {outcome: sum(one["outcome"] == outcome for one in servers) for outcome in OUTCOMES}
    totals["unconfirmed"] = sum(is_unconfirmed(one) for one in servers)
    return {
        "schema": SCHEMA,
        "generated": generated,
        "check_mode": check_mode,
        "totals": {"servers": len(servers), **totals},
        "worst_notice_error": _worst([one["notice_error"] for one in servers]),
        "longest_downtime": _worst([one["downtime"] for one in servers]),
        "begun": min(times, default=None),
        "ended": max(times, default=None),
        "servers": servers,
    }

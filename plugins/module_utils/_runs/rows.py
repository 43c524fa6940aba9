# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of a report, from results and from the events of a run. Pure. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Optional

from .events import DONE, EARLIER, FAILED, RESULT, SIGNAL, UNCONFIRMED, Event, Key, key_of

Row = Dict[str, Any]
# The values of a result that its row has unchanged.
COPIED = (
    "server_id",
    "name",
    "signal",
    "earlier",
    "confirmed",
    "evidence",
    "notice_error",
    "not_warned",
    "downtime",
    "deadline_missed_by",
    "held_back",
)


def server(host: str, result: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the row of one server. An error makes it a failure."""
    error = str(result.get("msg") or "") if result.get("failed") else ""
    outcome = str(result.get("outcome") or "failed")
    if error and outcome in ("done", "planned", "skipped"):
        outcome = "failed"
    out: Dict[str, Any] = {"host": host, **{key: result.get(key) for key in COPIED}}
    out.update(outcome=outcome, reason=error or result.get("reason"), timeline=list(result.get("timeline") or []))
    return out


def rows(events: Iterable[Event]) -> Dict[str, Row]:
    """Return the last row of each host, with the error of a later task as its reason."""
    out: Dict[str, Row] = {}
    for one in events:
        if one["event"] == RESULT:
            out[one["row"]["host"]] = complete(one["row"])
        elif one["event"] == EARLIER:
            out.setdefault(one["row"]["host"], complete(one["row"]))
        elif one["event"] == FAILED:
            out[one["host"]] = with_error(out.get(one["host"]) or server(one["host"], {}), one["error"])
    return out


def row_of_signalled(events: Iterable[Event], server_key: Key) -> Row:
    """Return the signal of a server that may have been sent last, and its timeline. Its outcome is unknown."""
    sent = [one for one in events if one["event"] == SIGNAL and key_of(one) == server_key]
    if not sent:
        return {"signal": None, "timeline": []}
    signal, at = str(sent[-1].get("signal") or "restart"), sent[-1].get("time")
    return {"signal": signal, "timeline": [{"kind": "signal", "text": signal, "planned": at, "at": at, "outcome": "unknown"}]}


def complete(row: Mapping[str, Any]) -> Row:
    """Return a row of a log with every field, since another release may have written it."""
    return {**server(str(row.get("host")), {}), **row}


def with_error(row: Mapping[str, Any], error: str) -> Row:
    """Return the row of a host whose later task failed, such as a verify task."""
    outcome = "failed" if row["outcome"] in ("done", "planned", "skipped") else row["outcome"]
    return {**row, "outcome": outcome, "reason": error}


def failures(events: Iterable[Event]) -> int:
    """Return the number of maintained hosts that count for ``max_failures``.

    A server that an earlier run left unconfirmed is not one of them.
    """
    events = [one for one in events if one["event"] != EARLIER]
    ended = {one["row"]["host"] for one in events if one["event"] == RESULT}
    bad = [host for host, row in rows(events).items() if row["outcome"] in ("failed", "unconfirmed") and row["earlier"] != UNCONFIRMED]
    return len(ended.intersection(bad))


def row_of_maintained(events: Iterable[Event], server_key: Key) -> Optional[Row]:
    """Return the last row of a server that was maintained, or None."""
    found = [one["row"] for one in events if one["event"] == RESULT and key_of(one) == server_key and one["row"]["outcome"] == DONE]
    return dict(found[-1]) if found else None

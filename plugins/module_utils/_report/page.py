# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one page: no outside resource, every text escaped. Pure. Private to this collection."""

from __future__ import annotations

import math
from datetime import tzinfo
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._maintenance.schedule import zone
from .chart import chart
from .data import GOING_ON, signalled, span, why
from .markup import SCRIPT, STYLE, text
from .texts import BAD, attention, clock, outcome_line, seconds, sentence, title, up_to, when, zones

RUN = ("done", "skipped", *BAD, *GOING_ON)
PLAN = ("planned", "skipped", "failed", "cancelled", "deferred")
# The columns: title, comparison and layout.
HEADS = (
    ("server", "text", "words"),
    ("id", "number", "value"),
    ("name", "text", "words"),
    ("outcome", "text", "value"),
    ("signal", "number", "value"),
    ("evidence", "text", "value"),
    ("downtime", "number", "value"),
    ("notice error", "number", "value"),
    ("why", "text", "why"),
)
# The columns whose sort buttons fit on a phone.
PHONE = ("server", "outcome", "downtime")
# The largest number of tiles side by side on a phone.
TILES = 4
NOTICE_ERROR = "Notice error: how much longer (+) or shorter (-) the notice was than players were told."
# Seconds between two views of the page while the run goes on.
REFRESH = 15


def _tiles(report: Mapping[str, Any]) -> str:
    totals, planned = report["totals"], report["check_mode"]
    tiles = [("servers", str(totals["servers"]), False)]
    tiles += [(name, str(totals[name]), name in BAD) for name in (PLAN if planned else RUN) if totals.get(name)]
    worst, longest = report["worst_notice_error"], report["longest_downtime"]
    if worst is not None:
        tiles.append(("worst notice error", seconds(worst, signed=True), worst < 0))
    if longest is not None:
        tiles.append(("longest downtime, at most", seconds(longest), False))
    drawn = "".join(f'<div class="tile{" bad" if bad else ""}"><b>{text(value)}</b>{text(name)}</div>' for name, value, bad in tiles)
    # Rows of about the same length.
    columns = math.ceil(len(tiles) / math.ceil(len(tiles) / TILES))
    return f'<div class="tiles" style="--columns: {columns}">{drawn}</div>'


def _troubles(servers: Sequence[Mapping[str, Any]]) -> str:
    """Return the list of servers that need attention, for the top of the page."""
    lines = [f"<p><b>{text(one['host'])}</b> {text(outcome_line(attention(one), one['reason']))}</p>" for one in servers if attention(one)]
    return f'<div class="bad-list" role="alert">{"".join(lines)}</div>' if lines else ""


def _cells(one: Mapping[str, Any], planned: bool, tz: tzinfo) -> List[Tuple[Any, Optional[float]]]:
    """Return a row of the table in the order of ``HEADS``: the shown value, and for numbers and times the value to sort by."""
    sent = signalled(one, planned)
    signal = one["signal"] if sent is None else f"{one['signal']} {clock(sent, tz)}"
    return [
        (one["host"], None),
        (one["server_id"], one["server_id"]),
        (one["name"], None),
        (one["outcome"], None),
        (signal, sent),
        (one["evidence"] if one["confirmed"] else "none" if sent is not None and not planned else None, None),
        (up_to(one["downtime"]), one["downtime"]),
        (seconds(one["notice_error"], signed=True), one["notice_error"]),
        (why(one, planned), None),
    ]


def _table(servers: Sequence[Mapping[str, Any]], planned: bool, tz: tzinfo) -> str:
    """Return the table, without the columns that would be empty."""
    rows = [(one["outcome"], list(zip(HEADS, _cells(one, planned, tz)))) for one in servers]
    kept = {head for _outcome, cells in rows for head, cell in cells if not _is_missing(head, *cell)}
    titles = [
        f'<th scope="col"{"" if head[0] in PHONE else " class=rare"} data-kind="{head[1]}"><button type="button">{head[0]}</button></th>'
        for head in HEADS
        if head in kept
    ]
    lines = [f"<tr>{''.join(_cell(head, *cell, outcome) for head, cell in cells if head in kept)}</tr>" for outcome, cells in rows]
    note = f'<p class="foot dim">{NOTICE_ERROR}</p>' if any(one["notice_error"] is not None for one in servers) else ""
    return f"<table><thead><tr>{''.join(titles)}</tr></thead><tbody>{''.join(lines)}</tbody></table>{note}"


def _is_missing(head: Tuple[str, str, str], shown: Any, value: Optional[float]) -> bool:
    return value is None if head[1] == "number" else shown in (None, "")


def _cell(head: Tuple[str, str, str], shown: Any, value: Optional[float], outcome: str) -> str:
    name, _kind, look = head
    missing = _is_missing(head, shown, value)
    looks = " ".join([look, *([outcome] if name == "outcome" else []), *(["missing"] if missing else [])])
    raw = "" if value is None else f' data-value="{text(value)}"'
    return f'<td class="{text(looks)}" data-label="{name}"{raw}>{text(shown)}</td>'


def page(report: Mapping[str, Any]) -> str:
    """Return the page as HTML."""
    servers: Sequence[Dict[str, Any]] = report["servers"]
    planned = bool(report["check_mode"])
    tz, known = zone(report["timezone"]), span(servers, planned)
    names, drawing = zones(known, tz), chart(servers, planned, tz)
    zone_names = f' <span class="dim">({text(names)})</span>' if names else ""
    refresh = f'<meta http-equiv="refresh" content="{REFRESH}">' if report["running"] else ""
    reason = f'<div class="dim words">Reason: {text(report["reason"])}</div>' if report["reason"] else ""
    timeline = f'<h2>Timeline{zone_names}</h2><div class="card">{drawing}</div>'
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title(report)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>{STYLE}</style></head><body>
<h1>{title(report)}</h1><div class="dim">{text(when(report, known, tz))}</div>{reason}
<p class="sentence">{text(sentence(servers, planned))}</p>
{_tiles(report)}
{_troubles(servers)}
{timeline if drawing else ""}
<h2>Servers{zone_names}</h2><div class="card">{_table(servers, planned, tz)}</div>
<script>{SCRIPT}</script></body></html>
"""

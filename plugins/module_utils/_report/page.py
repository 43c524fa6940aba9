# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one page: no outside resource, every text escaped. Pure. Private to this collection."""

from __future__ import annotations

import math
from datetime import tzinfo
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._maintenance.schedule import zone
from .chart import chart, span
from .data import BAD, epoch, is_unconfirmed, signalled, trouble, why
from .markup import SCRIPT, STYLE, abbreviation, clock, outcome_line, seconds, text, up_to

RUN = ("done", "skipped", *BAD)
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
# The word for each signal that was carried out.
DID = {"restart": "restarted", "stop": "stopped", "start": "started", "kill": "killed"}
# The word for a server that was skipped because it was off, and the order of the words in the first sentence.
OFF = "off"
ORDER = (*DID.values(), "done", "planned", *BAD, OFF, "skipped")


def sentence(servers: Sequence[Mapping[str, Any]], planned: bool) -> str:
    """Return the outcomes of the servers, and how many had no warning, and how many need attention."""
    counts: Dict[str, int] = {}
    for one in servers:
        is_done = one["outcome"] in ("done", "planned")
        word = DID.get(one["signal"], "done") if is_done else "unconfirmed" if is_unconfirmed(one) else one["outcome"]
        if word == "skipped" and one.get("reason") == "offline":
            word = OFF
        counts[word] = counts.get(word, 0) + 1
    troubles = sum(bool(trouble(one)) for one in servers)
    attention = {0: "Nothing needs attention.", 1: "1 server needs attention."}.get(troubles, f"{troubles} servers need attention.")
    verbs = {**dict.fromkeys(DID.values(), "would be " if planned else ""), OFF: "was " if counts.get(OFF) == 1 else "were "}
    parts = [f"{counts[word]} {verbs.get(word, '')}{word}" for word in sorted(counts, key=ORDER.index)]
    silent = sum(bool(one["not_warned"]) for one in servers)
    where = "1 server" if silent == 1 else f"{silent} servers"
    warned = f" On {where}, nobody {'would be' if planned else 'was'} warned." if silent else ""
    return f"{', '.join(parts) or 'No servers'}.{warned} {attention}"


def _tiles(report: Mapping[str, Any]) -> str:
    totals, planned = report["totals"], report["check_mode"]
    tiles = [("servers", str(totals["servers"]), False)]
    tiles += [(name, str(totals[name]), name in BAD) for name in (PLAN if planned else RUN) if totals[name]]
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
    lines = [f"<p><b>{text(one['host'])}</b> {text(outcome_line(trouble(one), one['reason']))}</p>" for one in servers if trouble(one)]
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


def time_range(first: float, last: float, tz: tzinfo) -> str:
    """Return ``2026-05-04 03:00:00 to 03:20:12 CEST``. The second day is named if it is another, and so is the first zone."""
    begin, end = (clock(at, tz, "%Y-%m-%d %H:%M:%S") for at in (first, last))
    before, after = abbreviation(first, tz), abbreviation(last, tz)
    return f"{begin}{'' if before == after else f' {before}'} to {end[11:] if end[:10] == begin[:10] else end} {after}"


def _zones(known: Optional[Tuple[float, float]], tz: tzinfo) -> str:
    """Return the abbreviations of the zone during the run, as a part of a heading."""
    names = dict.fromkeys(abbreviation(at, tz) for at in known or ())
    return f' <span class="dim">({text(", then ".join(names))})</span>' if names else ""


def _when(report: Mapping[str, Any], known: Optional[Tuple[float, float]], tz: tzinfo) -> str:
    if known is None:
        made = epoch(report["generated"]) or 0.0
        nothing = f"nothing {'is planned' if report['check_mode'] else 'was sent'}"
        return f"{clock(made, tz, '%Y-%m-%d %H:%M:%S')} {abbreviation(made, tz)}, {nothing}"
    return f"{'Nothing was sent. Planned for ' if report['check_mode'] else ''}{time_range(*known, tz)}"


def page(report: Mapping[str, Any]) -> str:
    """Return the page as HTML."""
    servers: Sequence[Dict[str, Any]] = report["servers"]
    planned = bool(report["check_mode"])
    title = "Maintenance plan" if planned else "Maintenance report"
    tz, known = zone(report["timezone"]), span(servers, planned)
    zones, drawing = _zones(known, tz), chart(servers, planned, tz)
    reason = f'<div class="dim words">Reason: {text(report["reason"])}</div>' if report["reason"] else ""
    timeline = f'<h2>Timeline{zones}</h2><div class="card">{drawing}</div>'
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>{STYLE}</style></head><body>
<h1>{title}</h1><div class="dim">{text(_when(report, known, tz))}</div>{reason}
<p class="sentence">{text(sentence(servers, planned))}</p>
{_tiles(report)}
{_troubles(servers)}
{timeline if drawing else ""}
<h2>Servers{zones}</h2><div class="card">{_table(servers, planned, tz)}</div>
<script>{SCRIPT}</script></body></html>
"""

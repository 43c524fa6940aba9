# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one page: no outside resource, every text escaped. Pure. Private to this collection."""

from __future__ import annotations

import math
from html import escape
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._clock import iso
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import printable
from ansible_collections.serverprism.cloud.plugins.module_utils._report import epoch, is_unconfirmed

# The picture, in units of its view box.
WIDTH, LABEL, ROW, TOP = 1000, 190, 26, 30
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

STYLE = """
:root { color-scheme: light dark; --back: #fbfbfc; --card: #fff; --text: #1d2330; --dim: #667085; --line: #e3e6ec;
  --wait: #8fb4e8; --down: #e2844a; --up: #4ea56b; --mark: #23498c; --bad: #c4302b; --soft: #f7e3e1; }
@media (prefers-color-scheme: dark) { :root { --back: #14171d; --card: #1c2028; --text: #e6e8ee; --dim: #98a2b3; --line: #303642;
  --wait: #3f659c; --down: #c4692f; --up: #3c8656; --mark: #cfe0ff; --bad: #ff7a70; --soft: #3a2423; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1100px; padding: 24px 16px 60px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 16px; margin: 32px 0 10px; }
.dim { color: var(--dim); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(104px, 1fr)); gap: 10px; margin: 20px 0 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tile { padding: 10px 12px; line-height: 1.3; }
.tile b { display: block; font-size: 22px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile.bad b { color: var(--bad); }
.bad-list { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; margin: 20px 0 0; padding: 10px 14px; }
.bad-list p { margin: 4px 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 640px; height: auto; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; } svg .axis { fill: var(--dim); font-size: 11px; }
svg .grid { stroke: var(--line); } svg .wait { fill: var(--wait); } svg .down { fill: var(--down); } svg .up { fill: var(--up); }
svg .mark { fill: var(--mark); } svg .cross { stroke: var(--bad); stroke-width: 2; }
.legend span { display: inline-block; margin-right: 16px; } .legend i { display: inline-block; width: 12px; height: 12px;
  border-radius: 3px; margin-right: 5px; vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 180px; }
th button { all: unset; cursor: pointer; font-weight: 600; } th button:focus-visible { outline: 2px solid var(--wait); }
.failed, .cancelled, .deferred { color: var(--bad); font-weight: 600; }
"""

SCRIPT = """
document.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
  const index = button.parentElement.cellIndex, body = document.querySelector("tbody");
  const down = button.dataset.order === "up";
  document.querySelectorAll("th button").forEach((other) => {
    delete other.dataset.order;
    other.parentElement.removeAttribute("aria-sort");
  });
  button.dataset.order = down ? "down" : "up";
  button.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => row.cells[index].dataset.value ?? row.cells[index].textContent;
  [...body.rows].sort((a, b) => (down ? -1 : 1) * String(value(a)).localeCompare(String(value(b)), undefined, {numeric: true}))
    .forEach((row) => body.append(row));
}));
"""


def text(value: Any) -> str:
    """Any text as HTML: escaped, without control characters and changes of the writing direction."""
    return escape(printable("" if value is None else str(value)))


def seconds(value: Optional[float], signed: bool = False) -> str:
    """``4.2 s``, ``+0.25 s``; a dash for nothing."""
    if value is None:
        return "\u2013"
    return f"{value:+.2f} s" if signed else f"{value:.1f} s"


def _span(servers: Sequence[Mapping[str, Any]]) -> Optional[Tuple[float, float]]:
    """From the first to the last instant of all timelines."""
    points: List[float] = []
    for one in servers:
        for entry in one["timeline"]:
            at = epoch(entry["at"] or (entry["planned"] if entry["outcome"] == "planned" else None))
            if at is not None:
                points += [at, at + (one["downtime"] or 0.0 if entry["kind"] == "signal" else 0.0)]
    return (min(points), max(points)) if points else None


class _Scale:
    """Instants to the picture's horizontal units."""

    def __init__(self, span: Tuple[float, float]) -> None:
        self.first, last = span
        self.length = max(1.0, (last - self.first) * 1.02)

    def x(self, at: float) -> float:
        return round(LABEL + (at - self.first) / self.length * (WIDTH - LABEL - 10), 2)

    def ticks(self) -> List[float]:
        step = next((one for one in STEPS if self.length / one <= 9), STEPS[-1])
        first = math.ceil(self.first / step) * step
        return [first + index * step for index in range(int(self.length / step) + 1) if first + index * step <= self.first + self.length]


def _bar(kind: str, scale: _Scale, begin: float, end: float, y: int, title: str) -> str:
    width = max(1.5, round(scale.x(end) - scale.x(begin), 2))
    return f'<rect class="{kind}" x="{scale.x(begin)}" y="{y}" width="{width}" height="14" rx="2"><title>{text(title)}</title></rect>'


def _server_row(one: Mapping[str, Any], scale: _Scale, y: int) -> str:
    """Countdown, downtime and what follows as bars, announcements and commands as marks, a cross where it was called off."""
    label = str(one["host"])
    out = [f'<text x="0" y="{y + 12}">{text(label if len(label) <= 28 else label[:27] + chr(8230))}</text>']
    shown = [(entry, epoch(entry["at"] or entry["planned"])) for entry in one["timeline"] if entry["outcome"] != "dropped"]
    points = [(entry, at) for entry, at in shown if at is not None]
    if not points:
        return "".join([*out, f'<text class="axis" x="{LABEL}" y="{y + 12}">{text(one["outcome"])}: {text(one["reason"])}</text>'])
    signal = next((at for entry, at in points if entry["kind"] == "signal"), None)
    out.append(_bar("wait", scale, points[0][1], signal if signal is not None else points[-1][1], y, "countdown"))
    if signal is not None:
        down = one["downtime"]
        end = scale.first + scale.length if down is None else signal + down
        out.append(_bar("down", scale, signal, end, y, f"down for at most {seconds(down)}" if down is not None else "down"))
        if down is not None:
            out.append(_bar("up", scale, end, scale.first + scale.length, y, "up"))
    for entry, at in points:
        title = f"{entry['kind']}, {entry['outcome']}: {entry['text']}"
        if entry["kind"] == "cancel":
            x = scale.x(at)
            out.append(f'<path class="cross" d="M{x - 5} {y + 2}l10 10m0 -10l-10 10"><title>{text(title)}</title></path>')
        elif entry["kind"] != "signal":
            out.append(f'<circle class="mark" cx="{scale.x(at)}" cy="{y + 7}" r="3.5"><title>{text(title)}</title></circle>')
    return "".join(out)


def picture(servers: Sequence[Mapping[str, Any]]) -> str:
    """One row for each server, as SVG; empty where nothing was sent or planned."""
    span = _span(servers)
    if span is None:
        return ""
    scale, height = _Scale(span), TOP + ROW * len(servers)
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline of {len(servers)} servers">']
    for at in scale.ticks():
        out.append(f'<line class="grid" x1="{scale.x(at)}" x2="{scale.x(at)}" y1="20" y2="{height}"/>')
        if scale.x(at) < WIDTH - 60:
            out.append(f'<text class="axis" x="{scale.x(at) + 3}" y="14">{iso(at)[11:19]}</text>')
    out += [_server_row(one, scale, TOP + ROW * index) for index, one in enumerate(servers)]
    return "".join([*out, "</svg>"])


def _tiles(report: Mapping[str, Any]) -> str:
    totals = report["totals"]
    tiles = [("servers", str(totals["servers"]), False)]
    tiles += [(name, str(totals[name]), name in ("failed", "cancelled", "deferred", "unconfirmed") and totals[name] > 0) for name in _SHOWN]
    worst = report["worst_notice_error"]
    tiles.append(("worst notice error", seconds(worst, signed=True), worst is not None and worst < 0))
    tiles.append(("longest downtime", seconds(report["longest_downtime"]), False))
    return "".join(f'<div class="tile{" bad" if bad else ""}"><b>{text(value)}</b>{text(name)}</div>' for name, value, bad in tiles)


_SHOWN = ("done", "skipped", "failed", "cancelled", "deferred", "unconfirmed")


def _troubles(servers: Sequence[Mapping[str, Any]]) -> str:
    """Whatever somebody has to look at, on top."""
    lines = []
    for one in servers:
        words = [one["outcome"]] if one["outcome"] in ("failed", "cancelled", "deferred") else []
        if is_unconfirmed(one):
            words.append("unconfirmed")
        if words:
            lines.append(f"<p><b>{text(one['host'])}</b> {text(', '.join(words))}: {text(one['reason'])}</p>")
    return f'<div class="bad-list" role="alert">{"".join(lines)}</div>' if lines else ""


def _table(servers: Sequence[Mapping[str, Any]]) -> str:
    heads = ("server", "id", "name", "outcome", "signal", "proof", "downtime", "notice error", "why")
    head = "".join(f'<th scope="col"><button type="button">{name}</button></th>' for name in heads)
    rows = []
    for one in servers:
        proof = one["evidence"] if one["confirmed"] else "none" if is_unconfirmed(one) else ""
        cells: List[Tuple[Any, Any, str]] = [
            (one["host"], None, ""),
            (one["server_id"], None, ""),
            (one["name"], None, ""),
            (one["outcome"], None, one["outcome"]),
            (one["signal"], None, ""),
            (proof, None, ""),
            (seconds(one["downtime"]), one["downtime"], ""),
            (seconds(one["notice_error"], signed=True), one["notice_error"], ""),
            (one["reason"], None, ""),
        ]
        rows.append("".join(_cell(*cell) for cell in cells))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def _cell(shown: Any, value: Any, kind: str) -> str:
    extra = f' data-value="{text(value)}"' if value is not None else ""
    return f"<td{extra}{f' class={chr(34)}{text(kind)}{chr(34)}' if kind else ''}>{text(shown)}</td>"


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    servers: Sequence[Dict[str, Any]] = report["servers"]
    begun, ended = (report[key] for key in ("begun", "ended"))
    when = f"{begun[:19]}Z to {ended[11:19]}Z" if begun else f"{report['generated'][:19]}Z, nothing was sent"
    kind = "Maintenance plan" if report["check_mode"] else "Maintenance"
    drawing = picture(servers)
    legend = "".join(
        f'<span><i style="background: var(--{color})"></i>{name}</span>'
        for color, name in (("wait", "countdown"), ("down", "down, at most"), ("up", "up"), ("mark", "announcement or command"))
    )
    title = '<h2>Timeline <span class="dim">(UTC)</span></h2>'
    timeline = f'{title}<div class="card"><div class="scroll">{drawing}</div><p class="legend">{legend}</p></div>'
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{kind} report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>{STYLE}</style></head><body>
<h1>{kind} report</h1><div class="dim">{text(when)}</div>
<div class="tiles">{_tiles(report)}</div>
{_troubles(servers)}
{timeline if drawing else ""}
<h2>Servers</h2><div class="card scroll">{_table(servers)}</div>
<script>{SCRIPT}</script></body></html>
"""

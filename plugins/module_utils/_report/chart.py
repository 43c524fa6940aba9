# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chart of a report: the timeline of each server. Widths are per cent, heights pixels. Pure. Private to this collection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from typing import Any, List, Mapping, Optional, Sequence, Set, Tuple

from .data import signalled, span, step_times, up_again
from .markup import text
from .texts import clock, outcome_line, seconds

DAY = 86400
# The offset of every zone is a multiple of a quarter of an hour.
QUARTER = 900
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, DAY)
# The number of marks of the axis that fit on a wide page, and on a phone.
WIDE, NARROW = 9, 4
# From this position on, in per cent, a label no longer fits between its line and the right edge.
EDGE = {"coarse": 84.0, "fine": 93.0}
# Drawn as a path, since the size of a glyph depends on the font.
CROSS = '<svg viewBox="-6 -6 12 12" width="12" height="12" aria-hidden="true"><path d="M-5 -5l10 10m0 -10l-10 10"/></svg>'
LEGEND = {
    "wait": "countdown",
    "signal": "restart or stop",
    "down": "down, at most",
    "up": "up",
    "unknown": "not known",
    "mark": "announcement or command",
    "missed": "refused line",
    "cross": "cancelled",
}


@dataclass(frozen=True)
class Period:
    """A period of one server, UTC seconds. ``end`` is None if it was not observed."""

    kind: str
    begin: float
    end: Optional[float]
    title: str


def periods(row: Mapping[str, Any], planned: bool, last: float, tz: tzinfo = timezone.utc) -> List[Period]:
    """Return the known periods of a server. An unknown state is a kind of its own and not "down". A plan ends with its signal."""
    points = [at for _step, at in step_times(row, planned)]
    if not points:
        return []
    signal = signalled(row, planned)
    out = [Period("wait", min(points), max(points) if signal is None else signal, "countdown")]
    if signal is None or planned:
        return [one for one in out if one.end is None or one.end > one.begin]
    up = up_again(row)
    if up is not None:
        out.append(Period("down", signal, up, f"down for at most {seconds(row['downtime'])}"))
        out.append(Period("up", up, last, f"seen up at {clock(up, tz)}"))
    elif row["confirmed"] and row["signal"] in ("stop", "kill"):
        out.append(Period("down", signal, last, "stopped, as requested"))
    else:
        out.append(Period("unknown", signal, None, "not known: nothing confirms or disproves the signal"))
    # The last observation of the run has no length, but must be shown.
    return [one for one in out if one.kind == "up" or one.end is None or one.end > one.begin]


def step_of(length: float, most: int, multiple: int = 1) -> int:
    """Return the smallest step, in seconds, for ``most`` marks on an axis of ``length`` seconds: a multiple of ``multiple``."""
    fitting = (one for one in sorted((*STEPS, 2 * multiple)) if one % multiple == 0 and length / one <= most)
    days = max(DAY, multiple)
    return next(fitting, days * math.ceil(length / most / days))


class Scale:
    """A scale that converts times to per cent of the width, and shows them on the clock of a zone."""

    def __init__(self, first: float, last: float, tz: tzinfo) -> None:
        self.tz = tz
        # Some room for the last observation.
        self.first, self.last, self.length = first, last, max(1.0, (last - first) * 1.03)

    def x(self, at: float) -> float:
        """Return the position of a time, in per cent from the left edge."""
        return round((at - self.first) / self.length * 100, 2)

    def is_multiple(self, at: float, step: int) -> bool:
        """Return whether the local time is a multiple of a step: of an hour, of a day."""
        offset = datetime.fromtimestamp(at, self.tz).utcoffset()
        return (at + (offset.total_seconds() if offset else 0)) % step == 0

    def multiples(self, step: int) -> List[float]:
        """Return the times on the axis whose local time is a multiple of a step, also where the clocks change on the way."""
        unit = math.gcd(step, QUARTER)
        units = range(math.ceil(self.first / unit), math.floor((self.first + self.length) / unit) + 1)
        return [index * unit for index in units if self.is_multiple(index * unit, step)]


def _axis(scale: Scale) -> str:
    """Return the axis: times, lines through all rows below them, and above them the first day and each day that begins during the run."""
    fine = step_of(scale.length, WIDE)
    coarse = step_of(scale.length, NARROW, fine)
    lines, labels, form = [], [], "%H:%M" if fine >= 60 else "%H:%M:%S"
    for at in scale.multiples(fine):
        x, kind = scale.x(at), "coarse" if scale.is_multiple(at, coarse) else "fine"
        lines.append(f'<line class="{"midnight" if scale.is_multiple(at, DAY) else kind}" x1="{x}%" x2="{x}%" y1="0" y2="100%"/>')
        if x < EDGE["fine"]:
            kind = "fine" if x > EDGE["coarse"] else kind
            labels.append(f'<span class="tick {kind}" style="left:{x}%">{clock(at, scale.tz, form)}</span>')
    return (
        f'<svg class="lines" aria-hidden="true">{"".join(lines)}</svg>'
        f'<div class="row axis"><div class="label"></div><div class="track">{"".join([*_days(scale, fine, coarse), *labels])}</div></div>'
    )


def _days(scale: Scale, fine: int, coarse: int) -> List[str]:
    wide, narrow = max(DAY, fine), max(DAY, coarse)
    days = [(at, scale.x(at)) for at in scale.multiples(wide)]
    # If midnight comes soon, the first day has no room here. The head of the page names it.
    out = [] if days and days[0][1] < 20 else [f'<span class="day" style="left:0">{clock(scale.first, scale.tz, "%Y-%m-%d")}</span>']
    for at, x in days:
        day = clock(at, scale.tz, "%Y-%m-%d")
        if x > EDGE["coarse"]:
            out.append(f'<span class="day before" style="left:{x}%">until {clock(at - 1, scale.tz, "%m-%d")}, then {day}</span>')
        else:
            out.append(f'<span class="day{"" if scale.is_multiple(at, narrow) else " fine"}" style="left:{x}%">{day}</span>')
    return out


def _bar(one: Period, scale: Scale) -> str:
    x, title = scale.x(one.begin), f"<title>{text(one.title)}</title>"
    if one.kind == "unknown":
        return f'<line class="unknown" x1="{x}%" x2="100%" y1="10" y2="10">{title}</line>'
    width = max(0.6, round(scale.x(one.begin if one.end is None else one.end) - x, 2))
    return f'<rect class="{one.kind}" x="{x}%" y="3" width="{width}%" height="14" rx="2">{title}</rect>'


def _mark(step: Mapping[str, Any], x: float) -> Tuple[str, str]:
    """Return the kind in the legend, and the SVG, of one step of a timeline."""
    title = f"<title>{text(step['kind'])}, {text(step['outcome'])}: {text(step['text'])}</title>"
    if step["outcome"] == "failed":
        return "missed", f'<circle class="missed" cx="{x}%" cy="10" r="3.5">{title}</circle>'
    if step["kind"] == "cancel":
        return "cross", f'<svg x="{x}%" y="10" overflow="visible"><path class="cross" d="M-5 -5l10 10m0 -10l-10 10">{title}</path></svg>'
    if step["kind"] == "signal":
        return "signal", f'<rect class="signal" x="{x}%" y="0" width="3" height="20" rx="1">{title}</rect>'
    return "mark", f'<circle class="mark" cx="{x}%" cy="10" r="3.5">{title}</circle>'


def _row(row: Mapping[str, Any], planned: bool, scale: Scale, kinds: Set[str]) -> str:
    """Return the row of one server, and add its kinds to those of the legend."""
    parts = []
    for one in periods(row, planned, scale.last, scale.tz):
        kinds.add(one.kind)
        parts.append(_bar(one, scale))
    for step, at in step_times(row, planned):
        kind, drawn = _mark(step, scale.x(at))
        kinds.add(kind)
        parts.append(drawn)
    note = text(outcome_line(row["outcome"], row["reason"]))
    track = f'<svg class="bars">{"".join(parts)}</svg>' if parts else f'<div class="note"><span>{note}</span></div>'
    label = f'<div class="label {text(row["outcome"])}">{text(row["host"])}</div>'
    return f'<div class="row">{label}<div class="track">{track}</div></div>'


def chart(servers: Sequence[Mapping[str, Any]], planned: bool, tz: tzinfo = timezone.utc) -> str:
    """Return one row for each server, and the legend. Empty if nothing was sent or planned."""
    known = span(servers, planned)
    if known is None:
        return ""
    scale = Scale(*known, tz)
    kinds: Set[str] = set()
    rows = "".join(_row(row, planned, scale, kinds) for row in servers)
    legend = "".join(
        f'<span><i class="key-{kind}">{CROSS if kind == "cross" else ""}</i>{meaning}</span>'
        for kind, meaning in LEGEND.items()
        if kind in kinds
    )
    label = f"Timeline of {len(servers)} servers"
    return f'<div class="chart" role="img" aria-label="{label}">{_axis(scale)}{rows}</div><div class="legend">{legend}</div>'

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as Markdown, as GitHub and GitLab show it. Pure. Private to this collection."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, List, Mapping, Sequence

from .._maintenance.schedule import zone
from .._text import printable
from .data import signalled, span, why
from .texts import attention, clock, sentence, title, up_to, when, zones

# An invisible comment. A file that begins with it is a report.
MARK = "<!-- serverprism.cloud.maintenance -->"
HEADS = ("server", "name", "outcome", "signal", "downtime", "why")


def code(value: Any) -> str:
    """Return a text as a code span for the cell of a table. Nothing in it becomes markup, a link, a mention or an emoji.

    A code span ends at a backtick, so another accent replaces it. A table splits its cells at a pipe without a backslash. GitHub
    and GitLab show a pipe after two backslashes differently, so a space separates them.
    """
    said = printable(" ".join(str("" if value is None else value).split()))
    said = said.replace("`", "\u02cb").replace("\\|", "\\ |").replace("|", "\\|")
    return f"`{said}`" if said else ""


def _cells(one: Mapping[str, Any], planned: bool, tz: tzinfo) -> List[str]:
    """Return the row of a server in the order of ``HEADS``."""
    sent = signalled(one, planned)
    return [
        code(one["host"]),
        code(one["name"]),
        f"**{attention(one)}**" if attention(one) else one["outcome"],
        code(one["signal"]) + ("" if sent is None else f" {clock(sent, tz)}"),
        "" if one["downtime"] is None else up_to(one["downtime"]),
        code(why(one, planned)),
    ]


def _table(servers: Sequence[Mapping[str, Any]], planned: bool, tz: tzinfo, names: str) -> str:
    """Return the table: servers that need attention first, and no column that would be empty."""
    rows = [_cells(one, planned, tz) for one in sorted(servers, key=lambda one: not attention(one))]
    heads = [f"{head} ({names})" if head == "signal" and names else head for head in HEADS]
    columns = [[head, "---", *cells] for head, *cells in zip(heads, *rows) if any(cells)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in zip(*columns))


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown. Times are those of the report's zone."""
    servers, planned = report["servers"], bool(report["check_mode"])
    tz, known = zone(report["timezone"]), span(servers, planned)
    table = _table(servers, planned, tz, zones(known, tz))
    reason = f"Reason: {code(report['reason'])}" if report["reason"] else ""
    blocks = [MARK, f"## {title(report)}", when(report, known, tz), reason, sentence(servers, planned), table]
    return "\n\n".join(filter(None, blocks)) + "\n"

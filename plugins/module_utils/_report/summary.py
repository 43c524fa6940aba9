# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a run as lines for a terminal. Pure. Private to this collection."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

from .data import why
from .table import table

_FORM = "%-11s  %-8s  %13s  %12s  %s"
_NOTHING_SENT = "Check mode: nothing was sent."
_EVIDENCE = {"state": "its states", "counters": "its counters"}


def summary(servers: Sequence[Mapping[str, Any]]) -> List[str]:
    """Return the servers of a report (see ``_report.data.server``) as lines."""
    rows = [["server", _FORM % ("outcome", "signal", "downtime", "notice error", "why")]]
    rows += [[one["host"], _row(one)] for one in servers]
    planned = any(one["outcome"] == "planned" for one in servers)
    return [*table(rows), *([_NOTHING_SENT] if planned else [])]


def _row(server: Mapping[str, Any]) -> str:
    downtime = "" if server["downtime"] is None else f"up to {server['downtime']:.1f} s"
    notice = "" if server["notice_error"] is None else f"{server['notice_error']:+.2f} s"
    evidence = f"confirmed by {_EVIDENCE[server['evidence']]}" if server["confirmed"] and server["evidence"] in _EVIDENCE else ""
    said = why(server, server["outcome"] == "planned")
    parts = [said] if server["reason"] else [evidence, said]
    return _FORM % (server["outcome"], server["signal"] or "", downtime, notice, "; ".join(filter(None, parts)))

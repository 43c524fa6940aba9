# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a run as lines for a terminal. Pure. Private to this collection."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

from .table import table

_FORM = "%-11s  %-8s  %13s  %9s  %s"
_EVIDENCE = {"state": "its states", "counters": "its counters"}


def summary(servers: Sequence[Mapping[str, Any]]) -> List[str]:
    """Return the servers of a report (see ``_report.server``) as lines."""
    rows = [["server", _FORM % ("outcome", "signal", "downtime", "notice", "why")]]
    rows += [[one["host"], _row(one)] for one in servers]
    return table(rows)


def _row(server: Mapping[str, Any]) -> str:
    downtime = "" if server["downtime"] is None else f"up to {server['downtime']:.1f} s"
    notice = "" if server["notice_error"] is None else f"{server['notice_error']:+.2f} s"
    evidence = f"confirmed by {_EVIDENCE[server['evidence']]}" if server["confirmed"] and server["evidence"] in _EVIDENCE else ""
    why = " ".join(str(server["reason"] or evidence).split())
    return _FORM % (server["outcome"], server["signal"] or "", downtime, notice, why)

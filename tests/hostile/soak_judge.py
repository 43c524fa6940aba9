# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that hold at the end of a soak, checked by comparing the logs of its processes with the simulator's log."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

UP = ("starting", "running")
# In addition to the growth of half that caches and requests in flight may cause.
MARGINS = {"memory": 12.0, "files": 12.0, "threads": 8.0, "children": 0.5}
# The share of requests that a busy machine sends too late for their slots.
JITTER = 0.002


@dataclass
class Notes:
    """The logs of the processes, the faults that the soak caused, and the log of the simulator."""

    rows: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    console: list[dict[str, Any]]
    states: list[dict[str, Any]]
    crashes: list[tuple[float, int]]
    window: float
    cache: float
    # Customers whose quota another client spends as well.
    shared: set[str]
    # The last operation of each server after the soak, and the state after it.
    final: list[dict[str, Any]] = field(default_factory=list)
    at_last: dict[int, str] = field(default_factory=dict)

    @property
    def ended(self) -> list[dict[str, Any]]:
        """Return the operations that have a result."""
        begun = {row["mark"]: row["time"] for row in self.rows if row.get("begun")}
        return [{**row, "since": begun[row["mark"]]} for row in self.rows if "result" in row]

    def history(self, server: int) -> list[dict[str, Any]]:
        """Return the states of a server, in order."""
        return [row for row in self.states if row["server"] == server]

    def were(self, server: int, since: float, until: float) -> list[str]:
        """Return the states that a server was in at any time between ``since`` and ``until``."""
        rows = self.history(server)
        before = [row["state"] for row in rows if row["time"] <= since][-1:]
        return before + [row["state"] for row in rows if since < row["time"] <= until]


def broken(notes: Notes) -> dict[str, list[str]]:
    """Return the broken rules by the mark of the operation."""
    out: dict[str, list[str]] = defaultdict(list)
    said = Counter(row["line"] for row in notes.console)
    for row in notes.ended:
        result = row["result"]
        for text in [*_truth_of_power(row, result, notes), *_truth_of_commands(row, result, said)]:
            out[row["mark"]].append(f"{row['verb']} of server {row['server']}: {text}: {result}")
        if "exception" in result or "Traceback" in str(result):
            out[row["mark"]].append(f"{row['verb']}: an exception: {result}")
    for row in notes.rows:
        if row.get("begun") and row["verb"] == "command" and said[f"say {row['mark']}"] > 1:
            out[row["mark"]].append("a command was sent twice")
    return out


def _truth_of_commands(row: dict[str, Any], result: dict[str, Any], said: Counter[str]) -> list[str]:
    if row["verb"] != "command":
        return []
    count = said[f"say {row['mark']}"]
    if result.get("sent") and count != 1:
        return [f"it says sent, and it was, {count} times"]
    return ["it says that nothing was sent, and it was"] if not result.get("changed") and count else []


def _truth_of_power(row: dict[str, Any], result: dict[str, Any], notes: Notes) -> list[str]:
    if row["verb"] not in ("start", "stop", "restart", "maintenance"):
        return []
    out = []
    # A status may be older than the operation.
    were = notes.were(row["server"], row["since"] - notes.cache, row["time"])
    if result.get("after") is not None and result["after"] not in were:
        out.append(f"it says {result['after']}, and was {were}")
    confirmed = result.get("confirmed") and result.get("signal") == "restart"
    if confirmed and "starting" not in notes.were(row["server"], row["since"], row["time"])[1:]:
        out.append("it says that it was restarted, and was not")
    return out


def ends(notes: Notes) -> tuple[int, list[str]]:
    """Return the number of servers whose last operation had a certain result, and those that did not end in it, as texts."""
    last: dict[int, dict[str, Any]] = {}
    for row in sorted(notes.rows, key=lambda row: row["time"]):
        if row.get("verb") in ("start", "stop", "restart", "maintenance"):
            last[row["server"]] = row
    known, out = 0, []
    for server, row in last.items():
        result = row.get("result", {})
        if not result or result.get("failed") or result.get("after") not in ("offline", *UP):
            continue
        if any(hit == server and at > row["time"] - 5 - notes.cache for at, hit in notes.crashes):
            continue
        known += 1
        state = notes.history(server)[-1]["state"]
        if (state in UP) != (result["after"] in UP):
            out.append(f"server {server} ended {state}, and {row['verb']} said {result['after']}")
    for row in notes.final:
        state = notes.at_last[row["server"]]
        if row["result"].get("failed") or (state == "offline") != (row["verb"] == "stop"):
            out.append(f"server {row['server']} was at last to {row['verb']}, and is {state}: {row['result']}")
    return known + len(notes.final), out


def refusals(notes: Notes, customers: dict[str, str]) -> tuple[Counter[str], list[str]]:
    """Count the 429 answers by cause; ``customers`` are keyed by the name of their token. Return those without a cause as texts."""
    spent = [row for row in notes.requests if row["token"].startswith("foreign")]
    why: Counter[str] = Counter()
    for row in notes.requests:
        if row.get("status") != 429 or row["token"].startswith("foreign"):
            continue
        customer, method = customers.get(row["token"], ""), row["method"]
        others = [
            one
            for one in spent
            if one["token"] == f"foreign-{customer}" and one["method"] == method and -0.5 < row["time"] - one["time"] < 2 * notes.window
        ]
        why["another client" if others else "jitter"] += 1
    allowed = max(2, int(JITTER * len(notes.requests)))
    return why, [f"{why['jitter']} answers 429 that nobody else has caused, of {len(notes.requests)}"] if why["jitter"] > allowed else []


def growth(rows: list[dict[str, Any]]) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the early and late medians of the long-lived process, and the figures that grew beyond their margins."""
    looks = [row["sizes"] for row in rows if "sizes" in row]
    # The first sample is from before the imports, the last ones from when the lanes end.
    looks = looks[len(looks) // 6 : max(1, len(looks) - 4)]
    third = max(1, len(looks) // 3)
    out: dict[str, tuple[float, float]] = {}
    for name in MARGINS:
        early, late = (statistics.median(look[name] for look in part) for part in (looks[:third], looks[-third:]))
        out[name] = (early, late)
    grown = [
        f"{name} grew from {early:.1f} to {late:.1f}"
        for name, (early, late) in out.items()
        if late > early * (1.15 if name == "memory" else 1.5) + MARGINS[name]
    ]
    return out, grown

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The texts that all formats of a report share: figures, times, the first sentence. Pure. Private to this collection."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .data import GOING_ON, IN_COUNTDOWN, epoch, is_unconfirmed

# The outcomes that need attention.
BAD = ("failed", "cancelled", "deferred", "unconfirmed")
# The word for each signal that was carried out.
DID = {"restart": "restarted", "stop": "stopped", "start": "started", "kill": "killed"}
# The word for a server that was skipped because it was off, and the order of the words in the first sentence.
OFF = "off"
ORDER = (*DID.values(), "done", "planned", *BAD, OFF, "skipped", *GOING_ON)


def seconds(value: Optional[float], signed: bool = False) -> str:
    """Return ``4.2 s`` or, with ``signed``, ``+0.25 s``. A dash for None."""
    if value is None:
        return "\u2013"
    return f"{value:+.2f} s" if signed else f"{value:.1f} s"


def up_to(value: Optional[float]) -> str:
    """Return ``up to 20.0 s``, since a downtime ends with the read that shows the server up. A dash for None."""
    return seconds(value) if value is None else f"up to {seconds(value)}"


def clock(at: float, tz: tzinfo, form: str = "%H:%M:%S") -> str:
    """Return a time (UTC seconds) as the clocks of a zone show it."""
    return datetime.fromtimestamp(at, tz).strftime(form)


def abbreviation(at: float, tz: tzinfo) -> str:
    """Return the name of a zone at a time: ``CEST``. Zones without a name have their offset: ``UTC-03``."""
    name = clock(at, tz, "%Z")
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def outcome_line(outcome: str, reason: Optional[str]) -> str:
    """Return the outcome and the reason of a server as one line."""
    return f"{outcome}: {reason or 'no reason is known'}"


def title(report: Mapping[str, Any]) -> str:
    """Return the title of a report."""
    return "Maintenance plan" if report["check_mode"] else "Maintenance in progress" if report["running"] else "Maintenance report"


def attention(server: Mapping[str, Any]) -> str:
    """Return the outcome of a server that needs attention, empty for any other."""
    if server["outcome"] in BAD and not _is_wanted(server):
        return str(server["outcome"])
    return "unconfirmed" if is_unconfirmed(server) else ""


def _is_wanted(server: Mapping[str, Any]) -> bool:
    """Return whether a hold or an exclusion is the reason, and no player waits for a restart that does not come."""
    if not server.get("held_back") or server["outcome"] not in ("deferred", "cancelled"):
        return False
    told = [step["outcome"] for step in server["timeline"] if step["kind"] == "cancel"]
    return told[-1:] in ([], ["sent"])


def sentence(servers: Sequence[Mapping[str, Any]], planned: bool) -> str:
    """Return the outcomes of the servers, and how many had no warning, and how many need attention."""
    counts: Dict[str, int] = {}
    for one in servers:
        is_done = one["outcome"] in ("done", "planned")
        word = DID.get(one["signal"], "done") if is_done else "unconfirmed" if is_unconfirmed(one) else one["outcome"]
        if word == "skipped" and one.get("reason") == "offline":
            word = OFF
        counts[word] = counts.get(word, 0) + 1
    troubles = sum(bool(attention(one)) for one in servers)
    fine = "" if counts.keys() & set(GOING_ON) else "Nothing needs attention."
    need = {0: fine, 1: "1 server needs attention."}.get(troubles, f"{troubles} servers need attention.")
    verbs = {
        **dict.fromkeys(DID.values(), "would be " if planned else ""),
        OFF: "was " if counts.get(OFF) == 1 else "were ",
        IN_COUNTDOWN: "in ",
    }
    parts = [f"{counts[word]} {verbs.get(word, '')}{word}" for word in sorted(counts, key=ORDER.index)]
    silent = sum(bool(one["not_warned"]) for one in servers)
    where = "1 server" if silent == 1 else f"{silent} servers"
    warned = f" On {where}, nobody {'would be' if planned else 'was'} warned." if silent else ""
    return f"{', '.join(parts) or 'No servers'}.{warned} {need}".rstrip()


def time_range(first: float, last: float, tz: tzinfo) -> str:
    """Return ``2026-05-04 03:00:00 to 03:20:12 CEST``. The second day is named if it is another, and so is the first zone."""
    begin, end = (clock(at, tz, "%Y-%m-%d %H:%M:%S") for at in (first, last))
    before, after = abbreviation(first, tz), abbreviation(last, tz)
    return f"{begin}{'' if before == after else f' {before}'} to {end[11:] if end[:10] == begin[:10] else end} {after}"


def zones(known: Optional[Tuple[float, float]], tz: tzinfo) -> str:
    """Return the abbreviations of the zone during the run: ``CEST, then CET``. Empty if nothing was sent."""
    return ", then ".join(dict.fromkeys(abbreviation(at, tz) for at in known or ()))


def when(report: Mapping[str, Any], known: Optional[Tuple[float, float]], tz: tzinfo) -> str:
    """Return the time range of a report, or the time at which it was made if nothing was sent or the run goes on."""
    if report["running"]:
        made = epoch(report["generated"]) or 0.0
        return f"The state at {clock(made, tz)} {abbreviation(made, tz)}, while the run went on"
    if known is None:
        made = epoch(report["generated"]) or 0.0
        nothing = f"nothing {'is planned' if report['check_mode'] else 'was sent'}"
        return f"{clock(made, tz, '%Y-%m-%d %H:%M:%S')} {abbreviation(made, tz)}, {nothing}"
    return f"{'Nothing was sent. Planned for ' if report['check_mode'] else ''}{time_range(*known, tz)}"

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages about a run, as the JSON bodies that a webhook gets. Pure. Private to this collection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from .._text import one_line, printable
from .texts import attention, outcome_line, sentence

SCHEMA = 1
START, FAILED, END = "start", "failed", "end"
EVENTS = (START, FAILED, END)
DISCORD, SLACK, JSON = "discord", "slack", "json"
FORMATS = (DISCORD, SLACK, JSON)
# The most characters of a text. Discord refuses longer ones. Rocket.Chat, which also takes Slack's format, refuses 5000 by default.
LIMITS = {DISCORD: 2000, SLACK: 4000}
# The most servers that a text names, and the most characters of its parts. Even if escaping makes each five times as long, they fit.
MOST_SERVERS, LONGEST_ID, LONGEST_SENTENCE, LONGEST_REASON, LONGEST_SERVER = 10, 60, 400, 200, 200
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]#])")


@dataclass(frozen=True)
class Messages:
    """The messages of one run in one format. ``maintenance_id`` and ``reason`` may be empty."""

    format: str
    maintenance_id: str = ""
    reason: str = ""

    def started(self, plan: str) -> Dict[str, Any]:
        """Return the message for the start of a run. ``plan`` are its sentences."""
        return self._body(START, f"{self._name} started", plan)

    def failed(self, row: Mapping[str, Any], left: int) -> Dict[str, Any]:
        """Return the message for the first failed server, a row of a report. ``left`` is the number of servers without an outcome."""
        others = "1 server has" if left == 1 else f"{left} servers have"
        return self._body(FAILED, f"{self._name}: a server failed", f"{others} no outcome yet.", [row])

    def ended(self, report: Mapping[str, Any], interrupted: bool = False) -> Dict[str, Any]:
        """Return the message for the end of a run, with its report."""
        title = f"{self._name} {'was interrupted' if interrupted else 'ended'}"
        said = sentence(report["servers"], report["check_mode"])
        return self._body(END, title, said, report["servers"], totals=report["totals"], interrupted=interrupted)

    @property
    def _name(self) -> str:
        return f"Maintenance {_cut(self.maintenance_id, LONGEST_ID)}".strip()

    def _body(
        self,
        event: str,
        title: str,
        said: str,
        servers: Sequence[Mapping[str, Any]] = (),
        *,
        totals: Optional[Mapping[str, Any]] = None,
        interrupted: bool = False,
    ) -> Dict[str, Any]:
        troubled = [one for one in servers if attention(one)]
        head = [f"{title}. {_cut(said, LONGEST_SENTENCE)}".strip()]
        if self.reason:
            head.append(f"Reason: {_cut(self.reason, LONGEST_REASON)}")
        lines = [_cut(f"{one['host']} {outcome_line(attention(one), one['reason'])}", LONGEST_SERVER) for one in troubled]
        if self.format == DISCORD:
            text = _fitting([_markdown(line) for line in head], [_markdown(line) for line in lines], LIMITS[DISCORD])
            return {"content": text, "allowed_mentions": {"parse": []}}
        if self.format == SLACK:
            return {"text": _fitting([_slack(line) for line in head], [_slack(line) for line in lines], LIMITS[SLACK])}
        return {
            "schema": SCHEMA,
            "event": event,
            "maintenance_id": self.maintenance_id or None,
            "reason": self.reason or None,
            "interrupted": interrupted,
            "sentence": said,
            "totals": None if totals is None else dict(totals),
            "servers": [
                {
                    "host": one["host"],
                    "server_id": one["server_id"],
                    "name": one["name"],
                    "outcome": attention(one),
                    "reason": one["reason"],
                }
                for one in troubled
            ],
        }


def _cut(text: str, longest: int) -> str:
    """Return a text as one printable line of at most this number of characters."""
    line = " ".join(printable(one_line(text)).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _markdown(text: str) -> str:
    """Return a text that Discord shows unchanged."""
    return _MARKDOWN.sub(r"\\\1", text)


def _slack(text: str) -> str:
    """Return a text without markup and mentions. Mattermost and Rocket.Chat, unlike Slack, notify people for an ``@`` before a word."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("@", "@\u200b")


def _fitting(head: List[str], servers: List[str], limit: int) -> str:
    """Return a text with as many of the servers as fit, and the number of the others."""
    shown = min(MOST_SERVERS, len(servers))
    while True:
        more = len(servers) - shown
        text = "\n".join([*head, *(f"- {line}" for line in servers[:shown]), *([f"and {more} more"] if more else [])])
        if not shown or _length(text) <= limit:
            return text
        shown -= 1


def _length(text: str) -> int:
    """Return the length in UTF-16 units, the largest number by which a service may count characters."""
    return len(text.encode("utf-16-le")) // 2

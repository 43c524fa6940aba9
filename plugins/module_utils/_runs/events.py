# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The events of a run, and what follows from them. Pure. Private to this collection.

An event is one line of JSON. Each has ``time`` (UTC, ISO 8601), ``run`` (the ID of the run) and ``event``, and these fields:

- ``begun``: an ansible-playbook or module began to maintain servers. ``version`` of this format, ``owner`` (the process), ``plan`` (a
  sentence), ``timezone``, ``reason``, and ``servers``, a list with ``host``, ``server_id`` and ``api_url`` of each.
- ``countdown``: a timeline was reserved. ``name`` of the server, ``signal``, ``first`` and ``action`` (the times of the first step and of
  the signal). A later one replaces it.
- ``step``: a console line was sent. The fields of a step of the result: ``kind``, ``text``, ``planned``, ``at``, ``outcome``.
- ``signal``: a signal is sent right after this event.
- ``refused``: that signal had no effect.
- ``done``, ``unconfirmed``: the effect of that signal was seen, or was not.
- ``result``: the server has ended. ``row`` is its row of the report.
- ``batch``, ``earlier``, ``ready``: only in the temporary log of an ansible-playbook. The ``hosts`` of a batch that begins, the row of a
  server from an earlier part of the maintenance, and a ``host`` whose tasks before the maintenance have succeeded.
- ``failed``: a later task of the host failed. ``error`` is its message.
- ``status``: ``ends`` is the expected end of the run.
- ``ended``: the process of ``owner`` has ended its part. ``interrupted`` is the name of the signal that ended it, empty for none.

Those of a server have ``server_id`` and ``api_url``. Unknown events and fields are ignored.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple
from urllib.parse import quote

from .._text import iso

VERSION = 1
BEGUN, COUNTDOWN, STEP, RESULT, EARLIER, FAILED = "begun", "countdown", "step", "result", "earlier", "failed"
STATUS, ENDED, BATCH, READY = "status", "ended", "batch", "ready"
SIGNAL, REFUSED, DONE, UNCONFIRMED = "signal", "refused", "done", "unconfirmed"
# The events that decide whether a repeated run maintains a server.
DECIDING = (SIGNAL, REFUSED, DONE, UNCONFIRMED)
Event = Dict[str, Any]
# The fields without which an event is ignored. The events that decide whether a server is maintained need none.
FIELDS: Dict[str, Set[str]] = {
    BEGUN: {"servers"},
    COUNTDOWN: {"name", "signal", "first", "action"},
    STEP: {"kind", "text", "planned", "at", "outcome"},
    RESULT: {"row"},
    EARLIER: {"row"},
    BATCH: {"hosts"},
    READY: {"host"},
    FAILED: {"host", "error"},
    STATUS: {"ends"},
    ENDED: {"owner", "interrupted"},
}
# Days for which logs are kept.
KEEP_RUNS = 30
ENDING = ".jsonl"
# The address of the API and the ID of a server.
Key = Tuple[str, int]


def file_name(run: str) -> str:
    """Return the name of the file of a run. Two runs never share one."""
    return quote(run, safe="") + ENDING


def line(run: str, event: str, at: float, fields: Mapping[str, Any]) -> str:
    """Return an event as a line. ``at`` is UTC seconds."""
    return json.dumps({"time": iso(at), "run": run, "event": event, **fields}) + "\n"


def parse(run: str, text: str) -> List[Event]:
    """Return the events of a run. Other lines, such as an incomplete one, are ignored."""
    out = []
    for raw in text.splitlines():
        try:
            event = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict) or event.get("run") != run or not isinstance(event.get("event"), str):
            continue
        if FIELDS.get(event["event"], set()) <= event.keys():
            out.append(event)
    return out


def key_of(event: Mapping[str, Any]) -> Key:
    """Return the server of an event. The ID is 0 if there is none."""
    server_id = event.get("server_id")
    return str(event.get("api_url")), server_id if isinstance(server_id, int) else 0


def decided(events: Iterable[Event]) -> Dict[Key, Optional[str]]:
    """Return the last deciding event of each server: ``signal``, ``done``, ``unconfirmed``, or None after a refused signal."""
    return {key_of(one): None if one["event"] == REFUSED else one["event"] for one in events if one["event"] in DECIDING}

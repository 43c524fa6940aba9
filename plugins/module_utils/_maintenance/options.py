# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a maintenance, and their checks before the first request. Pure. Private to this collection."""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping, Optional

from .._errors import BadOption
from .._power.options import WAITING_OPTIONS, check_server_id, check_waiting
from .._quota.reservations import Calendar, Quota, reserve
from .._runs.events import KEEP_RUNS, file_name
from .._text import check_line, has_control, iso
from .exclusions import parse_exclusions
from .games import CHOICES, GENERIC_COMMAND
from .schedule import LONGEST_MAINTENANCE, local_time, opening_of, window_of, zone
from .steps import (
    OF_ANNOUNCEMENTS,
    OF_OTHER_TEXTS,
    TEXTS,
    check_announce_command,
    check_braces,
    fill,
    make_timeline,
    parse_announcements,
    with_reason,
)

# The longest name of a file in all common file systems, in bytes.
LONGEST_NAME = 255
CANCEL_TEXT = "Maintenance cancelled: no {action} now."

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "server_id": {"type": "int", "required": True},
    "state": {"type": "str", "choices": ["restarted", "stopped"], "default": "restarted"},
    "announcements": {
        "type": "list",
        "elements": "dict",
        "options": {"before": {"type": "str", "required": True}, "text": {"type": "str", "required": True}},
    },
    "announce_command": {"type": "str"},
    "commands": {"type": "list", "elements": "str"},
    "game": {"type": "str", "choices": list(CHOICES), "default": "auto"},
    "product": {"type": "str"},
    "command_wait": {"type": "float", "default": 5.0},
    "start": {"type": "str"},
    "at": {"type": "str"},
    "timezone": {"type": "str", "default": "UTC"},
    "deadline": {"type": "str"},
    "exclusions": {
        "type": "list",
        "elements": "dict",
        "options": {name: {"type": "str", "required": True} for name in ("name", "start", "end")},
    },
    "if_offline": {"type": "str", "choices": ["skip", "start", "fail"], "default": "skip"},
    "maintenance_id": {"type": "str"},
    "keep_runs": {"type": "int", "default": KEEP_RUNS},
    "reason": {"type": "str"},
    "cancel_text": {"type": "str", "default": CANCEL_TEXT},
    "done_text": {"type": "str"},
    "done_delay": {"type": "float", "default": 20.0},
    **WAITING_OPTIONS,
}


def as_of(params: Dict[str, Any], at: float) -> Dict[str, Any]:
    """Return the options with ``HH:MM`` converted to a date and time, as seen at a time (UTC seconds). Leave bad values to ``check``."""
    try:
        times = window_of(params, at)
    except (BadOption, AttributeError, TypeError):
        return params
    return {**params, **{name: iso(when) for name, when in zip((opening_of(params), "deadline"), times) if when is not None}}


def check_past(params: Mapping[str, Any], now: float) -> None:
    """Raise BadOption for a maintenance in the past, as in a command that is repeated days later. It would restart the server at once.

    A start of up to 12 hours ago is accepted, since a run can be repeated, and an older one if the deadline is still ahead.
    """
    begin, end = window_of(params, now)
    if begin is not None and begin < now - LONGEST_MAINTENANCE and (end is None or end <= now):
        past = local_time(begin, zone(params["timezone"]), with_day=True)
        raise BadOption(opening_of(params), f"{past} is in the past. Set a time in the future, or leave it empty to begin now")


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options before the first request."""
    check_server_id(params)
    check_waiting(params)
    parse_announcements(params["announcements"])
    if params["reason"]:
        check_line("reason", params["reason"])
        if any("{" + name + "}" in params["reason"] for name in (*OF_ANNOUNCEMENTS, *TEXTS)):
            raise BadOption("reason", "must not contain placeholders such as {name}. Write them into the texts")
    check_announce_command(params["announce_command"])
    command = GENERIC_COMMAND if params["announce_command"] is None else params["announce_command"]
    parse_exclusions(params["exclusions"], zone(params["timezone"]))
    for index, item in enumerate(params["exclusions"] or []):
        check_line(f"exclusions[{index}].name", item["name"])
    for index, item in enumerate(params["announcements"] or []):
        text = _checked_text(f"announcements[{index}].text", item["text"], params["reason"])
        check_line(f"announcements[{index}].text", fill(command, dict.fromkeys(TEXTS, text)))
    for index, command in enumerate(params["commands"] or []):
        check_line(f"commands[{index}]", command)
    for option in ("command_wait", "done_delay"):
        if not math.isfinite(params[option]) or params[option] < 0:
            raise BadOption(option, f"must be 0 seconds or greater, got {params[option]:g}")
    for option in ("cancel_text", "done_text"):
        if params[option]:
            check_line(option, _checked_text(option, params[option], params["reason"]))
            check_braces(option, params[option], OF_OTHER_TEXTS)
    if not params["cancel_text"].strip():
        raise BadOption("cancel_text", "must not be empty: players who were warned must be told when the maintenance is cancelled")
    if has_control(params["maintenance_id"] or ""):
        raise BadOption("maintenance_id", "contains a line break or another control character")
    if len(file_name(params["maintenance_id"] or "")) > LONGEST_NAME:
        raise BadOption("maintenance_id", "is too long: a file must have its name. Use at most 80 characters")
    if params["keep_runs"] < 1:
        raise BadOption("keep_runs", f"must be 1 day or more, got {params['keep_runs']}")
    if params["at"] and params["start"]:
        raise BadOption("at", "is the time of the restart, and start that of the first announcement. Set one of them")
    # The times of a run have dates by now (see as_of), so the current time does not matter.
    begin, end = window_of(params, 0.0)
    if begin is not None and end is not None and end < begin:
        raise BadOption("deadline", "must not be before at" if params["at"] else "must not be before start")
    _check_density(params)


def _checked_text(option: str, text: str, reason: Optional[str]) -> str:
    """Return a text with its reason. Raise BadOption if nothing is left of it without a reason."""
    out = with_reason(text, reason)
    if text.strip() and not out.strip():
        raise BadOption(option, "contains only {reason}, and no reason is set. Set one, or write more into the text")
    return out


def _check_density(params: Dict[str, Any]) -> None:
    """Raise BadOption for a timeline with more steps in a short time than the quota ever allows."""
    timeline = make_timeline(parse_announcements(params["announcements"]), params["commands"] or [], params["command_wait"], "restart")
    quota = Quota(params["write_limit"], params["limit_window"])
    try:
        reserve(Calendar(), quota, timeline.offsets, 0.0, params["write_headroom"])
    except ValueError as exc:
        most = max(1, quota.limit - params["write_headroom"])
        why = f"are too many at once: the whole timeline may have {most} writes in {quota.window:g} s (write_limit minus write_headroom)"
        raise BadOption("commands" if len(params["commands"] or []) >= most - 1 else "announcements", why) from exc

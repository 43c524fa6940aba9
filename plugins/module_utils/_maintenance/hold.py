# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold one server, so that no maintenance of it begins, or release it. Private to this collection."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Any, Dict, Optional

from .._errors import BadOption
from .._operation import Context, Operation, OperationFailed, Result
from .._power.options import check_server_id
from .._quota.holds import described, find
from .._quota.reservations import Hold
from .._settings import API_ARGUMENT_SPEC
from .._text import check_line, iso, storable
from .schedule import local_time, parse_time, zone

# Seconds from now after which no hold may end. A later year is a mistake.
LONGEST_HOLD = 366 * 86400.0


def as_of(params: Dict[str, Any], at: float) -> Dict[str, Any]:
    """Return the options with ``HH:MM`` converted to a date and time, as seen at a time (UTC seconds). Leave bad values to ``check``."""
    try:
        until = parse_time("end", params.get("end"), zone(params.get("timezone") or "UTC"), at)
    except (BadOption, AttributeError, TypeError):
        return params
    return params if until is None else {**params, "end": iso(until)}


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options. The end of a hold is compared with the clock later."""
    check_server_id(params)
    tz = zone(params["timezone"])
    if params.get("state") == "absent":
        return
    if not (params["end"] or "").strip():
        raise BadOption("end", "is not set. Write the end of the hold as HH:MM, or with a date such as 2026-05-04T12:00")
    parse_time("end", params["end"], tz, 0.0)
    if params["reason"]:
        check_line("reason", params["reason"])


def run(ctx: Context) -> Result:
    """Hold or release the server, and return the result of ``serverprism_hold``. No request is sent to the API."""
    server_id, ledger, now = ctx.params["server_id"], ctx.client.ledger, ctx.clock.now()
    if ctx.settings.ledger == "none":
        raise BadOption("ledger (or SERVERPRISM_LEDGER)", "is none, so no other run would see the hold. Set a folder or a Redis address")
    before = find(ledger.holds(), server_id, now)
    if ctx.params["state"] == "absent":
        after = None
        changed = ledger.unhold(server_id, commit=not ctx.check_mode)
    else:
        after = _hold(ctx, now)
        changed = ledger.hold(after, commit=not ctx.check_mode)
        after = after if changed else before
    if ledger.is_given_up:
        raise OperationFailed(f"Server {server_id}: its hold was not changed, because the ledger cannot be used.", _result(ctx, before))
    result = {**_result(ctx, after), "changed": changed}
    said = _said(ctx, after)
    would = "would be " if ctx.check_mode and changed else ""
    ctx.progress(would + said if after is not None else "released" if changed else "was not on hold")
    if ctx.diff:
        result["diff"] = {"before": f"{_said(ctx, before)}\n", "after": f"{said}\n"}
    return result


def _hold(ctx: Context, now: float) -> Hold:
    """Return the hold that the options describe. Raise BadOption for an end that is in the past or too far ahead."""
    params, tz = ctx.params, zone(ctx.params["timezone"])
    until = parse_time("end", params["end"], tz, now) or 0.0
    if not now < until <= now + LONGEST_HOLD:
        wrong = "in the past" if until <= now else "more than a year ahead"
        shown = local_time(until, tz, with_day=True)
        raise BadOption("end (hold_until of the playbook)", f"{shown} is {wrong}. Set a time from now to a year ahead")
    return Hold(params["server_id"], until, storable((params["reason"] or "").strip()), _user(), params["cancel"])


def _user() -> str:
    """Return the user and machine that set a hold: ``anna@admin``."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container can run with an ID that has no name.
        name = str(os.getuid())
    return storable(f"{name}@{socket.gethostname()}")


def _said(ctx: Context, hold: Optional[Hold]) -> str:
    return described(hold, zone(ctx.params["timezone"]), ctx.clock.now()) if hold is not None else "not on hold"


def _result(ctx: Context, hold: Optional[Hold]) -> Result:
    return {"changed": False, "server_id": ctx.params["server_id"], "hold": as_dict(hold) if hold is not None else None}


def as_dict(hold: Hold) -> Dict[str, Any]:
    """Return a hold as results show it."""
    return {"until": iso(round(hold.until)), "reason": hold.reason, "by": hold.by, "cancel": hold.cancel}


OPERATION = Operation(
    name="serverprism_hold",
    options={
        "server_id": {"type": "int", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "end": {"type": "str"},
        "timezone": {"type": "str", "default": "UTC"},
        "reason": {"type": "str"},
        "cancel": {"type": "bool", "default": False},
        # Holds are in the ledger, so nothing is sent to the API.
        "api_token": {**API_ARGUMENT_SPEC["api_token"], "required": False},
    },
    run=run,
    check=check,
    writes=False,
    needs_token=False,
    as_of=as_of,
)

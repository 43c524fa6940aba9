# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the log of a run, and return its present state. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from .._errors import ServerPrismError
from .._operation import Context, Operation, Result
from .._process import DEAD, UNKNOWN, fate_of
from .._quota.locks import LEASE
from .._quota.reservations import WRITE, Lock
from .._runs.log import RunLog
from .._runs.open import known_runs, open_log
from .._settings import API_ARGUMENT_SPEC
from .._text import iso, printable
from .progress import RUNNING, RunState, changes, describe, lines, state_of

# Seconds between two looks at the log of a run that is followed.
FOLLOW_EVERY = 1.0
# Seconds without an event after which a process on another machine counts as gone.
SILENCE = 600.0
# The number of known runs that a message names.
MOST_NAMED = 5


def read_run(ctx: Context) -> Result:
    """Return the result of ``serverprism_run_info``. With ``follow``, show each change of a server's state until the run ends."""
    log = _find(ctx)
    shown, state = _look(ctx, log)
    if ctx.params["follow"] and state == RUNNING:
        for line in _lines(ctx, shown, state):
            ctx.progress(line)
    while ctx.params["follow"] and state == RUNNING:
        ctx.clock.sleep(FOLLOW_EVERY)
        before, (shown, state) = shown, _look(ctx, log)
        for one in changes(before, shown):
            ctx.progress(f"{one.host}: {one.state}{describe(one, ctx.clock.now(), shown)}")
    return _result(ctx, shown, state)


def _find(ctx: Context) -> RunLog:
    """Return the log of the wanted run, or of the newest one. Raise ServerPrismError if there is none."""
    ledger = ctx.client.ledger
    known = known_runs(ctx.settings, ledger)
    wanted = ctx.params["run"] or (known[-1] if known else "")
    log = open_log(ctx.settings, ledger, wanted, is_named=True)
    if wanted and log.events():
        return log
    where = "Set ledger (or SERVERPRISM_LEDGER) to the folder or the Redis that the run uses."
    if not known:
        raise ServerPrismError(f"No run has a log here. {where}")
    raise ServerPrismError(
        f"Run {wanted} has no log here. The newest runs are {printable(', '.join(reversed(known[-MOST_NAMED:])))}. {where}"
    )


def _look(ctx: Context, log: RunLog) -> Tuple[RunState, str]:
    now, locks = ctx.clock.now(), ctx.client.ledger.calendar(WRITE).locks
    found = state_of(log.run, log.events())
    return found, found.state(owner for owner in found.owners if _is_gone(owner, found.last, now, locks))


def _is_gone(owner: str, last: Optional[float], now: float, locks: Sequence[Lock]) -> bool:
    """Return whether a process has ended without a word. One on another machine has, if it neither renews locks nor writes events."""
    fate = fate_of(owner)
    silent = last is not None and last < now - SILENCE and not any(one.owner == owner and one.renewed > now - LEASE for one in locks)
    return fate == DEAD or (fate == UNKNOWN and silent)


def _quota(ctx: Context) -> str:
    settings, now = ctx.settings, ctx.clock.now()
    calendar = ctx.client.ledger.calendar(WRITE)
    used = sum(now - settings.limit_window < at <= now for at in calendar.slots)
    return f"{used} of {settings.write_limit} writes in the last {settings.limit_window:g} s"


def _lines(ctx: Context, found: RunState, state: str) -> List[str]:
    return lines(ctx.clock.now(), found, state, _quota(ctx))


def _result(ctx: Context, found: RunState, state: str) -> Result:
    running = state == RUNNING
    out: Dict[str, Any] = {name: None if at is None else iso(at) for name, at in (("begun", found.begun), ("ends", found.ends))}
    return {
        **out,
        "run": found.run,
        "state": state,
        "plan": found.plan,
        "timezone": found.timezone,
        "reason": found.reason,
        "servers": [one.as_row(running, found.timezone) for one in found.servers.values()],
        "summary": _lines(ctx, found, state),
    }


OPERATION = Operation(
    name="serverprism_run_info",
    options={
        "run": {"type": "str"},
        "follow": {"type": "bool", "default": False},
        "report_dir": {"type": "path"},
        "report_formats": {
            "type": "list",
            "elements": "str",
            "choices": ["html", "json", "markdown", "junit"],
            "default": ["html", "json"],
        },
        # Nothing is sent to the API.
        "api_token": {**API_ARGUMENT_SPEC["api_token"], "required": False},
    },
    run=read_run,
    writes=False,
    needs_token=False,
)

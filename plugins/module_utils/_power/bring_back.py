# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a crashed server again, a limited number of times. Private to this collection."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional

from .._api.client import Patience
from .._api.coroutines import blocking, sleep
from .._api.models import Server
from .._errors import BadOption, ServerNotFound, ServerPrismError
from .._files import (
    make_folder,
    open_locked,
    open_own,
    read_all,
    replace_file,
)
from .._operation import (
    Context,
    Operation,
    OperationFailed,
    Result,
    is_interruption,
    name_of_interruption,
)
from .evidence import UP
from .follow import Follow, await_news, look
from .options import Waiting
from .rules import SEND, decide

# Seconds to wait for the lock on the file of starts. Its owner needs it for one read and one write only.
LOCK_PATIENCE = 10.0
_LEAST = {"server_id": 1, "tries": 1, "within": 1, "patience": 0, "verify": 0}


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options before the first request."""
    for name, least in _LEAST.items():
        value = params[name]
        # YAML's "yes" would be server 1.
        if isinstance(value, bool) or not math.isfinite(value) or value < least:
            raise _bad(name, f"must be {least} or greater, got {value}")
    if not params["folder"]:
        raise _bad("folder", "must name a folder, in which the starts are counted")


def _bad(name: str, why: str) -> BadOption:
    return BadOption(f"{name} (bring_back_{name} of the role)", why)


def reason_to_leave(server: Optional[Server]) -> str:
    """Return why a server is left alone, in words that follow its ID. Empty if it is offline or its state is unknown."""
    if server is None:
        return "is not found: it was deleted, or it belongs to another customer"
    if server.service_status == "suspended":
        return "is suspended (billing) and cannot be started"
    if server.state == "stopping":
        return "is being stopped, so it is left alone"
    return f"is up ({server.state})" if server.state in UP else ""


def recent_starts(content: bytes, since: float) -> List[float]:
    """Return the starts after a time, UTC seconds. Raises ValueError if the content of the file is not a list of times."""
    times = json.loads(content)
    if not isinstance(times, list) or not all(type(at) in (int, float) and abs(at) < 1e12 for at in times):
        raise ValueError("not a list of times")
    return [at for at in times if at > since]


def _count(ctx: Context) -> None:
    """Count a start before it is sent, so that after a crash the count may be too high but never too low. Only read in check mode."""
    server_id, tries, within = (ctx.params[name] for name in ("server_id", "tries", "within"))
    folder = os.path.abspath(os.path.expanduser(ctx.params["folder"]))
    path, now, lock = os.path.join(folder, f"{server_id}.json"), ctx.clock.wall(), None
    try:
        if not ctx.check_mode:
            make_folder(folder)
            lock = open_locked(os.path.join(folder, ".lock"), os.O_RDWR | os.O_CREAT, LOCK_PATIENCE)
        try:
            starts = recent_starts(read_all(open_own(path, os.O_RDONLY)), now - within)
        except FileNotFoundError:
            starts = []
        if len(starts) >= tries:
            raise OperationFailed(
                f"GIVING UP on server {server_id}: it was started {len(starts)} times within {within} s and is down again. "
                "It stays down until somebody starts it. Look at its console."
            )
        if not ctx.check_mode:
            replace_file(path, json.dumps([*starts, now]).encode())
    except (ValueError, RecursionError) as exc:
        raise OperationFailed(
            f"{path} is not a list of times, so it is unknown how often server {server_id} was started. No further start was sent. "
            "Look at the server's console, and remove the file to start counting again."
        ) from exc
    except OSError as exc:
        raise OperationFailed(f"The start of server {server_id} cannot be counted in {path}, so it was not sent: {exc}.") from exc
    finally:
        if lock is not None:
            os.close(lock)


@dataclass(frozen=True)
class StartOutcome:
    """The outcome of bringing back a server. ``starts`` is the number of signals that were sent."""

    server_id: int
    changed: bool = False
    before: Optional[str] = None
    after: Optional[str] = None
    starts: int = 0


async def run(ctx: Context) -> Result:
    """Read the state, start the server if it is offline, and read again. Return the result of ``serverprism_bring_back``."""
    return await _BringBack(ctx).run()


class _BringBack:
    """The starts of one server. ``outcome`` is correct at any moment, so that an interruption can return it."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.outcome = StartOutcome(ctx.params["server_id"])

    def _update(self, **changes: Any) -> None:
        self.outcome = replace(self.outcome, **changes)

    async def run(self) -> Result:
        """Bring the server back and return the result. OperationFailed contains it as well."""
        server_id = self.outcome.server_id
        try:
            message = f"Server {server_id} {await self._bring_back()}."
        except ServerPrismError as exc:
            raise OperationFailed(str(exc), vars(self.outcome), server_id=server_id, status=exc.status) from exc
        except BaseException as exc:
            if not is_interruption(exc) or not self.outcome.changed:
                raise
            why = f"Interrupted ({name_of_interruption(exc)}) after start was sent to server {server_id}"
            raise OperationFailed(f"{why}: its outcome is not known.", vars(self.outcome)) from exc
        self.ctx.progress(message)
        states = {"before": {"state": self.outcome.before}, "after": {"state": self.outcome.after}}
        return {**vars(self.outcome), "msg": message, **({"diff": states} if self.ctx.diff else {})}

    async def _bring_back(self) -> str:
        """Return the end of the message. Raises ServerPrismError if the server is not back."""
        ctx, params, server_id = self.ctx, self.ctx.params, self.outcome.server_id
        if params["certain_only"] and not params["certain"]:
            return "went down and may have been stopped on purpose, so it is left alone (certain_only)"
        follow = Follow(ctx, server_id, "started", Waiting(params["verify"], params["verify"], "running", None))
        # One read more than starts, to see the outcome of the last start.
        for number in range(1 if ctx.check_mode else params["tries"] + 1):
            if not ctx.check_mode:
                await sleep(ctx.clock, max(params["patience"], params["verify"] if number else 0.0))
            await await_news(ctx, server_id)
            server, observation = None, None
            with suppress(ServerNotFound):
                server, observation = await look(ctx, server_id, Patience(ctx.settings.max_wait, ctx.clock))
            state = observation.state if observation else None
            self._update(after=state, before=self.outcome.before or state)
            reason = reason_to_leave(server)
            if reason:
                return reason
            # An unknown state never leads to a signal. The next read may show it.
            if observation is None or decide("started", observation.state).action != SEND:
                continue
            _count(ctx)
            if ctx.check_mode:
                self._update(changed=True, after="running")
                return "would be started"
            try:
                await follow.send("start", observation)
            finally:
                self._update(changed=bool(follow.signals), starts=len(follow.signals))
        last = self.outcome.after or "unknown"
        raise OperationFailed(f"It is not certain that server {server_id} is running again: its state is {last}. Look at the panel.")


OPERATION = Operation(
    name="serverprism_bring_back",
    options={
        "server_id": {"type": "int", "required": True},
        "tries": {"type": "int", "default": 3},
        "within": {"type": "int", "default": 3600},
        "patience": {"type": "int", "default": 30},
        "verify": {"type": "float", "default": 60.0},
        "certain": {"type": "bool", "default": True},
        "certain_only": {"type": "bool", "default": False},
        "folder": {"type": "str", "default": "~/.ansible/serverprism/bring_back"},
    },
    run=blocking(run),
    check=check,
)

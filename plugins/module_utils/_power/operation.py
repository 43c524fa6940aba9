# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring one server to a power state, and report the outcome. Private to this collection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Mapping, Optional

from .._api.coroutines import blocking, sleep
from .._api.models import Server
from .._errors import ServerPrismError
from .._operation import (
    Context,
    Operation,
    OperationFailed,
    Result,
    is_interruption,
    name_of_interruption,
)
from .evidence import Observation
from .follow import Follow, look, settle
from .options import WAITING_OPTIONS, Waiting, check_server_id, check_waiting
from .outcome import AFTER, PowerOutcome, evidence_of, failure_of
from .rules import (
    KEEP,
    REFUSE,
    SEND,
    SKIP,
    WAIT,
    Decision,
    SignalOutcome,
    decide,
)

_NOTHING_CONFIRMED = {"confirmed": False, "evidence": "none"}


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options before the first request."""
    check_server_id(params)
    check_waiting(params)


def refuse_suspended(server: Server, signal: Optional[str]) -> None:
    """Raise OperationFailed for a suspended service, which ignores signals."""
    if server.service_status == "suspended":
        raise OperationFailed(
            f"Server {server.id} is suspended (billing): {signal or 'the signal'} was not sent. Settle its invoice first."
        )


async def run(ctx: Context) -> Result:
    """Read the state, send the signal that is needed, and follow it. Return the result of ``serverprism_power``."""
    return await _PowerChange(ctx).run()


class _PowerChange:
    """One change of the power state. ``outcome`` is correct at any moment, so that an interruption can return it."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.server_id: int = ctx.params["server_id"]
        self.wanted: str = ctx.params["state"]
        self.if_offline: str = ctx.params["if_offline"]
        self.waiting = Waiting.of(ctx.params)
        self.begun = ctx.clock.now()
        self.outcome = PowerOutcome(self.server_id)

    def _update(self, **changes: Any) -> None:
        self.outcome = replace(self.outcome, **changes)

    async def run(self) -> Result:
        """Change the state and return the result. OperationFailed contains it as well."""
        try:
            await self._change()
        except ServerPrismError as exc:
            # The wanted state was not reached, so the state that was read confirms nothing.
            self._end({} if self.outcome.changed else _NOTHING_CONFIRMED)
            raise self._failed(exc) from exc
        except BaseException as exc:
            if not is_interruption(exc) or not self.outcome.changed:
                raise
            self._end(_NOTHING_CONFIRMED)
            why = f"Interrupted ({name_of_interruption(exc)}) after {self.outcome.signal} was sent to server {self.server_id}"
            raise OperationFailed(f"{why}: its outcome is not known.", self.outcome.as_result()) from exc
        self._end({})
        result = self.outcome.as_result()
        if self.ctx.diff:
            # A restart ends in the state that it began with, so the state alone would show nothing.
            sent = {"signal": self.outcome.signal} if self.outcome.changed else {}
            result["diff"] = {"before": {"state": self.outcome.before}, "after": {"state": self.outcome.after, **sent}}
        return result

    def _end(self, changes: Mapping[str, Any]) -> None:
        self._update(elapsed=round(self.ctx.clock.now() - self.begun, 3), **changes)

    def _failed(self, exc: ServerPrismError) -> OperationFailed:
        """Return the failure with all that is known, such as a signal that was sent before a read failed."""
        if isinstance(exc, OperationFailed):
            return OperationFailed(str(exc), {**self.outcome.as_result(), **exc.result})
        signal = self.outcome.signal
        sent = f"Server {self.server_id}: {signal} was sent, but its outcome is not known. " if self.outcome.changed else ""
        return OperationFailed(f"{sent}{exc}", self.outcome.as_result())

    async def _change(self) -> None:
        server, observation, decision = await settle(
            self.ctx, self.server_id, self.wanted, self.if_offline, self.waiting, wait=self.ctx.params["wait"]
        )
        self._update(before=observation.state, after=observation.state, confirmed=True, evidence="state")
        if self.ctx.check_mode:
            self._predict(server, decision)
        elif decision.signal is not None:
            refuse_suspended(server, decision.signal)
            await self._send(observation, decision.signal)
        elif decision.action == REFUSE:
            raise OperationFailed(f"Server {server.id} is offline and if_offline is fail: nothing was sent.")
        elif decision.action == KEEP:
            await self._await_start(observation)
        elif decision.action == SKIP:
            self._update(reason="offline")
        elif decision.action == WAIT:
            # The server is stopping, and the task does not wait for the end of that.
            self._update(**_NOTHING_CONFIRMED)

    def _predict(self, server: Server, decision: Decision) -> None:
        """Predict the outcome in check mode. A server that is stopping is assumed to become offline."""
        if decision.action == WAIT:
            decision = decide(self.wanted, "offline", self.if_offline)
        if decision.action == REFUSE:
            raise OperationFailed(f"Server {server.id} is offline and if_offline is fail: it would fail.")
        if decision.action == SEND:
            refuse_suspended(server, decision.signal)
            self._update(changed=True, signal=decision.signal, after=AFTER[self.wanted], **_NOTHING_CONFIRMED)
        elif decision.action == SKIP:
            self._update(reason="offline")
        elif self.outcome.after not in (AFTER[self.wanted], self.waiting.running_when):
            # The server is starting or stopping, and that can still fail.
            self._update(after=AFTER[self.wanted], **_NOTHING_CONFIRMED)

    async def _send(self, observation: Observation, signal: str) -> None:
        starts_killed = self.if_offline == "start" or signal != "kill"
        follow = Follow(self.ctx, self.server_id, self.wanted, self.waiting, starts_killed=starts_killed)
        waits = self.ctx.params["wait"]
        try:
            await follow.send(signal, observation)
            self._update(changed=True, signal=signal, after=None, **_NOTHING_CONFIRMED)
            end = await follow.until_done() if waits else SignalOutcome("unconfirmed")
        finally:
            if follow.signals:
                self._update(changed=True, signal=follow.signals[-1], after=follow.after)
        self._update(reason="offline" if end.status == "offline" else None, **evidence_of(follow, end))
        failure = failure_of(follow, end)
        if failure is not None:
            raise failure
        if end.status == "offline" and self.if_offline == "fail":
            raise OperationFailed(f"Server {self.server_id} hung while stopping, was killed, and is offline: if_offline is fail.")
        if waits and end.status not in ("done", "offline"):
            self.ctx.warn(
                f"Server {self.server_id}: {self.outcome.signal} was accepted, but nothing confirms that it was carried out "
                "(no change of state, network counters did not fall). It is reported as unconfirmed."
            )

    async def _await_start(self, observation: Observation) -> None:
        """Wait until a server that is already starting runs. Nothing is sent."""
        if observation.state != "starting" or self.waiting.running_when == "starting":
            return
        if not self.ctx.params["wait"]:
            # The start can still fail.
            return self._update(**_NOTHING_CONFIRMED)
        clock = self.ctx.clock
        until = clock.now() + self.waiting.timeout
        while observation.state != "running":
            now = clock.now()
            if now >= until:
                self._update(after=observation.state)
                raise OperationFailed(
                    f"Server {self.server_id} was already starting and is not running after {self.waiting.timeout:g} s "
                    f"(last state: {observation.state or 'not known'}); nothing was sent. If this game never reports running, "
                    "set running_when to starting."
                )
            await sleep(clock, max(0.01, min(until - now, max(self.waiting.interval, self.ctx.settings.status_cache))))
            _server, observation = await look(self.ctx, self.server_id)
            if observation.state == "offline":
                self._update(after="offline")
                raise OperationFailed(
                    f"Server {self.server_id} was starting and went offline: the start failed, or the game crashed. "
                    "Nothing was sent. Look at its console."
                )
        self._update(after="running")


OPERATION = Operation(
    name="serverprism_power",
    options={
        "server_id": {"type": "int", "required": True},
        "state": {"type": "str", "required": True, "choices": ["started", "stopped", "restarted", "killed"]},
        "if_offline": {"type": "str", "choices": ["start", "skip", "fail"], "default": "start"},
        "wait": {"type": "bool", "default": True},
        **WAITING_OPTIONS,
    },
    run=blocking(run),
    check=check,
)

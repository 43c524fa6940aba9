# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring one server to a power state, and report the outcome. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .._api.coroutines import blocking, sleep
from .._api.models import Server
from .._errors import ServerPrismError
from .._operation import (
    Context,
    Operation,
    OperationFailed,
    Result,
    is_interruption,
)
from .evidence import Observation
from .follow import Follow, look, settle
from .options import WAITING_OPTIONS, Waiting, check_server_id, check_waiting
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

_AFTER = {"started": "running", "stopped": "offline", "restarted": "running", "killed": "offline"}


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options before the first request."""
    check_server_id(params)
    check_waiting(params)


def refuse_suspended(server: Server, signal: Optional[str]) -> None:
    """Raise OperationFailed for a suspended service, which ignores signals."""
    if server.service_status == "suspended":
        raise OperationFailed(
            f"Server {server.id} is suspended (billing): {signal or 'the signal'} was not sent. Settle its invoice first.",
            server_id=server.id,
        )


async def run(ctx: Context) -> Result:
    """Read the state, send the signal that is needed, and follow it. Return the result of ``serverprism_power``."""
    params = ctx.params
    begun = ctx.clock.now()
    waiting = Waiting.of(params)
    result = _base(params)
    try:
        server, observation, decision = await settle(
            ctx, params["server_id"], params["state"], params["if_offline"], waiting, wait=params["wait"]
        )
        result.update(before=observation.state, after=observation.state, confirmed=True, evidence="state")
        if ctx.check_mode:
            _predict(params, server, decision, result)
        elif decision.signal is not None:
            refuse_suspended(server, decision.signal)
            await _send(ctx, observation, decision.signal, waiting, result)
            if result["reason"] == "offline" and params["if_offline"] == "fail":
                raise OperationFailed(f"Server {server.id} hung while stopping, was killed, and is offline: if_offline is fail.")
        elif decision.action == REFUSE:
            raise OperationFailed(f"Server {server.id} is offline and if_offline is fail: nothing was sent.", server_id=server.id)
        elif decision.action == KEEP:
            await _await_start(ctx, observation, waiting, result)
        elif decision.action == SKIP:
            result["reason"] = "offline"
        elif decision.action == WAIT:
            # The server is stopping, and the task does not wait for the end of that.
            result.update(confirmed=False, evidence="none")
    except ServerPrismError as exc:
        result["elapsed"] = round(ctx.clock.now() - begun, 3)
        if not result["changed"]:
            # The wanted state was not reached, so the state that was read confirms nothing.
            result.update(confirmed=False, evidence="none")
        raise _failed(exc, result) from exc
    except BaseException as exc:
        if not is_interruption(exc) or not result["changed"]:
            raise
        result.update(elapsed=round(ctx.clock.now() - begun, 3), confirmed=False, evidence="none")
        why = f"Interrupted ({str(exc).rstrip('.')}) after {result['signal']} was sent to server {params['server_id']}"
        raise OperationFailed(f"{why}: its outcome is not known.", result) from exc
    result["elapsed"] = round(ctx.clock.now() - begun, 3)
    if ctx.diff:
        # A restart ends in the state that it began with, so the state alone would show nothing.
        sent = {"signal": result["signal"]} if result["changed"] else {}
        result["diff"] = {"before": {"state": result["before"]}, "after": {"state": result["after"], **sent}}
    return result


def _failed(exc: ServerPrismError, result: Result) -> OperationFailed:
    """Return the failure with all that is known, such as a signal that was sent before a read failed."""
    if isinstance(exc, OperationFailed):
        return OperationFailed(str(exc), {**result, **exc.result, "elapsed": result["elapsed"]}, server_id=exc.server_id, status=exc.status)
    sent = f"Server {result['server_id']}: {result['signal']} was sent, but its outcome is not known. " if result["changed"] else ""
    return OperationFailed(f"{sent}{exc}", result, server_id=result["server_id"], status=exc.status)


def _base(params: Dict[str, Any]) -> Result:
    """Return the result of a task that has read and sent nothing yet."""
    return {
        "changed": False,
        "server_id": params["server_id"],
        "signal": None,
        "reason": None,
        "before": None,
        "after": None,
        "confirmed": False,
        "evidence": "none",
        "elapsed": 0.0,
        "downtime": None,
    }


def _predict(params: Dict[str, Any], server: Server, decision: Decision, result: Result) -> None:
    """Write into the result what check mode predicts. A server that is stopping is assumed to become offline."""
    if decision.action == WAIT:
        decision = decide(params["state"], "offline", params["if_offline"])
    if decision.action == REFUSE:
        raise OperationFailed(f"Server {server.id} is offline and if_offline is fail: it would fail.", server_id=server.id)
    if decision.action == SEND:
        refuse_suspended(server, decision.signal)
        result.update(changed=True, signal=decision.signal, after=_AFTER[params["state"]], confirmed=False, evidence="none")
    elif decision.action == SKIP:
        result["reason"] = "offline"
    elif result["after"] not in (_AFTER[params["state"]], params["running_when"]):
        # The server is starting or stopping, and that can still fail.
        result.update(after=_AFTER[params["state"]], confirmed=False, evidence="none")


async def _send(ctx: Context, observation: Observation, signal: str, waiting: Waiting, result: Result) -> None:
    params = ctx.params
    follow = Follow(ctx, params["server_id"], params["state"], waiting, starts_killed=params["if_offline"] == "start" or signal != "kill")
    try:
        await follow.send(signal, observation)
        result.update(changed=True, signal=signal, after=None, confirmed=False, evidence="none")
        outcome = await follow.until_done() if params["wait"] else SignalOutcome("unconfirmed")
    finally:
        if follow.signals:
            result.update(changed=True, signal=follow.signals[-1], after=follow.after)
    report(ctx, follow, outcome, result, waited=params["wait"])


def report(ctx: Context, follow: Follow, outcome: SignalOutcome, result: Result, *, waited: bool = True) -> None:
    """Write the outcome into the result. Raise OperationFailed if it is a failure."""
    server_id, signal = follow.server_id, follow.signals[-1]
    evidence = follow.evidence.kind if follow.evidence else "none"
    if outcome.status == "offline":
        result["reason"] = "offline"
    done = outcome.status in ("done", "offline")
    result.update(
        confirmed=done,
        evidence=evidence if done or outcome.status in ("timeout", "failed") else "none",
        downtime=follow.downtime if outcome.status == "done" and follow.wanted in ("restarted", "started") else None,
    )
    if done:
        return
    last = follow.after or (f"not known, and {follow.shown} before" if follow.shown else "not known")
    if outcome.status == "timeout":
        hint = "If this game never reports running, set running_when to starting." if last == "starting" else "Look at its console."
        raise OperationFailed(
            f"Server {server_id}: {signal} was sent, but after {follow.waiting.timeout:g} s it is not {_AFTER[follow.wanted]} "
            f"(last state: {last}). {hint}",
            result,
            server_id=server_id,
        )
    if outcome.status == "failed":
        raise OperationFailed(f"Server {server_id}: {signal} was sent, but {outcome.why}. Look at its console.", result)
    if follow.ambiguous is not None:
        seen = f"It is {follow.after} now, which does not show whether it was. " if follow.after else ""
        raise OperationFailed(
            f"{follow.ambiguous} {seen}Look at its console before you send another signal.",
            result,
            server_id=server_id,
            status=follow.ambiguous.status,
        )
    if outcome.why:
        raise OperationFailed(f"Server {server_id}: {outcome.why}. Look at its console.", result)
    if waited:
        ctx.warn(
            f"Server {server_id}: {signal} was accepted, but nothing confirms that it was carried out "
            "(no change of state, network counters did not fall). It is reported as unconfirmed."
        )


async def _await_start(ctx: Context, observation: Observation, waiting: Waiting, result: Result) -> None:
    """Wait until a server that is already starting runs. Nothing is sent."""
    params = ctx.params
    if observation.state != "starting" or waiting.running_when == "starting":
        return
    if not params["wait"]:
        # The start can still fail.
        result.update(confirmed=False, evidence="none")
        return
    until = ctx.clock.now() + waiting.timeout
    while observation.state != "running":
        now = ctx.clock.now()
        if now >= until:
            result.update(after=observation.state, confirmed=False, evidence="none")
            raise OperationFailed(
                f"Server {params['server_id']} was already starting and is not running after {waiting.timeout:g} s "
                f"(last state: {observation.state or 'not known'}); nothing was sent. If this game never reports running, "
                "set running_when to starting.",
                result,
            )
        await sleep(ctx.clock, max(0.01, min(until - now, max(waiting.interval, ctx.settings.status_cache))))
        _server, observation = await look(ctx, params["server_id"])
        if observation.state == "offline":
            result.update(after="offline", confirmed=False, evidence="none")
            raise OperationFailed(
                f"Server {params['server_id']} was starting and went offline: the start failed, or the game crashed. "
                "Nothing was sent. Look at its console.",
                result,
            )
    result["after"] = "running"


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

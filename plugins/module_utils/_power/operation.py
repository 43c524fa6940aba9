# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power: bring one server to a state, and tell truly what came of it. Private to this collection."""

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
    is_break_off,
)
from .evidence import Sight
from .follow import Follow, look, settle
from .options import WAITING_OPTIONS, Waiting, check_server_id, check_waiting
from .rules import (
    HOLD,
    REFUSE,
    SEND,
    SKIP,
    WAIT,
    Decision,
    Verdict,
    decide,
)

_AFTER = {"started": "running", "stopped": "offline", "restarted": "running", "killed": "offline"}


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options before the first request."""
    check_server_id(params)
    check_waiting(params)


def refuse_suspended(server: Server, signal: Optional[str]) -> None:
    """A suspended service takes no signals, so none is sent."""
    if server.service_status == "suspended":
        raise OperationFailed(
            f"Server {server.id} is suspended (billing): {signal or 'the signal'} was not sent. Settle its invoice first.",
            server_id=server.id,
        )


async def run(ctx: Context) -> Result:
    """Read, decide, send at most what is needed, and follow it. Returns the result of ``serverprism_power``."""
    params = ctx.params
    begun = ctx.clock.now()
    waiting = Waiting.of(params)
    result = _base(params)
    try:
        server, sight, decision = await settle(
            ctx, params["server_id"], params["state"], params["if_offline"], waiting, wait=params["wait"]
        )
        result.update(before=sight.state, after=sight.state, confirmed=True, evidence="state")
        if ctx.check_mode:
            _predict(params, server, decision, result)
        elif decision.signal is not None:
            refuse_suspended(server, decision.signal)
            await _send(ctx, sight, decision.signal, waiting, result)
            if result["reason"] == "offline" and params["if_offline"] == "fail":
                raise OperationFailed(f"Server {server.id} hung in its stop, was killed as asked, and is offline: if_offline is fail.")
        elif decision.action == REFUSE:
            raise OperationFailed(f"Server {server.id} is offline and if_offline is fail: nothing was sent.", server_id=server.id)
        elif decision.action == HOLD:
            await _hold(ctx, sight, waiting, result)
        elif decision.action == SKIP:
            result["reason"] = "offline"
        elif decision.action == WAIT:
            # A stop under way, and nobody waits for its end.
            result.update(confirmed=False, evidence="none")
    except ServerPrismError as exc:
        result["elapsed"] = round(ctx.clock.now() - begun, 3)
        if not result["changed"]:
            # What was asked for is not so, whatever was seen of the state.
            result.update(confirmed=False, evidence="none")
        raise _failed(exc, result) from exc
    except BaseException as exc:
        if not is_break_off(exc) or not result["changed"]:
            raise
        result.update(elapsed=round(ctx.clock.now() - begun, 3), confirmed=False, evidence="none")
        why = f"Interrupted ({str(exc).rstrip('.')}) after {result['signal']} was sent to server {params['server_id']}"
        raise OperationFailed(f"{why}: what came of it was not seen.", result) from exc
    result["elapsed"] = round(ctx.clock.now() - begun, 3)
    if ctx.diff:
        # A restart ends in the state that it began with, so the state alone would show nothing.
        sent = {"signal": result["signal"]} if result["changed"] else {}
        result["diff"] = {"before": {"state": result["before"]}, "after": {"state": result["after"], **sent}}
    return result


def _failed(exc: ServerPrismError, result: Result) -> OperationFailed:
    """The failure with all that is known: a signal that is out stays out, whatever became of the looks after it."""
    if isinstance(exc, OperationFailed):
        return OperationFailed(str(exc), {**result, **exc.result, "elapsed": result["elapsed"]}, server_id=exc.server_id, status=exc.status)
    sent = f"Server {result['server_id']}: {result['signal']} was sent, and what came of it is not known. " if result["changed"] else ""
    return OperationFailed(f"{sent}{exc}", result, server_id=result["server_id"], status=exc.status)


def _base(params: Dict[str, Any]) -> Result:
    """As it is while nothing was seen and nothing sent."""
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
    """Check mode: what would be sent. A running stop is taken to end offline."""
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
        # A start or a stop under way: it may yet fail.
        result.update(after=_AFTER[params["state"]], confirmed=False, evidence="none")


async def _send(ctx: Context, sight: Sight, signal: str, waiting: Waiting, result: Result) -> None:
    params = ctx.params
    follow = Follow(ctx, params["server_id"], params["state"], waiting, starts_killed=params["if_offline"] == "start" or signal != "kill")
    try:
        await follow.send(signal, sight)
        result.update(changed=True, signal=signal, after=None, confirmed=False, evidence="none")
        verdict = await follow.until_done() if params["wait"] else Verdict("unconfirmed")
    finally:
        if follow.signals:
            result.update(changed=True, signal=follow.signals[-1], after=follow.after)
    report(ctx, follow, verdict, result, waited=params["wait"])


def report(ctx: Context, follow: Follow, verdict: Verdict, result: Result, *, waited: bool = True) -> None:
    """Write the verdict into the result; OperationFailed where it is a failure."""
    server_id, signal = follow.server_id, follow.signals[-1]
    evidence = follow.watch.evidence if follow.watch else "none"
    if verdict.status == "offline":
        result["reason"] = "offline"
    done = verdict.status in ("done", "offline")
    result.update(
        confirmed=done,
        evidence=evidence if done or verdict.status in ("timeout", "failed") else "none",
        downtime=follow.downtime if verdict.status == "done" and follow.wanted in ("restarted", "started") else None,
    )
    if done:
        return
    last = follow.after or (f"not known, and {follow.shown} before" if follow.shown else "not known")
    if verdict.status == "timeout":
        hint = "If this game never reports running, set running_when to starting." if last == "starting" else "Look at its console."
        raise OperationFailed(
            f"Server {server_id}: {signal} was sent, but after {follow.waiting.timeout:g} s it is not {_AFTER[follow.wanted]} "
            f"(last state: {last}). {hint}",
            result,
            server_id=server_id,
        )
    if verdict.status == "failed":
        raise OperationFailed(f"Server {server_id}: {signal} was sent, but {verdict.why}. Look at its console.", result)
    if follow.ambiguous is not None:
        seen = f"It is {follow.after} now, which does not show whether it was. " if follow.after else ""
        raise OperationFailed(
            f"{follow.ambiguous} {seen}Look at its console before you send another.",
            result,
            server_id=server_id,
            status=follow.ambiguous.status,
        )
    if verdict.why:
        raise OperationFailed(f"Server {server_id}: {verdict.why}. Look at its console.", result)
    if waited:
        ctx.warn(
            f"Server {server_id}: {signal} was accepted, but nothing proves that it was carried out "
            "(no change of state, network counters did not fall). It is reported as unconfirmed."
        )


async def _hold(ctx: Context, sight: Sight, waiting: Waiting, result: Result) -> None:
    """Nothing to send; a start already under way is waited for."""
    params = ctx.params
    if sight.state != "starting" or waiting.running_when == "starting":
        return
    if not params["wait"]:
        # It may yet fail to start.
        result.update(confirmed=False, evidence="none")
        return
    until = ctx.clock.now() + waiting.timeout
    while sight.state != "running":
        now = ctx.clock.now()
        if now >= until:
            result.update(after=sight.state, confirmed=False, evidence="none")
            raise OperationFailed(
                f"Server {params['server_id']} was already starting and is not running after {waiting.timeout:g} s "
                f"(last state: {sight.state or 'not known'}); nothing was sent. If this game never reports running, "
                "set running_when to starting.",
                result,
            )
        await sleep(ctx.clock, max(0.01, min(until - now, max(waiting.interval, ctx.settings.status_cache))))
        _server, sight = await look(ctx, params["server_id"])
        if sight.state == "offline":
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

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintenance of one server: announce, save, act, verify, as one timeline. Private to this collection."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NoReturn, Optional

from .._api.client import Patience
from .._api.coroutines import Sleep, sleep
from .._api.models import Server
from .._api.retry import backoff
from .._clock import when
from .._errors import LockLost, ServerPrismError
from .._operation import (
    Context,
    OperationFailed,
    Result,
    is_break_off,
)
from .._power.evidence import Observation
from .._power.follow import Follow, await_news, look, look_until_known, settle
from .._power.operation import report
from .._power.options import Waiting
from .._power.rules import (
    REFUSE,
    SEND,
    WAIT,
    Decision,
    decide,
)
from .._quota.reservations import WRITE
from .countdown import (
    LOOK_AHEAD,
    Countdown,
    TimelineOptions,
    TooLate,
    WentOffline,
)
from .durations import say_duration
from .fleet import Fleet
from .guard import DONE, UNPROVEN, Guard
from .outcome import blank, diff, outcome_of, timeline, unconfirmed
from .plan import TODAY
from .schedule import DEADLINE_SECOND, local_time, maintenance_window, zone
from .steps import (
    DONE as SAID_DONE,
)
from .steps import (
    UNKNOWN,
    Step,
    notice_error,
    parse_announcements,
    with_action,
)

_SIGNAL = {"restarted": "restart", "stopped": "stop"}
# The number of seconds by which an action that was planned for the second of the deadline may be late.
DEADLINE_GRACE = 0.5
# A state read longer ago than this before the first word is read again.
STATE_AGE = 1800.0


class Crashed(OperationFailed):
    """The server went offline during its countdown, by itself or by somebody's hand: there is nobody left to tell."""


class Maintenance:
    """One run of the operation; ``result`` is true at any moment, so that a break-off can return it as it is."""

    def __init__(self, ctx: Context, fleet: Fleet) -> None:
        self.ctx = ctx
        self.fleet = fleet
        self.params = ctx.params
        self.server_id: int = ctx.params["server_id"]
        self.wanted: str = ctx.params["state"]
        self.waiting = Waiting.of(ctx.params)
        tz = zone(ctx.params["timezone"])
        self.options = TimelineOptions(
            tuple(replace(one, text=with_action(one.text, self.wanted)) for one in parse_announcements(ctx.params["announcements"])),
            ctx.params["announce_command"],
            tuple(ctx.params["commands"] or ()),
            ctx.params["command_wait"],
            with_action(ctx.params["cancel_text"], self.wanted),
            with_action(ctx.params["done_text"] or "", self.wanted) or None,
            tz,
        )
        now = ctx.clock.now()
        # On the wall clock, which may be set while the run waits.
        start, self.deadline = maintenance_window(ctx.params["start"], ctx.params["deadline"], tz, now)
        self.start = -math.inf if start is None else start
        self.countdown: Optional[Countdown] = None
        self.follow: Optional[Follow] = None
        self.action_at: Optional[float] = None
        self.guard = Guard(ctx, self.server_id, fleet)
        self.result: Result = blank(self.server_id)

    async def run(self) -> Result:
        """The result of ``serverprism_maintenance``; OperationFailed carries it where the outcome is failed or cancelled."""
        try:
            await self._unless_settled()
        except ServerPrismError as exc:
            if self.result["outcome"] not in ("cancelled", "unconfirmed"):
                self.result["outcome"] = "failed"
            self._note()
            known = exc.result if isinstance(exc, OperationFailed) else {}
            keep = {key: value for key, value in known.items() if key in ("after", "downtime", "evidence", "signal")}
            untold = self._untold()
            message = f"{exc} Its {untold}." if untold else str(exc)
            raise OperationFailed(message, {**self.result, **keep}, server_id=self.server_id, status=exc.status) from exc
        except BaseException as exc:
            if not is_break_off(exc):
                raise
            raise self.not_begun(str(exc)) from exc
        self._note()
        if self._untold():
            self.result["reason"] = f"{self.result['reason']}; {self._untold()}"
        return self.result

    def not_begun(self, name: str) -> OperationFailed:
        """Return the failure of a maintenance that was interrupted before anything was sent."""
        self.result["outcome"] = "cancelled"
        message = f"Interrupted ({name.rstrip('.')}): nothing was sent to server {self.server_id}."
        return OperationFailed(message, self.result, server_id=self.server_id)

    def out_of_time(self, name: str) -> OperationFailed:
        """Return the failure of a maintenance that never came to its end after an interruption."""
        if self.countdown is None:
            return self.not_begun(name)
        self.result["outcome"] = "unconfirmed" if self._action_is_out() else "cancelled"
        self._note()
        warned = "Its players were warned, and may not know that it is cancelled" if self.countdown.warned() else "No player was warned"
        message = f"Interrupted ({name.rstrip('.')}): the maintenance of server {self.server_id} came to no end in time. {warned}."
        return OperationFailed(message, self.result, server_id=self.server_id)

    def _untold(self) -> str:
        return self.countdown.untold() if self.countdown is not None else ""

    async def _unless_settled(self) -> None:
        """Do what is to be done, unless it was done before, or the state of the server leaves nothing to do."""
        if self._done_before() or self._is_closed():
            return
        self.fleet.begin(self.server_id)
        # Only now no other run can be at it: one of the same ID may have been, meanwhile.
        if self._done_before():
            return
        await await_news(self.ctx, self.server_id)
        server, observation = await look_until_known(self.ctx, self.server_id)
        self._saw(server, observation)
        if self.guard.has_begun():
            self.result["earlier"] = "unconfirmed"
        begun = self.guard.begun_before(self.wanted, observation.state)
        if begun:
            return self._end("skipped", begun)
        decision = self._step(server, observation)
        if decision is not None:
            await self._timeline(server, observation, decision)

    def _done_before(self) -> bool:
        why = self.guard.done_before()
        if why:
            self.result["earlier"] = "done"
            self._end("skipped", why)
        return why is not None

    def _is_closed(self) -> bool:
        if self.fleet.closed:
            self._end("deferred", self.fleet.closed)
        return bool(self.fleet.closed)

    def _saw(self, server: Server, observation: Observation) -> None:
        self.result.update(name=server.name, before=observation.state, after=observation.state)

    def _end(self, outcome: str, reason: str) -> None:
        self.result.update(outcome=outcome, reason=reason)
        self.ctx.progress(f"{outcome}: {reason}")

    def _step(self, server: Server, observation: Observation) -> Optional[Decision]:
        """What to do with the server as it is; None where the outcome is already clear."""
        if_offline = self.params["if_offline"]
        if server.service_status == "suspended":
            if if_offline == "skip":
                self._end("skipped", "suspended (billing)")
                return None
            raise OperationFailed(f"Server {self.server_id} is suspended (billing): nothing was sent. Settle its invoice first.")
        decision = decide(self.wanted, observation.state, if_offline)
        if observation.state == "offline" and self.countdown is not None and self.countdown.warned():
            self._went_offline(goes_on=decision.action == SEND)
        if observation.state == "offline" and self.wanted == "stopped":
            if if_offline == "fail":
                decision = Decision(REFUSE)
            else:
                self._end("skipped", "offline already")
                return None
        if decision.action == REFUSE:
            raise OperationFailed(f"Server {self.server_id} is offline and if_offline is fail: nothing was sent.")
        if decision.action in (SEND, WAIT):
            return decision
        self._end("skipped", "offline")
        return None

    def _went_offline(self, goes_on: bool) -> None:
        """Fail for a server that went offline after its players were warned; one that is to be started is started all the same."""
        why = "went offline during its countdown: it crashed, or somebody stopped it"
        if goes_on:
            self.ctx.warn(f"Server {self.server_id} {why}. It is started, as if_offline says.")
            return
        self.result["reason"] = why
        raise Crashed(
            f"Server {self.server_id} {why}. No signal was sent, and its players could not be told. If it comes back by itself, they were "
            "warned of a restart that does not come. Look at its console.",
            server_id=self.server_id,
        )

    async def _timeline(self, server: Server, observation: Observation, decision: Decision) -> None:
        """Plan, count down, act, verify."""
        again: Optional[Decision] = decision
        if decision.action == WAIT:
            if self.ctx.check_mode:
                # It is stopping, and that ends offline.
                observation = replace(observation, state="offline")
            else:
                server, observation, again = await settle(self.ctx, self.server_id, self.wanted, self.params["if_offline"], self.waiting)
                self._saw(server, observation)
            if again is None or again.signal != "kill":
                again = self._step(server, observation)
        if again is None:
            return
        signal = again.signal or _SIGNAL[self.wanted]
        # A server that is off has nobody to warn and no console, one that hangs in its stop has had its warning.
        options = _without_words(self.options) if observation.state == "offline" or signal == "kill" else self.options
        countdown = self.countdown = Countdown(
            self.ctx, self.server_id, server.name, options, signal, self.deadline, self.fleet, self.guard.check_lock
        )
        countdown.reserve(max(self.ctx.clock.now(), when(self.ctx.clock, self.start)), in_run=signal != "kill")
        if not countdown.deadline_ok():
            return self._defer(countdown)
        if self.ctx.check_mode:
            return self._predict(countdown, signal)
        self._tell_plan(countdown)
        await self._guarded(countdown, observation, signal)
        if self.result["outcome"] == "done" and self.options.done_text and self.wanted == "restarted":
            await self._say_done(countdown, self.options.done_text)

    async def _say_done(self, countdown: Countdown, text: str) -> None:
        """Tell the players that it is over, once they had time to come back. What interrupts that does not change what is done."""
        try:
            await sleep(self.ctx.clock, self.params["done_delay"])
            await countdown.say(SAID_DONE, text)
        except BaseException as exc:
            if not is_break_off(exc):
                raise
            self.ctx.warn(f"Interrupted ({exc}) before the players of server {self.server_id} were told that it is over; the rest is done.")

    def _tell_plan(self, countdown: Countdown) -> None:
        first, action = countdown.steps[0], countdown.action
        if first.planned > self.ctx.clock.now() + 1:
            begins = local_time(first.planned, self.options.tz, with_day=first.planned > self.ctx.clock.now() + TODAY)
            self.ctx.progress(f"starts at {begins}, {action.text} at {local_time(action.planned, self.options.tz)}")
        else:
            self.ctx.progress(f"{action.text} at {local_time(action.planned, self.options.tz)}")

    def _defer(self, countdown: Countdown) -> None:
        if not self.ctx.check_mode:
            countdown.release()
        # Rounded down, since a deadline includes its second.
        late, deadline = int(countdown.late_by()), self.deadline or 0.0
        self.result["deadline_missed_by"] = late
        at = f"at {local_time(deadline + late, self.options.tz)}, {say_duration(late)} after the deadline"
        self._end("deferred", f"the {countdown.action.text} would begin {at} ({local_time(deadline, self.options.tz)})")

    def _predict(self, countdown: Countdown, signal: str) -> None:
        steps = countdown.steps
        action = countdown.action.planned
        for index, step in enumerate(steps[:-1]):
            line = countdown.line(step, step.before or 0.0, action)
            steps[index] = Step(step.kind, line, step.planned, before=step.before)
        after = "running" if self.wanted == "restarted" else "offline"
        self.result.update(changed=True, outcome="done", signal=signal, after=after, reason="check mode: nothing was sent")

    async def _guarded(self, countdown: Countdown, observation: Observation, signal: str) -> None:
        """Countdown and action; whatever breaks them off before the action, the players hear of it."""
        try:
            await self._count_down_and_act(countdown, observation)
        except (TooLate, WentOffline) as exc:
            self._cancels()
            await countdown.call_off()
            if isinstance(exc, TooLate):
                self._end("deferred", "the countdown was delayed past the deadline, and called off")
                return
            raise OperationFailed(f"Server {self.server_id} takes no console commands: {exc} The maintenance was called off.") from exc
        except Crashed:
            self._cancels()
            countdown.drop()
            raise
        except GeneratorExit:
            raise
        except BaseException as exc:
            self._cancels()
            if is_break_off(exc):
                await self._interrupted(countdown, str(exc).rstrip("."), signal)
            if not self._action_is_out():
                await countdown.call_off()
                if isinstance(exc, LockLost) and countdown.warned():
                    self.result["outcome"] = "cancelled"
            raise

    def _cancels(self) -> None:
        """From here on nothing interrupts, and no lock is needed: the players are told that the restart is cancelled."""
        self.ctx.shield()
        self.guard.cancels()

    def _action_is_out(self) -> bool:
        return self.follow is not None and bool(self.follow.signals)

    async def _interrupted(self, countdown: Countdown, name: str, signal: str) -> NoReturn:
        if self._action_is_out():
            self.result["outcome"] = "unconfirmed"
            raise OperationFailed(
                f"Interrupted ({name}) after {signal} was sent to server {self.server_id}: its outcome is not known.",
                self.result,
            )
        await countdown.call_off()
        self.result["outcome"] = "cancelled"
        told = "; the players were told" if any(e.outcome == "sent" for e in countdown.extra) else ""
        raise OperationFailed(f"Interrupted ({name}): the maintenance of server {self.server_id} was called off{told}.", self.result)

    async def _count_down_and_act(self, countdown: Countdown, observation: Observation) -> None:
        while True:
            first = countdown.steps[0].planned
            if len(countdown.steps) > 1 and first - observation.at > STATE_AGE:
                await Sleep(first - 2 * LOOK_AHEAD)
                observation = await self._still_up(countdown)
                if self.result["reason"]:
                    return
            await Sleep(first)
            if self._is_closed():
                return countdown.release()
            if not await self._clock_was_set_back(countdown) and await countdown.may_begin() and countdown.deadline_ok():
                break
            if not countdown.deadline_ok():
                return self._defer(countdown)
            self._tell_plan(countdown)
        try:
            await countdown.run()
        except WentOffline:
            observation = await self._still_up(countdown)
            if self.result["reason"]:
                return
            if observation.state != "offline":
                raise
        if countdown.read_turn is not None:
            await Sleep(countdown.action.planned - LOOK_AHEAD)
            observation = await self._look_again(countdown, countdown.take_read_turn())
            if self.result["reason"]:
                return
        await self._act(countdown, observation)

    async def _clock_was_set_back(self, countdown: Countdown) -> bool:
        """Reserve a later place where the wall clock was set back meanwhile, so that it is not yet time to start."""
        first = countdown.steps[0].planned
        await Sleep(first - LOOK_AHEAD)
        start = when(self.ctx.clock, self.start)
        if start < first + 1.0:
            return False
        countdown.release()
        countdown.reserve(start, in_run=False)
        return True

    async def _look_again(self, countdown: Countdown, turn: Optional[float] = None) -> Observation:
        """Read the state again before the signal. A stop that hung, and has ended meanwhile, is not killed."""
        if countdown.action.text != "kill":
            return await self._still_up(countdown, turn)
        server, observation = await look(self.ctx, self.server_id, turn=turn)
        self._saw(server, observation)
        if observation.state in ("starting", "running", None):
            now = observation.state or "in an unknown state"
            raise OperationFailed(
                f"Server {self.server_id} hung while stopping, and is {now} now: nothing was sent. Run the maintenance again.",
                server_id=self.server_id,
            )
        if observation.state == "offline":
            self._step(server, observation)
        return observation

    async def _still_up(self, countdown: Countdown, turn: Optional[float] = None) -> Observation:
        """Read the state anew; where it ends the maintenance, the result says so and the quota is given back."""
        waiting = replace(self.waiting, kill_after=None)
        server, observation, _step = await settle(self.ctx, self.server_id, self.wanted, self.params["if_offline"], waiting, turn)
        self._saw(server, observation)
        if self._step(server, observation) is None:
            self._cancels()
            await countdown.call_off() if observation.state != "offline" else countdown.drop()
        return observation

    async def _act(self, countdown: Countdown, observation: Observation) -> None:
        signal = self._signal(countdown, observation)
        if signal is None:
            raise OperationFailed(f"Server {self.server_id} is {observation.state or 'in an unknown state'}: nothing was sent.")
        await Sleep(countdown.action.planned)
        starts_killed = self.params["if_offline"] == "start" or signal != "kill"
        self.follow = Follow(
            self.ctx, self.server_id, self.wanted, self.waiting, check=self.guard.before_signal, starts_killed=starts_killed
        )
        if not await self._send(countdown, self.follow, observation, signal):
            return
        self.result.update(changed=True, outcome="unconfirmed", signal=self.follow.signals[-1], after=None)
        verdict = await self.follow.until_done()
        self.guard.note(DONE if verdict.status in ("done", "offline") else UNPROVEN)
        outcome = outcome_of(verdict, self.follow.after)
        self.result.update(outcome=outcome, signal=self.follow.signals[-1], after=self.follow.after)
        report(self.ctx, self.follow, verdict, self.result)
        if outcome == "unconfirmed":
            raise OperationFailed(unconfirmed(self.server_id, self.follow.signals[0], self.wanted), self.result)
        if verdict.status == "offline":
            if self.params["if_offline"] == "fail":
                self.result["outcome"] = "failed"
                raise OperationFailed(f"Server {self.server_id} hung while stopping, was killed, and is offline: if_offline is fail.")
            return self._end("skipped", "offline: it hung while stopping and was killed")
        down = self.result["downtime"]
        self.ctx.progress(f"done: {self.follow.after}" + (f", down for {down:.1f} s at most" if down is not None else ""))

    def _signal(self, countdown: Countdown, observation: Observation) -> Optional[str]:
        """Return the signal for the state that was just read; None where there is none to send."""
        if countdown.action.text == "kill" and observation.state == "stopping":
            return "kill"
        return decide(self.wanted, observation.state, self.params["if_offline"]).signal

    async def _send(self, countdown: Countdown, follow: Follow, observation: Observation, signal: str) -> bool:
        """Send the signal, once; False where the server is not to have it any more.

        A refused one can be sent again, for ``max_wait`` seconds. But time passes meanwhile: each try is in time, and
        finds the server as it was to be.
        """
        begun, tries = self.ctx.clock.now(), 0
        turn = countdown.booked[-1]
        while True:
            tries += 1
            latest = math.inf if self.deadline is None else when(self.ctx.clock, self.deadline)
            if self.ctx.clock.now() > latest + DEADLINE_SECOND + DEADLINE_GRACE:
                raise TooLate
            try:
                self.action_at = await follow.send(signal, observation, turn, Patience(0.0, self.ctx.clock))
                break
            except BaseException as exc:
                # Ctrl-C can come while the line is being written.
                if not self._action_is_out():
                    self.guard.refused()
                if not isinstance(exc, ServerPrismError) or exc.retry_after is None:
                    raise
                wait = max(exc.retry_after, backoff(tries))
                spent = self.ctx.clock.now() - begun
                if spent + wait > self.ctx.settings.max_wait:
                    end = f" It was tried for {spent:.0f} s, and the next try would be in {wait:.0f} s, past max_wait."
                    raise OperationFailed(f"{exc}{end}", server_id=self.server_id, status=exc.status) from exc
            self.ctx.progress(f"{signal} refused: once more in {wait:.0f} s")
            await sleep(self.ctx.clock, wait)
            # The quota may be full for minutes: what is looked at before that is old by then.
            turn = await self.ctx.client.await_turn(WRITE, is_urgent=True)
            observation = await self._look_again(countdown)
            if self.result["reason"]:
                return False
            signal = self._signal(countdown, observation) or signal
        countdown.sent_signal(self.action_at, UNKNOWN if follow.ambiguous else "sent")
        return True

    def _note(self) -> None:
        """Bring the timeline and what follows from it into the result."""
        if self.countdown is None:
            return
        if self.follow is not None and self.follow.signals:
            self.result.update(changed=True, signal=self.follow.signals[-1])
        self.result["timeline"] = timeline(self.countdown, self.follow)
        self.result["notice_error"] = notice_error(self.countdown.steps, self.action_at)
        if self.ctx.diff:
            self.result["diff"] = diff(self.server_id, self.result["timeline"])


def _without_words(options: TimelineOptions) -> TimelineOptions:
    """For a server that is off: nobody to announce to, and no console to take commands."""
    return TimelineOptions((), options.announce_command, (), 0.0, options.cancel_text, options.done_text, options.tz)

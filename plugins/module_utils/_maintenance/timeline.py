# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The maintenance of one server: announce, save, send the signal, and verify. Private to this collection."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any, NoReturn, Optional

from .._api.client import Patience
from .._api.coroutines import Sleep, sleep
from .._api.models import Server
from .._api.retry import backoff
from .._clock import when
from .._errors import LockLost, OnHold, ServerPrismError
from .._operation import (
    Context,
    OperationFailed,
    Result,
    is_interruption,
    name_of_interruption,
)
from .._power.evidence import Observation
from .._power.follow import Follow, await_news, look, look_until_known, settle
from .._power.options import Waiting
from .._power.outcome import evidence_of, failure_of
from .._power.rules import (
    REFUSE,
    SEND,
    WAIT,
    Decision,
    decide,
)
from .._quota.holds import described
from .._quota.reservations import WRITE
from .._runs.log import RunLog
from .._text import iso
from .countdown import (
    LOOK_AHEAD,
    Countdown,
    TimelineOptions,
    TooLate,
    WentOffline,
)
from .durations import say_duration
from .exclusions import parse_exclusions
from .fleet import Fleet
from .guard import Guard, as_left
from .outcome import MaintenanceOutcome, diff, not_warned, outcome_of, timeline, unconfirmed
from .plan import TODAY
from .schedule import DEADLINE_SECOND, local_time, opening_of, window_of, zone
from .steps import (
    ANNOUNCEMENT,
    UNKNOWN,
    Step,
    Timeline,
    notice_error,
    parse_announcements,
    with_action,
    with_reason,
)
from .steps import (
    DONE as SAID_DONE,
)

_SIGNAL = {"restarted": "restart", "stopped": "stop"}
# Seconds by which an action that is planned for the second of the deadline may be late.
DEADLINE_GRACE = 0.5
# A state that is older than this number of seconds before the first step is read again.
STATE_AGE = 1800.0


class Crashed(OperationFailed):
    """The server went offline during its countdown, so nobody can be told anything."""


class Maintenance:
    """The maintenance of one server. ``outcome`` is correct at any moment, so that an interruption can return it."""

    def __init__(self, ctx: Context, fleet: Fleet, log: RunLog) -> None:
        self.ctx = ctx
        self.fleet = fleet
        self.params = ctx.params
        self.server_id: int = ctx.params["server_id"]
        self.wanted: str = ctx.params["state"]
        self.waiting = Waiting.of(ctx.params)
        tz = zone(ctx.params["timezone"])
        self.options = TimelineOptions(
            tuple(replace(one, text=self._worded(one.text)) for one in parse_announcements(ctx.params["announcements"])),
            # None for a game that takes no console commands, and so has no lines.
            ctx.params["announce_command"] or "",
            tuple(ctx.params["commands"] or ()),
            ctx.params["command_wait"],
            self._worded(ctx.params["cancel_text"]),
            self._worded(ctx.params["done_text"] or "") or None,
            tz,
            parse_exclusions(ctx.params["exclusions"], tz),
        )
        now = ctx.clock.now()
        # UTC seconds on the wall clock, which may be changed while the run waits.
        begin, self.deadline = window_of(ctx.params, now)
        self._begin = -math.inf if begin is None else begin
        self._is_time_of_action = opening_of(ctx.params) == "at"
        self.countdown: Optional[Countdown] = None
        self.follow: Optional[Follow] = None
        self.action_at: Optional[float] = None
        self.guard = Guard(ctx, self.server_id, fleet, log)
        self.outcome = MaintenanceOutcome(self.server_id)

    def _worded(self, text: str) -> str:
        """Return a text with the values that are the same for the whole timeline."""
        return with_action(with_reason(text, self.params["reason"]), self.wanted)

    def _update(self, **changes: Any) -> None:
        self.outcome = replace(self.outcome, **changes)

    @property
    def _is_over(self) -> bool:
        """Return whether nothing is left to do."""
        return self.outcome.reason is not None

    def start_of(self, timeline: Timeline) -> float:
        """Return the earliest time of the first step of a timeline, UTC seconds on the wall clock."""
        return self._begin - (timeline.offsets[-1] if self._is_time_of_action else 0.0)

    async def run(self) -> Result:
        """Maintain the server and return the result of ``serverprism_maintenance``. OperationFailed contains the result as well."""
        try:
            await self._maintain()
        except ServerPrismError as exc:
            if self.outcome.outcome not in ("cancelled", "unconfirmed"):
                self._update(outcome="failed")
            self._complete_outcome()
            # Such as the state that was read last.
            known = {key: value for key, value in exc.result.items() if key == "after"} if isinstance(exc, OperationFailed) else {}
            cancel_problem = self._cancel_problem()
            message = f"{exc} Its {cancel_problem}." if cancel_problem else str(exc)
            raise OperationFailed(message, {**self.outcome.as_result(), **known}) from exc
        except BaseException as exc:
            if not is_interruption(exc):
                raise
            raise self.not_begun(name_of_interruption(exc)) from exc
        self._complete_outcome()
        if self._cancel_problem():
            self._update(reason=f"{self.outcome.reason}; {self._cancel_problem()}")
        return self.outcome.as_result()

    def not_begun(self, name: str) -> OperationFailed:
        """Return the failure of a maintenance that was interrupted before anything was sent."""
        self._update(outcome="cancelled")
        message = f"Interrupted ({name.rstrip('.')}): nothing was sent to server {self.server_id}."
        return OperationFailed(message, self.outcome.as_result())

    def out_of_time(self, name: str) -> OperationFailed:
        """Return the failure of a maintenance that did not end in time after an interruption."""
        if self.countdown is None:
            return self.not_begun(name)
        self._update(outcome="unconfirmed" if self._was_action_sent() else "cancelled")
        self._complete_outcome()
        warned = "Its players were warned, and may not know that it is cancelled" if self.countdown.warned() else "No player was warned"
        message = f"Interrupted ({name.rstrip('.')}): the maintenance of server {self.server_id} did not end in time. {warned}."
        return OperationFailed(message, self.outcome.as_result())

    def _cancel_problem(self) -> str:
        return self.countdown.cancel_problem() if self.countdown is not None else ""

    async def _maintain(self) -> None:
        """Maintain the server, unless it was done before, or its state requires nothing."""
        if self._done_before() or self._is_closed() or self._is_on_hold():
            return
        self.fleet.begin(self.server_id)
        # The server is locked now, but another run with the same ID may have maintained it before that.
        if self._done_before():
            return
        await await_news(self.ctx, self.server_id)
        server, observation = await look_until_known(self.ctx, self.server_id)
        self._note_state(server, observation)
        if self.guard.has_begun():
            outcome = "unconfirmed" if as_left(self.wanted, observation.state) else "failed"
            self._update(earlier="unconfirmed", outcome=outcome)
            raise OperationFailed(self.guard.begun_before(observation.state))
        decision = self._decide(server, observation)
        if decision is not None:
            await self._timeline(server, observation, decision)

    def _done_before(self) -> bool:
        why = self.guard.done_before()
        if why:
            self._update(earlier="done")
            self._set_outcome("skipped", why)
        return why is not None

    def _is_closed(self) -> bool:
        if self.fleet.closed:
            self._set_outcome("deferred", self.fleet.closed)
        return bool(self.fleet.closed)

    def _is_on_hold(self) -> bool:
        """Defer a server that is on hold when it begins."""
        now = self.ctx.clock.now()
        begins = max(now, when(self.ctx.clock, self.start_of(self.options.timeline(_SIGNAL[self.wanted]))))
        if not self.ctx.check_mode and begins > now + self.ctx.settings.limit_window:
            # Its state is read early. The hold may be released until it begins.
            return False
        hold = self.fleet.hold_on(self.server_id, begins)
        if hold is not None:
            self._update(held_back=True)
            self._set_outcome("deferred", described(hold, self.options.tz, now))
        return hold is not None

    def cancelled_by_hold(self) -> Optional[OnHold]:
        """Return the error that cancels the countdown for a hold, or None. A hold without ``cancel`` prevents only the first step."""
        now = self.ctx.clock.now()
        hold = self.fleet.hold_on(self.server_id, now)
        if hold is None or not self.guard.may_cancel or not (hold.cancel or not self._has_sent_lines):
            return None
        return OnHold(described(hold, self.options.tz, now))

    @property
    def _has_sent_lines(self) -> bool:
        return self.countdown is not None and (self.countdown.next > 0 or self.countdown.warned())

    def _check_line(self) -> None:
        """Raise LockLost or OnHold if nothing may be sent. The ledger was read for the slot of the request, so the holds are up to date."""
        self.guard.check_lock()
        error = self.cancelled_by_hold()
        if error is not None:
            raise error

    def _check_signal(self, signal: str) -> None:
        """Raise LockLost or OnHold if the signal must not be sent."""
        self._check_line()
        self.guard.before_signal(signal)

    def _note_state(self, server: Server, observation: Observation) -> None:
        self._update(name=server.name, before=observation.state, after=observation.state)

    def _set_outcome(self, outcome: str, reason: str) -> None:
        self._update(outcome=outcome, reason=reason)
        self.ctx.progress(f"{outcome}: {reason}")

    def _decide(self, server: Server, observation: Observation) -> Optional[Decision]:
        """Return the decision for a state. None if the outcome is set. Raise OperationFailed for a server that cannot be maintained."""
        if_offline = self.params["if_offline"]
        if server.service_status == "suspended":
            if if_offline == "skip":
                self._set_outcome("skipped", "suspended (billing)")
                return None
            raise OperationFailed(f"Server {self.server_id} is suspended (billing): nothing was sent. Settle its invoice first.")
        decision = decide(self.wanted, observation.state, if_offline)
        if observation.state == "offline" and self.countdown is not None and self.countdown.warned():
            self._went_offline(goes_on=decision.action == SEND)
        if observation.state == "offline" and self.wanted == "stopped":
            if if_offline == "fail":
                decision = Decision(REFUSE)
            else:
                self._set_outcome("skipped", "already offline")
                return None
        if decision.action == REFUSE:
            raise OperationFailed(f"Server {self.server_id} is offline and if_offline is fail: nothing was sent.")
        if decision.action in (SEND, WAIT):
            return decision
        self._set_outcome("skipped", "offline")
        return None

    def _went_offline(self, goes_on: bool) -> None:
        """Raise Crashed for a server that went offline after its players were warned, unless it is started anyway (``goes_on``)."""
        why = "went offline during its countdown: it crashed, or somebody stopped it"
        if goes_on:
            self.ctx.warn(f"Server {self.server_id} {why}. It is started, because if_offline is start.")
            return
        self._update(reason=why)
        raise Crashed(
            f"Server {self.server_id} {why}. No signal was sent, and its players could not be told that the maintenance is cancelled. "
            "Look at its console.",
        )

    async def _timeline(self, server: Server, observation: Observation, decision: Decision) -> None:
        """Reserve the timeline, count down, send the signal, and verify."""
        again: Optional[Decision] = decision
        if decision.action == WAIT:
            if self.ctx.check_mode:
                # A server that is stopping is assumed to become offline.
                observation = replace(observation, state="offline")
            else:
                server, observation, again = await settle(self.ctx, self.server_id, self.wanted, self.params["if_offline"], self.waiting)
                self._note_state(server, observation)
            if again is None or again.signal != "kill":
                again = self._decide(server, observation)
        if again is None:
            return
        signal = again.signal or _SIGNAL[self.wanted]
        # An offline server has no players and no console. The players of a server that hangs while stopping were warned before.
        options = _without_lines(self.options) if observation.state == "offline" or signal == "kill" else self.options
        countdown = self.countdown = Countdown(
            self.ctx, self.server_id, server.name, options, signal, self.deadline, self.fleet, self._check_line, self.guard.said
        )
        countdown.reserve(max(self.ctx.clock.now(), when(self.ctx.clock, self.start_of(countdown.timeline))), in_run=signal != "kill")
        if not countdown.deadline_ok():
            return self._defer(countdown)
        if self.ctx.check_mode:
            return self._predict(countdown, signal)
        self._tell_plan(countdown)
        await self._guarded(countdown, observation, signal)
        if self.outcome.outcome == "done" and self.options.done_text and self.wanted == "restarted":
            await self._say_done(countdown, self.options.done_text)

    async def _say_done(self, countdown: Countdown, text: str) -> None:
        """Send the done text after ``done_delay`` seconds. An interruption is only a warning, since the maintenance is done."""
        try:
            await sleep(self.ctx.clock, self.params["done_delay"])
            await countdown.say(SAID_DONE, text)
        except BaseException as exc:
            if not is_interruption(exc):
                raise
            name = name_of_interruption(exc)
            self.ctx.warn(
                f"Interrupted ({name}): the maintenance of server {self.server_id} is done, but its done_text may not have been sent."
            )

    def _tell_plan(self, countdown: Countdown) -> None:
        first, action, now = countdown.steps[0], countdown.action, self.ctx.clock.now()
        self.guard.counts_down(name=countdown.name, signal=action.text, first=iso(first.planned), action=iso(action.planned))
        when_acts = local_time(action.planned, self.options.tz, with_day=action.planned > now + TODAY)
        warned = ""
        if first.kind == ANNOUNCEMENT and first.planned > now + 1:
            warned = f"first announcement at {local_time(first.planned, self.options.tz, with_day=first.planned > now + TODAY)}, "
        self.ctx.progress(f"{warned}{action.text} at {when_acts}")

    def _defer(self, countdown: Countdown) -> None:
        if not self.ctx.check_mode:
            countdown.release()
        exclusion = countdown.exclusion_at(countdown.action.planned)
        if exclusion is not None:
            self._update(held_back=True)
            at = local_time(countdown.action.planned, self.options.tz, with_day=countdown.action.planned > self.ctx.clock.now() + TODAY)
            return self._set_outcome("deferred", f"the {countdown.action.text} at {at} would be in the exclusion {exclusion}")
        # Rounded down, since the deadline includes its second.
        late, deadline = int(countdown.late_by()), self.deadline or 0.0
        self._update(deadline_missed_by=late)
        at = f"at {local_time(deadline + late, self.options.tz)}, {say_duration(late)} after the deadline"
        self._set_outcome("deferred", f"the {countdown.action.text} would begin {at} ({local_time(deadline, self.options.tz)})")

    def _predict(self, countdown: Countdown, signal: str) -> None:
        steps = countdown.steps
        action = countdown.action.planned
        for index, step in enumerate(steps[:-1]):
            line = countdown.line(step, step.before or 0.0, action)
            steps[index] = Step(step.kind, line, step.planned, before=step.before)
        after = "running" if self.wanted == "restarted" else "offline"
        self._update(changed=True, outcome="planned", signal=signal, after=after, reason="check mode: nothing was sent")

    async def _guarded(self, countdown: Countdown, observation: Observation, signal: str) -> None:
        """Run the countdown and the action. If they are interrupted before the action, tell the players that it is cancelled."""
        try:
            await self._count_down_and_act(countdown, observation)
        except (TooLate, WentOffline, OnHold) as exc:
            has_sent_lines = self._has_sent_lines
            self._begin_cancelling()
            await countdown.cancel()
            if isinstance(exc, (TooLate, OnHold)):
                self._update(held_back=isinstance(exc, OnHold))
                return self._set_outcome("cancelled" if isinstance(exc, OnHold) and has_sent_lines else "deferred", str(exc))
            raise OperationFailed(f"Server {self.server_id} takes no console commands: {exc} The maintenance was cancelled.") from exc
        except Crashed:
            self._begin_cancelling()
            countdown.drop()
            raise
        except GeneratorExit:
            raise
        except BaseException as exc:
            self._begin_cancelling()
            if is_interruption(exc):
                await self._interrupted(countdown, name_of_interruption(exc), signal)
            if not self._was_action_sent():
                await countdown.cancel()
                if isinstance(exc, LockLost) and countdown.warned():
                    self._update(outcome="cancelled")
            raise

    def _begin_cancelling(self) -> None:
        """Accept no interruption and require no lock from now on: the players are told that the restart is cancelled."""
        self.ctx.shield()
        self.guard.begin_cancelling()

    @property
    def is_warned(self) -> bool:
        """Return whether players may wait for an action that was not sent."""
        return self.countdown is not None and self.countdown.warned() and not self._was_action_sent()

    def _was_action_sent(self) -> bool:
        return self.follow is not None and bool(self.follow.signals)

    async def _interrupted(self, countdown: Countdown, name: str, signal: str) -> NoReturn:
        if self._was_action_sent():
            self._update(outcome="unconfirmed")
            raise OperationFailed(
                f"Interrupted ({name}): {signal} was sent to server {self.server_id}, but its outcome was not seen. Wait "
                f"{self.ctx.settings.status_cache:g} seconds, because a status may be that old. Then look at the server with the playbook "
                "serverprism.cloud.status, or at its console."
            )
        await countdown.cancel()
        self._update(outcome="cancelled")
        told = "; the players were told" if any(e.outcome == "sent" for e in countdown.extra) else ""
        raise OperationFailed(f"Interrupted ({name}): the maintenance of server {self.server_id} was cancelled{told}.")

    async def _count_down_and_act(self, countdown: Countdown, observation: Observation) -> None:
        while True:
            first = countdown.steps[0].planned
            if len(countdown.steps) > 1 and first - observation.at > STATE_AGE:
                await Sleep(first - 2 * LOOK_AHEAD)
                observation = await self._still_up(countdown)
                if self._is_over:
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
            if self._is_over:
                return
            if observation.state != "offline":
                raise
        if countdown.read_slot is not None:
            await Sleep(countdown.action.planned - LOOK_AHEAD)
            observation = await self._look_again(countdown, countdown.take_read_slot())
            if self._is_over:
                return
        await self._act(countdown, observation)

    async def _clock_was_set_back(self, countdown: Countdown) -> bool:
        """Return whether the wall clock was set back, so that it is too early to start. If so, reserve later slots."""
        first = countdown.steps[0].planned
        await Sleep(first - LOOK_AHEAD)
        start = when(self.ctx.clock, self.start_of(countdown.timeline))
        if start < first + 1.0:
            return False
        countdown.release()
        countdown.reserve(start, in_run=False)
        return True

    async def _look_again(self, countdown: Countdown, slot: Optional[float] = None) -> Observation:
        """Read the state again before the signal. A server that hung while stopping is not killed if it has stopped meanwhile."""
        if countdown.action.text != "kill":
            return await self._still_up(countdown, slot)
        server, observation = await look(self.ctx, self.server_id, slot=slot)
        self._note_state(server, observation)
        if observation.state in ("starting", "running", None):
            now = observation.state or "in an unknown state"
            raise OperationFailed(
                f"Server {self.server_id} hung while stopping, and is {now} now: nothing was sent. Run the maintenance again.",
            )
        if observation.state == "offline":
            self._decide(server, observation)
        return observation

    async def _still_up(self, countdown: Countdown, slot: Optional[float] = None) -> Observation:
        """Read the state again. If it ends the maintenance, set the outcome, release the slots and tell the players."""
        waiting = replace(self.waiting, kill_after=None)
        server, observation, _decide = await settle(self.ctx, self.server_id, self.wanted, self.params["if_offline"], waiting, slot)
        self._note_state(server, observation)
        if self._decide(server, observation) is None:
            self._begin_cancelling()
            await countdown.cancel() if observation.state != "offline" else countdown.drop()
        return observation

    async def _act(self, countdown: Countdown, observation: Observation) -> None:
        signal = self._signal(countdown, observation)
        if signal is None:
            raise OperationFailed(f"Server {self.server_id} is {observation.state or 'in an unknown state'}: nothing was sent.")
        await Sleep(countdown.action.planned)
        starts_killed = self.params["if_offline"] == "start" or signal != "kill"
        self.follow = Follow(
            self.ctx,
            self.server_id,
            self.wanted,
            self.waiting,
            check=functools.partial(self._check_signal, signal),
            starts_killed=starts_killed,
            # In a large run they would bury the other lines.
            shows_states=len(self.fleet.servers) == 1,
        )
        if not await self._send(countdown, self.follow, observation, signal):
            return
        self._update(changed=True, outcome="unconfirmed", signal=self.follow.signals[-1], after=None)
        signal_outcome = await self.follow.until_done()
        is_down = signal_outcome.status == "offline" and self.params["if_offline"] != "fail"
        self.guard.ended(is_certain=is_down or signal_outcome.status == "done")
        outcome = outcome_of(signal_outcome, self.follow.after)
        self._update(outcome=outcome, signal=self.follow.signals[-1], after=self.follow.after)
        offline = {"reason": "offline"} if signal_outcome.status == "offline" else {}
        self._update(**offline, **evidence_of(self.follow, signal_outcome))
        failure = failure_of(self.follow, signal_outcome)
        if failure is not None:
            raise failure
        if outcome == "unconfirmed":
            raise OperationFailed(unconfirmed(self.server_id, self.follow.signals[0], self.wanted))
        if signal_outcome.status == "offline":
            if self.params["if_offline"] == "fail":
                self._update(outcome="failed")
                raise OperationFailed(f"Server {self.server_id} hung while stopping, was killed, and is offline: if_offline is fail.")
            return self._set_outcome("skipped", "offline: it hung while stopping and was killed")
        down = self.outcome.downtime
        self.ctx.progress(f"done: {self.follow.after}" + (f", down for up to {down:.1f} s" if down is not None else ""))

    def _signal(self, countdown: Countdown, observation: Observation) -> Optional[str]:
        """Return the signal for the state that was just read, or None if none must be sent."""
        if countdown.action.text == "kill" and observation.state == "stopping":
            return "kill"
        return decide(self.wanted, observation.state, self.params["if_offline"]).signal

    async def _send(self, countdown: Countdown, follow: Follow, observation: Observation, signal: str) -> bool:
        """Send the signal once and return True. Return False if its state has ended the maintenance meanwhile.

        A refused signal is tried again for ``max_wait`` seconds. Each attempt checks the deadline and the state again. Raise TooLate.
        """
        begun, tries = self.ctx.clock.now(), 0
        slot = countdown.slots[-1]
        while True:
            tries += 1
            latest = math.inf if self.deadline is None else when(self.ctx.clock, self.deadline)
            now = self.ctx.clock.now()
            is_excluded = all(countdown.exclusion_at(at) for at in (now - DEADLINE_GRACE, now))
            if now > latest + DEADLINE_SECOND + DEADLINE_GRACE or is_excluded:
                raise countdown.too_late()
            try:
                self.action_at = await follow.send(signal, observation, slot, Patience(0.0))
                break
            except BaseException as exc:
                # Ctrl-C can come while the log is being written, before the signal is sent.
                if not self._was_action_sent():
                    self.guard.refused()
                if not isinstance(exc, ServerPrismError) or exc.retry_after is None:
                    raise
                wait = max(exc.retry_after, backoff(tries))
                spent = self.ctx.clock.now() - begun
                if spent + wait > self.ctx.settings.max_wait:
                    end = f" It was tried for {spent:.0f} s. The next try would be in {wait:.0f} s, past max_wait."
                    raise OperationFailed(f"{exc}{end}") from exc
            self.ctx.progress(f"{signal} refused: trying again in {wait:.0f} s")
            await sleep(self.ctx.clock, wait)
            # Waiting for the quota can take minutes, so the state is read after that.
            slot = await self.ctx.client.await_slot(WRITE, is_urgent=True)
            observation = await self._look_again(countdown)
            if self._is_over:
                return False
            signal = self._signal(countdown, observation) or signal
        countdown.sent_signal(self.action_at, UNKNOWN if follow.ambiguous else "sent")
        return True

    def _complete_outcome(self) -> None:
        """Write the timeline, and the values that follow from it, into the result."""
        if self.countdown is None:
            return
        if self.follow is not None and self.follow.signals:
            self._update(changed=True, signal=self.follow.signals[-1])
        self._update(timeline=tuple(timeline(self.countdown, self.follow)))
        self._update(notice_error=notice_error(self.countdown.steps, self.action_at))
        if self._was_action_sent() or self.outcome.outcome == "planned":
            takes_commands = self.params["announce_command"] is not None
            self._update(not_warned=not_warned(self.countdown.steps, self.outcome.before, takes_commands))
        if self.ctx.diff:
            self._update(diff=diff(self.server_id, self.outcome.timeline, self.options.tz))


def _without_lines(options: TimelineOptions) -> TimelineOptions:
    """Return the options without announcements and commands, for a server that is offline."""
    return replace(options, announcements=(), commands=(), command_wait=0.0)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sending a timeline on time: announcements and commands up to the action, or calling it off aloud. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Callable, List, Optional, Tuple

from .._api.client import Patience
from .._api.coroutines import Sleep, sleep
from .._clock import when
from .._errors import Ambiguous, LedgerLost, NotRunning, ServerPrismError
from .._operation import Context
from .._quota.reservations import READ, WRITE, Quota
from .fleet import Fleet
from .schedule import DEADLINE_SECOND
from .steps import (
    ANNOUNCEMENT,
    CANCEL,
    DONE,
    DROPPED,
    FAILED,
    LEAD,
    PLANNED,
    SENT,
    SIGNAL,
    UNKNOWN,
    Announcement,
    Step,
    Timeline,
    action_not_before,
    announce_line,
    fill,
    later,
    make_timeline,
    placed,
    promised,
    said_again,
    speak,
    spoken,
)

# The state is read so long before the action, that the read does not make the action late.
LOOK_AHEAD = 1.5
# A timeline that has not begun, and would have to wait for more than this part of the quota's window, gets another place.
BEHIND_SHARE = 0.05
# A last announcement whose action moves far is said again so often at most: trouble may not end.
MOST_REPEATED = 3
# That a countdown is off is said as long as players would still believe in it: until it would have ended, within these seconds.
SHORTEST_CANCEL, LONGEST_CANCEL = 15.0, 120.0
# Where a whole fleet is called off, the others have given back their quota after so many seconds.
OTHERS_RELEASE = 1.0


@dataclass(frozen=True)
class TimelineOptions:
    """What a maintenance says and sends: the user's words, with the defaults filled in."""

    announcements: Tuple[Announcement, ...]
    announce_command: str
    commands: Tuple[str, ...]
    command_wait: float
    cancel_text: str
    done_text: Optional[str]
    tz: tzinfo

    def timeline(self, signal: str) -> Timeline:
        """Return the writes of a timeline that ends with a signal."""
        return make_timeline(self.announcements, self.commands, self.command_wait, signal)


class TooLate(Exception):
    """The action would begin after the deadline."""


class WentOffline(Exception):
    """The server does not run any more: there is nobody to announce to."""


class Countdown:
    """The timeline of one server, with its quota reserved before the first word."""

    def __init__(
        self,
        ctx: Context,
        server_id: int,
        name: str,
        options: TimelineOptions,
        signal: str,
        deadline: Optional[float],
        fleet: Fleet,
        check_lock: Callable[[], None] = lambda: None,
    ) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.name = name
        self.options = options
        # On the wall clock.
        self._deadline = deadline
        # Raises LockLost where somebody else may have the server by now.
        self._check_lock = check_lock
        self._fleet = fleet
        self.timeline = options.timeline(signal)
        self.steps: List[Step] = []
        self.extra: List[Step] = []
        self.next = 0
        self.read_turn: Optional[float] = None
        # The instants of the steps as the budget holds them.
        self.booked: List[float] = []
        self._lags: List[float] = []

    def reserve(self, not_before: float, *, in_run: bool = True) -> None:
        """Reserve the quota of the whole timeline, or in check mode see where it would go; ``in_run`` as the next one of its fleet."""
        commit = not self.ctx.check_mode
        if self.options.announcements:
            not_before = self._in_time_for_the_read(not_before)
        headroom = self.ctx.settings.write_headroom
        if in_run or not commit:
            self.booked = list(self._fleet.reserve(self.timeline.offsets, not_before, headroom))
        else:
            self.booked = list(self.ctx.client.ledger.reserve(WRITE, self.timeline.offsets, not_before=not_before, headroom=headroom))
        self.steps = placed(self.timeline, self.booked)
        if commit and self.deadline_ok():
            ahead = max(not_before, self.action.planned - LOOK_AHEAD)
            self.read_turn = self.ctx.client.ledger.reserve(READ, (0.0,), not_before=ahead)[0]

    def _in_time_for_the_read(self, not_before: float) -> float:
        """The start at which the read before the action does not make it late, should so many reads have been made of late."""
        wanted = max(not_before, not_before + self.timeline.offsets[-1] - LOOK_AHEAD)
        earliest = self.ctx.client.ledger.reserve(READ, (0.0,), not_before=wanted, commit=False)[0]
        return not_before + max(0.0, earliest - wanted)

    async def may_begin(self) -> bool:
        """Sleep until the first line is due: whether it may go. Where the quota is behind, the timeline has a later place instead.

        So those that have begun, and have announced something, go before those that have not.
        """
        if len(self.steps) == 1:
            return True
        clock, ledger = self.ctx.clock, self.ctx.client.ledger
        await Sleep(self.booked[0])
        self.booked[0] = ledger.due(WRITE, self.booked[0])
        if self.booked[0] - clock.now() <= BEHIND_SHARE * self.ctx.settings.limit_window:
            return True
        # Any place before that would be behind, too, though it be free: those that are late go first.
        due = self.booked[0]
        ledger.release(WRITE, self.booked)
        self._release_read()
        self.reserve(due, in_run=False)
        return False

    def take_read_turn(self) -> Optional[float]:
        """The turn of the read before the action, which is spent with that; None where there is none."""
        turn, self.read_turn = self.read_turn, None
        return turn

    @property
    def action(self) -> Step:
        """The step of the power signal, always the last."""
        return self.steps[-1]

    def deadline_ok(self) -> bool:
        """Return whether the action still begins in time."""
        return self.late_by() == 0.0

    def late_by(self) -> float:
        """Return the seconds by which the action would begin after the deadline, 0 if it is in time."""
        if self._deadline is None:
            return 0.0
        late = self.action.planned - when(self.ctx.clock, self._deadline)
        return late if late >= DEADLINE_SECOND else 0.0

    @property
    def slack(self) -> float:
        """Seconds by which a write may miss its instant with no need to move it."""
        return Quota(self.ctx.settings.write_limit, self.ctx.settings.limit_window).slack

    def release(self) -> None:
        """Give back the quota of what was not sent."""
        self.ctx.client.ledger.release(WRITE, self._unspent())
        self._release_read()

    def _unspent(self) -> List[float]:
        """Take the instants that lie ahead out of the books. One that has come may be spent, by a line that was broken off."""
        rest = [at for at in self.booked[self.next :] if at > self.ctx.clock.now()]
        self.booked = self.booked[: self.next]
        return rest

    def _release_read(self) -> None:
        if self.read_turn is not None and self.read_turn > self.ctx.clock.now():
            self.ctx.client.ledger.release(READ, (self.read_turn,))
        self.read_turn = None

    async def run(self) -> None:
        """Send everything before the action, each line on time. Raises what breaks the countdown off."""
        while self.next < len(self.steps) - 1:
            await Sleep(self.booked[self.next])
            turn = await self.ctx.client.await_turn(WRITE, self.booked[self.next])
            self.booked[self.next] = turn
            self._check_lock()
            await self._send_line(turn)
            self.next += 1
            self._move_action()
        if self.steps[:-1] and not self._anybody_told():
            raise ServerPrismError(
                f"No announcement certainly reached the players of server {self.server_id}: nothing was restarted.",
                server_id=self.server_id,
            )

    def _anybody_told(self) -> bool:
        lines = [e for e in self.steps if e.kind == ANNOUNCEMENT]
        return not lines or any(e.outcome == SENT for e in lines)

    async def _send_line(self, turn: float) -> None:
        index = self.next
        planned = self.steps[index]
        try:
            await self.ctx.client.send_command(self.server_id, lambda: self._say_now(index, planned), turn=turn)
            outcome = SENT
        except Ambiguous as exc:
            outcome = UNKNOWN
            self.ctx.warn(str(exc))
        except ServerPrismError as exc:
            self.steps[index] = self.steps[index].became(FAILED, self.ctx.clock.now())
            if isinstance(exc, NotRunning):
                raise WentOffline(str(exc)) from exc
            raise
        # Noted when the answer came: the line was delivered by then, so the notice is counted from here.
        self.steps[index] = self.steps[index].became(outcome, self.ctx.clock.now())
        self._lags.append(self.ctx.clock.now() - self.ctx.client.written_at)
        self.ctx.progress(f"{outcome}: {self.steps[index].text}")

    def _say_now(self, index: int, planned: Step) -> str:
        """Return a line as it is true now, and note the notice that it gives."""
        now, before = self.ctx.clock.now(), planned.before or 0.0
        action_at = max(self.action.planned, now + before)
        # What is left when the line is heard, should it take as long as those before.
        remaining = max(before, action_at - now - max(LEAD, self.lag))
        line = self.line(planned, remaining, action_at)
        notice = promised(planned.text, before, remaining) if planned.kind == ANNOUNCEMENT else planned.before
        self.steps[index] = replace(planned, text=line, outcome=UNKNOWN, at=now, before=notice)
        return line

    @property
    def lag(self) -> float:
        """Seconds that a line takes here at least, from being sent to its answer; 0 before the first."""
        return min(self._lags, default=0.0)

    def line(self, step: Step, remaining: float, action_at: float) -> str:
        """The console line of an step as it goes out now."""
        if step.kind != ANNOUNCEMENT:
            return step.text
        return announce_line(
            self.options.announce_command,
            step.text,
            remaining=remaining,
            action_at=action_at,
            name=self.name,
            tz=self.options.tz,
        )

    def _move_action(self) -> None:
        """A line that went out late moves all that follows: nobody gets less notice than was announced, and no save less time."""
        due = action_not_before(self.steps, self.action.planned)
        late = due - self.action.planned
        if late <= 0:
            return
        rest = self.steps[self.next :]
        moved = later(rest, due, self.lag)
        if any(step.planned - at > self.slack for step, at in zip(moved, self.booked[self.next :])):
            moved = self._rebooked(moved)
            # Later than what the players were told, and not only than what was planned.
            far = moved[-1].planned - due > self.ctx.settings.limit_window / 2
            if far and self._may_say_again() and not any(step.kind == ANNOUNCEMENT for step in rest):
                # Whoever heard the last word hears it once more before it comes.
                moved = self._rebooked(said_again(moved, self.options.announcements[-1]))
        self.steps[self.next :] = moved
        late = self.action.planned - rest[-1].planned
        if late >= 1.0:
            self.ctx.progress(f"late by {late:.1f} s: the {self.action.text} moves, so that nothing before it is cut short")
        if not self.deadline_ok():
            raise TooLate

    def _may_say_again(self) -> bool:
        planned = len(self.options.announcements)
        return planned > 0 and sum(step.kind == ANNOUNCEMENT for step in self.steps) < planned + MOST_REPEATED

    def _rebooked(self, rest: List[Step]) -> List[Step]:
        """The same steps, each as soon as the quota lets it: what was announced comes before what is only planned."""
        got = self.ctx.client.ledger.rebook(WRITE, self.booked[self.next :], [step.planned for step in rest])
        self.booked[self.next :] = got
        return [replace(step, planned=at) for step, at in zip(rest, got)]

    def sent_signal(self, at: float, outcome: str = SENT) -> None:
        """Note that the action went out at ``at``."""
        self.steps[-1] = self.action.became(outcome, at)
        self.next = len(self.steps)

    def warned(self) -> bool:
        """Whether any player may have been told of an action."""
        return any(e.kind == ANNOUNCEMENT and e.outcome in (SENT, UNKNOWN) for e in self.steps)

    async def call_off(self) -> None:
        """Tell the players that the countdown is off, if they were told that it is on; never raises an ordinary error."""
        turn: Optional[float] = None
        until = self.action.planned
        try:
            if self.warned():
                turn = await self._turn_to_cancel(until)
            else:
                self.release()
        except Exception as exc:
            self.ctx.warn(f"The reserved quota was not given back: {exc}")
        self._drop_planned()
        if self.warned():
            left = min(LONGEST_CANCEL, until - self.ctx.clock.now())
            patience = min(self.ctx.settings.max_wait, max(SHORTEST_CANCEL, left))
            await self.say(CANCEL, self.options.cancel_text, Patience(patience, self.ctx.clock), turn)

    def untold(self) -> str:
        """What is to be said where players were warned, and did not hear for sure that it is off; else empty."""
        last = [step.outcome for step in self.extra if step.kind == CANCEL][-1:]
        if not self.warned() or last in ([], [SENT]):
            return ""
        if last == [FAILED]:
            return "players were warned, and could not be told that it is called off"
        return "players were warned, and whether they heard that it is called off is not known"

    def drop(self) -> None:
        """Give up what was not sent, where there is nobody to tell."""
        self.release()
        self._drop_planned()

    def _drop_planned(self) -> None:
        self.steps = [replace(e, outcome=DROPPED) if e.outcome == PLANNED else e for e in self.steps]

    async def _turn_to_cancel(self, until: float) -> Optional[float]:
        """A turn for one line in exchange for all that was not sent, so never later than the next of that would have been.

        None where a 429 has blocked everything for longer than the countdown would have gone on.
        What is urgent may take the headroom.
        """
        rest = self._unspent()
        self._release_read()
        ledger, clock = self.ctx.client.ledger, self.ctx.clock
        turn = ledger.rebook(WRITE, rest, (0.0,))[0]
        if turn - clock.now() > OTHERS_RELEASE:
            await sleep(clock, OTHERS_RELEASE)
            turn = ledger.rebook(WRITE, (turn,), (0.0,))[0]
        if turn > max(until, clock.now() + SHORTEST_CANCEL):
            ledger.release(WRITE, (turn,))
            return None
        if turn - clock.now() > OTHERS_RELEASE:
            self.ctx.progress(f"called off: the quota allows the players to be told in {turn - clock.now():.0f} s")
        return turn

    async def say(self, kind: str, text: str, patience: Optional[Patience] = None, turn: Optional[float] = None) -> None:
        """One line outside the plan (the cancel or done text), at its turn or at the next; a failure is told, not raised."""
        line = speak(self.options.announce_command, fill(text, {"name": spoken(self.name)}))
        now = self.ctx.clock.now()
        step, tries = Step(kind, line, now), 0

        def say_now() -> str:
            nonlocal tries
            tries += 1
            return line

        try:
            try:
                await self.ctx.client.send_command(self.server_id, say_now, turn=turn, patience=patience)
            except LedgerLost:
                # The timeline had a place for what was not sent: this goes out in its stead, or nobody would be told.
                await self.ctx.client.send_command(self.server_id, say_now, turn=self.ctx.clock.now(), patience=patience)
            step = step.became(SENT, self.ctx.clock.now())
        except Ambiguous as exc:
            step = step.became(UNKNOWN, self.ctx.clock.now())
            self.ctx.warn(str(exc))
        except ServerPrismError as exc:
            step = step.became(FAILED, self.ctx.clock.now())
            what = "that it is called off" if kind == CANCEL else "that it is over"
            self.ctx.warn(f"The players of server {self.server_id} could not be told {what}: {exc}")
        except BaseException:
            # It may have been on its way.
            if tries:
                self.extra.append(step.became(UNKNOWN, self.ctx.clock.now()))
            raise
        self.extra.append(step)
        self.ctx.progress(f"{step.outcome}: {line}")


__all__ = ["CANCEL", "DONE", "SIGNAL", "Countdown", "TimelineOptions", "TooLate", "WentOffline"]

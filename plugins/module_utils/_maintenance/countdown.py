# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send a timeline on time: announcements and commands up to the action, or the cancel text. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Callable, List, Mapping, Optional, Tuple

from .._api.client import Patience
from .._api.coroutines import Sleep, sleep
from .._clock import when
from .._errors import Ambiguous, LedgerLost, NotRunning, ServerPrismError
from .._operation import Context
from .._quota.reservations import READ, WRITE, Quota
from .exclusions import Exclusion, excluding
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
    at_slots,
    delayed,
    fill,
    make_timeline,
    notice_given,
    safe_name,
    text_line,
    with_repeated_announcement,
)

# The state is read this number of seconds before the action, so that the read does not delay it.
LOOK_AHEAD = 1.5
# A timeline that has not begun and is late by more than this share of the quota's window is rescheduled.
BEHIND_SHARE = 0.05
# The last announcement is repeated this number of times at most if the action is delayed further and further.
MOST_REPEATED = 3
# The cancel text is tried until the countdown would have ended, but at least and at most for these numbers of seconds.
SHORTEST_CANCEL, LONGEST_CANCEL = 15.0, 120.0
# When all servers of a run are cancelled, the others have released their slots after this number of seconds.
OTHERS_RELEASE = 1.0


@dataclass(frozen=True)
class TimelineOptions:
    """The options that a timeline is made of: texts, commands and their times. Defaults are filled in."""

    announcements: Tuple[Announcement, ...]
    announce_command: str
    commands: Tuple[str, ...]
    command_wait: float
    cancel_text: str
    done_text: Optional[str]
    tz: tzinfo
    exclusions: Tuple[Exclusion, ...] = ()

    def timeline(self, signal: str) -> Timeline:
        """Return the timeline that ends with a signal."""
        return make_timeline(self.announcements, self.commands, self.command_wait, signal)


class TooLate(Exception):
    """The action would be sent after the deadline, or in an exclusion. The message says which."""


class WentOffline(Exception):
    """The server is no longer running, so nobody can be told anything."""


class Countdown:
    """The timeline of one server, with a slot reserved for each step before the first is sent."""

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
        said: Callable[[Mapping[str, Any]], None] = lambda step: None,
    ) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.name = name
        self.options = options
        # UTC seconds on the wall clock.
        self._deadline = deadline
        # Raises LockLost if another run may have locked the server meanwhile.
        self._check_lock = check_lock
        # Called with each console line once its outcome is known.
        self._said = said
        self._fleet = fleet
        self.timeline = options.timeline(signal)
        self.steps: List[Step] = []
        self.extra: List[Step] = []
        self.next = 0
        self.read_slot: Optional[float] = None
        # The slots of the steps as the ledger has them, UTC seconds.
        self.slots: List[float] = []
        self._lags: List[float] = []

    def reserve(self, not_before: float, *, in_run: bool = True) -> None:
        """Reserve the slots of the whole timeline; in check mode only compute them. ``in_run``: observe the stagger of the run."""
        commit = not self.ctx.check_mode
        if self.options.announcements:
            not_before = self._in_time_for_the_read(not_before)
        headroom = self.ctx.settings.write_headroom
        if in_run or not commit:
            self.slots = list(self._fleet.reserve(self.timeline.offsets, not_before, headroom))
        else:
            self.slots = list(self.ctx.client.ledger.reserve(WRITE, self.timeline.offsets, not_before=not_before, headroom=headroom))
        self.steps = at_slots(self.timeline, self.slots)
        if commit and self.deadline_ok():
            ahead = max(not_before, self.action.planned - LOOK_AHEAD)
            self.read_slot = self.ctx.client.ledger.reserve(READ, (0.0,), not_before=ahead)[0]

    def _in_time_for_the_read(self, not_before: float) -> float:
        """Return the earliest start, UTC seconds, for which the read quota leaves a slot right before the action."""
        wanted = max(not_before, not_before + self.timeline.offsets[-1] - LOOK_AHEAD)
        earliest = self.ctx.client.ledger.reserve(READ, (0.0,), not_before=wanted, commit=False)[0]
        return not_before + max(0.0, earliest - wanted)

    async def may_begin(self) -> bool:
        """Sleep until the first line is due, and return True. If its slot is late, reschedule the timeline and return False.

        Timelines that have announced something therefore go before timelines that have not begun.
        """
        if len(self.steps) == 1:
            return True
        clock, ledger = self.ctx.clock, self.ctx.client.ledger
        await Sleep(self.slots[0])
        self.slots[0] = ledger.due(WRITE, self.slots[0])
        if self.slots[0] - clock.now() <= BEHIND_SHARE * self.ctx.settings.limit_window:
            return True
        # An earlier slot, even a free one, would be late as well, because late requests go first.
        due = self.slots[0]
        ledger.release(WRITE, self.slots)
        self._release_read()
        self.reserve(due, in_run=False)
        return False

    def take_read_slot(self) -> Optional[float]:
        """Return the slot of the read before the action and forget it. None if there is none."""
        slot, self.read_slot = self.read_slot, None
        return slot

    @property
    def action(self) -> Step:
        """Return the power signal, which is always the last step."""
        return self.steps[-1]

    def deadline_ok(self) -> bool:
        """Return whether the action is planned before the deadline and outside of all exclusions."""
        return self.late_by() == 0.0 and self.exclusion_at(self.action.planned) is None

    def exclusion_at(self, at: float) -> Optional[Exclusion]:
        """Return the exclusion that a time of this process is in, or None. Exclusions follow the wall clock, as the deadline does."""
        return excluding(self.options.exclusions, at - when(self.ctx.clock, 0.0))

    def late_by(self) -> float:
        """Return the seconds by which the action would miss the deadline, 0 if it is in time."""
        if self._deadline is None:
            return 0.0
        late = self.action.planned - when(self.ctx.clock, self._deadline)
        return late if late >= DEADLINE_SECOND else 0.0

    @property
    def tolerance(self) -> float:
        """Return the seconds by which a request may miss its slot."""
        return Quota(self.ctx.settings.write_limit, self.ctx.settings.limit_window).tolerance

    def release(self) -> None:
        """Release the slots of all steps that were not sent."""
        self.ctx.client.ledger.release(WRITE, self._take_unused_slots())
        self._release_read()

    def _take_unused_slots(self) -> List[float]:
        """Remove and return the slots that lie ahead. A slot in the past may have been used by an interrupted request."""
        rest = [at for at in self.slots[self.next :] if at > self.ctx.clock.now()]
        self.slots = self.slots[: self.next]
        return rest

    def _release_read(self) -> None:
        if self.read_slot is not None and self.read_slot > self.ctx.clock.now():
            self.ctx.client.ledger.release(READ, (self.read_slot,))
        self.read_slot = None

    async def run(self) -> None:
        """Send every step before the action on time. Raise TooLate, WentOffline, LockLost or the error of a failed line."""
        while self.next < len(self.steps) - 1:
            await Sleep(self.slots[self.next])
            slot = await self.ctx.client.await_slot(WRITE, self.slots[self.next])
            self.slots[self.next] = slot
            self._check_lock()
            await self._send_line(slot)
            self.next += 1
            self._move_action()
        if self.steps[:-1] and not self._is_anybody_told():
            raise ServerPrismError(
                f"It is not certain that an announcement reached the players of server {self.server_id}, so no signal was sent.",
            )

    def _is_anybody_told(self) -> bool:
        lines = [e for e in self.steps if e.kind == ANNOUNCEMENT]
        return not lines or any(e.outcome == SENT for e in lines)

    async def _send_line(self, slot: float) -> None:
        index = self.next
        planned = self.steps[index]
        try:
            await self.ctx.client.send_command(self.server_id, lambda: self._say_now(index, planned), slot=slot)
            outcome = SENT
        except Ambiguous as exc:
            outcome = UNKNOWN
            self.ctx.warn(str(exc))
        except ServerPrismError as exc:
            self.steps[index] = self.steps[index].became(FAILED, self.ctx.clock.now())
            self._said(self.steps[index].as_dict())
            if isinstance(exc, NotRunning):
                raise WentOffline(str(exc)) from exc
            raise
        # The line is delivered when its reply arrives, so the notice counts from now.
        self.steps[index] = self.steps[index].became(outcome, self.ctx.clock.now())
        self._lags.append(self.ctx.clock.now() - self.ctx.client.written_at)
        self._said(self.steps[index].as_dict())
        self.ctx.progress(f"{outcome}: {self.steps[index].text}")

    def _say_now(self, index: int, planned: Step) -> str:
        """Return the console line with the values of this moment, and store the notice that it gives."""
        now, before = self.ctx.clock.now(), planned.before or 0.0
        action_at = max(self.action.planned, now + before)
        # The time that is left when players read the line, if it takes as long as the lines before.
        remaining = max(before, action_at - now - max(LEAD, self.lag))
        line = self.line(planned, remaining, action_at)
        notice = notice_given(planned.text, before, remaining) if planned.kind == ANNOUNCEMENT else planned.before
        self.steps[index] = replace(planned, text=line, outcome=UNKNOWN, at=now, before=notice)
        return line

    @property
    def lag(self) -> float:
        """Return the shortest time that a line has taken to its reply, seconds. 0 before the first line."""
        return min(self._lags, default=0.0)

    def line(self, step: Step, remaining: float, action_at: float) -> str:
        """Return the console line of a step."""
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
        """Delay all later steps after a late line, so that players get the announced notice and saves get their time."""
        due = action_not_before(self.steps, self.action.planned)
        late = due - self.action.planned
        if late <= 0:
            return
        rest = self.steps[self.next :]
        moved = delayed(rest, due, self.lag)
        if any(step.planned - at > self.tolerance for step, at in zip(moved, self.slots[self.next :])):
            moved = self._rescheduled(moved)
            # Compared with the time that players were told, and not with the planned time.
            far = moved[-1].planned - due > self.ctx.settings.limit_window / 2
            if far and self._may_repeat() and not any(step.kind == ANNOUNCEMENT for step in rest):
                # Players who read the last announcement are told again before the action.
                moved = self._rescheduled(with_repeated_announcement(moved, self.options.announcements[-1]))
        self.steps[self.next :] = moved
        late = self.action.planned - rest[-1].planned
        if late >= 1.0:
            self.ctx.progress(f"{self.action.text} delayed by {late:.1f} s, so that players get the announced notice")
        if not self.deadline_ok():
            raise self.too_late()

    def too_late(self) -> TooLate:
        """Return the error for an action that was delayed past the deadline or into an exclusion."""
        into = self.exclusion_at(max(self.action.planned, self.ctx.clock.now()))
        return TooLate(f"the countdown was delayed {f'into the exclusion {into}' if into else 'past the deadline'}, and cancelled")

    def _may_repeat(self) -> bool:
        planned = len(self.options.announcements)
        return planned > 0 and sum(step.kind == ANNOUNCEMENT for step in self.steps) < planned + MOST_REPEATED

    def _rescheduled(self, rest: List[Step]) -> List[Step]:
        """Return the steps at the earliest slots that the quota allows. Announced steps go before timelines that are only planned."""
        got = self.ctx.client.ledger.reschedule(WRITE, self.slots[self.next :], [step.planned for step in rest])
        self.slots[self.next :] = got
        return [replace(step, planned=at) for step, at in zip(rest, got)]

    def sent_signal(self, at: float, outcome: str = SENT) -> None:
        """Store that the action was sent at a time, UTC seconds."""
        self.steps[-1] = self.action.became(outcome, at)
        self.next = len(self.steps)

    def warned(self) -> bool:
        """Return whether any player may have read an announcement."""
        return any(e.kind == ANNOUNCEMENT and e.outcome in (SENT, UNKNOWN) for e in self.steps)

    async def cancel(self) -> None:
        """Release the remaining slots, and send the cancel text if players were warned. Errors become warnings."""
        slot: Optional[float] = None
        until = self.action.planned
        try:
            if self.warned():
                slot = await self._slot_to_cancel(until)
            else:
                self.release()
        except Exception as exc:
            self.ctx.warn(f"The reserved quota could not be released: {exc}")
        self._drop_planned()
        if self.warned():
            left = min(LONGEST_CANCEL, until - self.ctx.clock.now())
            patience = min(self.ctx.settings.max_wait, max(SHORTEST_CANCEL, left))
            await self.say(CANCEL, self.options.cancel_text, Patience(patience), slot)

    def cancel_problem(self) -> str:
        """Return the sentence for players who were warned and may not know of the cancellation. Empty if there are none."""
        last = [step.outcome for step in self.extra if step.kind == CANCEL][-1:]
        if not self.warned() or last in ([], [SENT]):
            return ""
        if last == [FAILED]:
            return "players were warned, and could not be told that the maintenance is cancelled"
        return "players were warned, and may not know that the maintenance is cancelled"

    def drop(self) -> None:
        """Release the remaining slots without a cancel text, because nobody can read it."""
        self.release()
        self._drop_planned()

    def _drop_planned(self) -> None:
        self.steps = [replace(e, outcome=DROPPED) if e.outcome == PLANNED else e for e in self.steps]

    async def _slot_to_cancel(self, until: float) -> Optional[float]:
        """Return a slot for the cancel text in exchange for all unused slots, so it is never later than the next of them.

        None if a 429 blocks all requests for longer than the countdown would have lasted. The cancel text may use the headroom.
        """
        rest = self._take_unused_slots()
        self._release_read()
        ledger, clock = self.ctx.client.ledger, self.ctx.clock
        slot = ledger.reschedule(WRITE, rest, (0.0,))[0]
        if slot - clock.now() > OTHERS_RELEASE:
            await sleep(clock, OTHERS_RELEASE)
            slot = ledger.reschedule(WRITE, (slot,), (0.0,))[0]
        if slot > max(until, clock.now() + SHORTEST_CANCEL):
            ledger.release(WRITE, (slot,))
            return None
        if slot - clock.now() > OTHERS_RELEASE:
            self.ctx.progress(f"cancelled: the quota allows the players to be told in {slot - clock.now():.0f} s")
        return slot

    async def say(self, kind: str, text: str, patience: Optional[Patience] = None, slot: Optional[float] = None) -> None:
        """Send the cancel or done text, in its slot or the next free one. A failure becomes a warning."""
        line = text_line(self.options.announce_command, fill(text, {"name": safe_name(self.name)}))
        now = self.ctx.clock.now()
        step, tries = Step(kind, line, now), 0

        def say_now() -> str:
            nonlocal tries
            tries += 1
            return line

        try:
            try:
                await self.ctx.client.send_command(self.server_id, say_now, slot=slot, patience=patience)
            except LedgerLost:
                await self._send_without_ledger(say_now, patience or self.ctx.client.patience)
            step = step.became(SENT, self.ctx.clock.now())
        except Ambiguous as exc:
            step = step.became(UNKNOWN, self.ctx.clock.now())
            self.ctx.warn(str(exc))
        except ServerPrismError as exc:
            step = step.became(FAILED, self.ctx.clock.now())
            what = "that the maintenance is cancelled" if kind == CANCEL else "that the maintenance is over"
            self.ctx.warn(f"The players of server {self.server_id} could not be told {what}: {exc}")
        except BaseException:
            # The line may have been sent.
            if tries:
                self.extra.append(step.became(UNKNOWN, self.ctx.clock.now()))
            raise
        self.extra.append(step)
        self._said(step.as_dict())
        self.ctx.progress(f"{step.outcome}: {line}")

    async def _send_without_ledger(self, line: Callable[[], str], patience: Patience) -> None:
        """Send a line without a slot. The timeline had reserved more than was sent, so the quota usually has room for it.

        If many servers are cancelled at once, it has not. A refused line is therefore sent again after the time that the API asks for.
        """
        while True:
            try:
                return await self.ctx.client.send_command(self.server_id, line, slot=self.ctx.clock.now(), patience=Patience(0.0))
            except ServerPrismError as exc:
                if exc.retry_after is None or exc.retry_after > patience.remaining():
                    raise
                patience.spend("throttled", exc.retry_after)
                await sleep(self.ctx.clock, exc.retry_after)


__all__ = ["CANCEL", "DONE", "SIGNAL", "Countdown", "TimelineOptions", "TooLate", "WentOffline"]

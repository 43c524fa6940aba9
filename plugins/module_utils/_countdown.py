# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sending a timeline on time: announcements and commands up to the action, or calling it off aloud. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import List, Optional, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import READ, WRITE, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._client import Patience
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import Ambiguous, LedgerLost, NotRunning, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Context
from ansible_collections.serverprism.cloud.plugins.module_utils._timeline import (
    ANNOUNCEMENT,
    CANCEL,
    DONE,
    DROPPED,
    FAILED,
    PLANNED,
    SENT,
    SIGNAL,
    UNKNOWN,
    Announcement,
    Entry,
    action_not_before,
    announce_line,
    fill,
    placed,
    said_again,
    shape,
    speak,
    spoken,
)

# The state is read so long before the action, that the read does not make the action late.
LOOK_AHEAD = 1.5
# So much of the calendar's guard may be used up by lines that are late; the rest is for the network.
SLACK_SHARE = 0.6
# A last word to the players may wait so long for its turn; a run that was told to stop does not get more time.
CANCEL_PATIENCE = 15.0


@dataclass(frozen=True)
class Script:
    """What a maintenance says and sends: the user's words, with the defaults filled in."""

    announcements: Tuple[Announcement, ...]
    announce_command: str
    commands: Tuple[str, ...]
    command_wait: float
    cancel_text: str
    done_text: Optional[str]
    tz: tzinfo


class TooLate(Exception):
    """The action would begin after the deadline."""


class WentOffline(Exception):
    """The server does not run any more: there is nobody to announce to."""


class Countdown:
    """The timeline of one server, with its quota reserved before the first word."""

    def __init__(self, ctx: Context, server_id: int, name: str, script: Script, signal: str, deadline: Optional[float]) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.name = name
        self.script = script
        self.deadline = deadline
        self.form = shape(script.announcements, script.commands, script.command_wait, signal)
        self.entries: List[Entry] = []
        self.extra: List[Entry] = []
        self.next = 0
        self.read_turn: Optional[float] = None
        # The instants of the entries as the budget holds them.
        self.booked: List[float] = []
        self.signal_sent = False

    def reserve(self, not_before: float) -> None:
        """Reserve the quota of the whole timeline, or in check mode see where it would go."""
        commit = not self.ctx.check_mode
        self.booked = list(
            self.ctx.client.ledger.reserve(
                WRITE,
                self.form.offsets,
                not_before=not_before,
                headroom=self.ctx.settings.write_headroom,
                commit=commit,
                fleet=self.ctx.fleet,
            )
        )
        self.entries = placed(self.form, self.booked)
        if commit and self.deadline_ok():
            ahead = max(not_before, self.action.planned - LOOK_AHEAD)
            self.read_turn = self.ctx.client.ledger.reserve(READ, (0.0,), not_before=ahead)[0]

    @property
    def action(self) -> Entry:
        """The entry of the power signal, always the last."""
        return self.entries[-1]

    def deadline_ok(self) -> bool:
        """Whether the action still begins in time."""
        return self.deadline is None or self.action.planned <= self.deadline

    @property
    def slack(self) -> float:
        """Seconds by which a write may miss its instant: the calendar's window is longer than the API's by more than that."""
        quota = Quota(self.ctx.settings.write_limit, self.ctx.settings.limit_window)
        return SLACK_SHARE * (quota.guarded - quota.window)

    def release(self) -> None:
        """Give back the quota of what was not sent."""
        self.ctx.client.ledger.release(WRITE, self.booked[self.next :])
        self.booked = self.booked[: self.next]
        if self.read_turn is not None and self.read_turn > self.ctx.clock.now():
            self.ctx.client.ledger.release(READ, (self.read_turn,))
        self.read_turn = None

    def run(self) -> None:
        """Send everything before the action, each line on time. Raises what breaks the countdown off."""
        while self.next < len(self.entries) - 1:
            turn = self.ctx.client.await_turn(WRITE, self.booked[self.next])
            self.booked[self.next] = turn
            self._send_line(turn)
            self.next += 1
            self._move_action()
        if self.entries[:-1] and not self._anybody_told():
            raise ServerPrismError(
                f"No announcement certainly reached the players of server {self.server_id}: nothing was restarted.",
                server_id=self.server_id,
            )

    def _anybody_told(self) -> bool:
        lines = [e for e in self.entries if e.kind == ANNOUNCEMENT]
        return not lines or any(e.outcome == SENT for e in lines)

    def _send_line(self, turn: float) -> None:
        entry = self.entries[self.next]
        now = self.ctx.clock.now()
        action_at = max(self.action.planned, now + (entry.before or 0.0))
        line = self.line(entry, action_at - now, action_at)
        self.entries[self.next] = replace(entry, text=line, outcome=UNKNOWN, at=now)
        try:
            self.ctx.client.send_command(self.server_id, line, turn=turn)
            outcome = SENT
        except Ambiguous as exc:
            outcome = UNKNOWN
            self.ctx.warn(str(exc))
        except NotRunning as exc:
            self.entries[self.next] = entry.became(FAILED, self.ctx.clock.now(), line)
            raise WentOffline(str(exc)) from exc
        except ServerPrismError:
            self.entries[self.next] = entry.became(FAILED, self.ctx.clock.now(), line)
            raise
        # Noted when the answer came: the line was delivered by then, so the notice is counted from here.
        self.entries[self.next] = entry.became(outcome, self.ctx.clock.now(), line)
        self.ctx.progress(f"{outcome}: {line}")

    def line(self, entry: Entry, remaining: float, action_at: float) -> str:
        """The console line of an entry as it goes out now."""
        if entry.kind != ANNOUNCEMENT:
            return entry.text
        return announce_line(
            self.script.announce_command,
            entry.text,
            remaining=remaining,
            action_at=action_at,
            name=self.name,
            tz=self.script.tz,
        )

    def _move_action(self) -> None:
        """A line that went out late moves all that follows, so that nobody gets less notice than was announced."""
        due = action_not_before(self.entries, self.action.planned)
        late = due - self.action.planned
        if late <= 0:
            return
        rest = self.entries[self.next :]
        moved = [replace(entry, planned=entry.planned + late) for entry in rest]
        if moved[0].planned - self.booked[self.next] > self.slack:
            moved = self._rebooked(moved)
            far = moved[-1].planned - rest[-1].planned > self.ctx.settings.limit_window / 2
            if far and self.script.announcements and not any(entry.kind == ANNOUNCEMENT for entry in rest):
                # Whoever heard the last word hears it once more before it comes.
                moved = self._rebooked(said_again(moved, self.script.announcements[-1]))
        self.entries[self.next :] = moved
        late = self.action.planned - rest[-1].planned
        if late >= 1.0:
            self.ctx.progress(f"late by {late:.1f} s: the {self.action.text} moves, so that the notice stays whole")
        if not self.deadline_ok():
            raise TooLate

    def _rebooked(self, rest: List[Entry]) -> List[Entry]:
        """The same entries at the earliest instants that the quota has for them together."""
        offsets = [entry.planned - rest[0].planned for entry in rest]
        not_before = max(rest[0].planned, self.ctx.clock.now())
        # What was announced comes before what is only planned: it may take what timelines leave free for the urgent.
        got = self.ctx.client.ledger.rebook(WRITE, self.booked[self.next :], offsets, not_before=not_before)
        self.booked[self.next :] = got
        return [replace(entry, planned=at) for entry, at in zip(rest, got)]

    def sent_signal(self, at: float, outcome: str = SENT) -> None:
        """Note that the action went out at ``at``."""
        self.entries[-1] = self.action.became(outcome, at)
        self.next = len(self.entries)
        self.signal_sent = True

    def warned(self) -> bool:
        """Whether any player may have been told of an action."""
        return any(e.kind == ANNOUNCEMENT and e.outcome in (SENT, UNKNOWN) for e in self.entries)

    def call_off(self) -> None:
        """Tell the players that the countdown is off, if they were told that it is on; never raises an ordinary error."""
        try:
            self.release()
        except Exception as exc:
            self.ctx.warn(f"The reserved quota was not given back: {exc}")
        self.entries = [replace(e, outcome=DROPPED) if e.outcome == PLANNED else e for e in self.entries]
        if self.warned():
            self.say(
                CANCEL,
                self.script.cancel_text,
                Patience(min(CANCEL_PATIENCE, self.ctx.settings.max_wait), self.ctx.clock),
            )

    def say(self, kind: str, text: str, patience: Optional[Patience] = None) -> None:
        """One line outside the plan (the cancel or done text), at once; a failure is told, not raised."""
        line = speak(self.script.announce_command, fill(text, {"name": spoken(self.name)}))
        now = self.ctx.clock.now()
        entry = Entry(kind, line, now)
        try:
            try:
                self.ctx.client.send_command(self.server_id, line, patience=patience)
            except LedgerLost:
                # The timeline had a place for what was not sent: this goes out in its stead, or nobody would be told.
                self.ctx.client.send_command(self.server_id, line, turn=self.ctx.clock.now(), patience=patience)
            entry = entry.became(SENT, self.ctx.clock.now())
        except Ambiguous as exc:
            entry = entry.became(UNKNOWN, self.ctx.clock.now())
            self.ctx.warn(str(exc))
        except ServerPrismError as exc:
            entry = entry.became(FAILED, self.ctx.clock.now())
            what = "that it is called off" if kind == CANCEL else "that it is over"
            self.ctx.warn(f"The players of server {self.server_id} could not be told {what}: {exc}")
        self.extra.append(entry)
        self.ctx.progress(f"{entry.outcome}: {line}")


__all__ = ["CANCEL", "DONE", "SIGNAL", "Countdown", "Script", "TooLate", "WentOffline"]

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep a server from being maintained twice under one ID, or by two runs at once. Private to this collection."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .._errors import LedgerLost, LockLost, RunLogUnusable
from .._operation import Context
from .._runs.events import COUNTDOWN, DONE, REFUSED, SIGNAL, STEP, UNCONFIRMED
from .._runs.log import RunLog
from .fleet import Fleet

# The reason of a repeated run for a server whose signal may have been sent.
MAY_HAVE_BEGUN = "its signal may have been sent already"


def as_left(wanted: str, state: Optional[str]) -> bool:
    """Return whether a state is one that the signal of the maintenance leads to."""
    return state in (("offline", "stopping") if wanted == "stopped" else ("starting", "running"))


class Guard:
    """The lock and the events of one server, checked before anything is sent to it.

    Only a run with a ``maintenance_id`` can be repeated, so only there the events of earlier processes count, and must be stored.
    """

    def __init__(self, ctx: Context, server_id: int, fleet: Fleet, log: RunLog) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.fleet = fleet
        self._log = log
        self._is_repeatable = bool(ctx.params["maintenance_id"])
        self._is_cancelled = self._has_noted_signal = self._is_log_lost = False

    def done_before(self) -> Optional[str]:
        """Return the reason why nothing is left to do under this maintenance ID, or None."""
        return f"done already under maintenance_id {self._log.run}" if self._last() == DONE else None

    def has_begun(self) -> bool:
        """Return whether a signal may have been sent to the server under this ID."""
        return self._last() is not None

    def begun_before(self, state: Optional[str]) -> str:
        """Return the message for a server in a state that may have been sent its signal under this ID, and must not be sent another."""
        return (
            f"Server {self.server_id}: {MAY_HAVE_BEGUN} under maintenance_id {self._log.run}, and it is {state or 'in an unknown state'}. "
            "This does not confirm the signal, but no signal is sent again. Look at its console. To maintain it again, use another "
            "maintenance_id."
        )

    def _last(self) -> Optional[str]:
        """Return the last event of the server under this ID that decides whether it is maintained."""
        return self._log.last(self.ctx.settings.api_url, self.server_id) if self._is_repeatable else None

    def begin_cancelling(self) -> None:
        """Require no lock from now on: the players are being told that the restart is cancelled."""
        self._is_cancelled = True

    def lock_lost(self) -> Optional[LockLost]:
        """Return the error that ends the maintenance after its lock is lost.

        None once the signal is sent, since its outcome must be followed, or while the players are told that the restart is cancelled.
        """
        error = self.fleet.lost(self.server_id)
        if not self._has_noted_signal and not self._is_cancelled:
            return LockLost(f"{error} No signal was sent.")
        self.ctx.warn(f"{error} Nothing more is sent.")
        return None

    @property
    def may_cancel(self) -> bool:
        """Return whether the maintenance can still be cancelled: no signal was sent, and the players are not being told."""
        return not self._has_noted_signal and not self._is_cancelled

    def check_lock(self) -> None:
        """Raise LockLost if another run may have locked the server meanwhile."""
        if not self.fleet.is_locked(self.server_id):
            sent = "Nothing more was sent" if self._has_noted_signal else "No signal was sent"
            raise LockLost(f"{self.fleet.lost(self.server_id)} {sent}.")

    def before_signal(self, signal: str) -> None:
        """Write into the log that a signal is sent. Raise LockLost without the lock, or if another run has sent one under this ID."""
        self.check_lock()
        if self._has_noted_signal:
            # A further signal of this maintenance, such as kill or start.
            return
        if self._last() is not None:
            why = f"another run under maintenance_id {self._log.run} has sent it a signal meanwhile"
            raise LockLost(f"Server {self.server_id}: {why}. No signal was sent.")
        self._must_note(SIGNAL, signal=signal)
        # The run may have been interrupted during that write.
        self.ctx.check_stop()

    def refused(self) -> None:
        """Write into the log that the signal was refused, so it had no effect."""
        if self._has_noted_signal:
            self._must_note(REFUSED)
            self._has_noted_signal = False

    def ended(self, is_certain: bool) -> None:
        """Write into the log whether the effect of the signal was seen."""
        self._must_note(DONE if is_certain else UNCONFIRMED)

    def _must_note(self, event: str, **fields: Any) -> None:
        """Write an event on the disk. A signal of a run that can be repeated is not sent without it. Otherwise a failure is a warning."""
        self._has_noted_signal = self._has_noted_signal or event == SIGNAL
        try:
            self._add(event, True, fields)
        except (RunLogUnusable, LedgerLost) as exc:
            if event == SIGNAL and self._is_repeatable:
                self._has_noted_signal = False
                raise type(exc)(f"{exc} Without it the run could not be repeated safely, so no signal was sent.") from exc
            again = " A repeated run will assume that the signal was sent, and will not send it again." if self._is_repeatable else ""
            self.ctx.warn(f"The event {event} of server {self.server_id} could not be written to the run log: {exc}{again}")

    def counts_down(self, **fields: Any) -> None:
        """Write the times of a new timeline into the log."""
        self._note(COUNTDOWN, fields)

    def said(self, step: Mapping[str, Any]) -> None:
        """Write a console line into the log, once its outcome is known."""
        self._note(STEP, step)

    def _note(self, event: str, fields: Mapping[str, Any]) -> None:
        """Write an event that only reports need. After a failure, write no further one: each could wait for a lost ledger."""
        if self._is_log_lost or self.ctx.check_mode:
            return
        try:
            self._add(event, False, fields)
        except (RunLogUnusable, LedgerLost) as exc:
            self._is_log_lost = True
            self.ctx.warn(f"The run log lacks the steps of server {self.server_id} from now on: {exc}")

    def _add(self, event: str, durable: bool, fields: Mapping[str, Any]) -> None:
        api_url, now = self.ctx.settings.api_url, self.ctx.clock.now()
        self._log.add(event, now, durable=durable, api_url=api_url, server_id=self.server_id, **fields)


__all__ = ["Guard"]

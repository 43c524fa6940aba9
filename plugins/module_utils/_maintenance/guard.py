# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep a server from being maintained twice under one ID, or by two runs at once. Private to this collection."""

from __future__ import annotations

import os
from typing import Optional

from .._errors import JournalUnusable, LedgerLost, LockLost
from .._operation import Context
from .._runs.journal import (
    DONE,
    FOLDER_VARIABLE,
    MAY_HAVE_BEGUN,
    REFUSED,
    SIGNAL,
    UNCONFIRMED,
    Journal,
    strongest,
)
from .._settings import API_ARGUMENT_SPEC, Settings
from .fleet import Fleet


def journal_folder(settings: Settings) -> str:
    """Return the folder of the journals: that of the ledger, or the default one if the ledger is not a file. Each machine has its own."""
    folder = settings.ledger
    if folder == "none" or "://" in folder:
        folder = os.environ.get(FOLDER_VARIABLE) or str(API_ARGUMENT_SPEC["ledger"]["default"])
    return os.path.abspath(os.path.expanduser(folder))


def as_left(wanted: str, state: Optional[str]) -> bool:
    """Return whether a state is one that the signal of the maintenance leads to."""
    return state in (("offline", "stopping") if wanted == "stopped" else ("starting", "running"))


class Guard:
    """The lock and the journal of one server, checked before anything is sent to it."""

    def __init__(self, ctx: Context, server_id: int, fleet: Fleet) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.fleet = fleet
        name = ctx.params["maintenance_id"]
        self._journal = Journal(journal_folder(ctx.settings), ctx.settings.api_url, name) if name else None
        self._is_cancelled = self._has_noted_signal = False

    def done_before(self) -> Optional[str]:
        """Return the reason why nothing is left to do under this maintenance ID, or None."""
        if self._journal is None or self._last(self._journal) != DONE:
            return None
        return f"done already under maintenance_id {self._journal.maintenance_id}"

    def has_begun(self) -> bool:
        """Return whether a signal may have been sent to the server under this ID."""
        return self._journal is not None and self._last(self._journal) is not None

    def begun_before(self, state: Optional[str]) -> str:
        """Return the message for a server in a state that may have been sent its signal under this ID, and must not be sent another."""
        name = self._journal.maintenance_id if self._journal is not None else ""
        return (
            f"Server {self.server_id}: {MAY_HAVE_BEGUN} under maintenance_id {name}, and it is {state or 'in an unknown state'}. "
            "This does not confirm the signal, but no signal is sent again. Look at its console. To maintain it again, use another "
            "maintenance_id."
        )

    def _last(self, journal: Journal) -> Optional[str]:
        """Return the last event of the server in this machine's journal or in the shared ledger."""
        return strongest(journal.last(self.server_id), self.ctx.client.ledger.noted(journal.name, self.server_id))

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

    def before_signal(self) -> None:
        """Write into the journal that a signal is sent. Raise LockLost without the lock, or if another run has sent one under this ID."""
        self.check_lock()
        if self._has_noted_signal:
            # A further signal of this maintenance, such as kill or start.
            return
        if self._journal is not None and self._last(self._journal) is not None:
            why = f"another run under maintenance_id {self._journal.maintenance_id} has sent it a signal meanwhile"
            raise LockLost(f"Server {self.server_id}: {why}. No signal was sent.")
        self.note(SIGNAL)
        # The run may have been interrupted during that write.
        self.ctx.check_stop()

    def refused(self) -> None:
        """Write into the journal that the signal was refused, so it had no effect."""
        if self._has_noted_signal:
            self.note(REFUSED)
            self._has_noted_signal = False

    def note(self, event: str) -> None:
        """Write an event into the journal, if there is one. A signal without its line is not sent. A later failure is only a warning."""
        self._has_noted_signal = self._has_noted_signal or event == SIGNAL
        if self._journal is None:
            return
        try:
            self._journal.note(self.server_id, event, self.ctx.clock.now())
            self.ctx.client.ledger.note(self._journal.name, self.server_id, event)
        except (JournalUnusable, LedgerLost):
            if event == SIGNAL:
                self._has_noted_signal = False
                raise
            self.ctx.warn(
                f"The event {event} of server {self.server_id} could not be written to the journal {self._journal.path} or to the ledger. "
                "A repeated run will assume that the signal was sent, and will not send it again."
            )


__all__ = ["DONE", "UNCONFIRMED", "Guard"]

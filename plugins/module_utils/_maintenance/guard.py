# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep a server from being maintained twice under one ID, or by two runs at once. Private to this collection."""

from __future__ import annotations

import os
from typing import Optional

from .._errors import JournalUnusable, LedgerLost, LockLost
from .._operation import Context, OperationFailed
from .._quota.file_ledger import FALLBACK_VARIABLE
from .._runs.journal import (
    DONE,
    MAY_HAVE_BEGUN,
    REFUSED,
    SIGNAL,
    UNPROVEN,
    Journal,
    strongest,
)
from .._settings import API_ARGUMENT_SPEC, Settings
from .fleet import Fleet


def journal_folder(settings: Settings) -> str:
    """Return the folder of the journals: that of the ledger, else where a ledger would be by default. A journal belongs to one machine."""
    folder = settings.ledger
    if folder == "none" or "://" in folder:
        folder = os.environ.get(FALLBACK_VARIABLE) or str(API_ARGUMENT_SPEC["ledger"]["default"])
    return os.path.abspath(os.path.expanduser(folder))


def as_left(wanted: str, state: Optional[str]) -> bool:
    """Return whether a server is as a signal of a maintenance would have left it, should it have been sent."""
    return state in (("offline", "stopping") if wanted == "stopped" else ("starting", "running"))


class Guard:
    """The lock and the journal of one server, asked before anything is sent to it."""

    def __init__(self, ctx: Context, server_id: int, fleet: Fleet) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.fleet = fleet
        name = ctx.params["maintenance_id"]
        self._journal = Journal(journal_folder(ctx.settings), ctx.settings.api_url, name) if name else None
        self._is_cancelled = self._has_noted_signal = False

    def done_before(self) -> Optional[str]:
        """Return why there is nothing to do under this maintenance ID; None where there is."""
        if self._journal is None or self._last(self._journal) != DONE:
            return None
        return f"done already under maintenance_id {self._journal.maintenance_id}"

    def has_begun(self) -> bool:
        """Return whether the server may have had its signal under this ID."""
        return self._journal is not None and self._last(self._journal) is not None

    def begun_before(self, wanted: str, state: Optional[str]) -> Optional[str]:
        """Return why nothing is sent to a server that may have had its signal under this ID; None where it has not.

        Raises OperationFailed where the server is not as the signal would have left it.
        """
        if self._journal is None or not self.has_begun():
            return None
        what = f"{MAY_HAVE_BEGUN} under maintenance_id {self._journal.maintenance_id}, and it is {state}"
        if not as_left(wanted, state):
            raise OperationFailed(
                f"Server {self.server_id}: {what}. It is not sent again: look at its console, and use another ID to maintain it again.",
                server_id=self.server_id,
            )
        self.ctx.warn(
            f"Server {self.server_id}: {what}, but nothing proved that it came of that. "
            "It is not sent again; use another ID to maintain it again."
        )
        return what

    def _last(self, journal: Journal) -> Optional[str]:
        """Return what this machine's journal, and that of all others that share the ledger, say of the server."""
        return strongest(journal.last(self.server_id), self.ctx.client.ledger.noted(journal.name, self.server_id))

    def cancels(self) -> None:
        """Note that no lock is needed any more: the players are being told that the restart is cancelled."""
        self._is_cancelled = True

    def lock_lost(self) -> Optional[LockLost]:
        """Return the error that ends the maintenance after its lock is lost.

        None where the signal is out, since its outcome is still to be seen, and where the players are being told that it is cancelled.
        """
        error = self.fleet.lost(self.server_id)
        if not self._has_noted_signal and not self._is_cancelled:
            return LockLost(f"{error} No signal was sent.", server_id=self.server_id)
        self.ctx.warn(f"{error} Nothing more is sent.")
        return None

    def check_lock(self) -> None:
        """Raise LockLost where another run may have had the server meanwhile."""
        if not self.fleet.is_locked(self.server_id):
            sent = "Nothing more was sent" if self._has_noted_signal else "No signal was sent"
            raise LockLost(f"{self.fleet.lost(self.server_id)} {sent}.", server_id=self.server_id)

    def before_signal(self) -> None:
        """Write down that a signal is sent, if it may still be: under the lock, and nobody else has sent one under this ID."""
        self.check_lock()
        if self._has_noted_signal:
            # Another signal of this maintenance: kill, or start.
            return
        if self._journal is not None and self._last(self._journal) is not None:
            why = f"another run under maintenance_id {self._journal.maintenance_id} has sent it a signal meanwhile"
            raise LockLost(f"Server {self.server_id}: {why}. No signal was sent.", server_id=self.server_id)
        self.note(SIGNAL)
        # The signal to stop may have come while that was written.
        self.ctx.check_stop()

    def refused(self) -> None:
        """Write down that the signal that was noted has done nothing."""
        if self._has_noted_signal:
            self.note(REFUSED)
            self._has_noted_signal = False

    def note(self, event: str) -> None:
        """Write an event into the journal, if there is one. No signal is sent without its line; once it is out, nothing may hide that."""
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
                f"The journal {self._journal.path} could not take down, here or for other machines, that server {self.server_id} is "
                f"{event}: a repeated run will take its signal for sent, and not send it again."
            )


__all__ = ["DONE", "UNPROVEN", "Guard"]

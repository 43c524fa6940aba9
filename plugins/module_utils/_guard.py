# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a maintenance from being done twice, at the same time, or after too many failures. Private to this collection."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from typing import Iterator, Optional, Tuple

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Hold
from ansible_collections.serverprism.cloud.plugins.module_utils._claims import LEASE, RENEW_EVERY
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import iso
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import AlreadyMaintained, JournalUnusable, LedgerLost, LockLost
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import lift_time_limit, told_to_stop
from ansible_collections.serverprism.cloud.plugins.module_utils._journal import (
    DONE,
    MAY_HAVE_BEGUN,
    REFUSED,
    SIGNAL,
    UNPROVEN,
    Journal,
    strongest,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._ledger import FALLBACK_VARIABLE
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Context, OperationFailed
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import Fleet, Standing
from ansible_collections.serverprism.cloud.plugins.module_utils._process import Process
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings

# A claim outlives what it is for by so long: a look that is late, a last word to the players.
CLAIM_SLACK = 120.0
# A run says so often how far it is: as its servers end, and while they count down, in windows of the quota.
STATUS_LINES, STATUS_WINDOWS = 20, 5


def journal_folder(settings: Settings) -> str:
    """Beside the ledger where that is a folder, else where it would be by default: a journal belongs to one machine."""
    folder = settings.ledger
    if folder == "none" or "://" in folder:
        folder = os.environ.get(FALLBACK_VARIABLE) or str(API_ARGUMENT_SPEC["ledger"]["default"])
    return os.path.abspath(os.path.expanduser(folder))


def as_left(wanted: str, state: Optional[str]) -> bool:
    """Whether a server is as a signal of a maintenance would have left it, should it have been sent."""
    return state in (("offline", "stopping") if wanted == "stopped" else ("starting", "running"))


class Guard:
    """The journal, the claim and the failures of the run, as far as a server of a maintenance is concerned."""

    def __init__(self, ctx: Context, server_id: int) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.max_failures: Optional[int] = ctx.params["max_failures"]
        name = ctx.params["maintenance_id"]
        self._journal = Journal(journal_folder(ctx.settings), ctx.settings.api_url, name) if name else None
        fleet = ctx.fleet
        self._run = Hold(fleet.owner, 0.0, fleet.servers, name or "") if fleet is not None and fleet.servers else None
        # The offsets of the server's timeline in seconds, once it has one.
        self.offsets: Tuple[float, ...] = ()
        # Until when the server is locked, and when that was last renewed, UTC seconds.
        self._until = self._renewed = 0.0
        # Before this nothing is said of the whole run while it only counts down, UTC seconds.
        self._quiet_until = math.inf
        self._is_lost = self._is_cancelled = False
        self._has_noted_signal = False

    def done_before(self) -> Optional[str]:
        """Why there is nothing to do under this maintenance ID; None where there is."""
        if self._journal is None or self._last(self._journal) != DONE:
            return None
        return f"done already under maintenance_id {self._journal.maintenance_id}"

    def begun_before(self, wanted: str, state: Optional[str]) -> Optional[str]:
        """Why nothing is sent to a server that may have had its signal under this ID; None where it has not.

        Raises OperationFailed where it is not as the signal would have left it.
        """
        if self._journal is None or self._last(self._journal) is None:
            return None
        what = f"{MAY_HAVE_BEGUN} under maintenance_id {self._journal.maintenance_id}, and it is {state}"
        if not as_left(wanted, state):
            raise OperationFailed(
                f"Server {self.server_id}: {what}. It is not sent again: look at its console, and use another ID to maintain it anew.",
                server_id=self.server_id,
            )
        self.ctx.warn(
            f"Server {self.server_id}: {what}, but nothing proved that it came of that. "
            "It is not sent again; use another ID to maintain it anew."
        )
        return what

    def _last(self, journal: Journal) -> Optional[str]:
        """What this machine's journal says of the server, and that of all others that share the ledger."""
        return strongest(journal.last(self.server_id), self.ctx.client.ledger.noted(journal.name, self.server_id))

    def too_many_failures(self) -> Optional[str]:
        """Why the server is deferred after the failures of others of this run; None where it is not."""
        if self.max_failures is None or self.ctx.fleet is None:
            return None
        failed = self.ctx.client.ledger.failures(self.ctx.fleet.key)
        if self.ctx.client.ledger.is_given_up:
            raise OperationFailed(
                f"max_failures: without the ledger nobody knows how many have failed, so server {self.server_id} is left alone. Set the "
                "option ledger to a folder that can be written.",
                server_id=self.server_id,
            )
        return f"{failed} of this run have failed (max_failures: {self.max_failures})" if failed >= self.max_failures else None

    def ended(self, outcome: str, offsets: Tuple[float, ...]) -> None:
        """Tell the others of the run that this server has ended, and from time to time the user how far the run is.

        ``offsets`` are those of a timeline, for the estimate of the end.
        """
        fleet = self.ctx.fleet
        if fleet is None or self.ctx.check_mode:
            return
        try:
            # Whoever was told to stop is not the only one of the run.
            ended = self.ctx.client.ledger.count_end(fleet, outcome, bool(self.offsets), is_over=told_to_stop()).ended
            if ended % max(1, fleet.total // STATUS_LINES) == 0 or ended == fleet.total:
                self.ctx.client.ledger.tell(fleet.key, 0.0)
                self._tell_status(fleet, offsets)
        except LedgerLost as exc:
            self.ctx.warn(str(exc))

    def _tick(self) -> None:
        """Renew the lock, and say how far the run is should nobody have said so for a while. Raises LockLost."""
        fleet = self.ctx.fleet
        try:
            self._renew()
            is_due = self.ctx.clock.now() >= self._quiet_until
            if is_due and fleet is not None and fleet.total > 1 and self.offsets and self.ctx.client.ledger.tell(fleet.key, self._quiet):
                self._tell_status(fleet, self.offsets)
        except LedgerLost:
            # Whatever needs the ledger next says so; nothing is sent without it.
            return

    @property
    def _quiet(self) -> float:
        return STATUS_WINDOWS * self.ctx.settings.limit_window

    def _renew(self) -> None:
        try:
            self.check_lock()
        except LockLost as exc:
            if not self._has_noted_signal and not self._is_cancelled:
                raise
            # The signal is out, and what came of it is still to be seen; or a last line is on its way to the players.
            self.ctx.warn(str(exc))

    def cancels(self) -> None:
        """From here on no lock is needed: the players are told that it is cancelled."""
        self._is_cancelled = True

    def check_lock(self) -> None:
        """Renew the lock on the server. Raises LockLost, once, where somebody else may have had the server meanwhile.

        A machine that slept, or a process that was stopped, finds its lock expired. A ledger that has merely lost its content is
        told again.
        """
        if self._is_lost:
            return
        if self.ctx.client.ledger.is_given_up or self.ctx.client.ledger.renew(self.server_id, self._run):
            self._renewed = self.ctx.clock.now()
            return
        now = self.ctx.clock.now()
        is_fresh = now < self._until and now < self._renewed + LEASE
        if is_fresh and self.ctx.client.ledger.claim(self.server_id, self._until - now, self._run) is None:
            self._renewed = now
            return
        self._is_lost = True
        raise self._lost("its lock on the server expired while this machine slept or was stopped, so another run may have had it")

    def _lost(self, why: str) -> LockLost:
        sent = "Nothing more was sent" if self._has_noted_signal else "No signal was sent"
        return LockLost(f"Server {self.server_id}: {why}. {sent}.", server_id=self.server_id)

    def before_signal(self) -> None:
        """Write down that a signal is sent, if that may still be: under the lock, and nobody else has sent one under this ID."""
        if self._is_lost:
            raise self._lost("its lock on the server is lost")
        self.check_lock()
        if self._has_noted_signal:
            # Another signal of this maintenance: kill, or start.
            return
        if self._journal is not None and self._last(self._journal) is not None:
            self._is_lost = True
            raise self._lost(f"another run under maintenance_id {self._journal.maintenance_id} has sent it a signal meanwhile")
        self.note(SIGNAL)

    def refused(self) -> None:
        """Write down that the signal that was noted has done nothing."""
        if self._has_noted_signal:
            self.note(REFUSED)
            self._has_noted_signal = False

    def _tell_status(self, fleet: Fleet, offsets: Tuple[float, ...]) -> None:
        self.ctx.progress(self._status(self.ctx.client.ledger.standing(fleet, offsets, self.ctx.settings.write_headroom)))

    def _status(self, now: Standing) -> str:
        """One line on the whole run."""
        run, settings = now.run, self.ctx.settings
        counts = [(run.done, "done"), (run.failed, "failed or unconfirmed"), (run.other, "skipped, deferred or cancelled")]
        parts = [f"{count} {name}" for count, name in counts if count or name == "done"]
        parts += [f"{run.counting} in countdown or restart", f"{now.waiting} waiting"]
        end = f"; ends at about {iso(now.ends_at)[11:16]} UTC" if run.counting or now.waiting else ""
        used = f"{now.writes} of {settings.write_limit} writes used in the last {settings.limit_window:g} s"
        return f"run: {', '.join(parts)}; {used}{end}"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """No other run maintains the server meanwhile. Raises AlreadyMaintained."""
        self.claim(self.ctx.settings.max_wait + self.ctx.params["wait_timeout"])
        if self.ctx.check_mode:
            yield
            return
        self._quiet_until = self.ctx.clock.now() + self._quiet
        try:
            with self.ctx.clock.ticking(RENEW_EVERY, self._tick):
                yield
        finally:
            # From here on a time limit could only lose the result.
            lift_time_limit()
            try:
                self.ctx.client.ledger.give_up(self.server_id, self._run)
            except LedgerLost as exc:
                # It expires by itself; what was done stays done.
                self.ctx.warn(str(exc))

    def extend(self, seconds: float) -> None:
        """Lock the server for longer. Raises LockLost where somebody else may have had it meanwhile."""
        self.check_lock()
        try:
            self.claim(seconds)
        except AlreadyMaintained as exc:
            self._is_lost = True
            raise self._lost("another run has it now") from exc

    def claim(self, seconds: float) -> None:
        """Claim the server for so many seconds, or for longer than before. In check mode only whether that could be."""
        commit = not self.ctx.check_mode
        other = self.ctx.client.ledger.claim(self.server_id, seconds + CLAIM_SLACK, self._run, commit=commit)
        if other is None:
            self._renewed = self.ctx.clock.now()
            self._until = self._renewed + seconds + CLAIM_SLACK
            return
        owner = Process.parse(other.owner)
        who = (
            f"Another run, which has not ended, has server {self.server_id} among its {len(other.servers)}"
            if isinstance(other, Hold)
            else f"Another run maintains server {self.server_id} right now, or another host of this one that has the same ID"
        )
        raise AlreadyMaintained(
            f"{who} ({f'process {owner.pid} on {owner.host}' if owner else other.owner}, until {iso(other.until)[:19]}Z unless it renews "
            "that): nothing was sent. Wait for it, or end it with Ctrl-C, which tells the players.",
            server_id=self.server_id,
        )

    def note(self, event: str) -> None:
        """Write an event into the journal, if any. No signal is sent without its line; once it is out, nothing may hide that."""
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

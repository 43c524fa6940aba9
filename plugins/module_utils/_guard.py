# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a maintenance from being done twice, at the same time, or after too many failures. Private to this collection."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator, Optional, Sequence

from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Hold
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import iso
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import AlreadyMaintained, JournalUnusable, LedgerLost
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import told_to_stop
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

    def ended(self, outcome: str, offsets: Sequence[float], counted: bool) -> None:
        """This server has ended: the others of the run hear of it, and from time to time the user hears of all.

        ``offsets`` are those of its timeline, ``counted`` says whether it came to one.
        """
        fleet = self.ctx.fleet
        if fleet is None or self.ctx.check_mode:
            return
        try:
            # Whoever was told to stop is not the only one of the run.
            ended = self.ctx.client.ledger.count_end(fleet, outcome, counted, is_over=told_to_stop()).ended
            if ended % max(1, fleet.total // STATUS_LINES) == 0 or ended == fleet.total:
                self.ctx.client.ledger.tell(fleet.key, 0.0)
                self._tell_status(fleet, offsets)
        except LedgerLost as exc:
            self.ctx.warn(str(exc))

    def goes_on(self, offsets: Sequence[float]) -> None:
        """This server counts down: should nobody of the run have said for a while how far it is, say so."""
        fleet = self.ctx.fleet
        if fleet is not None and fleet.total > 1 and self.ctx.client.ledger.tell(fleet.key, self.pause_of_status):
            self._tell_status(fleet, offsets)

    @property
    def pause_of_status(self) -> float:
        """Seconds for which the user hears nothing of the whole run at most, while servers count down."""
        return STATUS_WINDOWS * self.ctx.settings.limit_window

    def _tell_status(self, fleet: Fleet, offsets: Sequence[float]) -> None:
        self.ctx.progress(self._status(self.ctx.client.ledger.standing(fleet, offsets, self.ctx.settings.write_headroom)))

    def _status(self, now: Standing) -> str:
        """One line on the whole run."""
        run, settings = now.run, self.ctx.settings
        counts = [(run.done, "done"), (run.failed, "failed"), (run.other, "skipped, deferred or cancelled")]
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
        try:
            yield
        finally:
            try:
                self.ctx.client.ledger.give_up(self.server_id, self._run)
            except LedgerLost as exc:
                # It expires by itself; what was done stays done.
                self.ctx.warn(str(exc))

    def claim(self, seconds: float) -> None:
        """Claim the server for so many seconds, or for longer than before. In check mode only whether that could be."""
        commit = not self.ctx.check_mode
        other = self.ctx.client.ledger.claim(self.server_id, seconds + CLAIM_SLACK, self._run, commit=commit)
        if other is None:
            return
        machine, _boot, pid = [*other.owner.split("/"), "", ""][:3]
        who = (
            f"Another run, which has not ended, has server {self.server_id} among its {len(other.servers)}"
            if isinstance(other, Hold)
            else f"Another run maintains server {self.server_id} right now, or another host of this one that has the same ID"
        )
        raise AlreadyMaintained(
            f"{who} (process {pid} on {machine}, until {iso(other.until)[:19]}Z at the latest): nothing was sent. Wait for it, or end it "
            "with Ctrl-C, which tells the players.",
            server_id=self.server_id,
        )

    def note(self, event: str) -> None:
        """Write an event into the journal, if any. No signal is sent without its line; once it is out, nothing may hide that."""
        if self._journal is None:
            return
        try:
            self._journal.note(self.server_id, event, self.ctx.clock.now())
            self.ctx.client.ledger.note(self._journal.name, self.server_id, event)
        except (JournalUnusable, LedgerLost):
            if event == SIGNAL:
                raise
            self.ctx.warn(
                f"The journal {self._journal.path} could not take down, here or for other machines, that server {self.server_id} is "
                f"{event}: a repeated run will take its signal for sent, and not send it again."
            )


__all__ = ["DONE", "REFUSED", "SIGNAL", "UNPROVEN", "Guard"]

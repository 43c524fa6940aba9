# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run that share one quota: their locks and their reservations. Private to this collection."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from .._clock import Clock
from .._errors import AlreadyMaintained, LockLost
from .._process import Process, own_name
from .._quota.holds import find
from .._quota.ledger import Ledger
from .._quota.locks import LEASE
from .._quota.reservations import WRITE, Calendar, Hold, Lock
from .._quota.stagger import Stagger
from .._text import iso

# Seconds that a lock lasts longer than a server needs from a refused signal to its outcome.
LOCK_SLACK = 120.0


class Fleet:
    """The servers that one process maintains in one ledger. In check mode nothing is locked or reserved."""

    def __init__(self, ledger: Ledger, clock: Clock, *, owner: str = "", check_mode: bool = False) -> None:
        self.ledger = ledger
        self.clock = clock
        self.servers: List[int] = []
        # Seconds after which a lock expires if its owner is alive but does not renew it.
        self._term = LOCK_SLACK
        self._owner = owner or own_name()
        self._check_mode = check_mode
        self.stagger = Stagger()
        # The reason why no further server begins; empty if there is none.
        self.closed = ""
        # Called after each reservation.
        self.reserved: Callable[[], None] = lambda: None
        self._held: Set[int] = set()
        self._lost: Set[int] = set()
        self._others: Dict[int, Lock] = {}
        self._renewed = 0.0
        # In check mode, the calendar with the timelines that would have been reserved.
        self._scratch: Optional[Calendar] = None

    def add(self, server_id: int, seconds: float) -> None:
        """Add a server. ``seconds`` is the longest time from its signal to its outcome, including refused attempts."""
        self.servers.append(server_id)
        self._term = max(self._term, seconds + LOCK_SLACK)

    def lock(self) -> None:
        """Lock all servers that no other run has locked."""
        self._take(self.servers)

    def _take(self, servers: Sequence[int]) -> None:
        others = self.ledger.lock(servers, self._owner, self._term, commit=not self._check_mode)
        self._others.update(others)
        self._held |= set(servers) - set(others)
        self._renewed = max(self._renewed, self.clock.now())

    def begin(self, server_id: int) -> None:
        """Lock the server if it is not locked yet. Raise AlreadyMaintained if another run has locked it."""
        if server_id not in self._held:
            # The other run may have ended meanwhile.
            self._take([server_id])
        if server_id in self._held:
            return
        other = self._others[server_id]
        owner = Process.parse(other.owner)
        who = f"process {owner.pid} on {owner.host}" if owner else other.owner
        raise AlreadyMaintained(
            f"Another run is maintaining server {server_id} ({who}, until {iso(other.until)[:19]}Z unless it renews its lock): nothing was "
            "sent. Wait until that run has ended, or cancel it with Ctrl-C, which tells the players.",
        )

    def renew(self) -> Set[int]:
        """Renew all locks, and return the servers whose lock is lost, because another run may have locked them.

        The locks of a suspended machine expire. If only the ledger lost its content, the servers are locked again.
        """
        if not self._held or self._check_mode:
            return set()
        now = self.clock.now()
        lost = self.ledger.renew(tuple(self._held), self._owner, self._term)
        if lost and (now < self._renewed + LEASE or self.ledger.is_given_up):
            lost = set(self.ledger.lock(tuple(lost), self._owner, self._term))
        self._renewed = now
        self._held -= lost
        self._lost |= lost
        return lost

    def hold_on(self, server_id: int, at: float) -> Optional[Hold]:
        """Return the hold on a server at a time, UTC seconds, or None."""
        return find(self.ledger.seen_holds, server_id, at)

    def is_locked(self, server_id: int) -> bool:
        """Return whether this run still has the lock of a server. Renew the locks first if they are old."""
        if self.clock.now() >= self._renewed + LEASE / 2:
            self.renew()
        return server_id not in self._lost

    def lost(self, server_id: int) -> LockLost:
        """Return the error for a server whose lock is lost."""
        why = "its lock expired while this machine slept or was stopped, so another run may have had it"
        return LockLost(f"Server {server_id}: {why}.")

    def unlock(self) -> None:
        """Unlock all servers."""
        if self._held and not self._check_mode:
            self.ledger.unlock(tuple(self._held), self._owner)
            self._held = set()

    def reserve(self, offsets: Sequence[float], not_before: float, headroom: int) -> Tuple[float, ...]:
        """Reserve the slots of the next timeline with the stagger of the run. In check mode only a copy of the calendar changes.

        A timeline of one step does not change the stagger: it may start a whole countdown later than the timelines after it.
        """

        def place(calendar: Calendar) -> Tuple[Calendar, Tuple[float, ...]]:
            start = max(self.clock.now(), not_before)
            calendar, times, after = self.stagger.reserve(calendar, self.ledger.quotas[WRITE], offsets, start, headroom)
            results.append(after if len(offsets) > 1 else self.stagger)
            return calendar, times

        results: List[Stagger] = []
        if self._check_mode:
            self._scratch, times = place(self._scratch or self.ledger.calendar(WRITE))
        else:
            times = self.ledger.reserve_with(WRITE, place)
        # A ledger may call place() more than once.
        self.stagger = results[-1]
        self.reserved()
        return times

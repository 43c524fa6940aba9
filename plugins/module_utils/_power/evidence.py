# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was seen of a server, and what that proves. Pure. Private to this collection.

A status may be up to ``status_cache`` seconds old and a power signal does not refresh it: a read
soon after a signal can show the state before it. So only a *change* proves that a signal did something.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Tuple

from .._api.models import Server

UP = ("starting", "running")


@dataclass(frozen=True)
class Sight:
    """One look at a server: ``at`` is UTC epoch seconds, ``state`` None where it is unknown, counters are bytes (rx, tx)."""

    at: float
    state: Optional[str]
    counters: Optional[Tuple[int, int]] = None
    content: Optional[Tuple[object, ...]] = None

    @classmethod
    def of(cls, server: Server, at: float) -> "Sight":
        """The look that an answer of the API is."""
        res = server.resources
        if res is None:
            return cls(at, None)
        return cls(
            at,
            server.state,
            (res.network_rx_bytes, res.network_tx_bytes) if server.state in UP else None,
            tuple(res.as_dict().values()),
        )


@dataclass(frozen=True)
class Watch:
    """What has been seen since a signal went out at ``sent_at``; ``before`` is the last look before it."""

    before: Sight
    sent_at: float
    cache: float
    last: Optional[Sight] = None
    seen_down: bool = False
    seen_up: bool = False
    seen_starting: bool = False
    counters_fell: bool = False
    up_at: Optional[float] = None
    fell_back_at: Optional[float] = None

    @property
    def horizon(self) -> float:
        """From here on an answer cannot be older than the signal."""
        return self.sent_at + self.cache

    @property
    def newest(self) -> Sight:
        """The newest look that told a state: one since the signal, or the one before it."""
        return self.last or self.before

    def fresh(self, sight: Sight) -> bool:
        """Whether this look shows the server after the signal: its content is new, or the cache has run out."""
        if sight.state is None:
            return False
        return sight.content != self.before.content or sight.at >= self.horizon

    def see(self, sight: Sight) -> "Watch":
        """The watch after one more look; a look that may be older than the signal, or shows nothing, teaches nothing."""
        if not self.fresh(sight):
            return self
        up = sight.state in UP
        lower = fell(self.before.counters, sight.counters) or (self.last is not None and fell(self.last.counters, sight.counters))
        # A server that was running and is starting, or up after it was down, is a new process.
        starting = sight.state == "starting" and self.before.state == "running"
        began = starting or (up and (self.seen_down or lower or self.before.state not in UP))
        crashed = sight.state == "offline" and self.up_at is not None
        return replace(
            self,
            last=sight,
            seen_down=self.seen_down or sight.state in ("stopping", "offline"),
            seen_up=self.seen_up or up,
            seen_starting=self.seen_starting or starting,
            counters_fell=self.counters_fell or lower,
            up_at=self.up_at if self.up_at is not None or not began else sight.at,
            fell_back_at=(self.fell_back_at or sight.at) if crashed else None,
        )

    @property
    def restarted(self) -> bool:
        """Whether a new process is proven: it went down, or began to start after running, or its counters fell."""
        return self.counters_fell or self.seen_down or self.seen_starting

    @property
    def evidence(self) -> str:
        """``state``, ``counters`` or ``none``: on what the proof rests that a signal was carried out."""
        if self.seen_down or self.seen_starting or (self.seen_up and self.before.state not in UP):
            return "state"
        return "counters" if self.counters_fell else "none"


def fell(old: Optional[Tuple[int, int]], new: Optional[Tuple[int, int]]) -> bool:
    """The counters belong to the container, which is made anew at every start: they never fall but by a restart."""
    if old is None or new is None:
        return False
    return new[0] < old[0] or new[1] < old[1]

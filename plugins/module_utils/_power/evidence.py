# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence of a power change: observations of a server, and what they confirm. Pure. Private to this collection.

A status may be up to ``status_cache`` seconds old, and a power signal does not refresh it, so a read
soon after a signal can show the state before it. Only a *change* confirms that a signal was carried out.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Optional, Tuple

from .._api.models import Server

UP = ("starting", "running")


@dataclass(frozen=True)
class Observation:
    """One read of a server's status.

    ``at`` is UTC epoch seconds. ``state`` is None if it is unknown. ``counters`` are network bytes (rx, tx), None unless the server is up.
    """

    at: float
    state: Optional[str]
    counters: Optional[Tuple[int, int]] = None
    content: Optional[Tuple[object, ...]] = None

    @classmethod
    def of(cls, server: Server, at: float) -> "Observation":
        """Return the observation that a reply of the API makes at a time, UTC seconds."""
        res = server.resources
        if res is None:
            return cls(at, None)
        return cls(
            at,
            server.state,
            (res.network_rx_bytes, res.network_tx_bytes) if server.state in UP else None,
            astuple(res),
        )


def came_down(before: Observation, after: Observation) -> str:
    """Return the reason why a server was not up all the time between two observations, empty if nothing says so.

    Its network counters begin again when it starts.
    """
    if after.state not in UP:
        return f"the server is {after.state or 'in an unknown state'}"
    fell = (
        before.counters is not None and after.counters is not None and any(new < old for old, new in zip(before.counters, after.counters))
    )
    return "the server has restarted: its network counters fell" if fell else ""


@dataclass(frozen=True)
class Evidence:
    """The observations since a signal. ``before`` is the last one before it; ``sent_at`` (UTC) and ``cache`` are seconds."""

    before: Observation
    sent_at: float
    cache: float
    last: Optional[Observation] = None
    seen_down: bool = False
    seen_up: bool = False
    seen_starting: bool = False
    counters_fell: bool = False
    up_at: Optional[float] = None
    fell_back_at: Optional[float] = None

    @property
    def stale_until(self) -> float:
        """Return the time, UTC seconds, from which a status cannot be older than the signal."""
        return self.sent_at + self.cache

    @property
    def newest(self) -> Observation:
        """Return the newest observation with a state: one since the signal, or the one before it."""
        return self.last or self.before

    def is_fresh(self, observation: Observation) -> bool:
        """Return whether an observation is newer than the signal: its content changed, or the cache has expired."""
        if observation.state is None:
            return False
        return observation.content != self.before.content or observation.at >= self.stale_until

    def with_observation(self, observation: Observation) -> "Evidence":
        """Return the evidence with one more observation. One without a state, or possibly older than the signal, is ignored."""
        if not self.is_fresh(observation):
            return self
        up = observation.state in UP
        lower = fell(self.before.counters, observation.counters) or (
            self.last is not None and fell(self.last.counters, observation.counters)
        )
        # A server that was running and is starting, or was down and is up, has a new process.
        starting = observation.state == "starting" and self.before.state == "running"
        began = starting or (up and (self.seen_down or lower or self.before.state not in UP))
        crashed = observation.state == "offline" and self.up_at is not None
        return replace(
            self,
            last=observation,
            seen_down=self.seen_down or observation.state in ("stopping", "offline"),
            seen_up=self.seen_up or up,
            seen_starting=self.seen_starting or starting,
            counters_fell=self.counters_fell or lower,
            up_at=self.up_at if self.up_at is not None or not began else observation.at,
            fell_back_at=(self.fell_back_at or observation.at) if crashed else None,
        )

    @property
    def restarted(self) -> bool:
        """Return whether a new process is confirmed: the server went down, or started after running, or its counters fell."""
        return self.counters_fell or self.seen_down or self.seen_starting

    @property
    def kind(self) -> str:
        """Return what confirms that the signal was carried out: ``state``, ``counters`` or ``none``."""
        if self.seen_down or self.seen_starting or (self.seen_up and self.before.state not in UP):
            return "state"
        return "counters" if self.counters_fell else "none"


def fell(old: Optional[Tuple[int, int]], new: Optional[Tuple[int, int]]) -> bool:
    """Return whether a network counter fell. Each start makes a new container with counters of 0, so only a restart lowers them."""
    if old is None or new is None:
        return False
    return new[0] < old[0] or new[1] < old[1]

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The conductor of a run: one process that drives the maintenance of all its servers. Private to this collection.

It begins each server shortly before its first announcement, holds the locks of all of them, and is the one place that takes signals.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

from .._api.coroutines import run
from .._clock import Clock, when
from .._errors import LedgerLost, ServerPrismError
from .._interrupt import Interrupted, Signals
from .._operation import Context, Operation, OperationFailed, Result
from .._quota.ledger import Ledger
from .._quota.locks import RENEW_EVERY
from .._quota.reservations import WRITE, Quota
from .._quota.stagger import choose, simulate
from .fleet import Fleet
from .games import completed
from .loop import Job, Loop, Requests, Threads
from .options import OPTIONS, as_of, check
from .outcome import blank
from .product import choose_game
from .schedule import local_time
from .timeline import Maintenance

Ended = Callable[[Optional[Result], Optional[BaseException]], None]
# Seconds in which an interrupted run must end, plus the time of two requests: the quota limits how fast its players can be told.
LAST_WORDS = 300.0
# The number of servers whose state is read at the same time. A read that takes longer than LOOK_PATIENCE seconds no longer counts.
LOOKS, LOOK_PATIENCE = 8, 2.0
# A server is begun this share of the quota's window before its first announcement, and at least AHEAD seconds.
AHEAD_SHARE, AHEAD = 0.1, 1.0
# A run shows its status about STATUS_LINES times as its servers end, and every STATUS_WINDOWS windows of the quota in between.
STATUS_LINES, STATUS_WINDOWS = 20, 5


@dataclass
class Tally:
    """The number of servers that have ended, by kind of outcome."""

    total: int = 0
    done: int = 0
    failed: int = 0
    other: int = 0

    def count(self, outcome: str) -> None:
        """Count a server that has ended."""
        name = {"done": "done", "failed": "failed", "unconfirmed": "failed"}.get(outcome, "other")
        setattr(self, name, getattr(self, name) + 1)

    @property
    def ended(self) -> int:
        """Return the number of servers that have ended."""
        return self.done + self.failed + self.other


@dataclass(eq=False)
class _Server:
    """One server of a run. ``ended`` gets its result, or the error that it ended with."""

    context: Context
    maintenance: Maintenance
    ended: Ended
    offsets: Tuple[float, ...]
    job: Optional[Job] = None
    begun: float = math.inf

    @property
    def is_looking(self) -> bool:
        """Return whether its timeline is not reserved yet."""
        return self.maintenance.countdown is None


@dataclass(eq=False)
class _Crew:
    """The servers that share one quota."""

    fleet: Fleet
    quota: Quota
    headroom: int
    servers: List[_Server] = field(default_factory=list)
    waiting: Deque[_Server] = field(default_factory=deque)
    # Those that were begun last, in that order, as far as they may still be looked at.
    looking: List[_Server] = field(default_factory=list)
    # When the next server is to be begun, UTC seconds; a wake-up for any other time is passed over.
    wakes_at: float = math.nan


class Conductor:
    """Drives the maintenance of servers.

    ``owner`` is the process whose run it is, and ``keeps_locks`` says that a later batch goes on. ``failed_before`` servers of earlier
    batches count for ``max_failures``. ``tell`` gets lines on the whole run.
    """

    def __init__(
        self,
        clock: Clock,
        requests: Requests,
        *,
        check_mode: bool = False,
        max_failures: Optional[int] = None,
        failed_before: int = 0,
        owner: str = "",
        keeps_locks: bool = False,
        tell: Callable[[str], None] = lambda text: None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._clock = clock
        self._loop = Loop(clock, requests)
        self._check_mode = check_mode
        self._max_failures = max_failures
        self._failed_before = failed_before
        self._owner = owner
        self._keeps_locks = keeps_locks
        self._tell = tell
        self._warn = warn
        self._crews: Dict[Ledger, _Crew] = {}
        self._tally = Tally()
        self._told = -math.inf
        # For times of the run: that of the server which was added last, if they differ.
        self._tz: tzinfo = timezone.utc

    def add(self, ctx: Context, ended: Ended) -> None:
        """Add a server to the run. Raises BadOption where its options contradict each other."""
        ledger, settings = ctx.client.ledger, ctx.settings
        if ledger not in self._crews:
            fleet = Fleet(ledger, self._clock, owner=self._owner, check_mode=self._check_mode)
            self._crews[ledger] = _Crew(fleet, Quota(settings.write_limit, settings.limit_window), 0)
        crew = self._crews[ledger]
        maintenance = Maintenance(ctx, crew.fleet)
        form = maintenance.script.form("restart")
        crew.servers.append(_Server(ctx, maintenance, ended, form.offsets))
        crew.headroom = max(crew.headroom, settings.write_headroom)
        crew.fleet.add(ctx.params["server_id"], settings.max_wait + ctx.params["wait_timeout"] + ctx.params["done_delay"])
        self._tally.total += 1
        self._tz = maintenance.script.tz

    def lock_also(self, ledger: Ledger, servers: Sequence[int]) -> None:
        """Have the servers of other batches of the run locked, too."""
        if ledger in self._crews:
            for server_id in servers:
                self._crews[ledger].fleet.add(server_id, 0.0)

    def refused(self) -> None:
        """Count a server whose options were refused as one that failed."""
        self._tally.total += 1
        self._tally.count("failed")

    def run(self) -> None:
        """Maintain the servers, until each has ended."""
        self._close_after_failures()
        for crew in self._crews.values():
            crew.waiting = deque(sorted(crew.servers, key=lambda one: one.maintenance.start))
            self._lock(crew)
            crew.fleet.reserved = functools.partial(self._begin_next, crew)
            self._begin_next(crew)
        timeout = max((one.context.settings.timeout for crew in self._crews.values() for one in crew.servers), default=0.0)
        window = max((crew.quota.window for crew in self._crews.values()), default=60.0)
        self._loop.stopped = self._begin_all
        with Signals(lambda name: self._loop.stop(name, LAST_WORDS + 2 * timeout)):
            self._loop.every(RENEW_EVERY, self._renew)
            self._loop.every(STATUS_WINDOWS * window, self._tell_status)
            self._loop.run(lambda: any(crew.waiting for crew in self._crews.values()))
        for crew in self._crews.values():
            if not self._keeps_locks or self._loop.is_stopped:
                self._unlock(crew)

    def _lock(self, crew: _Crew) -> None:
        """Lock the servers of a crew, and choose their stagger. A ledger that cannot be reached ends them all."""
        try:
            crew.fleet.lock()
            if len(crew.servers) > 1:
                timelines = [one.offsets for one in crew.waiting]
                calendar = crew.fleet.ledger.calendar(WRITE)
                # A timeline that fits with its own headroom may not fit with that of another server.
                with suppress(ValueError):
                    crew.fleet.stagger = choose(crew.quota, crew.headroom, timelines, calendar, self._clock.now())
        except ServerPrismError as exc:
            crew.waiting.clear()
            for server in crew.servers:
                self._end(server, None, exc)

    def _unlock(self, crew: _Crew) -> None:
        try:
            crew.fleet.unlock()
        except LedgerLost as exc:
            # The locks expire by themselves; what was done stays done.
            self._warn(str(exc))

    def _begin_all(self) -> None:
        for crew in self._crews.values():
            while crew.waiting:
                self._begin(crew, crew.waiting.popleft())

    def _begin_next(self, crew: _Crew) -> None:
        """Begin the servers whose first announcement is near. Only a few states are read at a time, in the order of the servers."""
        while crew.waiting:
            now = self._clock.now()
            crew.looking = [one for one in crew.looking if one.is_looking and now - LOOK_PATIENCE < one.begun <= now]
            # The first one is looked at now, whenever it starts: a wrong token is not found out in the middle of the night.
            at = self._due(crew, crew.waiting[0]) if len(crew.waiting) < len(crew.servers) else now
            if len(crew.looking) >= LOOKS:
                at = max(at, crew.looking[0].begun + LOOK_PATIENCE)
            if at > now:
                if at != crew.wakes_at:
                    crew.wakes_at = at
                    self._loop.at(at, functools.partial(self._wake, crew, at))
                return
            self._begin(crew, crew.waiting.popleft())

    def _wake(self, crew: _Crew, at: float) -> None:
        """Begin the next servers, unless they are to be begun at another time by now."""
        if at == crew.wakes_at:
            crew.wakes_at = math.nan
            self._begin_next(crew)

    def _due(self, crew: _Crew, server: _Server) -> float:
        """Return when a server is to be begun: shortly before its first announcement."""
        if self._check_mode:
            return -math.inf
        first = crew.fleet.stagger.not_before(max(self._clock.now(), when(self._clock, server.maintenance.start)))
        return first - max(AHEAD, AHEAD_SHARE * crew.quota.window)

    def _begin(self, crew: _Crew, server: _Server) -> None:
        def ended(result: Any, error: Optional[BaseException]) -> None:
            if isinstance(error, Interrupted):
                error = server.maintenance.out_of_time(str(error))
            self._end(server, result, error)
            self._begin_next(crew)

        server.begun = self._clock.now()
        crew.looking.append(server)
        server.job = Job(server.maintenance.run(), ended)
        server.context.shield, server.context.check_stop = server.job.shield, self._loop.check_stop
        self._loop.add(server.job)

    def _end(self, server: _Server, result: Optional[Result], error: Optional[BaseException]) -> None:
        server.begun = math.inf
        self._tally.count(str(server.maintenance.result["outcome"] if error is None or isinstance(error, OperationFailed) else "failed"))
        self._close_after_failures()
        server.ended(result, error)
        if self._tally.ended % max(1, self._tally.total // STATUS_LINES) == 0 or self._tally.ended == self._tally.total:
            self._tell_status()

    def _close_after_failures(self) -> None:
        """Begin no further server once too many have failed."""
        failed = self._failed_before + self._tally.failed
        if self._max_failures is not None and failed >= self._max_failures:
            for crew in self._crews.values():
                crew.fleet.closed = f"{failed} of this run have failed (max_failures: {self._max_failures})"

    def _renew(self) -> None:
        for crew in self._crews.values():
            try:
                lost = crew.fleet.renew()
            except LedgerLost:
                # Whatever needs the ledger next says so; nothing is sent without it.
                continue
            for server in crew.servers:
                if server.context.params["server_id"] in lost and server.job is not None and self._loop.has(server.job):
                    error = server.maintenance.guard.lock_lost()
                    if error is not None:
                        self._loop.throw(server.job, error)

    def _tell_status(self) -> None:
        """Show how far the run is."""
        now, tally = self._clock.now(), self._tally
        # One line covers all servers that end at the same time.
        if tally.total < 2 or self._check_mode or (now < self._told + 1.0 and tally.ended < tally.total):
            return
        self._told = now
        waiting = sum(len(crew.waiting) for crew in self._crews.values())
        active = tally.total - tally.ended - waiting
        counts = [
            (tally.done, "done"),
            (tally.failed, "failed or unconfirmed"),
            (tally.other, "skipped, deferred or cancelled"),
            (active, "in countdown or restart"),
            (waiting, "waiting"),
        ]
        parts = [f"{count} {name}" for count, name in counts if count]
        end = ""
        if active or waiting:
            # A status line without it is better than the end of all countdowns.
            with suppress(ServerPrismError, ValueError):
                end = self._expected_end()
        self._tell(f"run: {', '.join(parts)}{end}")

    def _expected_end(self) -> str:
        """Return when the last server will be up, as if each restart took one window of the quota. Raises what the ledger raises."""
        now = end = self._clock.now()
        for crew in self._crews.values():
            for server in crew.servers:
                countdown = server.maintenance.countdown
                if countdown is not None and countdown.entries and server.begun < math.inf:
                    end = max(end, countdown.action.planned + crew.quota.window)
            if crew.waiting:
                timelines = [one.offsets for one in crew.waiting]
                calendar = crew.fleet.ledger.calendar(WRITE)
                took = simulate(crew.fleet.stagger, crew.quota, crew.headroom, timelines, calendar, now).duration
                end = max(end, now + took + crew.quota.window)
        return f"; ends at about {local_time(end, self._tz, with_seconds=False)}"


def maintain_one(ctx: Context, requests: Optional[Requests] = None) -> Result:
    """Run the maintenance of one server: a run of one. Raises what ``Maintenance.run`` raises."""
    try:
        chosen = run(choose_game(ctx), ctx.clock)
    except ServerPrismError as exc:
        server_id = ctx.params["server_id"]
        raise OperationFailed(str(exc), blank(server_id), server_id=server_id, status=exc.status) from exc
    if chosen[1]:
        ctx.progress(chosen[1])
    ctx.params = completed(ctx.params, chosen[0])
    check(ctx.params)
    outcome: List[Tuple[Optional[Result], Optional[BaseException]]] = []
    conductor = Conductor(ctx.clock, requests or Threads(), check_mode=ctx.check_mode, warn=ctx.warn)
    conductor.add(ctx, lambda result, error: outcome.append((result, error)))
    conductor.run()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result or {}


OPERATION = Operation(name="serverprism_maintenance", options=OPTIONS, run=maintain_one, check=check, as_of=as_of)

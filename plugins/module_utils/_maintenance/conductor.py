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
from .options import OPTIONS, as_of, check, check_past
from .outcome import blank
from .product import choose_game
from .schedule import local_time
from .timeline import Maintenance

Ended = Callable[[Optional[Result], Optional[BaseException]], None]
# Seconds in which an interrupted run must end, plus the time of two requests. The quota limits how fast all players can be told.
INTERRUPT_GRACE = 300.0
# The number of servers whose state is read at the same time. A read that takes more than STATE_READ_PATIENCE seconds does not count.
STATE_READS, STATE_READ_PATIENCE = 8, 2.0
# A server begins this share of the quota's window before its first announcement, but at least AHEAD seconds before it.
AHEAD_SHARE, AHEAD = 0.1, 1.0
# A run shows about STATUS_LINES status lines while its servers end, and one every STATUS_WINDOWS windows of the quota.
STATUS_LINES, STATUS_WINDOWS = 20, 5
# The lines of the servers say enough about a smaller run.
STATUS_FROM = 4


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
    """One server of a run. ``ended`` is called with its result, or with its error."""

    context: Context
    maintenance: Maintenance
    ended: Ended
    offsets: Tuple[float, ...]
    # The earliest time of its first step, UTC seconds on the wall clock.
    start: float
    job: Optional[Job] = None
    begun: float = math.inf

    @property
    def is_reading_state(self) -> bool:
        """Return whether its timeline is not reserved yet."""
        return self.maintenance.countdown is None


@dataclass(eq=False)
class _QuotaGroup:
    """The servers that share one quota."""

    fleet: Fleet
    quota: Quota
    headroom: int
    servers: List[_Server] = field(default_factory=list)
    waiting: Deque[_Server] = field(default_factory=deque)
    # The servers that have begun and whose state is still being read, oldest first.
    reading: List[_Server] = field(default_factory=list)
    # When the next server begins, UTC seconds. A wake-up for any other time is ignored.
    wakes_at: float = math.nan


class Conductor:
    """The maintenance of many servers in one process.

    ``owner`` is the process that owns the locks. With ``keeps_locks`` they are kept for a later batch. ``failed_before`` is the number of
    servers of earlier batches that failed; they count for ``max_failures``. ``tell`` is called with lines about the whole run.
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
        self._groups: Dict[Ledger, _QuotaGroup] = {}
        self._tally = Tally()
        self._told = -math.inf
        # The time zone of the status line. If servers have different ones, that of the last.
        self._tz: tzinfo = timezone.utc

    def add(self, ctx: Context, ended: Ended) -> None:
        """Add a server to the run. Raises BadOption where its options contradict each other."""
        ledger, settings = ctx.client.ledger, ctx.settings
        if ledger not in self._groups:
            fleet = Fleet(ledger, self._clock, owner=self._owner, check_mode=self._check_mode)
            self._groups[ledger] = _QuotaGroup(fleet, Quota(settings.write_limit, settings.limit_window), 0)
        group = self._groups[ledger]
        maintenance = Maintenance(ctx, group.fleet)
        timeline = maintenance.options.timeline("restart")
        group.servers.append(_Server(ctx, maintenance, ended, timeline.offsets, maintenance.start_of(timeline)))
        group.headroom = max(group.headroom, settings.write_headroom)
        group.fleet.add(ctx.params["server_id"], settings.max_wait + ctx.params["wait_timeout"] + ctx.params["done_delay"])
        self._tally.total += 1
        self._tz = maintenance.options.tz

    def lock_also(self, ledger: Ledger, servers: Sequence[int]) -> None:
        """Lock the servers of other batches of the run, too."""
        if ledger in self._groups:
            for server_id in servers:
                self._groups[ledger].fleet.add(server_id, 0.0)

    def refused(self) -> None:
        """Count a server whose options were refused as failed."""
        self._tally.total += 1
        self._tally.count("failed")

    def run(self) -> None:
        """Maintain the servers until each has ended."""
        self._close_after_failures()
        for group in self._groups.values():
            group.waiting = deque(sorted(group.servers, key=lambda one: one.start))
            self._lock(group)
            group.fleet.reserved = functools.partial(self._begin_next, group)
            self._begin_next(group)
        timeout = max((one.context.settings.timeout for group in self._groups.values() for one in group.servers), default=0.0)
        window = max((group.quota.window for group in self._groups.values()), default=60.0)
        self._loop.stopped = self._interrupted
        with Signals(lambda name: self._loop.stop(name, INTERRUPT_GRACE + 2 * timeout)):
            self._loop.every(RENEW_EVERY, self._renew)
            self._loop.every(STATUS_WINDOWS * window, self._tell_status)
            self._loop.run(lambda: any(group.waiting for group in self._groups.values()))
        for group in self._groups.values():
            if not self._keeps_locks or self._loop.is_stopped:
                self._unlock(group)

    def _lock(self, group: _QuotaGroup) -> None:
        """Lock the servers of a group, and choose their stagger. End them all if the ledger cannot be reached."""
        try:
            group.fleet.lock()
            if len(group.servers) > 1:
                timelines = [one.offsets for one in group.waiting]
                calendar = group.fleet.ledger.calendar(WRITE)
                # A timeline that fits with its own headroom may not fit with the headroom of another server.
                with suppress(ValueError):
                    group.fleet.stagger = choose(group.quota, group.headroom, timelines, calendar, self._clock.now())
        except ServerPrismError as exc:
            group.waiting.clear()
            for server in group.servers:
                self._end(server, None, exc)

    def _unlock(self, group: _QuotaGroup) -> None:
        try:
            group.fleet.unlock()
        except LedgerLost as exc:
            # The locks expire on their own, and the servers have ended.
            self._warn(str(exc))

    def _interrupted(self) -> None:
        """Show that the players are being told, so that nobody kills the run before that, and end the servers that have not begun."""
        servers = [server for group in self._groups.values() for server in group.servers if server.begun < math.inf]
        warned = sum(server.maintenance.is_warned for server in servers)
        if warned:
            whose = "1 server" if warned == 1 else f"{warned} servers"
            self._tell(f"interrupted: telling the players of {whose} that the maintenance is cancelled. Do not press Ctrl-C again.")
        self._begin_all()

    def _begin_all(self) -> None:
        for group in self._groups.values():
            while group.waiting:
                self._begin(group, group.waiting.popleft())

    def _begin_next(self, group: _QuotaGroup) -> None:
        """Begin the servers whose first announcement is near, in order. Read only a few states at a time."""
        while group.waiting:
            now = self._clock.now()
            group.reading = [one for one in group.reading if one.is_reading_state and now - STATE_READ_PATIENCE < one.begun <= now]
            # The first server is read now, whenever it starts, so that a wrong token is found at once.
            at = self._due(group, group.waiting[0]) if len(group.waiting) < len(group.servers) else now
            if len(group.reading) >= STATE_READS:
                at = max(at, group.reading[0].begun + STATE_READ_PATIENCE)
            if at > now:
                if at != group.wakes_at:
                    group.wakes_at = at
                    self._loop.at(at, functools.partial(self._wake, group, at))
                return
            self._begin(group, group.waiting.popleft())

    def _wake(self, group: _QuotaGroup, at: float) -> None:
        """Begin the next servers, unless their time has changed since."""
        if at == group.wakes_at:
            group.wakes_at = math.nan
            self._begin_next(group)

    def _due(self, group: _QuotaGroup, server: _Server) -> float:
        """Return the time, UTC seconds, at which a server begins: shortly before its first announcement."""
        if self._check_mode:
            return -math.inf
        first = group.fleet.stagger.not_before(max(self._clock.now(), when(self._clock, server.start)))
        return first - max(AHEAD, AHEAD_SHARE * group.quota.window)

    def _begin(self, group: _QuotaGroup, server: _Server) -> None:
        def ended(result: Any, error: Optional[BaseException]) -> None:
            if isinstance(error, Interrupted):
                error = server.maintenance.out_of_time(str(error))
            self._end(server, result, error)
            self._begin_next(group)

        server.begun = self._clock.now()
        group.reading.append(server)
        server.job = Job(server.maintenance.run(), ended)
        server.context.shield, server.context.check_stop = server.job.shield, self._loop.check_stop
        self._loop.add(server.job)

    def _end(self, server: _Server, result: Optional[Result], error: Optional[BaseException]) -> None:
        server.begun = math.inf
        known = server.maintenance.outcome
        # A server that an earlier run left unconfirmed is not a failure of this run.
        left = "skipped" if known.earlier == "unconfirmed" else known.outcome
        self._tally.count(left if error is None or isinstance(error, OperationFailed) else "failed")
        self._close_after_failures()
        server.ended(result, error)
        if self._tally.ended % max(1, self._tally.total // STATUS_LINES) == 0 or self._tally.ended == self._tally.total:
            self._tell_status()

    def _close_after_failures(self) -> None:
        """Begin no further server once too many have failed."""
        failed = self._failed_before + self._tally.failed
        if self._max_failures is not None and failed >= self._max_failures:
            for group in self._groups.values():
                group.fleet.closed = f"{failed} of this run have failed (max_failures: {self._max_failures})"

    def _renew(self) -> None:
        for group in self._groups.values():
            try:
                lost = group.fleet.renew()
            except LedgerLost:
                # The next request that needs the ledger fails with this error, and nothing is sent without it.
                continue
            for server in group.servers:
                if server.job is None or not self._loop.has(server.job):
                    continue
                error: Optional[ServerPrismError] = None
                if server.context.params["server_id"] in lost:
                    error = server.maintenance.guard.lock_lost()
                elif server.maintenance.is_warned:
                    error = server.maintenance.cancelled_by_hold()
                if error is not None:
                    self._loop.throw(server.job, error)

    def _tell_status(self) -> None:
        """Show the progress of the run."""
        now, tally = self._clock.now(), self._tally
        # One line covers all servers that end at the same time.
        if tally.total < STATUS_FROM or self._check_mode or (now < self._told + 1.0 and tally.ended < tally.total):
            return
        self._told = now
        waiting = sum(len(group.waiting) for group in self._groups.values())
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
            # An error here must not end the countdowns.
            with suppress(ServerPrismError, ValueError):
                end = self._expected_end()
        self._tell(f"run: {', '.join(parts)}{end}")

    def _expected_end(self) -> str:
        """Return the text for the expected end of the run. Each restart is assumed to take one window of the quota."""
        now = end = self._clock.now()
        for group in self._groups.values():
            for server in group.servers:
                countdown = server.maintenance.countdown
                if countdown is not None and countdown.steps and server.begun < math.inf:
                    end = max(end, countdown.action.planned + group.quota.window)
            if group.waiting:
                timelines = [one.offsets for one in group.waiting]
                calendar = group.fleet.ledger.calendar(WRITE)
                took = simulate(group.fleet.stagger, group.quota, group.headroom, timelines, calendar, now).duration
                end = max(end, now + took + group.quota.window)
        return f"; ends at about {local_time(end, self._tz, with_seconds=False)}"


def maintain_one(ctx: Context, requests: Optional[Requests] = None) -> Result:
    """Run the maintenance of one server and return its result. Raise what ``Maintenance.run`` raises."""
    check_past(ctx.params, ctx.clock.now())
    try:
        chosen = run(choose_game(ctx), ctx.clock)
    except ServerPrismError as exc:
        server_id = ctx.params["server_id"]
        raise OperationFailed(str(exc), blank(server_id)) from exc
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

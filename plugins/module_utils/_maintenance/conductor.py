# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The conductor of a run: one process that drives the maintenance of all its servers. Private to this collection.

It begins each server shortly before its first announcement, holds the locks of all of them, and is the one place that takes signals.
"""

from __future__ import annotations

import functools
import math
import os
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Sequence, Tuple

from .._api.coroutines import run
from .._clock import Clock, when
from .._errors import LedgerLost, RunLogUnusable, ServerPrismError
from .._interrupt import Interrupted, Signals
from .._operation import Context, Operation, OperationFailed, Result, failure, with_usage
from .._process import own_name
from .._quota.ledger import Ledger
from .._quota.locks import RENEW_EVERY
from .._quota.reservations import WRITE, Quota
from .._quota.stagger import choose, simulate
from .._runs.events import BEGUN, DONE, ENDED, RESULT, SIGNAL, STATUS, UNCONFIRMED, VERSION
from .._runs.log import RunLog
from .._runs.open import forget_old_runs, make_id, open_log
from .._runs.rows import row_of_maintained, row_of_signalled
from .._runs.rows import server as report_row
from .._settings import Settings
from .._text import iso
from .fleet import Fleet
from .games import completed
from .loop import Job, Loop, Requests, Threads
from .options import OPTIONS, as_of, check, check_past
from .outcome import blank
from .product import choose_game
from .schedule import local_time
from .timeline import Maintenance

# Gets the result of a server, and its row of the report.
Ended = Callable[[Result, Mapping[str, Any]], None]
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
    """One server of a run."""

    host: str
    context: Context
    maintenance: Maintenance
    log: RunLog
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
    servers of earlier batches that failed; they count for ``max_failures``. ``tell`` is called with lines about the whole run. ``run_id``
    names the run of servers without ``maintenance_id``, ``begun`` are further fields of its first event, and ``later`` the servers of later
    batches there. ``beat`` is called every RENEW_EVERY seconds.
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
        run_id: str = "",
        begun: Optional[Mapping[str, Any]] = None,
        later: Sequence[Mapping[str, Any]] = (),
        beat: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] = lambda text: None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._clock = clock
        self._loop = Loop(clock, requests)
        self._check_mode = check_mode
        self._max_failures = max_failures
        self._failed_before = failed_before
        self._owner = owner or own_name()
        self._run_id = run_id or make_id(clock.now(), os.getpid())
        self._begun = dict(begun or {})
        self._beat = beat
        self._later = list(later)
        self._logs: Dict[Tuple[Ledger, str], RunLog] = {}
        # The rows of servers whose options were refused.
        self._refused: List[Mapping[str, Any]] = []
        self._keeps_locks = keeps_locks
        self._tell = tell
        self._warn = warn
        self._groups: Dict[Ledger, _QuotaGroup] = {}
        self._tally = Tally()
        self._told = -math.inf
        # The time zone of the status line. If servers have different ones, that of the last.
        self._tz: tzinfo = timezone.utc

    def add(self, ctx: Context, ended: Ended, host: str = "") -> None:
        """Add a server to the run. Raises BadOption where its options contradict each other."""
        ledger, settings = ctx.client.ledger, ctx.settings
        if ledger not in self._groups:
            fleet = Fleet(ledger, self._clock, owner=self._owner, check_mode=self._check_mode)
            self._groups[ledger] = _QuotaGroup(fleet, Quota(settings.write_limit, settings.limit_window), 0)
        group = self._groups[ledger]
        log = self.log_of(settings, ledger, ctx.params["maintenance_id"], ctx.params["keep_runs"])
        maintenance = Maintenance(ctx, group.fleet, log)
        timeline = maintenance.options.timeline("restart")
        host = host or f"server {ctx.params['server_id']}"
        group.servers.append(_Server(host, ctx, maintenance, log, ended, timeline.offsets, maintenance.start_of(timeline)))
        group.headroom = max(group.headroom, settings.write_headroom)
        group.fleet.add(ctx.params["server_id"], settings.max_wait + ctx.params["wait_timeout"] + ctx.params["done_delay"])
        self._tally.total += 1
        self._tz = maintenance.options.tz

    def log_of(self, settings: Settings, ledger: Ledger, maintenance_id: Optional[str], keep_days: int) -> RunLog:
        """Return the log of the servers with a ledger and a maintenance ID, if they have one."""
        run = maintenance_id or self._run_id
        if (ledger, run) not in self._logs:
            self._logs[ledger, run] = open_log(settings, ledger, run, is_named=bool(maintenance_id), keep_days=keep_days)
            if not self._check_mode:
                forget_old_runs(settings, ledger)
        return self._logs[ledger, run]

    def lock_also(self, ledger: Ledger, servers: Sequence[int]) -> None:
        """Lock the servers of other batches of the run, too."""
        if ledger in self._groups:
            for server_id in servers:
                self._groups[ledger].fleet.add(server_id, 0.0)

    def refused(self, row: Mapping[str, Any]) -> None:
        """Count a server whose options were refused as failed. ``row`` is its row of the report."""
        self._tally.total += 1
        self._tally.count("failed")
        self._refused.append(row)

    def run(self) -> None:
        """Maintain the servers until each has ended."""
        self._close_after_failures()
        for group in self._groups.values():
            group.waiting = deque(sorted(group.servers, key=lambda one: one.start))
            self._begin_logs(group)
            self._lock(group)
            group.fleet.reserved = functools.partial(self._begin_next, group)
            self._begin_next(group)
        timeout = max((one.context.settings.timeout for group in self._groups.values() for one in group.servers), default=0.0)
        window = max((group.quota.window for group in self._groups.values()), default=60.0)
        self._loop.stopped = self._interrupted
        with Signals(lambda name: self._loop.stop(name, INTERRUPT_GRACE + 2 * timeout)):
            self._loop.every(RENEW_EVERY, self._renew)
            self._loop.every(RENEW_EVERY, self._beat)
            self._loop.every(STATUS_WINDOWS * window, self._tell_status)
            self._loop.run(lambda: any(group.waiting for group in self._groups.values()))
        for group in self._groups.values():
            if not self._keeps_locks or self._loop.is_stopped:
                self._unlock(group)
        if not self._check_mode and (not self._keeps_locks or self._loop.is_stopped):
            for log in self._logs.values():
                self._note(log, ENDED, owner=self._owner, interrupted=self._loop.stop_name)

    def _begin_logs(self, group: _QuotaGroup) -> None:
        """Write the servers of a group into their logs. End those whose log cannot be written: nothing is sent to them."""
        for log in {id(one.log): one.log for one in group.servers}.values() if not self._check_mode else ():
            own = [one for one in group.servers if one.log is log]
            names = [
                {"host": one.host, "server_id": one.context.params["server_id"], "api_url": one.context.settings.api_url} for one in own
            ]
            try:
                keep = own[0].context.params["keep_runs"]
                fields = {"version": VERSION, "keep_days": keep, "owner": self._owner, **self._begun, "servers": [*names, *self._later]}
                log.add(BEGUN, self._clock.now(), durable=True, **fields)
                for row in self._refused:
                    log.add(RESULT, self._clock.now(), row=row)
            except ServerPrismError as exc:
                group.waiting = deque(one for one in group.waiting if one.log is not log)
                for one in own:
                    self._end(one, None, RunLogUnusable(f"{exc} Nothing was sent."))

    def _note(self, log: RunLog, event: str, **fields: Any) -> None:
        """Write an event that only reports need."""
        with suppress(RunLogUnusable, LedgerLost):
            log.add(event, self._clock.now(), **fields)

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
            servers = list(group.waiting)
            group.waiting.clear()
            for server in servers:
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
        server_id = server.context.params["server_id"]
        final = with_usage(_final(server_id, result, error), server.context.client)
        row = self._row(server, final)
        if not self._check_mode:
            self._note(server.log, RESULT, api_url=server.context.settings.api_url, server_id=server_id, row=row)
        # A server that an earlier run left unconfirmed is not a failure of this run.
        self._tally.count("skipped" if row["earlier"] == "unconfirmed" else row["outcome"])
        self._close_after_failures()
        server.ended(final, row)
        if self._tally.ended % max(1, self._tally.total // STATUS_LINES) == 0 or self._tally.ended == self._tally.total:
            self._tell_status()

    def _row(self, server: _Server, result: Result) -> Dict[str, Any]:
        """Return the row of the report for a server. If an earlier run has maintained it under the same ID, return that run's."""
        row, api_url = report_row(server.host, result), server.context.settings.api_url
        if not server.context.params["maintenance_id"] or self._check_mode or row["signal"]:
            return row
        with suppress(RunLogUnusable, LedgerLost):
            if result.get("earlier") == DONE:
                known = row_of_maintained(server.log.events(), (api_url, row["server_id"]))
                return {**row, **known, "host": server.host, "earlier": DONE, "reason": row["reason"]} if known else row
            if server.log.last(api_url, row["server_id"]) in (SIGNAL, UNCONFIRMED):
                # An earlier run may have sent its signal. This one did not come so far as to say more.
                sent = row_of_signalled(server.log.events(), (api_url, row["server_id"]))
                return {**row, "signal": sent["signal"], "timeline": row["timeline"] or sent["timeline"], "earlier": UNCONFIRMED}
        return row

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
                at = self._expected_end()
                end = f"; ends at about {local_time(at, self._tz, with_seconds=False)}"
                for log in self._logs.values():
                    self._note(log, STATUS, ends=iso(at))
        self._tell(f"run: {', '.join(parts)}{end}")

    def _expected_end(self) -> float:
        """Return the expected end of the run, UTC seconds. Each restart is assumed to take one window of the quota."""
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
        return end


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
    results: List[Result] = []
    begun = {"plan": "", "timezone": ctx.params["timezone"], "reason": ctx.params["reason"] or ""}
    conductor = Conductor(ctx.clock, requests or Threads(), check_mode=ctx.check_mode, begun=begun, warn=ctx.warn)
    conductor.add(ctx, lambda result, row: results.append(result))
    conductor.run()
    return results[0]


def _final(server_id: int, result: Optional[Result], error: Optional[BaseException]) -> Result:
    """Return the result of a server that has ended, also of one that ended with an exception."""
    if isinstance(error, OperationFailed):
        return failure(error)
    if isinstance(error, ServerPrismError):
        return {**blank(server_id), **failure(error)}
    if error is not None:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        return {**blank(server_id), "failed": True, "msg": f"A bug in serverprism.cloud: {error!r}", "exception": text}
    return result or blank(server_id)


OPERATION = Operation(name="serverprism_maintenance", options=OPTIONS, run=maintain_one, check=check, as_of=as_of)

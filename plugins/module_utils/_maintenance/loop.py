# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run many operations beside each other in one thread, with their requests in others. Private to this collection.

The loop sleeps until the next step is due or a reply has come. No operation waits for another: a slow answer holds up one of the request
threads, and a failure ends one job.
"""

from __future__ import annotations

import heapq
import math
import queue
import threading
from contextlib import suppress
from typing import Any, Callable, Coroutine, Dict, List, Optional, Protocol, Tuple

from .._api.coroutines import Exchange, Sleep
from .._clock import NAP, Clock
from .._interrupt import Interrupted, signals_for_the_main_thread

# Seconds for which an interrupted job waits for the reply of its request.
REPLY_PATIENCE = 3.0
Call = Callable[[], None]
# Gets the reply, or the exception that the request ended with.
Reply = Callable[[Any, Optional[BaseException]], None]


class Requests(Protocol):
    """The requests of a loop, made outside its thread."""

    def start(self, exchange: Exchange, reply: Reply) -> None:
        """Begin a request. ``reply`` is one of the calls that ``wait`` returns."""

    def wait(self, seconds: float) -> List[Call]:
        """Return the calls to make now, after at most the given number of seconds."""

    def wake(self) -> None:
        """End a ``wait`` early, from any thread or signal handler."""

    def close(self) -> None:
        """End the threads."""


def _nothing() -> None:
    """Do nothing."""


class Threads:
    """Daemon threads that make requests. A new thread starts only if all others are busy.

    The quota bounds their number: a request takes at most ``timeout`` seconds, and each window has a limited number of requests.
    """

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[Optional[Tuple[Exchange, Reply]]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Optional[Call]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = self._threads = 0

    def start(self, exchange: Exchange, reply: Reply) -> None:
        """Begin a request."""
        with self._lock:
            is_free = self._idle > 0
            self._idle -= is_free
            self._threads += not is_free
        if not is_free:
            with signals_for_the_main_thread():
                threading.Thread(target=self._work, daemon=True).start()
        self._todo.put((exchange, reply))

    def _work(self) -> None:
        while True:
            task = self._todo.get()
            if task is None:
                return
            self._done.put(_make(*task))
            with self._lock:
                self._idle += 1

    def wait(self, seconds: float) -> List[Call]:
        """Return the replies that have arrived. Wait at most the given number of seconds for the first."""
        calls: List[Call] = []
        try:
            # Waiting in short pieces: after the machine was suspended, a long wait would end too late.
            call = self._done.get(timeout=min(seconds, NAP)) if seconds > 0 else self._done.get_nowait()
            while True:
                if call is not None:
                    calls.append(call)
                call = self._done.get_nowait()
        except queue.Empty:
            return calls

    def wake(self) -> None:
        """End a ``wait``. The queue may be used in a signal handler."""
        self._done.put(None)

    def close(self) -> None:
        """End the threads once they are idle."""
        for _each in range(self._threads):
            self._todo.put(None)


def _make(exchange: Exchange, reply: Reply) -> Call:
    """Make a request, and return the call that passes the reply to its job."""
    try:
        result = exchange.transport.attempt(exchange.method, exchange.path, exchange.body)
    except BaseException as exc:
        error = exc
        return lambda: reply(None, error)
    return lambda: reply(result, None)


class Job:
    """One operation in the loop."""

    def __init__(self, operation: Coroutine[Any, Any, Any], ended: Reply) -> None:
        self.operation = operation
        self.ended = ended
        self.is_shielded = False
        # True while a request is under way; ``pending`` is raised once its reply has arrived.
        self.is_asking = False
        self.pending: Optional[BaseException] = None
        # Counts the waits, so that a wake-up for an earlier wait is ignored.
        self.waits = 0

    def shield(self) -> None:
        """Accept no more interruptions: the players are being told that the restart is cancelled."""
        self.is_shielded = True


class Loop:
    """An event loop that runs jobs until the last one has ended."""

    def __init__(self, clock: Clock, requests: Requests) -> None:
        self._clock = clock
        self._requests = requests
        self._due: List[Tuple[float, int, Call]] = []
        self._count = 0
        self._jobs: Dict[Job, None] = {}
        self._stop: Tuple[str, float] = ("", 0.0)
        self.is_stopped = False
        # Called once the jobs have been interrupted.
        self.stopped: Call = _nothing

    def at(self, when: float, call: Call) -> None:
        """Call a function at a time, UTC seconds. Functions that are due at the same time are called in the order of these calls."""
        self._count += 1
        heapq.heappush(self._due, (when, self._count, call))

    def every(self, seconds: float, call: Call) -> None:
        """Call a function at this interval."""

        def again() -> None:
            call()
            self.at(self._clock.now() + seconds, again)

        self.at(self._clock.now() + seconds, again)

    def add(self, job: Job) -> Job:
        """Begin a job. Once the loop is told to stop, it is interrupted before it begins."""
        self._jobs[job] = None
        if self.is_stopped:
            self.at(self._clock.now(), lambda: self._abandon(job))
        else:
            self.at(self._clock.now(), lambda: self._resume(job, 0, job.operation.send, None))
        return job

    def check_stop(self) -> None:
        """Raise Interrupted if the loop was told to stop and has not interrupted its jobs yet."""
        if self._stop[0] and not self.is_stopped:
            raise Interrupted(self._stop[0])

    def throw(self, job: Job, exc: BaseException) -> None:
        """Raise an exception in a waiting job. If a request is under way, wait for its reply first: it must not be lost."""
        if job.is_asking:
            job.pending = exc
        else:
            self._throw_now(job, exc)

    def _throw_now(self, job: Job, exc: BaseException) -> None:
        if job in self._jobs:
            self._resume(job, job.waits, job.operation.throw, exc)

    def stop(self, name: str, grace: float) -> None:
        """Interrupt all jobs, from any thread or signal handler; they have ``grace`` seconds to end. Only the first call counts."""
        if not self._stop[0]:
            self._stop = (name, grace)
            self._requests.wake()

    @property
    def stop_name(self) -> str:
        """Return the name of the signal that stopped the loop, empty if none has."""
        return self._stop[0]

    def has(self, job: Job) -> bool:
        """Return whether the job has not ended."""
        return job in self._jobs

    def run(self, more: Callable[[], bool] = lambda: False) -> None:
        """Run until all jobs have ended and ``more`` returns False."""
        try:
            while self._jobs or more():
                if self._stop[0] and not self.is_stopped:
                    self._interrupt(*self._stop)
                now = self._clock.now()
                while self._due and self._due[0][0] <= now:
                    heapq.heappop(self._due)[2]()
                # Once the last job has ended, nobody needs the other calls that are due.
                if self._jobs or more():
                    seconds = self._due[0][0] - self._clock.now() if self._due else math.inf
                    for call in self._requests.wait(max(0.0, seconds)):
                        call()
        finally:
            self._requests.close()

    def _interrupt(self, name: str, grace: float) -> None:
        self.is_stopped = True
        self.at(self._clock.now() + grace, self._give_up)
        for job in [one for one in self._jobs if not one.is_shielded]:
            self._interrupt_job(job, Interrupted(name))
        self.stopped()

    def _interrupt_job(self, job: Job, exc: Interrupted) -> None:
        """Interrupt a job. Wait up to REPLY_PATIENCE for the reply of its request, so that no cancel text overtakes an announcement."""
        if not job.is_asking:
            self._throw_now(job, exc)
            return
        waits, job.pending = job.waits, exc

        def too_long() -> None:
            if job.waits == waits:
                job.pending = None
                self._throw_now(job, exc)

        self.at(self._clock.now() + REPLY_PATIENCE, too_long)

    def _give_up(self) -> None:
        for job in list(self._jobs):
            self._abandon(job)

    def _abandon(self, job: Job) -> None:
        """End a job at once, or before it has begun."""
        with suppress(Exception):
            job.operation.close()
        self._end(job, None, Interrupted(self._stop[0]))

    def _resume(self, job: Job, waits: int, how: Callable[[Any], Any], value: Any) -> None:
        if job not in self._jobs or job.waits != waits:
            return
        job.waits += 1
        job.is_asking = False
        try:
            wait = how(value)
        except StopIteration as end:
            self._end(job, end.value, None)
        except BaseException as exc:
            self._end(job, None, exc)
        else:
            self._await(job, wait)

    def _await(self, job: Job, wait: Any) -> None:
        waits = job.waits
        if job.pending is not None and not job.is_shielded:
            exc, job.pending = job.pending, None
            self.at(self._clock.now(), lambda: self._resume(job, waits, job.operation.throw, exc))
            return
        if isinstance(wait, Sleep):
            self.at(wait.until, lambda: self._resume(job, waits, job.operation.send, None))
            return

        def replied(result: Any, error: Optional[BaseException]) -> None:
            self._resume(job, waits, job.operation.send if error is None else job.operation.throw, result if error is None else error)

        job.is_asking = True
        self._requests.start(wait, replied)

    def _end(self, job: Job, result: Any, error: Optional[BaseException]) -> None:
        del self._jobs[job]
        job.ended(result, error)

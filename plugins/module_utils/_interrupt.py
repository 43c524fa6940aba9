# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handle Ctrl-C, SIGTERM and the end of Ansible during a countdown, so that players are told first. Private to this collection."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Type

# Seconds after which a worker that was told to stop ends at the latest. Ansible no longer reads results then, and a worker that returns one
# could wait forever.
RESULT_GRACE = 10.0
# The interval in seconds at which ansible-playbook checks whether its workers have ended.
WORKER_POLL = 0.1
# The signals that stop a run.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The option of Linux's prctl that sets the signal for the death of the parent process.
_PR_SET_PDEATHSIG = 1


def _on_death_of_parent(number: int) -> None:
    """Request a signal for the death of the parent process, 0 for none. Does nothing on systems other than Linux."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    except (OSError, AttributeError):
        return


@contextmanager
def signals_for_the_main_thread() -> Iterator[None]:
    """Block the signals that stop a run, and SIGALRM, in threads that are started within this context.

    The system may deliver a signal to any thread, but only the main thread runs Python's handlers. If another thread got the signal, a main
    thread that sleeps or reads would not wake up.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*STOPPING, signal.SIGALRM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_worker() -> bool:
    """Return whether this process is a worker of Ansible, which ends with its task. Modules and tests are not."""
    return multiprocessing.parent_process() is not None


# The signal that told this worker to stop. It also applies to later items of a loop.
_told_to_stop: List[str] = []


def told_to_stop() -> bool:
    """Return whether this worker was told to stop. Ansible no longer shows lines from its workers then."""
    return bool(_told_to_stop)


def wait_for_workers() -> None:
    """Make ansible-playbook wait for its workers before it ends on SIGTERM or SIGINT.

    Otherwise it ends at once or after ten seconds. A container ends with its first process, so the workers could not tell the players that
    a restart is cancelled. A second signal ends ansible-playbook as usual. In all other processes this function does nothing.
    """
    before: Dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    owners = [type(getattr(handler, "__self__", None)).__name__ for handler in before.values()]
    if _is_worker() or owners != ["TaskQueueManager"] * 2 or threading.current_thread() is not threading.main_thread():
        return

    def handle(number: int, frame: Optional[FrameType]) -> None:
        for one, handler in before.items():
            signal.signal(one, handler)
        for worker in multiprocessing.active_children():
            with suppress(OSError):
                os.kill(worker.pid or 0, number)
        while any(worker.is_alive() for worker in multiprocessing.active_children()):
            time.sleep(WORKER_POLL)
        before[number](number, frame)
        # The first process of a container ignores its own signal and would continue with the next servers.
        raise SystemExit(128 + number)

    for number in before:
        signal.signal(number, handle)


class Interrupted(BaseException):
    """The exception for a run that was told to stop. No handler of Exception catches it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Signals:
    """A context in which the first SIGINT, SIGTERM or SIGHUP, or the end of the task's ``timeout``, calls ``stop`` with its name.

    Ansible forwards SIGINT to its workers and sends SIGTERM soon after. By default each ends a process at once, so the players would not be
    told that the countdown is cancelled. If ansible-playbook is killed, it forwards nothing, so the system sends SIGTERM when the parent
    dies. Ansible no longer reads results from a worker that was told to stop. The worker ends RESULT_GRACE seconds after this context at
    the latest.
    """

    def __init__(self, stop: Callable[[str], None]) -> None:
        self._stop = stop
        self._old: Dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in STOPPING:
            self._old[number] = signal.signal(number, self._told)
        limit = signal.getsignal(signal.SIGALRM)
        if callable(limit):
            self._old[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._timed_out)
        _on_death_of_parent(signal.SIGTERM)
        parent = multiprocessing.parent_process()
        if parent is not None and parent.pid != os.getppid():
            self._stop("Ansible is gone")
        elif _told_to_stop:
            # Ansible has started the next item of a loop.
            self._stop(_told_to_stop[0])
        return self

    def _told(self, number: int, _frame: Optional[FrameType]) -> None:
        name = signal.Signals(number).name
        if _is_worker():
            _told_to_stop.append(name)
        self._stop(name)

    def _timed_out(self, number: int, frame: Optional[FrameType]) -> None:
        # Ansible's handler raises an exception that names the time limit.
        try:
            self._old[signal.SIGALRM](number, frame)
        except BaseException as exc:
            self._stop(str(exc) or type(exc).__name__)

    def __exit__(self, kind: Optional[Type[BaseException]], exc: Optional[BaseException], tb: Optional[TracebackType]) -> None:
        if not self._old:
            return
        _on_death_of_parent(0)
        # A time limit must not discard the result from here on.
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, old in self._old.items():
            signal.signal(number, old)
        if _told_to_stop:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, RESULT_GRACE)

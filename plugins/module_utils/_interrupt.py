# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C, SIGTERM and the end of Ansible itself during a countdown: the players are told first. Private to this collection."""

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

# Whoever was told to stop is gone so many seconds after the last word: Ansible reads no more results by then, and a worker that
# hands in one would wait for ever where there are many.
RESULT_GRACE = 10.0
# ansible-playbook looks so often whether its workers have ended.
WORKER_POLL = 0.1
# What stops a run.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of Linux's prctl: which signal this process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def _on_death_of_parent(number: int) -> None:
    """Have the system send this signal when the parent dies, 0 for none; elsewhere than on Linux nothing tells."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    except (OSError, AttributeError):
        return


@contextmanager
def signals_for_the_main_thread() -> Iterator[None]:
    """Threads that are begun herein get none of the signals that stop a run, nor the one that reminds it of that.

    The system gives a signal to any thread that takes it, and only the main one runs Python's handlers: asleep, or in a read, it
    would not wake up for what another thread got.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*STOPPING, signal.SIGALRM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_worker() -> bool:
    """Whether this process is one of Ansible's, which ends with its task; a module or a test goes on."""
    return multiprocessing.parent_process() is not None


# The signal that told this worker to stop: it holds for whatever it would do next.
_told_to_stop: List[str] = []


def told_to_stop() -> bool:
    """Whether this worker was told to stop. Ansible takes no lines from its workers any more then."""
    return bool(_told_to_stop)


def wait_for_workers() -> None:
    """Have ansible-playbook wait for its workers before it ends on SIGTERM or SIGINT.

    It would end at once, or after ten seconds. A container ends with its first process, whatever else runs in it, so players would
    not be told that a restart is cancelled. This does nothing in any other process. A second signal ends it as before.
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
        # Those that were told end by themselves.
        while any(worker.is_alive() for worker in multiprocessing.active_children()):
            time.sleep(WORKER_POLL)
        before[number](number, frame)
        # The first process of a container does not die of its own signal, and would go on with the next servers.
        raise SystemExit(128 + number)

    for number in before:
        signal.signal(number, handle)


class Interrupted(BaseException):
    """The run was told to stop. No Exception: no handler for ordinary failures may swallow it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Signals:
    """While entered, the first SIGINT, SIGTERM or SIGHUP, or the end of the task's ``timeout``, calls ``stop`` with its name.

    Ansible forwards SIGINT to its workers and sends SIGTERM soon after, and by default either ends a process at once: without this nobody
    would tell the players that the countdown is cancelled. If ansible-playbook itself is killed, nobody forwards anything, so the system
    sends SIGTERM when the parent dies. Ansible reads no more results from a worker that was told to stop; the worker ends at most
    RESULT_GRACE seconds after this.
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
            # A loop goes on with its next item.
            self._stop(_told_to_stop[0])
        return self

    def _told(self, number: int, _frame: Optional[FrameType]) -> None:
        name = signal.Signals(number).name
        if _is_worker():
            _told_to_stop.append(name)
        self._stop(name)

    def _timed_out(self, number: int, frame: Optional[FrameType]) -> None:
        # The handler of Ansible raises what the time limit is called.
        try:
            self._old[signal.SIGALRM](number, frame)
        except BaseException as exc:
            self._stop(str(exc) or type(exc).__name__)

    def __exit__(self, kind: Optional[Type[BaseException]], exc: Optional[BaseException], tb: Optional[TracebackType]) -> None:
        if not self._old:
            return
        _on_death_of_parent(0)
        # From here on a time limit could only lose the result.
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, old in self._old.items():
            signal.signal(number, old)
        if _told_to_stop:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, RESULT_GRACE)

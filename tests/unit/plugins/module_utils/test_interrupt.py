# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What breaks a countdown off: signals, and the end of the parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _deadline, _interrupt
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import Interrupted, Interruptible

FORK = multiprocessing.get_context("fork")


def in_a_process(what, *args):
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=what, args=(sender, *args))
    process.start()
    sender.close()
    return process, receiver


def _ends_by_itself(pipe):
    try:
        with Interruptible(0.3) as one:
            try:
                pipe.send("ready")
                signal.pause()
            except Interrupted:
                one.ignore_more()
                pipe.send("told to stop")
                threading.Event().wait()
    finally:
        pipe.send("never")


def test_who_was_told_to_stop_and_waits_for_ever_is_ended():
    process, pipe = in_a_process(_ends_by_itself)
    assert pipe.recv() == "ready"
    os.kill(process.pid, signal.SIGTERM)
    assert pipe.recv() == "told to stop"
    os.kill(process.pid, signal.SIGINT)
    process.join(20)
    assert process.exitcode == -signal.SIGALRM


class _Dying:
    """While it is tidied away a signal comes: Python drops what its handler raises."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _each in range(1000):
            pass


def _lost(pipe):
    sys.unraisablehook = lambda what: pipe.send(f"dropped: {what.exc_value}")
    with Interruptible(60.0) as one:
        try:
            _Dying()
            threading.Event().wait(20)
            pipe.send("lost")
        except Interrupted as exc:
            one.ignore_more()
            pipe.send(exc.name)


def test_a_request_to_stop_that_python_drops_is_not_lost(monkeypatch):
    monkeypatch.setattr(_interrupt, "REMINDER", 0.2)
    process, pipe = in_a_process(_lost)
    said = [pipe.recv() if pipe.poll(30) else "nothing" for _each in range(2)]
    assert said == ["dropped: SIGINT", "SIGINT"]
    process.join()


def _in_time(pipe, lingers):
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with Interruptible(0.2) as one:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Interrupted:
            one.ignore_more()
    time.sleep(0.4)
    pipe.send(before == [signal.getsignal(number) for number in numbers])
    try:
        with Interruptible(0.2) as one:
            one.unless_orphaned()
    except Interrupted as exc:
        pipe.send(exc.name)
    if lingers:
        threading.Event().wait(20)


@pytest.mark.parametrize("lingers", [False, True])
def test_a_worker_that_was_told_to_stop_begins_nothing_and_waits_for_nobody(monkeypatch, lingers):
    """Its result may be one that nobody takes, as Ansible does once it is told to stop."""
    monkeypatch.setattr(_interrupt, "RESULT_GRACE", 1.0)
    process, pipe = in_a_process(_in_time, lingers)
    assert pipe.poll(20) and pipe.recv() is True and pipe.poll(20) and pipe.recv() == "SIGINT"
    process.join(15)
    assert process.exitcode == (-signal.SIGALRM if lingers else 0)


def _parent(pipe, early):
    pid = os.getpid()

    def child():
        until = time.monotonic() + 20
        while early and os.getppid() == pid and time.monotonic() < until:
            time.sleep(0.01)
        with Interruptible(60.0) as one:
            try:
                one.unless_orphaned()
                pipe.send("counting")
                threading.Event().wait(20)
                pipe.send("nobody told")
            except Interrupted as exc:
                pipe.send(exc.name)

    FORK.Process(target=child).start()
    if early:
        os.kill(pid, signal.SIGKILL)
    time.sleep(60)


@pytest.mark.parametrize("early", [False, True])
def test_the_death_of_the_parent_interrupts(early):
    process, pipe = in_a_process(_parent, early)
    if early:
        assert pipe.poll(30) and pipe.recv() == "Ansible is gone"
    else:
        assert pipe.recv() == "counting"
        process.kill()
        assert pipe.poll(30) and pipe.recv() == "SIGTERM"
    process.join()


def test_a_thread_gets_none_of_the_signals_that_stop_a_run():
    """Whoever gets a signal need not be the main thread, and only that runs Python's handlers: it would go on sleeping."""
    masks = []
    with _interrupt.signals_for_the_main_thread():
        thread = threading.Thread(target=lambda: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        thread.start()
    thread.join()
    assert masks[0] >= set(_interrupt.STOPPING) and not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(_interrupt.STOPPING)


def test_the_thread_of_a_deadline_gets_none_either(masks_of_threads):
    exchange = _deadline.Exchange()
    exchange.begin(time.monotonic() + 60)
    exchange.on(None)
    exchange.end()
    assert len(masks_of_threads) == 1 and masks_of_threads[0] >= set(_interrupt.STOPPING)


def _cancels_past_its_time_limit(pipe, told):
    def too_late(_number, _frame):
        raise TimeoutError

    # As Ansible does it for the timeout of a task.
    signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with Interruptible(60.0) as one:
            if told:
                with contextlib.suppress(Interrupted):
                    os.kill(os.getpid(), signal.SIGINT)
            one.ignore_more()
            time.sleep(1.0)
        pipe.send("told the players")
        _interrupt.lift_time_limit()
        pipe.send(signal.getitimer(signal.ITIMER_REAL)[0] > 0)
    except TimeoutError:
        pipe.send("cut off")


@pytest.mark.parametrize("told", [False, True])
def test_time_limit_of_a_task_does_not_cut_off_the_last_line(told):
    process, pipe = in_a_process(_cancels_past_its_time_limit, told)
    # Whoever was told to stop keeps the limit after which it is ended.
    assert pipe.poll(20) and pipe.recv() == "told the players" and pipe.poll(20) and pipe.recv() is told
    process.join()


class TaskQueueManager:
    """Ansible's, as far as signals go: it passes a signal on and ends."""

    def __init__(self, pipe):
        self.pipe = pipe
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle)

    def handle(self, number, _frame):
        self.pipe.send(f"ends with {signal.Signals(number).name}")
        os._exit(0)


def _playbook(pipe, installs):
    def worker(started):
        with Interruptible(60.0) as one:
            try:
                started.set()
                threading.Event().wait(30)
            except Interrupted:
                one.ignore_more()
                time.sleep(0.5)
                pipe.send("told the players")

    TaskQueueManager(pipe)
    if installs:
        _interrupt.outlive_workers()
    started = FORK.Event()
    FORK.Process(target=worker, args=(started,)).start()
    started.wait(20)
    pipe.send("ready")
    while True:
        time.sleep(1.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_playbook_ends_after_its_workers(monkeypatch, number):
    monkeypatch.setattr(_interrupt, "_is_worker", lambda: False)
    process, pipe = in_a_process(_playbook, True)
    assert pipe.poll(20) and pipe.recv() == "ready"
    os.kill(process.pid, number)
    seen = [pipe.recv() for _each in range(2) if pipe.poll(20)]
    assert seen == ["told the players", f"ends with {signal.Signals(number).name}"]
    process.join()


def test_other_processes_keep_their_signal_handlers():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    _interrupt.outlive_workers()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signals, time limits and the end of the parent process, which all stop a run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _interrupt
from ansible_collections.serverprism.cloud.plugins.module_utils._api import deadline as _deadline
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import sleep
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import Interrupted, Signals, told_to_stop
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.loop import Job, Loop, Threads

FORK = multiprocessing.get_context("fork")


def in_a_process(what, *args):
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=what, args=(sender, *args))
    process.start()
    sender.close()
    return process, receiver


def _records(pipe):
    with Signals(pipe.send):
        pipe.send("ready")
        threading.Event().wait(30)


@pytest.mark.parametrize("number", _interrupt.STOPPING)
def test_signal_calls_stop_with_its_name(number):
    process, pipe = in_a_process(_records)
    assert pipe.poll(20) and pipe.recv() == "ready"
    os.kill(process.pid, number)
    assert pipe.poll(20) and pipe.recv() == signal.Signals(number).name
    process.kill()
    process.join()


def _runs_a_loop(pipe):
    clock = SystemClock()
    loop = Loop(clock, Threads())

    async def cancels():
        try:
            await sleep(clock, 60.0)
        except Interrupted as exc:
            job.shield()
            pipe.send(exc.name)
            await sleep(clock, 0.5)
            pipe.send("told the players")

    job = Job(cancels(), lambda result, error: pipe.send(f"ended with {error}"))
    with Signals(lambda name: loop.stop(name, 60.0)):
        loop.add(job)
        loop.at(clock.now(), lambda: pipe.send("ready"))
        loop.run()
    pipe.send("handed in")


def test_first_signal_counts_and_later_ones_are_ignored():
    process, pipe = in_a_process(_runs_a_loop)
    assert pipe.poll(20) and pipe.recv() == "ready"
    os.kill(process.pid, signal.SIGTERM)
    assert pipe.poll(20) and pipe.recv() == "SIGTERM"
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGHUP)
    assert [pipe.recv() for _each in range(3) if pipe.poll(20)] == ["told the players", "ended with None", "handed in"]
    process.join(20)
    assert process.exitcode == 0


def _in_time(pipe, lingers):
    numbers = _interrupt.STOPPING
    before = [signal.getsignal(number) for number in numbers]
    with Signals(pipe.send):
        os.kill(os.getpid(), signal.SIGINT)
    pipe.send(before == [signal.getsignal(number) for number in numbers])
    # Ansible starts the next item of a loop.
    with Signals(pipe.send):
        pass
    if lingers:
        threading.Event().wait(20)


@pytest.mark.parametrize("lingers", [False, True])
def test_worker_that_was_told_to_stop_starts_nothing_and_ends_soon(monkeypatch, lingers):
    """Ansible may never read its result after that."""
    monkeypatch.setattr(_interrupt, "RESULT_GRACE", 1.0)
    process, pipe = in_a_process(_in_time, lingers)
    assert [pipe.recv() for _each in range(3) if pipe.poll(20)] == ["SIGINT", True, "SIGINT"]
    process.join(15)
    assert process.exitcode == (-signal.SIGALRM if lingers else 0)


def _ends_normally(pipe):
    with Signals(pipe.send):
        pass
    pipe.send(signal.getitimer(signal.ITIMER_REAL)[0])
    pipe.send(told_to_stop())


def test_worker_that_was_not_told_to_stop_is_not_ended():
    process, pipe = in_a_process(_ends_normally)
    assert [pipe.recv() for _each in range(2) if pipe.poll(20)] == [0.0, False]
    process.join()


def test_module_is_not_a_worker(monkeypatch):
    """Modules and tests continue after a run that was interrupted."""
    monkeypatch.setattr(_interrupt, "_told_to_stop", [])
    names = []
    with Signals(names.append):
        os.kill(os.getpid(), signal.SIGHUP)
    assert names == ["SIGHUP"] and not told_to_stop() and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_only_the_main_thread_sets_handlers():
    before = [signal.getsignal(number) for number in _interrupt.STOPPING]
    seen = []

    def enter():
        with Signals(lambda name: None):
            seen.extend(signal.getsignal(number) for number in _interrupt.STOPPING)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == before


def _parent(pipe, early):
    pid = os.getpid()

    def child():
        until = time.monotonic() + 20
        while early and os.getppid() == pid and time.monotonic() < until:
            time.sleep(0.01)
        told = threading.Event()

        def stop(name):
            pipe.send(name)
            told.set()

        with Signals(stop):
            pipe.send("counting")
            told.wait(20)

    FORK.Process(target=child).start()
    if early:
        os.kill(pid, signal.SIGKILL)
    time.sleep(60)


@pytest.mark.parametrize("early", [False, True])
def test_death_of_the_parent_stops_the_run(early):
    process, pipe = in_a_process(_parent, early)
    if early:
        assert pipe.poll(30) and pipe.recv() == "Ansible is gone"
    else:
        assert pipe.poll(30) and pipe.recv() == "counting"
        process.kill()
        assert pipe.poll(30) and pipe.recv() == "SIGTERM"
    process.join()


def test_threads_get_no_signals_that_stop_a_run():
    """Only the main thread runs Python's handlers, so it would sleep on if another thread got the signal."""
    masks = []
    with _interrupt.signals_for_the_main_thread():
        thread = threading.Thread(target=lambda: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        thread.start()
    thread.join()
    assert masks[0] >= set(_interrupt.STOPPING) and not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(_interrupt.STOPPING)


def test_thread_of_a_deadline_gets_no_signals(masks_of_threads):
    exchange = _deadline.Exchange()
    exchange.begin(time.monotonic() + 60)
    exchange.on(None)
    exchange.end()
    assert len(masks_of_threads) == 1 and masks_of_threads[0] >= set(_interrupt.STOPPING)


class TaskTimeout(BaseException):
    """The exception of Ansible, which newer versions do not derive from Exception."""


def _past_its_time_limit(pipe, told):
    def too_late(_number, _frame):
        raise TaskTimeout("Timed out after 1 second(s)")

    # Ansible sets the timeout of a task in this way.
    signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with Signals(pipe.send):
            if told:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.8)
            pipe.send("told the players")
            signal.setitimer(signal.ITIMER_REAL, 0.3)
        pipe.send(signal.getitimer(signal.ITIMER_REAL)[0] > 1.0)
        time.sleep(0.6)
        pipe.send("handed in")
    except TaskTimeout:
        pipe.send("cut off")


@pytest.mark.parametrize("told", [False, True])
def test_time_limit_of_a_task_stops_the_run_without_an_exception(told):
    process, pipe = in_a_process(_past_its_time_limit, told)
    # Only a worker that was told to stop has a limit afterwards, that of RESULT_GRACE seconds.
    expected = [*(["SIGINT"] if told else []), "Timed out after 1 second(s)", "told the players", told, "handed in"]
    assert [pipe.recv() for _each in expected if pipe.poll(20)] == expected
    process.join(20)
    assert process.exitcode == 0


class TaskQueueManager:
    """The signal handler of Ansible's class: it forwards a signal and ends."""

    def __init__(self, pipe):
        self.pipe = pipe
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle)

    def handle(self, number, _frame):
        self.pipe.send(f"ends with {signal.Signals(number).name}")
        os._exit(0)


def _playbook(pipe, installs):
    def worker(started):
        told = threading.Event()
        with Signals(lambda name: told.set()):
            started.set()
            told.wait(30)
            time.sleep(0.5)
            pipe.send("told the players")

    TaskQueueManager(pipe)
    if installs:
        _interrupt.wait_for_workers()
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
    _interrupt.wait_for_workers()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before

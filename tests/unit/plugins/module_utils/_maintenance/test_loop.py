# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many operations in one thread: in virtual time, and with real threads."""

from __future__ import annotations

import functools
import gc
import os
import signal
import threading
import time
import warnings

import pytest
import virtual
import virtual_fleet
from ansible_collections.serverprism.cloud.plugins.module_utils import _interrupt
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import Exchange, sleep
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import Interrupted
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.loop import REPLY_PATIENCE, Job, Loop, Threads

GRACE = 30.0


class Requests(virtual_fleet.Requests):
    """Requests that take the seconds in their path, and return it. The path ``fail`` raises."""

    def __init__(self, clock):
        super().__init__(virtual_fleet.FleetApi(clock, []))
        self.clock = clock
        self.is_closed = self.is_woken = False

    def start(self, exchange, reply):
        if exchange.path == "fail":
            self.at(self.clock.now() + 1.0, lambda: reply(None, OSError("gone")))
        else:
            self.at(self.clock.now() + float(exchange.path), lambda: reply(exchange.path, None))

    def wait(self, seconds):
        woken, self.is_woken = self.is_woken, False
        return [] if woken else super().wait(seconds)

    def wake(self):
        self.is_woken = True

    def close(self):
        self.is_closed = True


class Bench:
    """A loop in virtual time, and a log of its jobs: time, job, and event."""

    def __init__(self):
        self.clock = virtual.VirtualClock()
        self.requests = Requests(self.clock)
        self.loop = Loop(self.clock, self.requests)
        self.begun = self.clock.now()
        self.log = []
        self.ends = {}

    def note(self, name, what):
        self.log.append((round(self.clock.now() - self.begun, 6), name, what))

    def add(self, name, *steps, cancels=0.0):
        """Add a job that sleeps for each number and makes a request for each text; interrupted, it takes ``cancels`` seconds more."""

        async def operation():
            try:
                for step in steps:
                    if isinstance(step, str):
                        await Exchange(None, "GET", step)
                    else:
                        await sleep(self.clock, step)
                    self.note(name, step)
            except (Interrupted, KeyError) as exc:
                self.note(name, f"interrupted: {exc}")
                if cancels:
                    job.shield()
                    await sleep(self.clock, cancels)
                    self.note(name, "cancelled")
                raise
            return name

        def ended(result, error):
            assert name not in self.ends
            self.ends[name] = result if error is None else error

        job = Job(operation(), ended)
        return self.loop.add(job)

    def stop_at(self, seconds, name="SIGINT"):
        self.loop.at(self.begun + seconds, lambda: self.loop.stop(name, GRACE))


def test_jobs_run_concurrently():
    bench = Bench()
    bench.add("a", 2.0, 2.0)
    bench.add("b", 1.0, 2.0)
    bench.loop.run()
    assert bench.log == [(1.0, "b", 1.0), (2.0, "a", 2.0), (3.0, "b", 2.0), (4.0, "a", 2.0)]
    assert bench.ends == {"a": "a", "b": "b"} and bench.requests.is_closed


def test_slow_request_delays_no_other_job():
    bench = Bench()
    bench.add("slow", "50")
    bench.add("quick", 1.0, "1", 1.0)
    bench.loop.run()
    assert bench.log == [(1.0, "quick", 1.0), (2.0, "quick", "1"), (3.0, "quick", 1.0), (50.0, "slow", "50")]


def test_failing_job_ends_alone():
    bench = Bench()
    bench.add("bad", "fail", 5.0)
    bench.add("good", 3.0)
    bench.loop.run()
    assert bench.ends["good"] == "good" and isinstance(bench.ends["bad"], OSError) and bench.log == [(3.0, "good", 3.0)]


def test_stop_interrupts_every_job_once():
    bench = Bench()
    for name in ("a", "b"):
        bench.add(name, 5.0, 100.0, cancels=3.0)
    bench.add("asks", "100")
    bench.stop_at(10.0)
    bench.stop_at(11.0, "SIGTERM")
    bench.loop.run()
    assert [what for _at, _name, what in bench.log].count("interrupted: SIGINT") == 3
    assert [one for one in bench.log if one[2] == "cancelled"] == [(13.0, "a", "cancelled"), (13.0, "b", "cancelled")]
    assert {type(error) for error in bench.ends.values()} == {Interrupted} and bench.loop.is_stopped


def test_shielded_job_is_not_interrupted():
    bench = Bench()
    bench.add("shielded", 20.0).shield()
    bench.add("other", 20.0)
    bench.stop_at(10.0)
    bench.loop.run()
    assert bench.ends["shielded"] == "shielded" and str(bench.ends["other"]) == "SIGINT"


def test_callback_follows_the_interruption():
    bench = Bench()
    bench.add("a", 20.0)
    bench.loop.stopped = lambda: bench.note("loop", "stopped")
    bench.stop_at(10.0)
    bench.loop.run()
    assert bench.log == [(10.0, "a", "interrupted: SIGINT"), (10.0, "loop", "stopped")]


def test_job_that_is_added_after_the_stop_never_begins():
    bench = Bench()
    bench.add("a", 20.0)
    bench.loop.stopped = lambda: bench.add("late", 1.0)
    bench.stop_at(10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bench.loop.run()
        gc.collect()
    assert str(bench.ends["late"]) == "SIGINT" and isinstance(bench.ends["late"], Interrupted)
    assert "late" not in [name for _at, name, _what in bench.log]


def test_job_that_does_not_end_is_abandoned_after_the_grace():
    bench = Bench()
    bench.add("hangs", 5.0, 100.0, cancels=1000.0)
    bench.add("shielded", 1000.0).shield()
    bench.stop_at(10.0)
    bench.loop.run()
    assert bench.clock.now() == bench.begun + 10.0 + GRACE
    assert {name: str(error) for name, error in bench.ends.items()} == {"hangs": "SIGINT", "shielded": "SIGINT"}


def test_error_while_closing_an_abandoned_job_does_not_stop_the_others():
    bench = Bench()
    ends = []

    async def stubborn():
        try:
            await sleep(bench.clock, 1000.0)
        except GeneratorExit:
            await sleep(bench.clock, 1000.0)

    bench.loop.add(Job(stubborn(), lambda result, error: ends.append(error))).shield()
    bench.add("shielded", 1000.0).shield()
    bench.stop_at(1.0)
    bench.loop.run()
    assert str(ends[0]) == str(bench.ends["shielded"]) == "SIGINT"


def test_reply_to_an_abandoned_job_is_ignored():
    bench = Bench()
    bench.add("asks", "45").shield()
    bench.add("longer", 44.0).shield()
    bench.stop_at(1.0)
    bench.loop.run(lambda: bench.clock.now() < bench.begun + 60.0)
    assert bench.log == [] and str(bench.ends["asks"]) == "SIGINT"


def test_stop_before_the_run_begins_interrupts_each_job():
    bench = Bench()
    bench.add("a", 1.0)
    bench.loop.stop("SIGHUP", GRACE)
    with pytest.raises(Interrupted, match="SIGHUP"):
        bench.loop.check_stop()
    bench.loop.run()
    assert str(bench.ends["a"]) == "SIGHUP"
    # The jobs have been interrupted by now.
    bench.loop.check_stop()


def test_check_stop_raises_nothing_in_a_running_loop():
    Bench().loop.check_stop()


def test_throw_raises_in_place_of_a_wait():
    bench = Bench()
    job = bench.add("a", 5.0, 100.0, cancels=7.0)
    bench.loop.at(bench.begun + 10.0, lambda: bench.loop.throw(job, KeyError("lock")))
    bench.loop.run()
    assert bench.log == [(5.0, "a", 5.0), (10.0, "a", "interrupted: 'lock'"), (17.0, "a", "cancelled")]
    assert isinstance(bench.ends["a"], KeyError) and not bench.loop.has(job)
    # A job that has ended is not affected.
    bench.loop.throw(job, KeyError("again"))


def test_stale_wake_up_is_ignored():
    """The end of the sleep that an exception ended early does not end the sleep after it."""
    bench = Bench()
    job = bench.add("a", 10.0, cancels=20.0)
    bench.loop.at(bench.begun + 5.0, lambda: bench.loop.throw(job, KeyError("x")))
    bench.loop.run()
    assert bench.log[-1] == (25.0, "a", "cancelled")


def test_stale_reply_is_ignored():
    bench = Bench()
    bench.add("a", "10", cancels=20.0)
    bench.stop_at(5.0)
    bench.loop.run()
    assert bench.log[-1] == (5.0 + REPLY_PATIENCE + 20.0, "a", "cancelled")


def test_reply_of_a_request_under_way_is_not_lost_by_a_throw():
    bench = Bench()
    job = bench.add("a", "10", 5.0, cancels=20.0)
    bench.loop.at(bench.begun + 5.0, lambda: bench.loop.throw(job, KeyError("x")))
    bench.loop.run()
    assert (10.0, "a", "10") in bench.log and bench.log[-1] == (30.0, "a", "cancelled"), bench.log


def test_run_ends_with_its_last_job():
    bench = Bench()
    bench.add("a", 10.0)
    bench.loop.every(60.0, lambda: bench.note("every", 60.0))
    bench.stop_at(5.0)
    bench.loop.run()
    assert bench.clock.now() == bench.begun + 5.0


def test_every_repeats_until_the_jobs_have_ended():
    bench = Bench()
    bench.add("a", 10.0)
    bench.loop.every(3.0, lambda: bench.note("every", 3.0))
    bench.loop.run()
    assert [at for at, name, _what in bench.log if name == "every"] == [3.0, 6.0, 9.0]


def test_same_time_keeps_the_order_of_the_calls():
    bench = Bench()
    order = []
    for number in range(20):
        bench.loop.at(bench.begun + 1.0, functools.partial(order.append, number))
    bench.add("a", 2.0)
    bench.loop.run()
    assert order == list(range(20))


def test_run_continues_while_more_jobs_are_expected():
    bench = Bench()
    waiting = ["late"]
    bench.loop.at(bench.begun + 5.0, lambda: bench.add(waiting.pop(), 1.0))
    bench.loop.run(lambda: bool(waiting))
    assert bench.ends == {"late": "late"}


class Slow:
    """A transport whose requests take the seconds in their path. It counts concurrent requests."""

    def __init__(self):
        self.threads = set()

    def attempt(self, method, path, body=None):
        self.threads.add(threading.get_ident())
        time.sleep(float(path))
        if method == "FAIL":
            raise OSError("gone")
        return f"{method} {path}"


def request(transport, clock, *paths, method="GET", pause=0.0):
    """Make requests one after another."""

    async def operation():
        out = []
        for path in paths:
            out.append(await Exchange(transport, method, path))
            await sleep(clock, pause)
        return out

    return operation()


def test_threads_deliver_replies_and_errors():
    clock, transport, ends = SystemClock(), Slow(), {}
    loop = Loop(clock, Threads())
    for name, method, path in (("slow", "GET", "0.3"), ("quick", "GET", "0"), ("bad", "FAIL", "0")):
        loop.add(Job(request(transport, clock, path, method=method), lambda result, error, name=name: ends.update({name: result or error})))
    begun = time.monotonic()
    loop.run()
    assert ends["slow"] == ["GET 0.3"] and ends["quick"] == ["GET 0"] and str(ends["bad"]) == "gone"
    assert list(ends)[-1] == "slow" and time.monotonic() - begun < 5.0


def test_threads_are_started_only_when_needed():
    clock, transport, ends = SystemClock(), Slow(), []
    loop = Loop(clock, Threads())
    for _job in range(3):
        loop.add(Job(request(transport, clock, *["0.002"] * 10, pause=0.02), lambda result, error: ends.append(error)))
    before = threading.active_count()
    loop.run()
    assert ends == [None] * 3 and 1 <= len(transport.threads) <= 3
    for _each in range(200):
        if threading.active_count() <= before:
            break
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_request_threads_block_the_signals_that_stop_a_run(masks_of_threads):
    clock = SystemClock()
    loop = Loop(clock, Threads())
    loop.add(Job(request(Slow(), clock, "0"), lambda result, error: None))
    loop.run()
    assert masks_of_threads and all(mask >= set(_interrupt.STOPPING) for mask in masks_of_threads)


def test_signal_handler_wakes_the_loop():
    clock, ends = SystemClock(), []
    loop = Loop(clock, Threads())
    loop.add(Job(request(Slow(), clock, "0", pause=60.0), lambda result, error: ends.append(str(error))))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGHUP))
    begun = time.monotonic()
    with _interrupt.Signals(lambda name: loop.stop(name, GRACE)):
        with _interrupt.signals_for_the_main_thread():
            timer.start()
        loop.run()
    assert ends == ["SIGHUP"] and time.monotonic() - begun < 5.0


def test_loop_does_not_wait_for_the_request_of_an_interrupted_job():
    clock, ends = SystemClock(), []
    loop = Loop(clock, Threads())
    loop.add(Job(request(Slow(), clock, "5"), lambda result, error: ends.append(str(error))))
    loop.at(clock.now() + 0.1, lambda: loop.stop("SIGINT", GRACE))
    begun = time.monotonic()
    loop.run()
    assert ends == ["SIGINT"] and time.monotonic() - begun < REPLY_PATIENCE + 1.9

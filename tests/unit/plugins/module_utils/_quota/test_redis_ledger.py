# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger in Redis: a real redis-server, several processes, different clocks, and failures."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import LedgerLost
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import redis_ledger as _redis
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.redis_ledger import RedisLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota, is_allowed
from redis_server import needs_redis, servers

FORK = multiprocessing.get_context("fork")
pytestmark = needs_redis


@pytest.fixture
def server(tmp_path):
    """Start redis-servers."""
    with servers(tmp_path) as start:
        yield start


def ledger(url, limit=2, window=60.0, clock=None, **more):
    return RedisLedger(url, "https://x", {READ: Quota(limit, window), WRITE: Quota(limit, window)}, clock or SystemClock(), **more)


class Shifted(SystemClock):
    """The clock of a machine that is wrong."""

    def __init__(self, seconds):
        super().__init__()
        self.origin += seconds


def test_machines_with_different_clocks_share_one_quota(server):
    redis = server()
    one, two = ledger(redis.url()), ledger(redis.url(), clock=Shifted(3600.0))
    assert abs(one.reserve(READ)[0] - one.clock.now()) < 20 and abs(two.reserve(READ)[0] - two.clock.now()) < 20
    assert one.reserve(READ)[0] - one.clock.now() == pytest.approx(one.quotas[READ].guarded, abs=20)
    assert two.reserve(WRITE)[0] - two.clock.now() < 20
    two.block(WRITE, two.clock.now() + 30)
    assert one.blocked_until(WRITE) - one.clock.now() == pytest.approx(30, abs=20)


def test_each_method_uses_the_same_calendar(server):
    book = ledger(server().url())
    now = book.clock.now()
    slots = book.reserve(WRITE, (0.0, 5.0), not_before=now + 10)
    assert slots == pytest.approx((now + 10, now + 15))
    assert book.reserve(WRITE, (0.0, 5.0), not_before=now + 10, commit=False)[0] > now + 60
    assert book.reschedule(WRITE, slots, (now + 1,)) == pytest.approx((now + 1,))
    book.release(WRITE, (now + 1,))
    assert book.reserve(WRITE, (0.0, 1.0))[0] == pytest.approx(now, abs=20)


def test_each_database_and_prefix_has_its_own_quota(server):
    redis = server()
    for url in (redis.url(), redis.url(database=3), redis.url(prefix="other")):
        assert ledger(url, limit=1).reserve(READ)[0] - SystemClock().now() < 20


def _reserve_many(url, times, pipe):
    clock = SystemClock()
    book = ledger(url, 20, 0.5, clock)
    out = []
    for _each in range(times):
        asked = clock.now()
        slot = book.reserve(READ)[0]
        clock.sleep(max(0.0, slot - clock.now()))
        # The slots are exact only in the time of the server, because each process measures its offset over the network.
        out.append((slot - asked, slot + book._server_ahead()))
    pipe.send(out)


def run_processes(url, number, times):
    pipes, processes = [], []
    for _each in range(number):
        receiver, sender = FORK.Pipe(duplex=False)
        pipes.append(receiver)
        processes.append(FORK.Process(target=_reserve_many, args=(url, times, sender)))
        processes[-1].start()
    return pipes, processes


def test_many_processes_share_one_quota(server, monkeypatch):
    # On a busy machine other processes change the ledger first for longer than a task would wait.
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 120.0)
    pipes, processes = run_processes(server().url(), 12, 8)
    rows = [row for pipe in pipes for row in pipe.recv()]
    for process in processes:
        process.join()
    assert len(rows) == 96 and is_allowed([slot for _wait, slot in rows], 20, Quota(20, 0.5).guarded - 1e-3)
    assert max(wait for wait, _turn in rows) < _redis.LOCK_PATIENCE, "no process waits too long"


def test_killed_process_blocks_nobody(server):
    redis = server()
    pipes, processes = run_processes(redis.url(), 6, 200)
    time.sleep(0.3)
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    begun = time.monotonic()
    ledger(redis.url(), 20, 0.5).reserve(READ)
    assert time.monotonic() - begun < _redis.LOCK_PATIENCE / 2
    del pipes


def test_slots_survive_a_restart_of_redis(server):
    redis = server()
    book = ledger(redis.url(), limit=2)
    book.reserve(READ, (0.0, 1.0))
    redis.stop()
    thread = threading.Timer(1.0, redis.start)
    thread.start()
    slot = book.reserve(READ)[0]
    thread.join()
    assert slot - book.clock.now() > 20


def test_lost_redis_fails_after_the_time_limit(server, monkeypatch):
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 0.5)
    redis = server()
    book = ledger(redis.url())
    book.reserve(READ)
    redis.stop()
    with pytest.raises(LedgerLost, match="set ledger to a folder") as caught:
        book.reserve(READ)
    assert str(redis.port) in str(caught.value)


def test_lost_redis_is_not_waited_for_again_at_once(server, monkeypatch):
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 0.5)
    redis = server()
    book, now = ledger(redis.url()), [1000.0]
    book.reserve(READ)
    redis.stop()
    monkeypatch.setattr(_redis.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_redis.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    for _each in range(3):
        with pytest.raises(LedgerLost, match="could not be changed for 0.5 s"):
            book.reserve(READ)
    assert now[0] < 1000.6
    redis.start()
    now[0] += 0.5
    assert len(book.calendar(READ).slots) <= 1


@pytest.mark.parametrize("content", ["", "{", json.dumps({"version": 1, "buckets": {"read": {"slots": ["x"]}}})])
def test_invalid_content_starts_again_empty_with_a_warning(server, content):
    warnings = []
    book = ledger(server().url(), limit=1, warn=warnings.append)
    book._redis.set(book.key, content)
    assert book.reserve(READ)[0] - book.clock.now() < 20 and len(warnings) == 1


def test_content_of_a_newer_release_is_not_changed(server):
    book = ledger(server().url())
    book._redis.set(book.key, json.dumps({"version": 99}))
    with pytest.raises(LedgerLost, match="newer release"):
        book.reserve(READ)


def test_key_expires_in_redis(server):
    book = ledger(server().url())
    book.reserve(READ)
    assert 0 < book._redis.ttl(book.key) <= 300

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the ledger in Redis under faults: restarts, failovers, a slow network, no memory, locks, and interrupted requests."""

from __future__ import annotations

import random
import signal
import socket
import threading
import time

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import LedgerLost
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import Interrupted
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import redis_ledger as _redis
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.redis_ledger import RedisLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, is_allowed
from hostile.fire import Crowd, quotas
from hostile.table import note
from redis_server import Server, needs_redis
from simulator.process import Simulator

pytestmark = needs_redis
# The clocks are compared over a connection.
TOLERANCE = 0.02


@pytest.fixture
def redis_server(tmp_path):
    """Start a redis-server that ends with the test."""
    folder = tmp_path / "redis"
    folder.mkdir()
    one = Server(folder, "--appendfsync", "always")
    yield one
    one.stop()


def crowd_at(url, folder, **more):
    return Crowd(folder, make=lambda _folder, key, quota, clock, warn: RedisLedger(url, key, quota, clock, warn), **more)


def connect(url, limit=2, warn=lambda text: None):
    return RedisLedger(url, "https://x", quotas(limit, 60.0), SystemClock(), warn)


def judge(crowd, row, least):
    """Check that the quota was kept, that everybody got their slots, and that nobody was warned."""
    slots = crowd.wait()
    kept = is_allowed([slot.at for slot in slots], crowd.limit, quotas(crowd.limit, crowd.window)[READ].guarded - TOLERANCE)
    note("ledger", row, "redis", failed=bool(crowd.warnings), broken=not kept or len(slots) < least)
    assert kept, "the quota was exceeded"
    assert not crowd.warnings and len(slots) >= least, (crowd.warnings, len(slots))


def test_fifty_processes_share_one_quota_when_some_are_killed(redis_server, tmp_path):
    crowd, lot = crowd_at(redis_server.url(), tmp_path), random.Random(7)
    for _each in range(50):
        crowd.join_in(2)
    for _each in range(15):
        lot.choice(crowd.processes[::2]).kill()
        time.sleep(lot.uniform(0.0, 0.05))
    judge(crowd, "50 processes at once, kill -9", 50)


def test_restart_of_redis_is_waited_for_and_loses_nothing(redis_server, tmp_path):
    crowd = crowd_at(redis_server.url(), tmp_path)
    for _each in range(15):
        crowd.join_in(6)
    time.sleep(0.5)
    redis_server.stop()
    time.sleep(0.5)
    redis_server.start()
    judge(crowd, "restarted in the middle", 90)


def test_pause_of_redis_is_waited_for(redis_server, tmp_path, monkeypatch):
    monkeypatch.setattr(_redis, "SOCKET_TIMEOUT", 0.5)
    crowd = crowd_at(redis_server.url(), tmp_path)
    for _each in range(15):
        crowd.join_in(6)
    time.sleep(0.3)
    redis_server.process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    redis_server.process.send_signal(signal.SIGCONT)
    judge(crowd, "stands still for a moment", 90)


def slow(port, seconds):
    """Return the port of a proxy that delays everything by ``seconds`` in both directions."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def carry(source, sink):
        try:
            while data := source.recv(65536):
                time.sleep(seconds)
                sink.sendall(data)
        except OSError:
            pass
        sink.close()

    def serve():
        while True:
            near, _address = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=carry, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def test_slow_network_starves_no_process(redis_server, tmp_path):
    port = slow(redis_server.port, 0.01)
    crowd = crowd_at(f"redis://127.0.0.1:{port}/0", tmp_path)
    for _each in range(20):
        crowd.join_in(2)
    judge(crowd, "a way of 20 ms there and back", 40)


def _stop(server):
    server.process.send_signal(signal.SIGSTOP)


def _no_memory(server):
    connect(server.url())._redis.config_set("maxmemory", 1)


def _password(server):
    one = connect(server.url())._redis
    one.config_set("requirepass", "a-new-word")
    # Existing connections would stay authenticated.
    one.client_kill_filter(_type="normal", skipme=False)


def _replica(server):
    connect(server.url())._redis.replicaof("127.0.0.1", 1)


def _no_rights(server):
    connect(server.url())._redis.execute_command("ACL", "SETUSER", "default", "-set")


def _another_type(server):
    ledger = connect(server.url())
    ledger._redis.lpush(ledger.key, "a list")


LOST = {
    "stands still": (_stop, "could not be changed for"),
    "gone": (lambda server: server.stop(), "could not be changed for"),
    "memory is full": (_no_memory, "maxmemory"),
    "its password was changed": (_password, "password"),
    "a replica that stays one": (_replica, "read only replica"),
    "no right to write": (_no_rights, "permission"),
    "something else under its key": (_another_type, "WRONGTYPE"),
}


@pytest.mark.parametrize("what", LOST)
def test_unusable_redis_is_an_error_with_its_address_and_advice(redis_server, monkeypatch, what):
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 1.0)
    monkeypatch.setattr(_redis, "SOCKET_TIMEOUT", 0.5)
    ledger = connect(redis_server.url())
    if what != "something else under its key":
        ledger.reserve(READ)
    spoil, words = LOST[what]
    spoil(redis_server)
    begun = time.monotonic()
    try:
        with pytest.raises(LedgerLost) as caught:
            ledger.reserve(READ)
    finally:
        if redis_server.process.poll() is None:
            redis_server.process.send_signal(signal.SIGCONT)
    text = str(caught.value)
    advice = "set ledger to a folder" in text or "option ledger" in text
    clear = text.endswith(".") and ".." not in text and "{" not in text
    broken = not (words in text and str(redis_server.port) in text and advice and clear)
    note("ledger", what, "redis", failed=True, broken=broken)
    assert not broken, text
    assert time.monotonic() - begun < 15


def test_replica_that_becomes_the_master_is_waited_for(redis_server):
    ledger = connect(redis_server.url(), limit=1)
    ledger.reserve(READ)
    other = connect(redis_server.url())._redis
    other.replicaof("127.0.0.1", 1)
    timer = threading.Timer(1.0, lambda: other.replicaof("NO", "ONE"))
    timer.start()
    slot = ledger.reserve(READ)[0]
    timer.join()
    note("ledger", "a replica becomes the master", "redis", failed=False, broken=slot - ledger.clock.now() < 50)
    assert slot - ledger.clock.now() > 50


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_request_leaves_no_unread_answer(redis_server):
    """An answer left unread by an interrupted request would be taken for the answer to the next one, and the ledger for damaged."""
    warnings, lot, hits = [], random.Random(7), 0
    ledger = connect(redis_server.url(), limit=1000, warn=warnings.append)

    def interrupt(*_args):
        raise Interrupted("SIGINT")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        for _each in range(300):
            try:
                try:
                    signal.setitimer(signal.ITIMER_VIRTUAL, lot.uniform(0.0001, 0.004))
                    for _again in range(10):
                        ledger.reserve(READ)
                finally:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            except Interrupted:
                hits += 1
            ledger.reserve(READ)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    note("ledger", "Ctrl-C in the middle of a request", "redis", failed=False, broken=bool(warnings))
    assert hits > 100 and not warnings, (hits, warnings)


def test_http_429_is_obeyed_after_a_failover_that_lost_everything(redis_server, tmp_path):
    """A server without the reservations cannot keep the quota: nothing fails, and the API's Retry-After is obeyed."""
    from functional.harness import perform_here

    with Simulator([{"id": 1234}], speed=20.0, read_limit=10) as sim:
        options = {"ledger": redis_server.url(), "read_limit": 10, "max_wait": 30.0}
        results = [perform_here(sim, tmp_path, "server_info", **options) for _each in range(8)]
        redis_server.stop()
        for path in (tmp_path / "redis").rglob("*.aof"):
            path.unlink()
        empty = tmp_path / "other"
        empty.mkdir()
        redis_server.folder = empty
        redis_server.start()
        results += [perform_here(sim, tmp_path, "server_info", **options) for _each in range(8)]
        statuses = [row["status"] for row in sim.requests()]
    note("ledger", "a failover that loses everything", "redis", failed=False, broken=any(one.get("failed") for one in results))
    assert not any(one.get("failed") for one in results), results
    # One refusal blocks all processes.
    assert statuses.count(429) <= 1 and statuses.count(200) == 16, statuses

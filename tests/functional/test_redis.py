# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of runs with a ledger in a real Redis: several machines, its password, and its loss."""

from __future__ import annotations

import threading
import time

import pytest
import trustme
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import redis_ledger as _redis
from functional.harness import Ansible
from redis_server import needs_redis, servers
from waiting import until

PASSWORD = "open sesame"
pytestmark = needs_redis


@pytest.fixture
def server(tmp_path):
    """Start redis-servers."""
    with servers(tmp_path) as start:
        yield start


def test_unreachable_redis_is_an_error_before_any_request(server, simulator, operate, monkeypatch):
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 0.3)
    redis = server()
    redis.stop()
    sim = simulator()
    result = operate(sim, "server_info", ledger=redis.url())
    assert result["failed"] and "could not be changed" in result["msg"] and not sim.requests(), result


@pytest.mark.parametrize("keywords", [{}, {"async": 60, "poll": 1}], ids=["action", "module"])
def test_password_is_used_and_not_shown(server, simulator, ansible, keywords):
    redis = server("--requirepass", PASSWORD)
    sim = simulator()
    good = redis.url(PASSWORD.replace(" ", "%20"))
    result = ansible.task(sim, "server_info", {}, "-vvvv", env={"SERVERPRISM_LEDGER": good}, **keywords)
    assert not result.get("failed") and PASSWORD not in result["_output"], result
    if not keywords:
        assert f"redis://***@127.0.0.1:{redis.port}/0" in result["_output"]
    result = ansible.task(sim, "server_info", {"ledger": redis.url("wrong-words")}, **keywords)
    assert result["failed"] and "password" in result["msg"] and "wrong-words" not in result["msg"], result
    assert result["msg"].endswith(".") and ".." not in result["msg"], result


def test_two_machines_share_the_quota_without_one_429(server, simulator, tmp_path):
    sim = simulator([{"id": 1234}], speed=15.0, read_limit=10, sliding=True)
    env = {"SERVERPRISM_LEDGER": server().url(), "SERVERPRISM_READ_LIMIT": "10"}
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"serverprism.cloud.serverprism_server_info": {}}] * 12}]
    machines = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        machines.append(Ansible(tmp_path / name).start(sim, play, env=env))
    for machine in machines:
        output = machine.communicate(timeout=60)
        assert machine.returncode == 0, output
    assert [request["status"] for request in sim.requests()] == [200] * 24


def test_countdown_that_loses_its_ledger_is_cancelled_and_announced(server, simulator, operate, monkeypatch):
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 0.2)
    redis, warnings = server(), []
    sim = simulator([{"id": 1234, "boot_seconds": 3.0, "stop_seconds": 30.0}])

    def lose():
        until(lambda: sim.console(1234), 20)
        redis.stop()

    thread = threading.Thread(target=lose)
    thread.start()
    words = [{"before": "2s", "text": "Restart in {remaining}"}, {"before": "1s", "text": "Now"}]
    options = {"server_id": 1234, "announcements": words, "ledger": redis.url(), "warn": warnings.append}
    result = operate(sim, "maintenance", **options, wait_timeout=5.0)
    thread.join()
    assert sim.console(1234) == ["say Restart in 2 seconds", "say Maintenance cancelled: no restart now."], result
    assert sim.states(1234) == ["running"] and not result["changed"] and "set ledger to a folder" in result["msg"], result


def test_repeated_run_on_another_machine_restarts_no_server_twice(server, simulator, operate, tmp_path, monkeypatch):
    # The second restart finds a server that has run for a second, so no counter confirms it: it must be seen offline.
    redis, sim = server(), simulator([{"id": 1234, "boot_seconds": 20.0, "stop_seconds": 40.0}])
    options = {"server_id": 1234, "maintenance_id": "CHG-7", "ledger": redis.url(), "poll_interval": 0.2}
    results = []
    for home in ("one", "two", "three"):
        monkeypatch.setenv("HOME", str(tmp_path / home))
        results.append(operate(sim, "maintenance", **{**options, "maintenance_id": "CHG-8" if home == "three" else "CHG-7"}))
    assert [result["outcome"] for result in results] == ["done", "skipped", "done"], results
    assert results[1]["reason"] == "done already under maintenance_id CHG-7"


def test_redis_over_tls_needs_the_right_authority(server, simulator, operate, tmp_path):
    authority, stranger = trustme.CA(), trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    stranger.cert_pem.write_to_path(str(tmp_path / "stranger.pem"))
    files = ["--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"), "--tls-auth-clients", "no"]
    redis = server(*files, tls=True)
    sim = simulator()
    options = {"ledger": f"rediss://127.0.0.1:{redis.port}/0"}
    result = operate(sim, "server_info", **options, ca_path=str(tmp_path / "ca.pem"))
    assert not result.get("failed"), result
    for more in ({}, {"ca_path": str(tmp_path / "stranger.pem")}):
        begun = time.monotonic()
        result = operate(sim, "server_info", **options, **more)
        assert result["failed"] and "certificate of the ledger" in result["msg"] and "ca_path" in result["msg"], result
        # Asking again would not change it.
        assert time.monotonic() - begun < _redis.LOCK_PATIENCE / 2
    assert len(sim.requests()) == 1


def test_missing_password_is_reported(server, simulator, operate):
    result = operate(simulator(), "server_info", ledger=server("--requirepass", PASSWORD).url())
    assert result["failed"] and "refuses the password: a password is required." in result["msg"], result


def test_missing_library_is_one_line_with_the_package_name(simulator, operate, monkeypatch):
    monkeypatch.setattr(_redis, "HAS_REDIS", False)
    sim = simulator()
    result = operate(sim, "server_info", ledger="redis://127.0.0.1:1/0")
    assert result["failed"] and "pip install redis" in result["msg"] and "\n" not in result["msg"] and not sim.requests(), result

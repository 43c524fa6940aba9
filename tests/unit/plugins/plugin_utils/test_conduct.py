# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run from its orders to its results, against the API in virtual time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest
import virtual
import virtual_fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import WRITE
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _conduct
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _orders as orders
from ansible_collections.serverprism.cloud.plugins.plugin_utils._conduct import Run
from simulator.config import ServerConfig

GIVEN = {"maintenance_announcements": [{"before": "60", "text": "in 60"}], "maintenance_commands": ["save-all"]}


def nothing(*_what):
    """Do nothing."""


@dataclass
class Ear:
    tell: Callable[..., None] = nothing
    warn: Callable[..., None] = nothing
    ended: Callable[..., None] = nothing
    planned: Callable[..., None] = nothing
    beat: Callable[..., None] = nothing


class Bench:
    """An API with three servers, and the calls that a listener gets."""

    def __init__(self, monkeypatch, **configs):
        self.api = virtual_fleet.FleetApi(virtual.VirtualClock(), [ServerConfig(id=one, **configs) for one in (1, 2, 3)])
        self.told = []
        self.warned = []
        self.results = {}
        self.transports = 0
        self.ledgers = []
        opened = _conduct.open_ledger

        def transport(_settings):
            self.transports += 1
            return self.api

        def ledger(*args):
            self.ledgers.append(opened(*args))
            return self.ledgers[-1]

        monkeypatch.setattr(_conduct, "Transport", transport)
        monkeypatch.setattr(_conduct, "Threads", lambda: virtual_fleet.Requests(self.api))
        monkeypatch.setattr(_conduct, "open_ledger", ledger)

    def order(self, host, server_id, **values):
        access = {"api_token": "the-token", "ledger": "none"}
        return orders.take(host, {"serverprism_id": server_id, **GIVEN, **values}, {}, access, self.api.clock.now())

    def conduct(self, *mine, later=(), **more):
        def ended(host, result, row):
            assert row["host"] == host and row["outcome"] == result["outcome"] and host not in self.results
            self.results[host] = result

        listener = Ear(lambda *what: self.told.append(what), lambda *what: self.warned.append(what), ended)
        return Run(mine, later, listener, clock=self.api.clock, **more).conduct()

    def outcomes(self):
        return {host: result["outcome"] for host, result in self.results.items()}


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


def test_every_host_gets_its_result_and_its_usage(bench):
    bench.conduct(bench.order("a", 1), bench.order("b", 2))
    assert bench.outcomes() == {"a": "done", "b": "done"}
    assert bench.results["a"]["server_id"] == 1 and bench.results["a"]["api"]["writes"] == 3
    assert ("a", "sent: say in 60") in bench.told and ("b", "restart sent") in bench.told


def test_plan_is_shown_before_anything_else(bench):
    plan = bench.conduct(bench.order("a", 1, maintenance_game="minecraft"), bench.order("b", 2, maintenance_game="minecraft"))
    assert re.fullmatch(
        r"2 servers, 6 writes: ends in about 2 minutes, at \d\d:\d\d UTC, not limited by the quota\. This run is [\w-]+\.", plan
    )
    assert bench.told[0] == ("", plan)


def test_plan_is_not_shown_without_shows_plan(bench):
    plan = bench.conduct(bench.order("a", 1), shows_plan=False)
    assert plan.startswith("1 server") and ("", plan) not in bench.told


def test_plan_includes_the_later_batch(bench):
    plan = bench.conduct(bench.order("a", 1), later=[bench.order("b", 2), bench.order("c", 3)])
    assert plan.startswith("3 servers (1 of them ahead of the others), 9 writes:")


def test_later_batch_is_locked_and_not_begun(bench):
    bench.conduct(bench.order("a", 1), later=[bench.order("b", 2)])
    assert bench.outcomes() == {"a": "done"} and not bench.api.said(2)
    assert [one.server_id for one in bench.ledgers[0].calendar(WRITE).locks] == [1, 2]


def test_refused_order_fails_alone(bench):
    bench.conduct(bench.order("a", ""), bench.order("b", 2))
    assert bench.outcomes() == {"a": "failed", "b": "done"}
    assert bench.results["a"]["failed"] and "host a has no server" in bench.results["a"]["msg"]


def test_refused_order_counts_as_a_failure(bench):
    bench.conduct(bench.order("a", ""), bench.order("b", 2), bench.order("c", 3), max_failures=1)
    assert bench.outcomes() == {"a": "failed", "b": "deferred", "c": "deferred"} and not bench.api.lines
    assert bench.results["b"]["reason"] == "1 of this run have failed (max_failures: 1)"


def test_bad_settings_fail_one_host(bench):
    bench.conduct(bench.order("a", 1, serverprism_api_url="ftp://x"), bench.order("b", 2))
    assert bench.outcomes() == {"a": "failed", "b": "done"} and "api_url" in bench.results["a"]["msg"]


def test_products_are_read_once_for_all_hosts_of_a_token(bench):
    without = {"maintenance_announcements": None, "maintenance_commands": None}
    bench.conduct(bench.order("a", 1, **without), bench.order("b", 2, **without))
    assert bench.outcomes() == {"a": "done", "b": "done"} and "save-all" in bench.api.said(1)


def test_list_that_cannot_be_read_is_requested_once(bench, monkeypatch):
    reads = []

    async def away(client):
        reads.append(client)
        raise ServerPrismError("the token is wrong")

    monkeypatch.setattr(_conduct, "read_products", away)
    without = {"maintenance_announcements": None, "maintenance_commands": None}
    bench.conduct(bench.order("a", 1, **without), bench.order("b", 2, **without))
    assert [result["msg"] for result in bench.results.values()] == ["the token is wrong"] * 2 and len(reads) == 1


def test_hosts_with_the_same_access_share_a_transport_and_a_ledger(bench):
    bench.conduct(bench.order("a", 1), bench.order("b", 2))
    assert bench.transports == 1 and len(bench.ledgers) == 1


def test_hosts_with_different_tokens_have_a_transport_each(bench):
    bench.conduct(bench.order("a", 1), bench.order("b", 2, serverprism_api_token="other"))
    assert bench.transports == 2 and len(bench.ledgers) == 1


def test_notice_of_the_game_is_shown_for_its_host(monkeypatch):
    bench = Bench(monkeypatch, product="Valheim")
    bench.conduct(bench.order("a", 1))
    assert any(host == "a" and "Valheim takes no console commands" in text for host, text in bench.told) and not bench.api.said(1)


def test_check_mode_sends_nothing(bench):
    bench.conduct(bench.order("a", 1), bench.order("b", 2), check_mode=True, diff=True)
    assert bench.outcomes() == {"a": "planned", "b": "planned"} and not bench.api.lines and not bench.api.signals
    assert "announcement: say in 60" in bench.results["a"]["diff"]["after"]


def test_server_that_the_token_does_not_list_fails_before_anything_is_sent(bench):
    plan = bench.conduct(bench.order("a", 1), bench.order("b", 9))
    assert plan.startswith("1 server, 3 writes: ") and bench.outcomes() == {"b": "failed", "a": "done"}
    said = f"failed: {bench.results['b']['msg']}"
    assert said.startswith("failed: Server 9: not found") and bench.told.index(("b", said)) < bench.told.index(("a", "sent: say in 60"))


def test_failure_is_shown_when_it_happens(bench):
    bench.api.nodes[1].config.failed_start = True
    bench.conduct(bench.order("a", 1), bench.order("b", 2))
    assert ("a", f"failed: {bench.results['a']['msg']}") in bench.told and not any(
        "failed: " in text for host, text in bench.told if host == "b"
    )


def test_bug_fails_only_its_host(bench, monkeypatch):
    say = _conduct.Client.send_command

    def broken(self, server_id, *args, **more):
        if server_id == 1:
            raise ZeroDivisionError("oops")
        return say(self, server_id, *args, **more)

    monkeypatch.setattr(_conduct.Client, "send_command", broken)
    bench.conduct(bench.order("a", 1), bench.order("b", 2))
    assert bench.outcomes() == {"a": "failed", "b": "done"}
    assert "A bug in serverprism.cloud: ZeroDivisionError('oops')" in bench.results["a"]["msg"]
    assert "ZeroDivisionError: oops" in bench.results["a"]["exception"]


def test_repeated_run_leaves_out_what_is_done(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ansible" / "serverprism"
    virtual.note(folder, "CHG-7", 1, "done")
    virtual.note(folder, "CHG-7", 2, "signal")
    given = [bench.order(host, server_id, maintenance_id="CHG-7") for host, server_id in (("a", 1), ("b", 2), ("c", 3))]
    run = Run(given, [], Ear(), clock=bench.api.clock)
    assert run._plan().startswith("1 server, 3 writes: ")
    assert run._plan().endswith("1 server is left out: its signal may have been sent under maintenance_id CHG-7.")


def test_plan_that_cannot_be_computed_does_not_stop_the_run(bench, monkeypatch):
    def fails(*_args):
        raise ServerPrismError("the log cannot be read")

    monkeypatch.setattr(_conduct, "make_plan", fails)
    assert bench.conduct(bench.order("a", 1)).startswith("The plan cannot be computed: the log cannot be read This run is ")
    assert bench.outcomes() == {"a": "done"}


def test_plan_says_from_when_to_when_servers_restart(bench):
    at = bench.api.clock.now() + 3600.0
    text = datetime.fromtimestamp(at, timezone.utc).isoformat()
    few = [bench.order(f"h{one}", one, maintenance_at=text) for one in (1, 2)]
    plan = bench.conduct(*few)
    assert plan.startswith("2 servers, 6 writes: begins at 14:45 UTC") and "Restart at 14:46 UTC. This run is " in plan, plan


def test_plan_does_not_depend_on_the_order_of_the_hosts(monkeypatch):
    at = datetime.fromtimestamp(1_003_600.0, timezone.utc).isoformat()
    deadline = datetime.fromtimestamp(1_003_660.0, timezone.utc).isoformat()
    plans = set()
    for befores in (("60", "1800"), ("1800", "60")):
        bench = Bench(monkeypatch)
        hosts = [
            bench.order(
                f"h{one}", one, maintenance_at=at, maintenance_deadline=deadline, maintenance_announcements=[{"before": b, "text": "x"}]
            )
            for one, b in enumerate(befores, 1)
        ]
        plans.add(bench.conduct(*hosts))
    assert len(plans) == 1 and "leaves out" not in plans.pop()


def test_server_that_an_earlier_run_left_unconfirmed_does_not_count_for_max_failures(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    virtual.note(tmp_path / ".ansible" / "serverprism", "CHG-7", 1, "signal")
    hosts = [bench.order(f"h{one}", one, maintenance_id="CHG-7") for one in (1, 2, 3)]
    bench.conduct(*hosts, max_failures=1)
    assert bench.outcomes() == {"h1": "unconfirmed", "h2": "done", "h3": "done"}, bench.results

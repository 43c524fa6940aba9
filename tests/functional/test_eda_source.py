# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the event source with an asyncio queue, against the simulator over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import runpy
from collections import Counter
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from functional.harness import COLLECTIONS

SOURCE = COLLECTIONS / "ansible_collections/serverprism/cloud/extensions/eda/plugins/event_source/server_state.py"
PATIENCE = 60.0
SPEED = 60.0
QUIET = {"auto_restart": False}


class Watched:
    """A running source and the events it has put."""

    def __init__(self, sim, task, queue):
        self.sim, self.task, self.queue = sim, task, queue
        self.events = []

    async def event(self):
        """Return the next event. Raise an error of the source that comes first."""
        get = asyncio.ensure_future(self.queue.get())
        await asyncio.wait({get, self.task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not get.done():
            get.cancel()
            assert not self.task.done() or self.task.result()
            raise AssertionError(f"no event; so far: {self.events}")
        event = get.result()["serverprism"]
        self.events.append(event)
        return event

    async def looks(self, count=1):
        """Wait until every listed server was read ``count`` more times."""
        before = Counter(row.get("server") for row in self.sim.requests("GET"))
        servers = [server for server in before if server is not None] or [None]
        await until(lambda: all(self._looks()[one] >= before[one] + count for one in servers), self.task)

    async def rounds(self, count=1):
        """Wait until ``count`` more rounds have begun and the first of them is over."""
        before = self._looks()[None]
        await until(lambda: self._looks()[None] >= before + count, self.task)

    def _looks(self):
        return Counter(row.get("server") for row in self.sim.requests("GET") if "status" in row)


async def until(condition, task=None):
    """Wait for a condition."""
    for _i in range(int(PATIENCE / 0.02)):
        if await asyncio.to_thread(condition):
            return
        assert task is None or not task.done() or task.result()
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


@pytest.fixture
def watch(tmp_path, monkeypatch):
    """Run the source: ``async with watch(sim, initial=True) as source``. The block begins after the first round."""

    @asynccontextmanager
    async def run(sim, **args):
        for name, value in {**sim.environment(), "SERVERPRISM_LEDGER": str(tmp_path / "ledger")}.items():
            monkeypatch.setenv(name, value)
        queue = asyncio.Queue(1)
        task = asyncio.create_task(runpy.run_path(str(SOURCE))["main"](queue, args))
        source = Watched(sim, task, queue)
        try:
            if not args.get("initial"):
                await source.rounds(2)
            yield source
        finally:
            task.cancel()
            await asyncio.wait({task})

    return run


def start(sim, server_id):
    sim.patch(server_id, signal="start")


def test_first_round_reports_nothing_and_each_change_is_one_event(simulator, watch):
    sim = simulator([{"id": 1, "name": "Fred's", **QUIET}, {"id": 2, "product": "Palworld 8 GB", "stop_seconds": 600}], speed=SPEED)

    async def story():
        async with watch(sim) as source:
            sim.patch(1, crash=True)
            crashed = await source.event()
            start(sim, 1)
            started = await source.event()
            sim.patch(2, signal="stop")
            await source.looks(2)
            sim.patch(2, state="offline")
            stopped = await source.event()
            sim.patch(2, service_status="suspended")
            suspended = await source.event()
            sim.patch(1, delete=True)
            gone = await source.event()
            await source.rounds(3)
            assert source.queue.empty()
        return crashed, started, stopped, suspended, gone

    told = asyncio.run(story())
    assert [(one["event"], one["server_id"], one["before"], one["after"], one["certain"]) for one in told] == [
        ("crashed", 1, "running", "offline", False),
        ("started", 1, "offline", told[1]["after"], True),
        ("stopped", 2, "stopping", "offline", True),
        ("suspended", 2, "offline", None, True),
        ("gone", 1, told[4]["before"], None, True),
    ]
    assert told[1]["after"] in ("starting", "running") and told[0]["name"] == "Fred's" and told[2]["product"] == "Palworld 8 GB"
    assert told[0]["unseen"] > 0 and all(one["why"] for one in told)
    times = [datetime.fromisoformat(one["at"].replace("Z", "+00:00")) for one in told]
    assert times == sorted(times) and all(at.utcoffset().total_seconds() == 0 for at in times)


def test_first_round_reports_every_server_if_configured(simulator, watch):
    sim = simulator([{"id": 1}, {"id": 2, "state": "offline"}, {"id": 3, "service_status": "suspended"}], speed=SPEED)

    async def story():
        async with watch(sim, initial=True) as source:
            return [await source.event() for _i in range(3)]

    told = asyncio.run(story())
    assert sorted((one["event"], one["server_id"], one["after"]) for one in told) == [
        ("appeared", 1, "running"),
        ("appeared", 2, "offline"),
        ("appeared", 3, None),
    ]
    # A suspended server costs no read.
    assert 3 not in {row.get("server") for row in sim.requests("GET")}


@pytest.mark.parametrize("how", [{"null": True}, {"shown_state": "missing"}, {"node_down": True}])
def test_unknown_state_is_reported_once_and_never_as_offline(simulator, watch, how):
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim) as source:
            sim.patch(1, **how)
            lost = await source.event()
            await source.looks(4)
            assert source.queue.empty()
            sim.patch(1, **{name: "" if name == "shown_state" else False for name in how})
            return lost, await source.event()

    lost, back = asyncio.run(story())
    assert (lost["event"], lost["before"], lost["after"]) == ("unreachable", "running", None)
    assert (back["event"], back["after"]) == ("recovered", "running")


def test_failing_reads_make_one_server_unreachable_and_do_not_stop_the_others(simulator, watch):
    sim = simulator([{"id": 1}, {"id": 2, **QUIET}], speed=SPEED)

    async def story():
        async with watch(sim) as source:
            sim.fault(path="/1$", status=503, body='{"message": "Service Unavailable"}')
            lost = await source.event()
            sim.patch(2, crash=True)
            crashed = await source.event()
            return lost, crashed

    assert [(one["event"], one["server_id"]) for one in asyncio.run(story())] == [("unreachable", 1), ("crashed", 2)]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "body": '{"message": "Service Unavailable"}'},
        {"status": 429, "body": "{}", "headers": {"Retry-After": "0"}},
        {"status": 429, "body": "{}"},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        {"status": 200, "body": "<html>Sign in</html>"},
        {"status": 403, "body": "<html>error code: 1010</html>"},
        {"drop": True},
        {"truncate": True},
    ],
)
def test_temporary_failures_cause_no_event(simulator, watch, caplog, fault):
    sim = simulator([{"id": 1, **QUIET}], speed=SPEED)

    async def story():
        async with watch(sim) as source:
            sim.fault(path="/servers$", count=2, **fault)
            await source.rounds(4)
            sim.patch(1, crash=True)
            return await source.event()

    assert asyncio.run(story())["event"] == "crashed"
    assert "pauses" in caplog.text and "answers again" in caplog.text and "Traceback" not in caplog.text
    assert sim.token not in caplog.text


def test_outage_of_the_api_is_no_event(simulator, watch):
    sim = simulator([{"id": 1}, {"id": 2}], speed=SPEED)

    async def story():
        async with watch(sim) as source:
            sim.fault(drop=True, count=5)
            await source.rounds(5)
            await source.looks(2)
            return source.queue.empty()

    assert asyncio.run(story())


def test_revoked_token_ends_the_source_with_one_message(simulator, watch, caplog):
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim) as source:
            sim.change(revoke="token")
            await source.event()

    with pytest.raises(Exception, match=r"token is not accepted.*revoked.*HTTP 401") as error:
        asyncio.run(story())
    assert sim.token not in str(error.value) and sim.token not in caplog.text


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 403, "body": '{"message": "Invalid scope(s) provided."}'}, "servers:read"),
        ({"status": 403, "body": "<html>no</html>"}, "proxy or firewall"),
        ({"status": 302, "headers": {"location": "https://other.example/"}}, "redirects"),
    ],
)
def test_permanent_error_ends_the_source(simulator, watch, fault, said):
    sim = simulator([{"id": 1}], speed=SPEED)
    sim.fault(**fault)

    async def story():
        async with watch(sim, initial=True) as source:
            await source.event()

    with pytest.raises(Exception, match=said):
        asyncio.run(story())


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"max_raeds": 3}, "max_raeds"),
        ({"max_reads": 0}, "max_reads"),
        ({"max_reads": 61}, "max_reads"),
        ({"max_reads": "many"}, "max_reads"),
        ({"poll_interval": -1}, "poll_interval"),
        ({"poll_interval": "soon"}, "poll_interval"),
        ({"poll_interval": float("nan")}, "poll_interval"),
        ({"stop_takes": -1}, "stop_takes"),
        ({"unreachable_after": 1}, "unreachable_after"),
        ({"product": "("}, "product"),
        ({"server_ids": [0]}, "server_ids"),
        ({"server_ids": ["x"]}, "server_ids"),
        ({"initial": "perhaps"}, "initial"),
        ({"api_token": ""}, "api_token"),
        ({"api_url": "http://example.com"}, "api_url"),
        ({"ledger": "ftp://x"}, "ledger"),
    ],
)
def test_bad_arguments_are_refused_by_name_before_any_request(simulator, watch, args, named):
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim, initial=args.pop("initial", True), **args) as source:
            await source.event()

    with pytest.raises(Exception, match=named) as error:
        asyncio.run(story())
    assert not sim.requests() and sim.token not in str(error.value)


def test_missing_token_is_an_error(simulator, watch, monkeypatch):
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim, initial=True) as source:
            monkeypatch.delenv("SERVERPRISM_API_TOKEN")
            await source.event()

    with pytest.raises(Exception, match=r"api_token.*SERVERPRISM_API_TOKEN"):
        asyncio.run(story())


def test_null_argument_counts_as_not_set(simulator, watch):
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim, initial=True, product=None, server_ids=None, api_url=None) as source:
            return await source.event()

    assert asyncio.run(story())["server_id"] == 1


def test_missing_server_is_named(simulator, watch):
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim, initial=True, server_ids=[1, 99]) as source:
            await source.event()

    with pytest.raises(Exception, match="server_ids: server 99"):
        asyncio.run(story())


@pytest.mark.parametrize("args", [{"server_ids": [1]}, {"product": "^Palworld"}])
def test_only_selected_servers_are_read(simulator, watch, args):
    sim = simulator([{"id": 1, "product": "Palworld 8 GB", **QUIET}, {"id": 2, **QUIET}], speed=SPEED)

    async def story():
        async with watch(sim, **args) as source:
            sim.patch(2, crash=True)
            sim.patch(1, crash=True)
            event = await source.event()
            await source.looks(2)
            assert source.queue.empty()
            return event

    assert asyncio.run(story())["server_id"] == 1
    assert {row.get("server") for row in sim.requests("GET")} == {None, 1}


def test_texts_of_the_api_are_not_evaluated(simulator, watch):
    sim = simulator([{"id": 1, "name": "a\x1b[2Jb\n{{ lookup('pipe', 'id') }}{% x %}", "product": "{{{ x"}], speed=SPEED)

    async def story():
        async with watch(sim, initial=True) as source:
            return await source.event()

    event = asyncio.run(story())
    assert event["name"] == "a\ufffd[2Jb\ufffd{ { lookup('pipe', 'id') }}{ % x %}" and event["product"] == "{ { { x"
    assert json.loads(json.dumps(event)) == event and sim.token not in json.dumps(event)


def test_source_that_is_cancelled_while_sleeping_ends(simulator, watch, caplog):
    caplog.set_level(logging.DEBUG)
    sim = simulator([{"id": 1}], speed=SPEED)

    async def story():
        async with watch(sim, initial=True, poll_interval=3600) as source:
            await source.event()
            await asyncio.sleep(0)
        # asyncio.run waits for the thread of the sleep, so it would hang for an hour if that slept on.

    asyncio.run(story())
    assert "never retrieved" not in caplog.text

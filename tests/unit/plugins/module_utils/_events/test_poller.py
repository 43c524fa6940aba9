# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the poller's share of the quota, and of failures."""

from __future__ import annotations

import json

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _errors as errors
from ansible_collections.serverprism.cloud.plugins.module_utils._api.client import BASE, Client
from ansible_collections.serverprism.cloud.plugins.module_utils._api.responses import Reply
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import Lost
from ansible_collections.serverprism.cloud.plugins.module_utils._events.poller import (
    Poller,
    StoppableClock,
    Stopped,
    as_data,
    read_arguments,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota, is_allowed
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual import VirtualClock

TOKEN = "the-token"


class FakeApi:
    """An API with running servers. ``fail(path)`` returns another reply, or None."""

    def __init__(self, clock, count):
        self.clock = clock
        self.ids = list(range(1, count + 1))
        self.asked = []
        self.fail = lambda path: None

    def attempt(self, method, path, body=None):
        self.asked.append((self.clock.now(), path))
        other = self.fail(path)
        if isinstance(other, Exception):
            raise other
        if other is not None:
            return Reply(other, {}, b"{}")
        rows = [{"id": one, "product": "Minecraft", "service_status": "active"} for one in self.ids]
        resources = {"current_state": "running", **dict.fromkeys(("memory_bytes", "cpu_absolute", "disk_bytes"), 1)}
        resources.update(network_rx_bytes=1, network_tx_bytes=1)
        limits = {"memory_mb": 1, "disk_mb": 1, "cpu_percent": 1}
        if path != BASE:
            return _ok(
                {"id": int(path.rsplit("/", 1)[1]), "name": "n", "service_status": "active", "limits": limits, "resources": resources}
            )
        return _ok(rows)

    def times(self, part=""):
        return [at for at, path in self.asked if path.endswith(part)]


def _ok(data):
    return Reply(200, {}, json.dumps({"data": data}).encode())


def make(servers=3, **args):
    """Return a poller, its API, and its warnings."""
    params = read_arguments({"api_token": TOKEN, "ledger": "none", **args})
    options = Settings.from_params(params)
    clock = VirtualClock()
    quotas = {READ: Quota(options.read_limit, options.limit_window), WRITE: Quota(options.write_limit, options.limit_window)}
    api, warned = FakeApi(clock, servers), []
    return Poller(params, Client(options, clock, MemoryLedger(quotas, clock), api), clock, warned.append), api, warned


@settings(max_examples=25)
@given(st.integers(0, 70), st.integers(1, 60), st.one_of(st.none(), st.floats(0, 300)))
def test_reads_are_spread_evenly_and_no_server_is_read_twice_within_its_cache(servers, max_reads, interval):
    poller, api, _warned = make(servers, max_reads=max_reads, poll_interval=interval)
    for _i in range(150):
        poller.step()
    times = api.times()
    assert is_allowed(times, max_reads, 60.0)
    assert all(late - early >= 60.0 / max_reads - 0.001 for early, late in zip(times, times[1:]))
    for part in ("/servers", *(f"/{one}" for one in api.ids)):
        own = api.times(part)
        least = max(20.0, interval or 0.0) if part == "/servers" else 20.0
        assert all(late - early > least - 0.001 for early, late in zip(own, own[1:]))


def test_default_is_half_of_the_quota():
    poller, api, _warned = make(50)
    for _i in range(200):
        poller.step()
    assert is_allowed(api.times(), 30, 60.0) and not is_allowed(api.times(), 28, 60.0)


def test_reads_of_others_reduce_the_share():
    poller, api, _warned = make(50)
    clock, ledger = poller._clock, poller._client.ledger
    others = [ledger.reserve(READ, not_before=clock.now())[0] for _i in range(40)]
    poller.step()
    assert api.times()[0] > others[0] + 60.0


def test_others_get_slots_at_once_while_a_large_fleet_is_polled():
    poller, _api, _warned = make(500)
    for _i in range(100):
        poller.step()
    now = poller._clock.now()
    assert [poller._client.ledger.reserve(READ, not_before=now)[0] for _i in range(25)] == [now] * 25


def test_failed_read_is_one_attempt_and_each_pause_is_longer():
    poller, api, warned = make()
    poller.step()
    api.fail = lambda path: Lost("timed out")
    for _i in range(20):
        poller.step()
    times = api.times()[4:]
    pauses = [late - early for early, late in zip(times, times[1:])]
    assert pauses == sorted(pauses) and pauses[-1] == pytest.approx(300.0)
    assert all("timed out" in text and TOKEN not in text and "max_wait" not in text for text in warned)


def test_server_that_cannot_be_read_causes_one_warning():
    poller, api, warned = make()
    api.fail = lambda path: 503 if path.endswith("/2") else None
    told = [event["serverprism"]["event"] for _i in range(40) for event in poller.step()]
    assert told == ["unreachable"] and len(warned) == 1 and "Server 2" in warned[0]


def test_server_that_is_removed_during_a_round_is_gone_with_the_next_list():
    poller, api, warned = make()
    for _i in range(4):
        poller.step()
    api.fail = lambda path: 404 if path.endswith("/2") else None
    told = [event["serverprism"]["event"] for _i in range(4) for event in poller.step()]
    assert told == [] and warned == []
    api.ids.remove(2)
    told = [(event["serverprism"]["event"], event["serverprism"]["server_id"]) for _i in range(4) for event in poller.step()]
    assert told == [("gone", 2)]


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (302, 4), (418, 4)])
def test_permanent_failure_is_raised(status, tries):
    poller, api, _warned = make()
    api.fail = lambda path: status
    with pytest.raises(errors.ServerPrismError) as error:
        for _i in range(10):
            poller.step()
    assert len(api.asked) == tries and f"(HTTP {status})" in str(error.value)


def test_server_is_still_polled_after_its_product_changes():
    poller, api, _warned = make(2, product="^Minecraft")
    poller.step()
    poller._params = {**poller._params, "product": "^Palworld"}
    told = [event for _i in range(10) for event in poller.step()]
    assert told == [] and len(api.times("/1")) > 1


def test_stop_ends_a_sleep():
    clock = StoppableClock()
    clock.stop()
    with pytest.raises(Stopped):
        clock.sleep(3600)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, None),
        ("Fred's {1} server}}", "Fred's {1} server}}"),
        ("{{ x }}", "{ { x }}"),
        ("{%{#", "{ %{ #"),
        ("{{{{", "{ { { {"),
        ("a\x07b\u202e", "a\ufffdb\ufffd"),
    ],
)
def test_texts_of_the_api_contain_no_templates_and_no_control_characters(text, shown):
    assert as_data(text) == shown


@given(st.text("{%# a"))
def test_no_text_begins_a_template(text):
    assert not any(opener in as_data(text) for opener in ("{{", "{%", "{#"))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"colour": "blue"}, "colour: is not an argument of server_state"),
        ({"poll_interval": "often"}, "server_state: "),
        ({"poll_interval": -1}, "poll_interval"),
        ({"stop_takes": float("nan")}, "stop_takes"),
        ({"unreachable_after": 1}, "unreachable_after"),
        ({"max_reads": 0}, "max_reads"),
        ({"max_reads": 61}, "max_reads"),
        ({"product": "("}, "product"),
    ],
)
def test_bad_argument_is_refused(args, words):
    with pytest.raises(errors.BadOption) as caught:
        read_arguments({"api_token": TOKEN, **args})
    assert words in str(caught.value)


def test_null_argument_counts_as_not_given():
    assert read_arguments({"api_token": TOKEN, "max_reads": None}) == read_arguments({"api_token": TOKEN})

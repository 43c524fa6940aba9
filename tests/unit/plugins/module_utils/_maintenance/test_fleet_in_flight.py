# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet with an API that is slow, down or used by others: each restart once, on time, and within the quota."""

from __future__ import annotations

import functools
import random

import pytest
import virtual
import virtual_fleet

BEFORES = [300, 60, 10]
WORDS = {
    "announcements": [{"before": str(before), "text": f"in {before}"} for before in BEFORES],
    "commands": ["save-all"],
    "command_wait": 1.0,
    "poll_interval": 2.0,
}
# No headroom: every slot of the quota is used, so that a late request finds none.
FULL, DEFAULT = 0, 2


def notice_errors(api):
    """Return the seconds by which each announcement gave more notice than it said (negative: less), as the servers saw it."""
    out = []
    for server_id in api.nodes:
        went_down = api.went_down(server_id)
        said = [(at, line) for at, one, line in api.lines if one == server_id and line.startswith("say in")]
        out += [went_down - at - float(line.split()[-1]) for at, line in said]
    return out


def check(api, results, servers):
    """Assert the rules that hold in every run."""
    assert [results[one]["outcome"] for one in sorted(results)] == ["done"] * servers, results
    assert sorted(one for _at, one, _signal in api.signals) == sorted(api.nodes)
    assert min(notice_errors(api)) >= 0.0


def steady(seconds):
    return lambda: (seconds / 2, seconds / 2)


def spikes(share, seconds):
    chance = random.Random(7)
    return lambda: (seconds / 2, seconds / 2) if chance.random() < share else (0.05, 0.05)


def jitter(mean):
    chance = random.Random(7)

    def latency():
        took = chance.expovariate(1 / mean)
        return took / 2, took / 2

    return latency


# The latency of the API, and the seconds by which a restart may be later than announced.
SLOW = [
    ("quick", lambda: steady(0.08), 1.0),
    ("a second for each answer", lambda: steady(1.0), 1.5),
    ("two seconds for each answer", lambda: steady(2.0), 15.0),
    ("half a second, unevenly", lambda: jitter(0.5), 6.0),
    ("three seconds now and then", lambda: spikes(0.05, 3.0), 10.0),
    ("ten seconds, seldom", lambda: spikes(0.01, 10.0), 21.0),
]


@pytest.mark.parametrize("headroom", [FULL, DEFAULT])
@pytest.mark.parametrize(("how", "latency", "allowed"), SLOW, ids=[row[0] for row in SLOW])
def test_slow_api_delays_restarts_little_and_causes_no_429(how, latency, allowed, headroom):
    api, results = virtual_fleet.maintain(100, latency=latency(), write_headroom=headroom, **WORDS)
    check(api, results, 100)
    assert max(notice_errors(api)) <= allowed and api.refused == 0
    assert len(api.lines) == 4 * 100
    assert max(at for at, *_rest in api.signals) - 1_000_000.0 <= 1.12 * bound(100, BEFORES, 20 - headroom)


def node_is_away(begin, end):
    """Answer every write in this period with 503. It counts against the quota."""

    def besides(api, _requests):
        answer = api.answer

        def spoiled(method, path, body):
            now = api.clock.now() - 1_000_000.0
            if method == "POST" and begin <= now < end and api.limiters[method].hit(api.clock.now()) is None:
                return virtual.reply(503, {"message": "Service Unavailable"})
            return answer(method, path, body)

        api.answer = spoiled

    return besides


def others_spend(api, requests):
    chance, at = random.Random(5), api.clock.now()
    for _each in range(8):
        at += chance.uniform(60, 180)
        requests.at(at, functools.partial(api.spend, chance.randint(5, 18)))


# The trouble, and the seconds by which a restart may be later than announced: a few windows, and not the whole run.
TROUBLE = [
    ("the node is away for a minute", node_is_away(600, 660), FULL, 240.0),
    ("the node is away for a minute", node_is_away(600, 660), DEFAULT, 120.0),
    ("others spend the quota", others_spend, FULL, 120.0),
    ("others spend the quota", others_spend, DEFAULT, 60.0),
]


@pytest.mark.parametrize(("what", "besides", "headroom", "allowed"), TROUBLE)
def test_servers_that_have_begun_go_first_after_an_outage(what, besides, headroom, allowed):
    api, results = virtual_fleet.maintain(100, latency=jitter(0.2), besides=besides, write_headroom=headroom, **WORDS)
    check(api, results, 100)
    errors = sorted(max(0.0, result["notice_error"]) for result in results.values())
    assert errors[-1] <= allowed
    # Most servers are not affected, since a timeline that has not begun moves as a whole.
    assert errors[60] <= 1.0


def bound(servers, befores, limit):
    """Return the least seconds from the first write to the last restart that the quota allows."""
    writes = servers * (len(befores) + 2)
    return max(0.0, (writes - limit) / limit * 60.0) + befores[0]


@pytest.mark.parametrize("headroom", [FULL, DEFAULT])
@pytest.mark.parametrize("befores", [(300, 60, 10), (600, 60, 10), (600, 300, 60, 10)])
@pytest.mark.parametrize("servers", [4, 10, 20, 30, 60, 200])
def test_duration_of_a_run_is_close_to_what_the_quota_allows(servers, befores, headroom):
    announcements = [{"before": str(before), "text": f"in {before}"} for before in befores]
    api, results = virtual_fleet.maintain(servers, write_headroom=headroom, announcements=announcements, commands=["save-all"])
    check(api, results, servers)
    took = max(at for at, *_rest in api.signals) - min(at for at, *_rest in api.lines)
    assert took <= bound(servers, befores, 20 - headroom) * (1.20 if servers <= 20 else 1.10)
    assert max(notice_errors(api)) <= 1.0 and api.refused == 0
    assert len(api.reads) <= 4 * servers

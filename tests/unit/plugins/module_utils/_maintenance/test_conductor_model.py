# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More than 10,000 servers in virtual time, with random faults: rules that every run keeps, checked with what the API saw."""

from __future__ import annotations

import collections
import functools
import json
import random
import re
import signal
from dataclasses import dataclass, field

import pytest
import virtual
import virtual_fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.countdown import MOST_REPEATED
from ansible_collections.serverprism.cloud.plugins.module_utils._power.follow import MAX_SIGNALS
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, is_allowed
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso
from simulator.config import ServerConfig

BEGIN = 1_000_000.0
CANCEL, DONE = "say cancelled", "say back again"
UNITS = {"hour": 3600, "minute": 60, "second": 1}
# Texts in a result for players who were warned and may not have read the cancel text.
UNCERTAIN = ("could not be told", "may not know")
# The servers, the write quota of a minute, and the number of runs of that size.
SIZES = [(1, 20, 25), (3, 8, 25), (25, 20, 20), (120, 20, 15), (400, 80, 10), (900, 240, 4)]
RUNS = [
    pytest.param(servers, limit, number, marks=[pytest.mark.long] if servers > 100 else [])
    for servers, limit, runs in SIZES
    for number in range(runs)
]


@dataclass
class Seen:
    """The requests of one server as the API saw them, in order."""

    lines: list[tuple[float, str]] = field(default_factory=list)
    # The time of each signal, its name, and whether it had an effect.
    signals: list[tuple[float, str, bool]] = field(default_factory=list)
    # The time of each reply with a status, and its state.
    shown: list[tuple[float, str | None]] = field(default_factory=list)
    crashes: list[float] = field(default_factory=list)


class Observer:
    """An API that makes requests fail at random, and records those that reach it."""

    def __init__(self, chance: random.Random, servers: int) -> None:
        self.chance = chance
        self.seen = {one: Seen() for one in range(1, servers + 1)}
        self.arrivals: dict[str, list[float]] = {"GET": [], "POST": []}
        self.trouble = chance.choice([0.0, 0.003, 0.03, 0.15])
        self.mean = chance.choice([0.05, 0.3, 1.5])

    def latency(self):
        """Return the seconds of the way to the API and back, which are sometimes many."""
        took = self.chance.expovariate(1 / self.mean)
        if self.chance.random() < 0.003:
            took += self.chance.uniform(5.0, 15.0)
        there = took * self.chance.random()
        return there, took - there

    def fault(self, _method, _path):
        """Lose a request, or its reply."""
        if self.chance.random() < self.trouble / 2:
            return virtual.Fault(lost=True, done=self.chance.random() < 0.5)
        return None

    def attach(self, api):
        """Replace the methods of the API with ones that fail at random."""
        answer, power, command = api.answer, api.power, api.command
        api.fault = self.fault

        def answered(method, path, body):
            now = api.clock.now()
            self.arrivals[method].append(now)
            kind = self.chance.choice(["away", "error", "nonsense"]) if self.chance.random() < self.trouble / 2 else ""
            is_refused = kind == "away" or (kind == "error" and self.chance.random() < 0.5)
            if is_refused and api.limiters[method].hit(now) is None:
                return virtual.reply(503 if kind == "away" else 502, {})
            reply = answer(method, path, body)
            if kind and reply.status == 200:
                return virtual.Reply(502, {}, b"{}") if kind == "error" else virtual.Reply(200, {}, b"<html>")
            if method == "GET" and reply.status == 200:
                state = (json.loads(reply.body)["data"]["resources"] or {}).get("current_state")
                self.seen[int(path.rsplit("/", 1)[1])].shown.append((now, state))
            return reply

        def powered(node, name, now):
            before = (node.state, node.since, list(node.plan))
            reply = power(node, name, now)
            if reply.status != 200:
                return reply
            self.seen[node.config.id].signals.append((now, name, before != (node.state, node.since, node.plan)))
            return reply

        def commanded(node, line, now):
            reply = command(node, line, now)
            if reply.status == 200:
                self.seen[node.config.id].lines.append((now, line))
            return reply

        api.answer, api.power, api.command = answered, powered, commanded


def crash(observer, api, node):
    """Crash a running server."""
    node.advance(api.clock.now())
    if node.state == "running":
        observer.seen[node.config.id].crashes.append(api.clock.now())
        node.crash(api.clock.now())


def configs(chance, servers):
    """Return servers, most of them without faults."""
    out = []
    for one in range(1, servers + 1):
        config = ServerConfig(id=one, boot_seconds=chance.uniform(5.0, 60.0), stop_seconds=chance.uniform(0.5, 30.0))
        odd = chance.random() if servers > 1 or chance.random() < 0.5 else 1.0
        if odd < 0.02:
            config.state = "offline"
        elif odd < 0.03:
            config.null = True
        elif odd < 0.04:
            config.hanging_stop, config.stop_timeout = True, chance.choice([60.0, 1e6])
        elif odd < 0.05:
            config.drop_signals = ["restart", "stop", "start"]
        elif odd < 0.06:
            config.failed_start = True
        elif odd < 0.07:
            config.service_status = "suspended"
        elif odd < 0.08:
            config.auto_restart = False
        elif odd < 0.09:
            config.conflict = True
        out.append(config)
    return out


def trouble(chance, observer, seconds, kinds):
    """Return events during a run: others use the quota, servers crash, states are null, and the run is interrupted."""

    def besides(api, requests):
        observer.attach(api)
        begin = api.clock.now()

        def at_some_time():
            return begin + chance.uniform(0.0, seconds)

        limit = api.limiters["POST"].limit
        if "others" in kinds:
            for _each in range(int(seconds / 120.0) + 1):
                requests.at(at_some_time(), functools.partial(api.spend, chance.randint(1, limit)))
        for node in api.nodes.values():
            if chance.random() < 0.03:
                requests.at(at_some_time(), functools.partial(crash, observer, api, node))
            if chance.random() < 0.03:
                at = at_some_time()
                requests.at(at, functools.partial(setattr, node.config, "null", True))
                requests.at(at + chance.uniform(5.0, 120.0), functools.partial(setattr, node.config, "null", False))
        if "interruption" in kinds:
            requests.at(at_some_time(), functools.partial(signal.raise_signal, signal.SIGINT))

    return besides


@dataclass
class Given:
    """The options of a run."""

    befores: list[int]
    commands: list[str]
    wanted: str
    if_offline: str
    deadline: float | None
    max_failures: int | None

    @classmethod
    def of(cls, chance, seconds):
        """Return options at random."""
        befores = chance.choice([[300, 60, 10], [120, 10], [60], [20, 20], []])
        commands = chance.choice([[], ["save-all"], ["save-off", "save-all"]])
        deadline = chance.uniform(30.0, seconds) if chance.random() < 0.2 else None
        most = chance.choice([1, 5]) if chance.random() < 0.1 else None
        states = chance.choice(["restarted", "restarted", "stopped"])
        return cls(befores, commands, states, chance.choice(["skip", "start", "fail"]), deadline, most)

    def options(self):
        """Return them as options of the module."""
        lines = [{"before": str(before), "text": f"#{index} in {{remaining}}"} for index, before in enumerate(self.befores)]
        return {
            "announcements": lines,
            "commands": self.commands,
            "command_wait": 1.0,
            "state": self.wanted,
            "if_offline": self.if_offline,
            "cancel_text": CANCEL.removeprefix("say "),
            "done_text": DONE.removeprefix("say "),
            "deadline": None if self.deadline is None else iso(BEGIN + self.deadline),
        }


def seconds_of(line):
    """Return the notice that an announcement gives."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+) (hour|minute|second)s?", line))


def announced(seen):
    """Return the announcements that reached a server."""
    return [(at, line) for at, line in seen.lines if line.startswith("say #")]


def check_notice(seen):
    """Assert that no line names more time than there was until the next effective signal."""
    for at, line in announced(seen):
        for signalled, name, _did in seen.signals:
            if signalled >= at:
                assert signalled - at >= seconds_of(line) - 1e-6, (line, at, name, signalled)


def check_cancel(seen, result):
    """Assert that warned players get the cancel text once if no signal comes, or that the result says that they may not know.

    No signal may come after the cancel text.
    """
    cancels = [at for at, line in seen.lines if line == CANCEL]
    warned = announced(seen)
    if cancels:
        may_be_warned = [one for one in result["timeline"] if one["kind"] == "announcement" and one["outcome"] in ("sent", "unknown")]
        assert len(cancels) == 1 and may_be_warned and not any(at > cancels[0] for at, *_rest in seen.signals)
        # The cancel text can overtake a line that was being sent when the run was interrupted.
        on_its_way = {one["text"] for one in result["timeline"] if one["outcome"] == "unknown"}
        assert {line for at, line in seen.lines if at > cancels[0]} <= on_its_way
    elif warned and not result["changed"]:
        said = f"{result.get('msg')} {result['reason']}"
        assert any(words in said for words in UNCERTAIN), said


def check_repetitions(seen, given):
    """Assert that each line and signal is sent once, except for the last announcement and for dropped signals."""
    counts = collections.Counter(line.split(" in ")[0] for _at, line in seen.lines)
    last = f"say #{len(given.befores) - 1}"
    for line, count in counts.items():
        assert count <= (1 + MOST_REPEATED if line == last else 1), (line, seen.lines)
    assert "kill" not in [name for _at, name, _did in seen.signals] and len(seen.signals) <= MAX_SIGNALS
    for (at, name, did), (again, _other, _did) in zip(seen.signals, seen.signals[1:]):
        assert not did or any(at <= one <= again for one in seen.crashes), seen.signals
        expected = ("offline",) if name == "start" else ("running", "starting")
        assert [state for one, state in seen.shown if at < one < again and state is not None][-1:][0] in expected, (
            seen.signals,
            seen.shown,
        )


def check_null(seen, result):
    """Assert that a server whose state was always null gets no signal and is not reported as offline."""
    before = [state for at, state in seen.shown if not seen.signals or at < seen.signals[0][0]]
    if seen.signals:
        known = [state for state in before if state is not None]
        assert before[-1] is not None, before
        expected = {"start": ("offline",), "restart": ("running", "starting"), "stop": ("running", "starting")}
        assert known[-1] in expected[seen.signals[0][1]], (seen.signals, seen.shown)
    if result["outcome"] == "skipped" and str(result["reason"]).startswith("offline"):
        assert "offline" in [state for _at, state in seen.shown], seen.shown


def check_result(seen, result, given, node):
    """Assert that a result is never better than what happened."""
    outcome = result["outcome"]
    assert outcome in ("done", "unconfirmed", "skipped", "deferred", "cancelled", "failed"), result
    assert bool(result.get("failed")) == (outcome in ("unconfirmed", "cancelled", "failed")), result
    assert result["changed"] or not seen.signals, result
    if outcome == "done":
        assert result["confirmed"] and result["evidence"] in ("state", "counters")
        if not seen.crashes:
            assert any(did for _at, _name, did in seen.signals) and not node.config.drop_signals
        assert given.wanted == "restarted" or "offline" in [state for _at, state in node.history]
    elif outcome == "unconfirmed":
        assert result["changed"] and not result["confirmed"]
    elif outcome in ("skipped", "deferred", "cancelled"):
        assert not seen.signals and not result["changed"], result
    said = {line for _at, line in seen.lines}
    lines = [one for one in result["timeline"] if one["kind"] != "signal"]
    assert {one["text"] for one in lines if one["outcome"] == "sent"} <= said
    assert said <= {one["text"] for one in lines if one["outcome"] in ("sent", "unknown")}, (said, lines)


@pytest.mark.parametrize(("servers", "limit", "number"), RUNS)
def test_every_run_keeps_its_rules(servers, limit, number):
    chance = random.Random(f"{servers} {number}")
    observer = Observer(chance, servers)
    seconds = 400.0 + servers * 4 / limit * 60.0
    given = Given.of(chance, seconds)
    kinds = [kind for kind in ("others", "interruption") if chance.random() < 0.35]
    api, results = virtual_fleet.maintain(
        servers,
        latency=observer.latency,
        besides=trouble(chance, observer, seconds, kinds),
        configs=configs(chance, servers),
        run={"max_failures": given.max_failures},
        write_limit=limit,
        read_limit=3 * limit,
        poll_interval=chance.choice([5.0, 30.0]),
        wait_timeout=120.0,
        write_headroom=chance.choice([0, 2]),
        **given.options(),
    )
    assert sorted(results) == sorted(observer.seen)
    for server_id, seen in observer.seen.items():
        result = results[server_id]
        check_notice(seen)
        check_cancel(seen, result)
        check_repetitions(seen, given)
        check_null(seen, result)
        check_result(seen, result, given, api.nodes[server_id])
    assert is_allowed(observer.arrivals["POST"], limit, 60.0) and is_allowed(observer.arrivals["GET"], 3 * limit, 60.0)
    assert "others" in kinds or api.refused == 0
    calendars = api.ledger._calendars
    assert not calendars[WRITE].locks
    for bucket in (READ, WRITE):
        assert not [at for at in calendars[bucket].slots if at > api.clock.now()]


def test_the_runs_have_ten_thousand_servers():
    assert sum(servers * runs for servers, _limit, runs in SIZES) >= 10_000

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The present state of a run, from its events."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.progress import changes, counts, describe, lines, state_of
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.events import line, parse
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso

URL = "https://x"
HOSTS = ("a", "b")


def event(kind, at=0.0, server_id=None, /, **fields):
    one = {} if server_id is None else {"api_url": URL, "server_id": server_id}
    return line("r", kind, at, {**one, **fields})


def begun(owner="me", hosts=HOSTS, at=0.0, **more):
    names = [{"host": host, "server_id": number, "api_url": URL} for number, host in enumerate(hosts, 1)]
    return event("begun", at, version=1, owner=owner, servers=names, plan="2 servers.", timezone="Europe/Berlin", **more)


def countdown(server_id=1, action=100.0):
    return event("countdown", 1.0, server_id, name="Fred's", signal="restart", first=iso(40.0), action=iso(action))


def said(server_id=1, outcome="sent"):
    step = {"kind": "announcement", "text": "say x", "planned": iso(40.0), "at": iso(40.0), "outcome": outcome}
    return line("r", "step", 40.0, {"api_url": URL, "server_id": server_id, **step})


def signal(server_id=1, what="restart"):
    return event("signal", 100.0, server_id, signal=what)


def result(host="a", outcome="done", **more):
    return event("result", 120.0, HOSTS.index(host) + 1, row=server(host, {"server_id": 1, "outcome": outcome, **more}))


def ended(owner="me", interrupted=""):
    return event("ended", 200.0, owner=owner, interrupted=interrupted)


def run_of(*events):
    return state_of("r", parse("r", "".join(events)))


@pytest.mark.parametrize(
    ("events", "state", "what"),
    [
        ([], "waiting", ""),
        ([countdown()], "countdown", "restart at 01:01:40 CET, in 1 minute; not announced yet"),
        ([countdown(), said()], "countdown", "restart at 01:01:40 CET, in 1 minute; announced once"),
        ([countdown(), said(), said(outcome="unknown"), said(outcome="failed")], "countdown", "in 1 minute; announced once"),
        ([countdown(), countdown(action=130.0)], "countdown", "restart at 01:02:10 CET, in 1 minute 30 seconds"),
        ([countdown(), signal()], "restarting", "restart at 01:01:40 CET, its outcome is not seen yet"),
        ([countdown(), signal(what="kill")], "being killed", "kill at 01:01:40 CET"),
        ([countdown(), signal(), event("refused", 101.0, 1)], "countdown", "restart at 01:01:40 CET"),
        ([countdown(), signal(), event("done", 110.0, 1)], "done", ""),
        ([countdown(), signal(), event("unconfirmed", 110.0, 1)], "unconfirmed", ""),
        ([countdown(), signal(), event("done", 110.0, 1), result()], "done", ""),
        ([result(outcome="deferred", reason="too late")], "deferred", "too late"),
        ([result(), event("failed", 130.0, host="a", error="no map")], "failed", "no map"),
        ([event("failed", 130.0, host="a", error="no server")], "failed", "no server"),
        ([event("countdown", 1.0, 99), event("unheard-of", 1.0, 1)], "waiting", ""),
        # The run is repeated, with this server or without it.
        ([countdown(), said(), begun("again")], "waiting", ""),
        ([countdown(), said(), begun("again", hosts=())], "failed", "the players were not told that it is off"),
        ([countdown(), said(), signal(), begun("again", hosts=())], "unconfirmed", "whose outcome was not seen"),
    ],
)
def test_state_of_a_server(events, state, what):
    found = run_of(begun(), *events)
    one = found.servers["a"]
    assert one.state == state and what in describe(one, 40.0, found), describe(one, 40.0, found)
    assert found.servers["b"].state in ("waiting", "failed")


@pytest.mark.parametrize(
    ("events", "dead", "state"),
    [
        ([begun()], [], "running"),
        ([begun()], ["other"], "running"),
        ([begun()], ["me"], "vanished"),
        ([begun(), ended()], ["me"], "ended"),
        ([begun(), ended(interrupted="SIGINT")], [], "interrupted"),
        ([begun(), begun("again"), ended("again")], ["me"], "ended"),
        ([begun(), begun("again")], ["again"], "vanished"),
        ([begun(), begun("again")], ["me"], "running"),
        ([begun(), ended(interrupted="SIGINT"), begun("again"), ended("again")], [], "ended"),
        # A canary and the other servers are two parts of one process.
        ([begun(), ended(), begun()], [], "running"),
    ],
)
def test_state_of_a_run(events, dead, state):
    assert run_of(*events).state(dead) == state


@pytest.mark.parametrize(
    ("events", "running", "outcome", "signal_of", "lost"),
    [
        ([], True, "waiting", None, False),
        ([], False, "failed", None, True),
        ([countdown(), said()], True, "countdown", None, False),
        ([countdown(), said()], False, "failed", None, True),
        ([countdown(), said(), signal()], True, "restarting", "restart", False),
        ([countdown(), said(), signal()], False, "unconfirmed", "restart", True),
        ([countdown(), said(), signal(), event("done", 110.0, 1)], False, "unconfirmed", "restart", True),
        ([countdown(), said(), signal(), event("refused", 110.0, 1)], False, "failed", None, True),
        ([countdown(), said(), signal(), result()], False, "done", None, False),
    ],
)
def test_row_of_a_server_is_never_better_than_what_is_known(events, running, outcome, signal_of, lost):
    row = run_of(begun(), *events).servers["a"].as_row(running)
    assert (row["outcome"], row["signal"]) == (outcome, signal_of) and ("the run vanished" in (row["reason"] or "")) == lost
    steps = [step["kind"] for step in row["timeline"]]
    assert steps == ["announcement"] * (said() in events and result() not in events) + ["signal"] * (signal_of is not None)


def test_lines_for_a_terminal():
    found = run_of(begun(), event("status", 30.0, ends=iso(300.0)), countdown(2), said(2))
    assert lines(45.0, found, "running", "3 of 20 writes in the last 60 s") == [
        "Run r: running since 01:00:00 CET, ends at about 01:05 CET, last event 5 seconds ago; 3 of 20 writes in the last 60 s",
        "server  state      why",
        "a       waiting",
        "b       countdown  restart at 01:01:40 CET, in 55 seconds; announced once",
        "1 waiting, 1 in countdown",
    ]
    assert "Repeat the run with -e maintenance_id=r" in lines(45.0, found, "vanished", "")[0]
    assert counts(run_of(begun(), result(), result("b", "skipped")).servers.values()) == "1 done, 1 skipped"
    assert counts([]) == "no servers"


def test_changes_are_those_of_a_state():
    before = run_of(begun(), countdown())
    after = run_of(begun(), countdown(), said(), result("b", "failed"))
    assert [one.host for one in changes(before, after)] == ["b"] and len(changes(None, after)) == 2

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed between two looks: as a table, in stories, and against the node that the looks are taken of."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._api.models import Limits, Resources, Server, ServerSummary
from ansible_collections.serverprism.cloud.plugins.module_utils._events.changes import EVENTS, Record, Rules, listed, looked, transition
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Observation
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simulator.config import ServerConfig
from simulator.node import Node

RULES = Rules(unreachable_after=2, stop_takes=0.0, status_cache=20.0)
# Rows are what was seen before, columns what is seen now; an event, and whether it is certain.
TABLE = {
    "offline": {"offline": None, "starting": ("started", True), "running": ("started", True), "stopping": ("started", True)},
    "starting": {"offline": ("crashed", False), "starting": None, "running": None, "stopping": None},
    "running": {"offline": ("crashed", False), "starting": ("started", True), "running": None, "stopping": None},
    "stopping": {"offline": ("stopped", False), "starting": ("started", True), "running": ("started", True), "stopping": None},
}


def summary(status: str = "active", server_id: int = 1) -> ServerSummary:
    return ServerSummary(server_id, "Minecraft 4 GB", status)


def server(state: Optional[str], traffic: int = 1000, status: str = "active") -> Server:
    resources = None if state is None else Resources(state, 0, 0.0, 0, traffic, traffic)
    return Server(1, "Fred's", status, Limits(0, 0, 0), resources)


def observed(at: float, state: str, traffic: int = 1000) -> Observation:
    return Observation.of(server(state, traffic), at)


def story(*looks: Any, rules: Rules = RULES, every: float = 30.0) -> list[tuple[str, bool]]:
    """The events of looks one after the other; a look is a state, None, or a state with its network counters."""
    record, told = Record(summary()), []
    for index, one in enumerate(looks):
        state, traffic = one if isinstance(one, tuple) else (one, 1000 + index)
        record, changes = looked(record, server(state, traffic), index * every, rules)
        told += [(change.event, change.certain) for change in changes]
    return told


@pytest.mark.parametrize(("before", "after"), [(one, other) for one in TABLE for other in TABLE])
def test_the_table_of_transitions(before: str, after: str) -> None:
    verdict = transition(observed(0, before), observed(30, after, 2000), None, RULES)
    assert (verdict and (verdict.event, verdict.certain)) == TABLE[before][after]
    assert verdict is None or verdict.why


def test_a_node_may_call_offline_stopped() -> None:
    assert story("running", "stopped") == [("crashed", False)] and story("stopped", "offline") == []


@pytest.mark.parametrize(("stop_takes", "certain"), [(0.0, False), (50.0, False), (51.0, True)])
def test_a_crash_is_certain_where_no_stop_fits_between_the_looks(stop_takes: float, certain: bool) -> None:
    assert story("running", "offline", rules=Rules(2, stop_takes, 20.0)) == [("crashed", certain)]


def test_a_look_without_a_state_leaves_more_room_for_a_stop() -> None:
    assert story("running", None, "offline", rules=Rules(2, 60.0, 20.0)) == [("crashed", False)]


@pytest.mark.parametrize(
    ("looks", "events"),
    [
        (("running", "stopping", "offline"), [("stopped", True)]),
        (("running", "stopping", "stopping", "offline"), [("stopped", True)]),
        (("starting", "stopping", "offline"), [("stopped", False)]),
        (("stopping", "offline"), [("stopped", False)]),
        # It crashed, was brought back, and failed to start: what is stopping is another process.
        ((("running", 5000), ("stopping", 10), "offline"), [("stopped", False)]),
        ((("running", 5000), ("running", 10)), [("started", True)]),
        ((("starting", 5000), ("running", 5001)), []),
        (("running", "stopping", "starting", "running"), [("started", True)]),
        (("offline", "starting", "offline"), [("started", True), ("crashed", False)]),
    ],
)
def test_stories(looks: tuple[Any, ...], events: list[tuple[str, bool]]) -> None:
    assert story(*looks) == events


@pytest.mark.parametrize("blank", [None, "missing", "hibernating"])
def test_an_unknown_state_is_unreachable_once_and_never_offline(blank: Optional[str]) -> None:
    assert story("running", blank, "running") == []
    assert story("running", *[blank] * 9) == [("unreachable", True)]
    assert story("running", blank, blank, "running") == [("unreachable", True), ("recovered", True)]
    assert story("running", blank, blank, "offline") == [("unreachable", True), ("recovered", True), ("crashed", False)]
    assert story(blank, blank, "running", blank, blank) == [("unreachable", True), ("recovered", True), ("unreachable", True)]


def test_a_server_that_the_api_cannot_read_is_unknown() -> None:
    record, told = Record(summary()), []
    for at in range(3):
        record, changes = looked(record, None, float(at), RULES)
        told += [change.event for change in changes]
    assert told == ["unreachable"]


def test_an_event_says_what_was_seen() -> None:
    record, _none = looked(Record(summary()), server("running"), 100.0, RULES)
    _record, changes = looked(record, server("offline"), 130.0, RULES)
    event = changes[0].as_dict()
    assert event.pop("why")
    assert event == {
        "event": "crashed",
        "server_id": 1,
        "name": "Fred's",
        "product": "Minecraft 4 GB",
        "service_status": "active",
        "before": "running",
        "after": "offline",
        "at": 130.0,
        "certain": False,
        "unseen": 50.0,
    }


def test_servers_come_and_go() -> None:
    records, changes = listed({}, [summary(), summary(server_id=2)], 0.0, announce=False)
    assert changes == []
    records, changes = listed(records, [summary(server_id=2), summary(server_id=3)], 30.0, announce=True)
    assert [(change.event, change.server_id) for change in changes] == [("gone", 1)]
    record, changes = looked(records[3], server("running"), 31.0, RULES)
    assert [(change.event, change.before, change.after) for change in changes] == [("appeared", None, "running")]
    assert looked(record, server("running"), 61.0, RULES)[1] == []


def test_a_server_that_goes_before_it_was_told_of_goes_silently() -> None:
    records, _none = listed({}, [summary()], 0.0, announce=True)
    assert listed(records, [], 30.0, announce=True) == ({}, [])


def test_a_suspension_is_no_crash() -> None:
    record, _none = looked(Record(summary()), server("running"), 0.0, RULES)
    records, changes = listed({1: record}, [summary("suspended")], 30.0, announce=True)
    assert [(change.event, change.before, change.after) for change in changes] == [("suspended", "running", None)]
    records, changes = listed(records, [summary("suspended")], 60.0, announce=True)
    assert changes == [] and records[1].suspended
    records, changes = listed(records, [summary()], 90.0, announce=True)
    assert changes == []
    record, changes = looked(records[1], server("offline"), 91.0, RULES)
    assert [(change.event, change.after) for change in changes] == [("resumed", "offline")]
    assert looked(record, server("running"), 121.0, RULES)[1][0].event == "started"


def test_a_suspension_between_list_and_look_is_no_crash_either() -> None:
    record, _none = looked(Record(summary()), server("running"), 0.0, RULES)
    record, changes = looked(record, server("offline", status="suspended"), 30.0, RULES)
    assert [change.event for change in changes] == ["suspended"] and record.suspended


@pytest.mark.parametrize(("status", "events"), [("suspended", ["appeared"]), ("active", [])])
def test_a_suspended_server_appears_without_a_look(status: str, events: list[str]) -> None:
    _records, changes = listed({}, [summary(status)], 0.0, announce=True)
    assert [change.event for change in changes] == events


LOOKS = st.lists(st.sampled_from([*TABLE, None, "missing"]), max_size=30)


@given(LOOKS)
def test_every_event_is_known_and_nothing_new_is_no_event(looks: list[Optional[str]]) -> None:
    told = story(*looks)
    assert {event for event, _certain in told} <= set(EVENTS)
    # The same look once more changes nothing, but that a second blank in a row makes it unreachable.
    again = [one for look in looks for one in ((look, look, look) if look in (None, "missing") else (look, look))]
    repeated = [event for event, _certain in story(*again) if event not in ("unreachable", "recovered")]
    assert repeated == [event for event, _certain in told if event not in ("unreachable", "recovered")]


@given(LOOKS)
def test_unreachable_and_recovered_take_turns(looks: list[Optional[str]]) -> None:
    turns = [event for event, _certain in story(*looks) if event in ("unreachable", "recovered")]
    assert turns == (["unreachable", "recovered"] * len(turns))[: len(turns)]


@given(LOOKS)
def test_looks_without_a_state_in_between_change_nothing_of_what_happened(looks: list[Optional[str]]) -> None:
    known = [look for look in looks if look not in (None, "missing")]
    told = [event for event, _certain in story(*((look, 1000) for look in looks)) if event not in ("unreachable", "recovered")]
    assert told == [event for event, _certain in story(*((look, 1000) for look in known))]


STOP_SECONDS = 45.0
DEEDS = st.lists(st.tuples(st.sampled_from(["look", "stop", "crash", "start", "restart", "kill"]), st.floats(0.0, 50.0)), max_size=12)


@settings(max_examples=200)
@example([("look", 0.0), ("stop", 0.0), ("look", 45.0)], False, False, 0.0)
@example([("look", 0.0), ("stop", 19.0), ("look", 45.0)], False, False, 0.0)
@given(DEEDS, st.booleans(), st.booleans(), st.floats(0.0, 20.0))
def test_a_certain_event_is_what_really_happened(
    deeds: list[tuple[str, float]], failed_start: bool, auto_restart: bool, boot_seconds: float
) -> None:
    """Whatever is done to a node, and however rarely somebody looks at a cached status of it."""
    config = ServerConfig(
        1, boot_seconds=20.0 + boot_seconds, stop_seconds=STOP_SECONDS, failed_start=failed_start, auto_restart=auto_restart
    )
    node, rules = Node(config, 0.0), Rules(2, STOP_SECONDS, 20.0)
    record, now, taken, shown = Record(summary()), 0.0, -100.0, None
    previous = -100.0
    stops: list[float] = []
    for deed, wait in deeds:
        now += wait
        node.advance(now)
        if deed == "crash":
            node.crash(now)
        elif deed != "look":
            was_running = node.state == "running"
            if node.signal(deed, now) and deed in ("stop", "restart") and was_running:
                stops.append(now)
        else:
            if now - taken >= 20.0:
                taken, shown = now, node.resources(now)
            assert shown is not None
            record, changes = looked(record, Server(1, "A", "active", Limits(0, 0, 0), Resources(**shown)), now, rules)
            # What lies between the two statuses that the looks showed.
            between = [state for at, state in node.history if previous <= at <= taken]
            for change in changes:
                if change.event == "started":
                    assert "starting" in between, node.history
                elif change.event == "crashed":
                    assert "offline" in between, node.history
                    assert not change.certain or not any(previous <= at <= taken - STOP_SECONDS for at in stops), node.history
                elif change.event == "stopped" and change.certain:
                    assert any(previous - STOP_SECONDS <= at <= taken for at in stops), node.history
            previous = taken

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes between reads: the table, sequences of reads, and a comparison with the simulated node."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Optional

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._api.models import Limits, Resources, Server, ServerSummary
from ansible_collections.serverprism.cloud.plugins.module_utils._events.changes import (
    EVENTS,
    Record,
    Rules,
    after_list,
    after_read,
    transition,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Observation
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simulator.config import ServerConfig
from simulator.node import Node

RULES = Rules(unreachable_after=2, stop_takes=0.0, status_cache=20.0)
# Rows are the states before, columns the states now. A value is an event and its certainty.
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


def story(*reads: Any, rules: Rules = RULES, every: float = 30.0) -> list[tuple[str, bool]]:
    """Return the events of successive reads. A read is a state, None, or a state with its network counters."""
    record, told = Record(summary()), []
    for index, one in enumerate(reads):
        state, traffic = one if isinstance(one, tuple) else (one, 1000 + index)
        record, changes = after_read(record, server(state, traffic), index * every, rules)
        told += [(change.event, change.certain) for change in changes]
    return told


@pytest.mark.parametrize(("before", "after"), [(one, other) for one in TABLE for other in TABLE])
def test_transition_of_each_pair_of_states(before: str, after: str) -> None:
    finding = transition(observed(0, before), observed(30, after, 2000), None, RULES)
    assert (finding and (finding.event, finding.certain)) == TABLE[before][after]
    assert finding is None or finding.why


def test_stopped_counts_as_offline() -> None:
    assert story("running", "stopped") == [("crashed", False)] and story("stopped", "offline") == []


@pytest.mark.parametrize(("stop_takes", "certain"), [(0.0, False), (50.0, False), (51.0, True)])
def test_crash_is_certain_if_a_stop_would_have_been_seen(stop_takes: float, certain: bool) -> None:
    assert story("running", "offline", rules=Rules(2, stop_takes, 20.0)) == [("crashed", certain)]


def test_read_without_a_state_makes_a_crash_uncertain() -> None:
    assert story("running", None, "offline", rules=Rules(2, 60.0, 20.0)) == [("crashed", False)]


@pytest.mark.parametrize(
    ("reads", "events"),
    [
        (("running", "stopping", "offline"), [("stopped", True)]),
        (("running", "stopping", "stopping", "offline"), [("stopped", True)]),
        (("starting", "stopping", "offline"), [("stopped", False)]),
        (("stopping", "offline"), [("stopped", False)]),
        # It crashed, was started by the node, and failed to start, so another process is stopping.
        ((("running", 5000), ("stopping", 10), "offline"), [("stopped", False)]),
        ((("running", 5000), ("running", 10)), [("started", True)]),
        ((("starting", 5000), ("running", 5001)), []),
        (("running", "stopping", "starting", "running"), [("started", True)]),
        (("offline", "starting", "offline"), [("started", True), ("crashed", False)]),
    ],
)
def test_events_of_successive_reads(reads: tuple[Any, ...], events: list[tuple[str, bool]]) -> None:
    assert story(*reads) == events


@pytest.mark.parametrize("blank", [None, "missing", "hibernating"])
def test_unknown_state_is_unreachable_once_and_never_offline(blank: Optional[str]) -> None:
    assert story("running", blank, "running") == []
    assert story("running", *[blank] * 9) == [("unreachable", True)]
    assert story("running", blank, blank, "running") == [("unreachable", True), ("recovered", True)]
    assert story("running", blank, blank, "offline") == [("unreachable", True), ("recovered", True), ("crashed", False)]
    assert story(blank, blank, "running", blank, blank) == [("unreachable", True), ("recovered", True), ("unreachable", True)]


def test_server_that_cannot_be_read_is_unreachable() -> None:
    record, told = Record(summary()), []
    for at in range(3):
        record, changes = after_read(record, None, float(at), RULES)
        told += [change.event for change in changes]
    assert told == ["unreachable"]


def test_event_contains_the_states_and_times() -> None:
    record, _none = after_read(Record(summary()), server("running"), 100.0, RULES)
    _record, changes = after_read(record, server("offline"), 130.0, RULES)
    event = asdict(changes[0])
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
        "crashes": 1,
    }


def test_crashes_of_the_last_hour_are_counted() -> None:
    record, counts = Record(summary()), []
    for at in (0.0, 1000.0, 3500.0, 4700.0):
        record, _changes = after_read(record, server("running"), at, RULES)
        record, changes = after_read(record, server("offline"), at + 30.0, RULES)
        counts += [change.crashes for change in changes]
    assert counts == [1, 2, 3, 2]


def test_new_and_removed_servers_are_events() -> None:
    records, changes = after_list({}, [summary(), summary(server_id=2)], 0.0, announce=False)
    assert changes == []
    records, changes = after_list(records, [summary(server_id=2), summary(server_id=3)], 30.0, announce=True)
    assert [(change.event, change.server_id) for change in changes] == [("gone", 1)]
    record, changes = after_read(records[3], server("running"), 31.0, RULES)
    assert [(change.event, change.before, change.after) for change in changes] == [("appeared", None, "running")]
    assert after_read(record, server("running"), 61.0, RULES)[1] == []


def test_server_that_is_removed_before_its_first_read_is_no_event() -> None:
    records, _none = after_list({}, [summary()], 0.0, announce=True)
    assert after_list(records, [], 30.0, announce=True) == ({}, [])


def test_suspension_is_not_a_crash() -> None:
    record, _none = after_read(Record(summary()), server("running"), 0.0, RULES)
    records, changes = after_list({1: record}, [summary("suspended")], 30.0, announce=True)
    assert [(change.event, change.before, change.after) for change in changes] == [("suspended", "running", None)]
    records, changes = after_list(records, [summary("suspended")], 60.0, announce=True)
    assert changes == [] and records[1].suspended
    records, changes = after_list(records, [summary()], 90.0, announce=True)
    assert changes == []
    record, changes = after_read(records[1], server("offline"), 91.0, RULES)
    assert [(change.event, change.after) for change in changes] == [("resumed", "offline")]
    assert after_read(record, server("running"), 121.0, RULES)[1][0].event == "started"


def test_crashes_before_a_suspension_count() -> None:
    record, _none = after_read(Record(summary()), server("running"), 0.0, RULES)
    record, _crashed = after_read(record, server("offline"), 30.0, RULES)
    records, _suspended = after_list({1: record}, [summary("suspended")], 60.0, announce=True)
    records, _none = after_list(records, [summary()], 90.0, announce=True)
    record, _resumed = after_read(records[1], server("running"), 120.0, RULES)
    _record, changes = after_read(record, server("offline"), 150.0, RULES)
    assert [(change.event, change.crashes) for change in changes] == [("crashed", 2)]


def test_suspension_between_list_and_read_is_not_a_crash() -> None:
    record, _none = after_read(Record(summary()), server("running"), 0.0, RULES)
    record, changes = after_read(record, server("offline", status="suspended"), 30.0, RULES)
    assert [change.event for change in changes] == ["suspended"] and record.suspended


@pytest.mark.parametrize(("status", "events"), [("suspended", ["appeared"]), ("active", [])])
def test_suspended_server_appears_without_a_read(status: str, events: list[str]) -> None:
    _records, changes = after_list({}, [summary(status)], 0.0, announce=True)
    assert [change.event for change in changes] == events


READS = st.lists(st.sampled_from([*TABLE, None, "missing"]), max_size=30)


@given(READS)
def test_every_event_is_known_and_repeated_reads_are_no_event(reads: list[Optional[str]]) -> None:
    told = story(*reads)
    assert {event for event, _certain in told} <= set(EVENTS)
    # Repeated reads change nothing, except that a second one without a state makes the server unreachable.
    again = [one for look in reads for one in ((look, look, look) if look in (None, "missing") else (look, look))]
    repeated = [event for event, _certain in story(*again) if event not in ("unreachable", "recovered")]
    assert repeated == [event for event, _certain in told if event not in ("unreachable", "recovered")]


@given(READS)
def test_unreachable_and_recovered_alternate(reads: list[Optional[str]]) -> None:
    found = [event for event, _certain in story(*reads) if event in ("unreachable", "recovered")]
    assert found == (["unreachable", "recovered"] * len(found))[: len(found)]


@given(READS)
def test_reads_without_a_state_do_not_change_the_other_events(reads: list[Optional[str]]) -> None:
    known = [look for look in reads if look not in (None, "missing")]
    told = [event for event, _certain in story(*((look, 1000) for look in reads)) if event not in ("unreachable", "recovered")]
    assert told == [event for event, _certain in story(*((look, 1000) for look in known))]


STOP_SECONDS = 45.0
DEEDS = st.lists(st.tuples(st.sampled_from(["look", "stop", "crash", "start", "restart", "kill"]), st.floats(0.0, 50.0)), max_size=12)


@settings(max_examples=200)
@example([("look", 0.0), ("stop", 0.0), ("look", 45.0)], False, False, 0.0)
@example([("look", 0.0), ("stop", 19.0), ("look", 45.0)], False, False, 0.0)
@example([("look", 0.0), ("restart", 0.0), ("look", 20.0), ("look", 45.0), ("look", 20.0)], True, False, 0.0)
@given(DEEDS, st.booleans(), st.booleans(), st.floats(0.0, 20.0))
def test_certain_event_has_really_happened(
    deeds: list[tuple[str, float]], failed_start: bool, auto_restart: bool, boot_seconds: float
) -> None:
    """Compare certain events with the real history of a node, for any actions and any times of the reads."""
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
            record, changes = after_read(record, Server(1, "A", "active", Limits(0, 0, 0), Resources(**shown)), now, rules)
            # What lies between the two statuses that the reads showed.
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

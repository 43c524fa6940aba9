# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Responses of the API: new fields are ignored, invalid fields are refused by name."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._api.models import parse_server, parse_servers
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadAnswer
from hypothesis import given
from hypothesis import strategies as st

ROW = {"id": 1234, "product": "Minecraft 4 GB", "service_status": "active"}
RESOURCES = {
    "current_state": "running",
    "memory_bytes": 2147483648,
    "cpu_absolute": 18.5,
    "disk_bytes": 7300000000,
    "network_rx_bytes": 12345678,
    "network_tx_bytes": 87654321,
}
SERVER = {
    "id": 1234,
    "name": "Fred's Minecraft",
    "service_status": "active",
    "limits": {"memory_mb": 4096, "disk_mb": 25600, "cpu_percent": 200},
    "resources": RESOURCES,
}


def test_list_of_servers():
    assert [asdict(server) for server in parse_servers({"data": [ROW, {**ROW, "id": 1290}]})] == [ROW, {**ROW, "id": 1290}]


def test_duplicate_id_counts_once():
    assert [server.id for server in parse_servers({"data": [ROW, {**ROW, "product": "x"}]})] == [1234]


def test_one_server_with_details():
    server = parse_server({"data": SERVER}, 1234)
    assert server.state == "running" and {key: asdict(server)[key] for key in SERVER} == SERVER


def test_unknown_keys_are_ignored():
    more = {**SERVER, "new": [1], "limits": {**SERVER["limits"], "swap": 1}, "resources": {**RESOURCES, "uptime": 5}}
    assert asdict(parse_server({"data": more, "meta": {}}, 1234)) == asdict(parse_server({"data": SERVER}, 1234))
    assert asdict(parse_servers({"data": [{**ROW, "new": 1}], "links": []})[0]) == ROW


@pytest.mark.parametrize(
    ("state", "known"),
    [("offline", "offline"), ("stopped", "offline"), ("running", "running"), ("missing", None), ("hibernating", None), ("", None)],
)
def test_unknown_states_are_none(state, known):
    assert parse_server({"data": {**SERVER, "resources": {**RESOURCES, "current_state": state}}}, 1234).state == known


def test_state_without_resources_is_unknown():
    assert parse_server({"data": {**SERVER, "resources": None}}, 1234).state is None


BROKEN = [None, [], "x", 1, True]


@pytest.mark.parametrize("payload", [*BROKEN, {}, {"data": None}, {"data": {}}, *({"data": [row]} for row in BROKEN)])
def test_invalid_list_is_refused(payload):
    with pytest.raises(BadAnswer, match="response is invalid"):
        parse_servers(payload)


@pytest.mark.parametrize("key", ["id", "product", "service_status"])
@pytest.mark.parametrize("value", [None, [], {}, True, 1.5])
def test_field_of_the_wrong_type_is_refused_by_name(key, value):
    with pytest.raises(BadAnswer, match=key):
        parse_servers({"data": [{**ROW, key: value}]})


@pytest.mark.parametrize("block", ["limits", "resources"])
@pytest.mark.parametrize("value", [None, "7", [], True])
def test_number_of_the_wrong_type_is_refused_by_name(block, value):
    for key in SERVER[block]:
        broken = {**SERVER, block: {**SERVER[block], key: value}}
        if key == "current_state" and value == "7":
            continue
        with pytest.raises(BadAnswer, match=key):
            parse_server({"data": broken}, 1234)


# Everything that Python's JSON parser can return, including NaN, long numbers and half surrogate pairs.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text() | st.sampled_from(["\ud800", "running"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, *SERVER, *RESOURCES, "data"]), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from([ROW, SERVER, RESOURCES]), st.data())
def test_any_value_of_a_field_is_accepted_or_refused(whole, data):
    """Check that accepted values can be written as JSON to a file or a terminal."""
    changed = {**whole, data.draw(st.sampled_from(sorted(whole))): data.draw(ANYTHING)}
    payloads = [{"data": [changed]}, {"data": changed}, {"data": {**SERVER, "resources": changed}}, data.draw(ANYTHING)]
    for payload in payloads:
        for parse in (parse_servers, lambda payload: [parse_server(payload, 1234)]):
            try:
                rows = parse(payload)
            except BadAnswer as exc:
                assert str(exc).encode()
            else:
                json.dumps([asdict(row) for row in rows], allow_nan=False, ensure_ascii=False).encode()

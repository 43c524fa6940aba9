# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading servers: results, warnings and the number of requests."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._info import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._inventory import read_fleet

FLEET = [
    {"id": 1, "name": "Fred's"},
    {"id": 2, "product": "Palworld 8 GB", "state": "offline"},
    {"id": 3, "product": "Palworld 4 GB", "service_status": "suspended", "null": True},
]


def info(api, **options):
    return virtual.operate(api, OPERATION, **options)


@pytest.mark.parametrize(
    ("options", "ids", "details"),
    [
        ({}, [1, 2, 3], 0),
        ({"details": True}, [1, 2, 3], 3),
        ({"server_ids": [3, 1, 3]}, [3, 1], 2),
        ({"product": "^Pal"}, [2, 3], 0),
        ({"product": "^Pal", "service_status": "active", "details": True}, [2], 1),
        ({"server_ids": [1, 9], "missing": "report"}, [1], 1),
        ({"server_ids": [], "details": True}, [], 0),
    ],
)
def test_only_selected_servers_are_read(options, ids, details):
    api = virtual.api(*FLEET)
    result = info(api, **options)
    assert [server["id"] for server in result["servers"]] == ids and not result["changed"]
    assert len(api.reads) == details and all(("current_state" in server) == bool(details) for server in result["servers"])
    assert result["not_found"] == ([9] if 9 in options.get("server_ids", []) else [])


def test_unknown_state_is_null():
    (server,) = info(virtual.api(*FLEET), server_ids=[3])["servers"]
    assert server["current_state"] is None and server["resources"] is None and server["service_status"] == "suspended"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"server_ids": [0]}, "server_ids: 0 is not a service ID"),
        ({"server_ids": [True]}, "server_ids: True is not a service ID"),
        ({"product": "("}, "product: '('"),
        ({"server_ids": [9, 1]}, "Server 9: not found"),
    ],
)
def test_errors_name_the_problem(options, words):
    result = info(virtual.api(*FLEET), **options)
    assert result["failed"] and words in result["msg"], result


@pytest.mark.parametrize(("missing", "failed"), [("report", None), ("fail", True)])
def test_server_deleted_after_the_list_was_read_is_not_found(missing, failed):
    api = virtual.api(*FLEET)
    del api.nodes[2]
    result = info(api, server_ids=[1, 2], missing=missing)
    assert result.get("failed") is failed and result["not_found"] == [2], result


def test_inventory_omits_a_server_deleted_after_the_list_was_read():
    api = virtual.api(*FLEET)
    del api.nodes[2]
    client = virtual.context(api, OPERATION).client
    assert [server["id"] for server in read_fleet(client, True, None, None, print)] == [1, 3]


def odd(method, path):
    return virtual.Fault(status=200, body=b'{"data": {"id": 2, "limits": null}}') if path.endswith("/2") else None


def test_invalid_record_does_not_hide_other_servers():
    api, told = virtual.api(*FLEET), []
    api.fault = odd
    result = info(api, details=True, warn=told.append)
    assert [server["current_state"] for server in result["servers"]] == ["running", None, None], result
    assert result["servers"][1]["limits"] is None and len(told) == 1 and told[0].startswith("Server 2: The API's response"), told
    assert info(api, server_ids=[2])["failed"]
    fleet = read_fleet(virtual.context(api, OPERATION).client, True, None, None, told.append)
    assert len(fleet) == 3 and fleet[1]["name"] is None and len(told) == 2


def test_failure_of_one_read_fails_the_task():
    api = virtual.api(*FLEET)
    api.fault = lambda method, path: virtual.Fault(status=401) if path.endswith("/2") else None
    result = info(api, details=True)
    assert result["failed"] and "api_token" in result["msg"], result


def test_max_wait_applies_to_each_read_of_a_large_fleet():
    api = virtual.api(*({"id": i} for i in range(1, 1001)))
    result = info(api, details=True)
    assert not result.get("failed") and len(result["servers"]) == len(api.reads) == 1000, result.get("msg")
    assert all(server["current_state"] == "running" for server in result["servers"])


@pytest.mark.parametrize(("status", "words"), [(429, "HTTP 429"), (500, "exceeds max_wait (300 s)")])
def test_read_refused_for_longer_than_max_wait_fails_the_task(status, words):
    api = virtual.api(*FLEET)
    api.fault = lambda method, path: virtual.Fault(status=status) if path.endswith("/2") else None
    began = api.clock.now()
    result = info(api, details=True)
    assert result["failed"] and words in result["msg"] and api.clock.now() - began < 600, result


def away(*ids, until=float("inf")):
    """Make the node of these servers unavailable for a number of seconds."""

    def fault(api):
        began = api.clock.now()
        return lambda method, path: (
            virtual.Fault(status=503) if path.rsplit("/", 1)[-1] in map(str, ids) and api.clock.now() < began + until else None
        )

    return fault


def test_unavailable_node_does_not_hide_servers_of_other_nodes():
    api, told = virtual.api(*FLEET, {"id": 4}), []
    api.fault = away(2, 4)(api)
    began = api.clock.now()
    result = info(api, details=True, warn=told.append)
    assert [server["current_state"] for server in result["servers"]] == ["running", None, None, None], result
    assert result["servers"][1]["limits"] is None and result["servers"][1]["product"] == "Palworld 8 GB" and not result["not_found"]
    assert told == ["Servers 2, 4: their node is unavailable (HTTP 503), so name, limits and state are unknown. Run it again later."]
    assert api.clock.now() - began <= 30
    fleet = read_fleet(virtual.context(api, OPERATION).client, True, None, None, told.append)
    assert [server["limits"] is None for server in fleet] == [False, True, False, True] and len(told) == 2


def test_node_that_is_available_again_soon_causes_no_warning():
    api, told = virtual.api(*FLEET), []
    api.fault = away(2, until=10)(api)
    result = info(api, details=True, warn=told.append)
    assert result["servers"][1]["current_state"] == "offline" and not told, result


def test_time_for_an_unavailable_node_does_not_grow_with_its_servers():
    api, told = virtual.api(*({"id": i} for i in range(1, 201))), []
    api.fault = away(*range(1, 101))(api)
    result = info(api, details=True, warn=told.append)
    assert sum(server["limits"] is None for server in result["servers"]) == 100 and len(told) == 1
    assert len(api.reads) == 300, len(api.reads)


def test_unavailable_node_of_a_single_server_is_an_error():
    api = virtual.api(*FLEET)
    api.fault = away(2)(api)
    began = api.clock.now()
    result = info(api, server_ids=[2])
    assert result["failed"] and "The node is unavailable for server 2" in result["msg"], result
    assert 250 < api.clock.now() - began <= 301

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of server_info: one read for the list, one more each for details."""

from __future__ import annotations

import pytest

FLEET = [
    {"id": 1234, "name": "Fred's Minecraft"},
    {"id": 1290, "product": "Palworld 8 GB", "service_status": "suspended", "state": "offline"},
    {"id": 1300, "product": "Palworld 4 GB", "null": True},
]


def ids(result):
    return [server["id"] for server in result["servers"]]


def test_list_of_any_size_costs_one_read(simulator, operate):
    sim = simulator([{"id": i} for i in range(1, 301)])
    result = operate(sim, "server_info")
    assert len(result["servers"]) == 300 and result["api"] == {"reads": 1, "writes": 0, "waited_seconds": 0.0}
    assert set(result["servers"][0]) == {"id", "product", "service_status"} and not result["changed"]


def test_details_cost_one_more_read_a_server(simulator, operate):
    result = operate(simulator(FLEET), "server_info", details=True)
    fred, suspended, unknown = result["servers"]
    assert result["api"]["reads"] == 4
    assert (fred["name"], fred["current_state"], fred["limits"]["memory_mb"]) == ("Fred's Minecraft", "running", 4096)
    assert suspended["service_status"] == "suspended" and suspended["current_state"] == "offline"
    assert unknown["current_state"] is None and unknown["resources"] is None


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"server_ids": [1290, 1234]}, [1290, 1234]),
        ({"server_ids": [1234, 1234]}, [1234]),
        ({"product": "^Palworld"}, [1290, 1300]),
        ({"product": "[48] GB$", "service_status": "active"}, [1234, 1300]),
        ({"service_status": "suspended"}, [1290]),
        ({"server_ids": [1234, 1290], "product": "Palworld"}, [1290]),
    ],
)
def test_servers_are_filtered_by_id_product_and_billing(simulator, operate, options, found):
    assert ids(operate(simulator(FLEET), "server_info", **options)) == found


def test_filters_are_applied_before_details_are_read(simulator, operate):
    result = operate(simulator(FLEET), "server_info", details=True, product="Minecraft")
    assert ids(result) == [1234] and result["api"]["reads"] == 2


def test_missing_server_fails_or_is_reported(simulator, operate):
    sim = simulator([*FLEET, {"id": 5, "customer": "other"}])
    result = operate(sim, "server_info", server_ids=[1234, 5, 99])
    assert result["failed"] and "5, 99" in result["msg"] and result["not_found"] == [5, 99], result
    result = operate(sim, "server_info", server_ids=[1234, 5, 99], missing="report")
    assert not result.get("failed") and ids(result) == [1234] and result["not_found"] == [5, 99], result


def test_details_are_read_in_parallel(simulator, operate):
    sim = simulator([{"id": i} for i in range(1, 17)])
    sim.fault(method="GET", path=r"/\d+$", delay=2.0)
    result = operate(sim, "server_info", details=True)
    times = [request["time"] for request in sim.requests()[1:]]
    # The second was sent before the first had its answer.
    assert len(ids(result)) == 16 and sum(at - times[0] < 2.0 for at in times) >= 4


def test_reads_beyond_the_quota_wait_for_their_slots(simulator, operate):
    sim = simulator([{"id": i} for i in range(1, 13)], read_limit=5)
    result = operate(sim, "server_info", details=True, read_limit=5)
    assert len(ids(result)) == 12 and result["api"]["waited_seconds"] > 0
    assert {request["status"] for request in sim.requests()} == {200}


def test_large_fleet_is_read_with_a_short_max_wait(simulator, operate):
    sim = simulator([{"id": i} for i in range(1, 151)], speed=30)
    result = operate(sim, "server_info", details=True, max_wait=sim.seconds(300))
    assert not result.get("failed") and len(ids(result)) == 150, result


def test_server_whose_node_is_down_is_retried_after_retry_after(simulator, operate):
    sim = simulator(FLEET)
    sim.fault(path="/1234$", status=503, headers={"Retry-After": "1"}, count=1)
    result = operate(sim, "server_info", details=True)
    first, again = [request["time"] for request in sim.requests() if request["path"].endswith("/1234")]
    assert result["servers"][0]["current_state"] == "running" and again - first >= 1.0, result


@pytest.mark.parametrize(
    ("options", "named"), [({"product": "("}, "product"), ({"server_ids": [0]}, "server_ids"), ({"server_ids": [-5]}, "server_ids")]
)
def test_bad_input_is_refused_by_name_before_any_request(simulator, operate, options, named):
    sim = simulator(FLEET)
    result = operate(sim, "server_info", **options)
    assert result["failed"] and result["msg"].startswith(named) and not sim.requests(), result

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of an inventory: their names, their variables, and how a cache keeps them."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._api.models import ServerSummary
from ansible_collections.serverprism.cloud.plugins.module_utils._inventory import FleetServer, host_names, variables

FLEET = [FleetServer(ServerSummary(number, "Minecraft 4 GB", "active")) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["", "", ""], ["minecraft-4-gb-1", "minecraft-4-gb-2", "minecraft-4-gb-3"]),
        (["fred", "a:b,&!\n[c]", "-.-"], ["fred", "a-b-c", "minecraft-4-gb-3"]),
        (["same", "same", "other"], ["same-1", "same-2", "other"]),
        # An appended ID meets a name that was given.
        (["same", "same", "same-1"], ["server-1-same-1", "same-2", "server-3-same-1"]),
    ],
)
def test_every_host_has_a_safe_name_of_its_own(given, names):
    assert host_names(FLEET, given) == names


def test_no_host_is_called_as_a_group_or_as_what_ansible_has_a_meaning_for():
    assert host_names(FLEET, ["All", "localhost", "lobby"], {"lobby"}) == ["All-1", "localhost-2", "lobby-3"]
    assert host_names(FLEET, ["lobby", "x", "y"], {"lobby", "lobby-1"}) == ["server-1-lobby-1", "x", "y"]


def test_what_was_not_read_is_no_variable():
    assert variables(FLEET[0]) == {"serverprism_id": 1, "serverprism_product": "Minecraft 4 GB", "serverprism_service_status": "active"}
    assert variables(FleetServer(FLEET[0].summary, {"name": "n", "state": None}))["serverprism_state"] is None


def test_a_cache_gives_back_what_it_was_given():
    server = FleetServer(FLEET[0].summary, {"name": "n"})
    assert FleetServer.from_dict(server.as_dict()) == server


@pytest.mark.parametrize("row", [{}, {"id": "x", "product": "", "service_status": "", "details": None}, None])
def test_a_cache_that_holds_something_else_is_refused(row):
    with pytest.raises((KeyError, TypeError, ValueError)):
        FleetServer.from_dict(row)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of an inventory: their names and variables."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._inventory import host_names, variables

FLEET = [{"id": number, "product": "Minecraft 4 GB", "service_status": "active"} for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["", "", ""], ["minecraft-4-gb-1", "minecraft-4-gb-2", "minecraft-4-gb-3"]),
        (["fred", "a:b,&!\n[c]", "-.-"], ["fred", "a-b-c", "minecraft-4-gb-3"]),
        (["same", "same", "other"], ["same-1", "same-2", "other"]),
        # A name with an appended ID is equal to a given name.
        (["same", "same", "same-1"], ["server-1-same-1", "same-2", "server-3-same-1"]),
    ],
)
def test_host_names_are_safe_and_unique(given, names):
    assert host_names(FLEET, given) == names


def test_host_names_differ_from_groups_and_reserved_names():
    assert host_names(FLEET, ["All", "localhost", "lobby"], {"lobby"}) == ["All-1", "localhost-2", "lobby-3"]
    assert host_names(FLEET, ["lobby", "x", "y"], {"lobby", "lobby-1"}) == ["server-1-lobby-1", "x", "y"]


def test_unread_details_are_not_variables():
    assert variables(FLEET[0]) == {"serverprism_id": 1, "serverprism_product": "Minecraft 4 GB", "serverprism_service_status": "active"}
    assert variables({**FLEET[0], "name": "n", "current_state": None})["serverprism_state"] is None

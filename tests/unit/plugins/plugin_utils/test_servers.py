# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.plugin_utils._servers import duplicates, server_id_of


@pytest.mark.parametrize(
    ("value", "server_id"),
    [
        (7, 7),
        ("7", 7),
        ("7 ", 7),
        (7.0, 7),
        ("7.0", 7),
        (0, 0),
        (-7, 0),
        ("abc", 0),
        (None, 0),
        ("", 0),
        ([], 0),
        ("inf", 0),
        ("nan", 0),
        (1290.7, 0),
        ("1290.7", 0),
        (True, 0),
    ],
)
def test_server_id_is_a_positive_integer(value, server_id):
    assert server_id_of({"serverprism_id": value}, ["serverprism_id"]) == server_id


def test_server_id_comes_from_the_first_variable_that_is_set():
    names = ["maintenance_server_id", "serverprism_id"]
    assert server_id_of({"maintenance_server_id": 1, "serverprism_id": 2}, names) == 1
    assert server_id_of({"maintenance_server_id": None, "serverprism_id": 2}, names) == 2
    assert server_id_of({}, names) == 0


def test_each_host_of_a_shared_server_has_an_error():
    assert duplicates({"a": 1, "b": 2, "c": 0, "d": 0}) == {}
    errors = {host: str(error) for host, error in duplicates({"c": 1, "b": 2, "d": 2, "a": 1, "e": 3}).items()}
    assert set(errors) == {"a", "b", "c", "d"} and errors["a"] == errors["c"] and errors["b"] == errors["d"]
    assert "server 1 belongs to more than one host of this run: a, c. Leave all but one of them out" in errors["a"]

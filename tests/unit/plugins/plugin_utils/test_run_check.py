# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of a playbook is checked before anything is sent."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import HostVariables
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import PLAYBOOKS, check_hosts

GOOD = {"announce": {"announce_text": "hello"}, "power": {"power_state": "stopped"}}


def check(name, **hosts):
    """Check a run of hosts with these variables. Each has a server."""
    check_hosts(PLAYBOOKS[name], {host: HostVariables({"serverprism_id": ord(host), **values}) for host, values in hosts.items()})


@pytest.mark.parametrize("name", GOOD)
def test_server_that_is_two_hosts_is_refused(name):
    with pytest.raises(BadOption, match="serverprism_id: server 1 is more than one host of this run: a, b"):
        check(name, a={**GOOD[name], "serverprism_id": 1}, b={**GOOD[name], "serverprism_id": "1"})


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("power", {}, "missing required arguments: power_state"),
        ("power", {"power_state": ""}, "missing required arguments: power_state"),
        ("power", {"power_state": "rebooted"}, "value of power_state must be one of"),
        ("power", {**GOOD["power"], "power_wait_timeout": 0}, "power_wait_timeout: 0.0 is not"),
        ("power", {**GOOD["power"], "power_kill_after": "soon"}, "argument 'power_kill_after' is of type str"),
        ("power", {**GOOD["power"], "serverprism_id": "abc"}, "serverprism_id: 0 is not a service ID"),
        ("announce", {}, "missing required arguments: announce_text"),
        ("announce", {"announce_text": " "}, "announce_text: is empty"),
        ("announce", {"announce_text": "a\nb"}, "announce_text: holds a line break"),
        ("announce", {"announce_text": "x" * 1025}, "announce_text: has 1025 characters"),
        ("announce", {"announce_text": "{time}"}, "announce_text: {time} has no meaning"),
        ("announce", {"announce_text": "x", "announce_command": "say x"}, "announce_command: has no {text}"),
    ],
)
def test_problem_of_all_hosts_is_refused_once_and_that_of_one_is_left_to_its_task(name, values, problem):
    with pytest.raises(ServerPrismError) as refused:
        check(name, a=values)
    assert str(refused.value).startswith(problem)
    check(name, a=values, b=GOOD[name])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("power", {"power_state": "stopped", "power_kill_after": "", "power_wait": None, "power_wait_timeout": "90"}),
        ("announce", {"announce_text": 20260504, "announce_command": None}),
        ("announce", {"announce_text": "{name}", "announce_command": "Broadcast {text_}"}),
    ],
)
def test_good_and_empty_variables_pass(name, values):
    check(name, a=values)


def test_variable_that_cannot_be_templated_refuses_the_run():
    """A task would take it for one that is not set, and do something else than was meant."""
    broken = HostVariables({"serverprism_id": 1, **GOOD["power"]}, {"power_kill_after": "x is undefined"})
    good = HostVariables({"serverprism_id": 2, **GOOD["power"]})
    with pytest.raises(ServerPrismError, match=r"^power_kill_after: x is undefined\.$"):
        check_hosts(PLAYBOOKS["power"], {"a": broken})
    with pytest.raises(ServerPrismError, match=r"^a: power_kill_after: x is undefined\.$"):
        check_hosts(PLAYBOOKS["power"], {"a": broken, "b": good})


def test_each_problem_is_named_once_with_its_hosts():
    with pytest.raises(ServerPrismError) as refused:
        check("announce", a={}, b={}, c={**GOOD["announce"], "announce_command": "x"}, d={}, e={}, f={}, g={}, h={})
    said = str(refused.value)
    assert said.startswith("a, b, d, e, f and 2 others: missing required arguments: announce_text") and "c: announce_command: " in said

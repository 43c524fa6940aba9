# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run, taken from the variables of their hosts."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _orders as orders
from ansible_collections.serverprism.cloud.plugins.plugin_utils._orders import Order

BEGAN = 1_777_860_000.0  # 2026-05-04 02:00 UTC
ACCESS = {"api_token": "the-token"}


def take(errors=None, access=None, **values):
    return orders.take("alpha", {"serverprism_id": 7, **values}, errors or {}, ACCESS if access is None else access, BEGAN)


def test_host_with_an_id_has_an_order_with_the_defaults():
    order = take()
    assert order.refused is None and order.server_id == 7 and order.host == "alpha"
    assert order.params["state"] == "restarted" and order.params["announcements"] is None and order.params["api_token"] == "the-token"


def test_variables_become_options():
    order = take(
        maintenance_state="stopped",
        maintenance_announcements=[{"before": "1m", "text": "hi"}],
        maintenance_commands=["save"],
        maintenance_command_wait="2.5",
        maintenance_game="rust",
    )
    assert order.refused is None
    expected = {"state": "stopped", "commands": ["save"], "command_wait": 2.5, "game": "rust"}
    assert {name: order.params[name] for name in expected} == expected
    assert order.params["announcements"] == [{"before": "1m", "text": "hi"}]


@pytest.mark.parametrize("value", [None, ""])
def test_empty_variable_counts_as_not_set(value):
    order = take(maintenance_cancel_text=value, maintenance_announce_command=value)
    assert order.refused is None and order.params["cancel_text"] == take().params["cancel_text"]


def test_empty_list_means_none():
    order = take(maintenance_announcements=[], maintenance_commands=[])
    assert order.params["announcements"] == [] and order.params["commands"] == []


@pytest.mark.parametrize(
    ("values", "server_id"),
    [
        ({"serverprism_id": 7, "maintenance_server_id": 8}, 8),
        ({"serverprism_id": 1290.0}, 1290),
        ({"serverprism_id": " 1290 "}, 1290),
    ],
)
def test_server_id(values, server_id):
    assert take(**values).server_id == server_id


@pytest.mark.parametrize("value", [None, "", 0, -1, "alpha", [], "nan", "inf"])
def test_host_without_a_server_is_refused(value):
    order = take(serverprism_id=value)
    assert "maintenance_server_id: host alpha has no server. Set serverprism_id" in str(order.refused) and order.server_id == 0


@pytest.mark.parametrize(("value", "text"), [(20260504, "20260504"), ("CHG-7", "CHG-7")])
def test_maintenance_id_is_a_text(value, text):
    assert take(maintenance_maintenance_id=value).refused is None
    assert take(maintenance_id=value).params["maintenance_id"] == text


@pytest.mark.parametrize(
    ("values", "product"),
    [
        ({}, None),
        ({"serverprism_product": "Rust"}, "Rust"),
        ({"serverprism_product": "Rust", "maintenance_product": "Valheim"}, "Valheim"),
    ],
)
def test_product(values, product):
    assert take(**values).params["product"] == product


def test_variables_of_a_host_win_over_the_options_of_the_api():
    access = {"api_token": "common", "max_wait": 10.0}
    order = take(access=access, serverprism_api_token="own")
    assert (order.params["api_token"], order.params["max_wait"]) == ("own", 10.0)


def test_token_is_not_in_the_representation():
    assert "the-token" not in repr(take())


def test_variable_that_cannot_be_templated_is_refused_with_its_name():
    order = take(errors={"maintenance_commands": "'nothing' is undefined"})
    assert str(order.refused) == "maintenance_commands: 'nothing' is undefined."


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"maintenance_state": "paused"}, "value of maintenance_state must be one of: restarted, stopped"),
        ({"maintenance_announcements": [{"before": "soon", "text": "x"}]}, "announcements[0].before"),
        ({"maintenance_announcements": [{"text": "x"}]}, "before"),
        (
            {"maintenance_announcements": "Restart soon"},
            'maintenance_announcements: must be a list such as [{before: 5m, text: "{action} in {remaining}."}]. With -e,',
        ),
        ({"maintenance_wait_timeout": "-1"}, "wait_timeout"),
        ({"maintenance_cancel_text": " "}, "cancel_text"),
        ({"maintenance_timezone": "Mars/Olympus"}, "Mars/Olympus"),
        (
            {"maintenance_at": "03:00", "maintenance_start": "02:00"},
            "at: is the time of the restart, and start that of",
        ),
        ({"maintenance_at": "2026-05-04T03:00:00Z", "maintenance_deadline": "2026-05-04T02:59:00Z"}, "deadline: must not be before at"),
        ({"maintenance_start": "2026-05-03T03:00:00Z"}, "start: 2026-05-03 03:00:00 UTC is in the past. Set a time in the future"),
        ({"maintenance_at": "2026-05-03T03:00:00Z", "maintenance_deadline": "2026-05-03T04:00:00Z"}, "at: 2026-05-03 03:00:00 UTC is in"),
        ({"maintenance_reason": "a\nb"}, "maintenance_reason: contains a line break"),
        ({"maintenance_reason": " "}, "maintenance_reason: is empty"),
        ({"maintenance_reason": "for {name}"}, "maintenance_reason: must not contain placeholders such as {name}."),
        ({"maintenance_cancel_text": "({reason})"}, "maintenance_cancel_text: contains only {reason}, and no reason is set. Set one"),
        (
            {"maintenance_announcements": [{"before": "1m", "text": "{reason}"}]},
            "maintenance_announcements[0].text: contains only {reason}",
        ),
        (
            {"maintenance_announcements": [{"before": "1m", "text": "x {reason}"}], "maintenance_reason": "x" * 1020},
            "maintenance_announcements[0].text: must have at most 1024 characters",
        ),
        ({"maintenance_verify_tasks": "verify.yml"}, "maintenance_verify_tasks: "),
        ({"maintenance_verify_tasks": "/nowhere/verify.yml"}, "maintenance_verify_tasks: /nowhere/verify.yml is not a file"),
    ],
)
def test_bad_option_refuses_the_order(values, words):
    order = take(**values)
    assert words in str(order.refused)


@pytest.mark.parametrize(
    "values",
    [
        {"maintenance_start": "2026-05-03T15:00:00Z"},
        {"maintenance_start": "2026-05-01T15:00:00Z", "maintenance_deadline": "2026-05-04T03:00:00Z"},
        {"maintenance_at": "", "maintenance_start": "03:00"},
    ],
)
def test_start_that_can_be_meant_is_accepted(values):
    assert take(**values).refused is None


def test_missing_token_refuses_the_order(monkeypatch):
    monkeypatch.delenv("SERVERPRISM_API_TOKEN", raising=False)
    assert "api_token" in str(take(access={}).refused)


def test_verify_tasks_that_exist_are_accepted(tmp_path):
    path = tmp_path / "verify.yml"
    path.write_text("[]")
    assert take(maintenance_verify_tasks=str(path)).refused is None


def test_time_of_day_is_relative_to_the_start_of_the_run():
    assert take(maintenance_start="03:00").params["start"] == "2026-05-04T03:00:00.000000Z"


def test_at_is_the_next_occurrence_and_leaves_start_alone():
    params = take(maintenance_at="03:00", maintenance_deadline="04:00").params
    assert (params["at"], params["start"], params["deadline"]) == ("2026-05-04T03:00:00.000000Z", None, "2026-05-04T04:00:00.000000Z")


class Lazy(list):
    """A list like those of Ansible, which template their elements when they are read."""


def test_plain_values_are_deep_copies():
    given = Lazy([{"a": Lazy([1, {"b": (2, 3)}])}, "text", None])
    out = orders.plain(given)
    assert out == [{"a": [1, {"b": [2, 3]}]}, "text", None]
    assert not isinstance(out, Lazy) and not isinstance(out[0]["a"], Lazy)


def order(host, server_id, **params):
    return Order(host, {"server_id": server_id, **params})


def test_duplicate_server_is_refused_on_each_host():
    given = [order("b", 1), order("a", 1), order("c", 2), Order("d"), Order("e")]
    orders.refuse_duplicates(given)
    words = "serverprism_id: server 1 belongs to more than one host of this run: a, b. Leave all but one of them out, with --limit."
    assert [str(one.refused) if one.refused else None for one in given] == [words, words, None, None, None]


def completed(products, **values):
    """Complete the order of a host, and return it and how often the products were read."""
    reads = []

    def read(params):
        reads.append(params)
        if isinstance(products, Exception):
            raise products
        return products

    one = take(**values)
    orders.complete([one], read)
    return one, len(reads)


def test_product_from_the_list_gives_the_commands():
    one, reads = completed({7: "Minecraft Java 4 GB"})
    assert reads == 1 and one.params["commands"] == ["save-all"] and one.params["announce_command"] == "say {text}"
    assert one.notice == "" and one.refused is None


@pytest.mark.parametrize(
    "values",
    [
        {"maintenance_game": "minecraft"},
        {"serverprism_product": "Minecraft"},
        {"maintenance_announce_command": "say {text}", "maintenance_commands": ["save-all"], "maintenance_announcements": []},
    ],
)
def test_list_is_not_read_if_the_product_is_not_needed(values):
    one, reads = completed({}, **values)
    assert reads == 0 and one.refused is None and one.params["commands"] == ["save-all"]


def test_server_that_is_not_listed_is_refused():
    one, _reads = completed({8: "Rust"})
    assert str(one.refused).startswith("Server 7: not found, or not owned by the customer of this token.")


def test_list_that_cannot_be_read_refuses_the_order():
    one, _reads = completed(ServerPrismError("the token is wrong"))
    assert str(one.refused) == "the token is wrong"


def test_unknown_product_has_a_notice():
    one, _reads = completed({7: "A new game"})
    assert one.refused is None and 'No known game matches the product "A new game"' in one.notice


def test_refused_order_is_not_completed():
    one = take(serverprism_id="")
    refused = one.refused
    orders.complete([one], lambda params: pytest.fail("read"))
    assert one.refused is refused


def test_announcements_that_a_command_makes_too_long_are_refused_after_the_game_is_known():
    one, _reads = completed({7: "Palworld"}, maintenance_announcements=[{"before": "1m", "text": "x" * 5000}])
    assert "announcements[0].text" in str(one.refused)


@pytest.mark.parametrize(("value", "number"), [(None, None), ("", None), (0, None), ("0", None), (3, 3), ("3", 3)])
def test_max_failures(value, number):
    assert orders.max_failures(value) == number


@pytest.mark.parametrize("value", [-1, "many", "1.5", [1]])
def test_bad_max_failures_is_refused(value):
    with pytest.raises(BadOption, match="maintenance_max_failures: must be a number of servers, 1 or greater, got "):
        orders.max_failures(value)


def test_options_of_the_api_are_picked_from_those_of_a_task():
    given = {"api_url": "https://api", "api_token": "", "ledger": None, "max_wait": 0, "state": "stopped"}
    assert orders.access_of(given) == {"api_url": "https://api", "max_wait": 0}

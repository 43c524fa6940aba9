# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A text for players is sent at most once, with the console command of the game."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._announce import OPERATION


def announce(api, text="hello", **options):
    return virtual.operate(api, OPERATION, server_id=1, text=text, **{"game": "auto", **options})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"text": " "}, "text: is empty"),
        ({"text": "a\nstop"}, "text: contains a line break"),
        ({"text": "x" * 1025}, "text: must have at most 1024 characters, got 1025"),
        ({"text": "back at {time}"}, "text: {time} cannot be used here"),
        ({"announce_command": ""}, "announce_command: is empty"),
        ({"announce_command": "say x"}, "announce_command: must contain {text}, the place of the text for the players."),
        ({"announce_command": "say {text} {name}"}, "announce_command: {name} cannot be used here"),
    ],
)
def test_bad_option_is_refused_before_the_first_request(options, problem):
    api = virtual.api({"id": 1})
    result = announce(api, **options)
    assert result["failed"] and result["msg"].startswith(problem) and api.clock.time == 1_000_000.0, result


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "say hello"),
        ({"product": "Palworld 8 GB", "text": "hello there"}, "Broadcast hello_there"),
        ({"game": "7_days_to_die", "text": 'the "event"'}, "say \"the 'event'\""),
        ({"game": "generic"}, "say hello"),
        ({"game": "valheim", "announce_command": "shout {text}"}, "shout hello"),
        ({"game": "factorio", "text": "stop"}, "stop."),
        ({"text": "Welcome to {name}"}, "say Welcome to a, b"),
    ],
)
def test_announce_command_depends_on_the_game(options, line):
    api = virtual.api({"id": 1, "name": "a; b"})
    result = announce(api, **options)
    assert (result["changed"], result["sent"], result["command"], result["reason"]) == (True, True, line, None), result
    assert api.said() == [line]


@pytest.mark.parametrize(
    ("options", "requests"), [({}, 3), ({"game": "rust"}, 2), ({"product": "Rust"}, 2), ({"announce_command": "x {text}"}, 2)]
)
def test_list_of_servers_is_read_only_if_the_game_depends_on_it(options, requests):
    api, seen = virtual.api({"id": 1}), []
    api.fault = lambda method, path: seen.append(path)
    assert announce(api, **options)["sent"] and len(seen) == requests, seen


def test_offline_server_is_skipped():
    api = virtual.api({"id": 1, "state": "offline"})
    result = announce(api)
    assert (result["changed"], result["sent"], result["command"], result["reason"]) == (False, False, None, "offline"), result
    assert len(api.reads) == 1 and not api.said()


def test_game_that_stops_after_the_state_was_read_is_skipped():
    api = virtual.api({"id": 1})
    api.fault = lambda method, path: virtual.Fault(status=412, done=False) if method == "POST" else None
    result = announce(api)
    assert not result.get("failed") and not result["changed"] and not result["sent"] and result["reason"] == "offline", result


def test_game_without_a_console_is_skipped():
    api, said = virtual.api({"id": 1}), []
    result = announce(api, game="valheim", progress=said.append)
    reason = "Valheim takes no console commands: players are not told. If a mod adds a console, set announce_command."
    assert not result["changed"] and not result["sent"] and not api.said() and result["reason"] == reason and said == [reason], result


def test_unknown_game_gets_say_and_a_progress_line():
    api, said = virtual.api({"id": 1, "product": "A new game"}), []
    assert announce(api, progress=said.append)["sent"] and api.said() == ["say hello"]
    assert said[:-1] == [
        'No known game matches the product "A new game": players are warned with "say {text}". Set game, or announce_command.'
    ]


def test_check_mode_sends_nothing_and_diff_shows_the_line():
    api = virtual.api({"id": 1})
    result = announce(api, check_mode=True, diff=True)
    assert result["changed"] and not result["sent"] and not api.said(), result
    assert result["diff"] == {"before": "", "after": "say hello\n"} and result["command"] == "say hello"


def test_text_without_a_response_is_not_repeated_and_counts_as_changed():
    api = virtual.api({"id": 1})
    api.fault = lambda method, path: virtual.Fault(lost=True) if method == "POST" else None
    result = announce(api)
    assert result["failed"] and result["changed"] and not result["sent"] and len(api.said()) == 1, result
    assert result["command"] == "say hello" and "may have been" in result["msg"]


@pytest.mark.parametrize(("check_mode", "said"), [(False, "sent: say hello"), (True, "would send: say hello")])
def test_line_is_shown(check_mode, said):
    told = []
    announce(virtual.api({"id": 1}), check_mode=check_mode, progress=told.append)
    assert told[-1] == said

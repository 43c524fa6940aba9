# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of games, and how it completes the options of a maintenance."""

from __future__ import annotations

import re

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.games import (
    ANNOUNCEMENTS,
    CHOICES,
    GAMES,
    GENERIC,
    completed,
    game_of,
    named,
    notice,
    takes_commands,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.steps import (
    check_braces,
    has_text,
    parse_announcements,
    with_action,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._text import check_line

PRODUCTS = [
    ("Minecraft Java 4 GB", "minecraft"),
    ("Minecraft Bedrock 2 GB", "minecraft_bedrock"),
    ("Bedrock (Minecraft)", "minecraft_bedrock"),
    ("MINECRAFT", "minecraft"),
    ("minecraft-4gb", "minecraft"),
    ("Palworld 8 GB", "palworld"),
    ("Rust 8 GB", "rust"),
    ("ARK: Survival Ascended", "ark"),
    ("Valheim 4 GB", "valheim"),
    ("Terraria 1 GB", "terraria"),
    ("7 Days To Die (EU)", "7_days_to_die"),
    ("7-days_to--die", "7_days_to_die"),
    ("Project Zomboid 6 GB", "project_zomboid"),
    ("Factorio 2 GB", "factorio"),
    ("OpenTTD", "openttd"),
    ("Rust\nFactorio", "rust"),
]
UNKNOWN = ["", " ", "A new game", "Trust 4 GB", "Sparkling", "Arks", "Minecrafter", "7 Days 2 Die", "days to die 7", "Open TTD", "日本"]


def options(**params):
    unset = {"announce_command": None, "announcements": None, "commands": None, "done_text": None, "state": "restarted", "game": "auto"}
    return {**unset, **params}


@pytest.mark.parametrize(("product", "choice"), PRODUCTS)
def test_product_determines_the_game(product, choice):
    assert game_of(product) is GAMES[choice] is named("auto", product)


@pytest.mark.parametrize("product", UNKNOWN)
def test_unknown_product_gets_the_generic_command(product):
    assert game_of(product) is GENERIC is named("auto", product)
    assert completed(options(), GENERIC)["announce_command"] == "say {text}"
    assert completed(options(), GENERIC)["commands"] == []


def test_every_game_is_found_by_its_own_name():
    assert {choice: game_of(game.name).name for choice, game in GAMES.items()} == {choice: game.name for choice, game in GAMES.items()}


@pytest.mark.parametrize("choice", GAMES)
def test_named_game_is_used_for_any_product(choice):
    assert named(choice, "Valheim 4 GB") is named(choice, "") is GAMES[choice]


def test_generic_is_used_for_a_known_product():
    assert named("generic", "Valheim 4 GB") is GENERIC


def test_choices_are_auto_generic_and_each_game():
    assert CHOICES[:2] == ("auto", "generic") and len(set(CHOICES)) == len(CHOICES) == len(GAMES) + 2
    assert set(CHOICES[2:]) == {
        *("minecraft", "minecraft_bedrock", "palworld", "rust", "ark", "valheim", "terraria", "7_days_to_die", "project_zomboid"),
        *("factorio", "openttd"),
    }
    for choice, game in GAMES.items():
        assert choice == re.sub("[^a-z0-9]+", "_", game.name.lower())


@pytest.mark.parametrize("game", [*GAMES.values(), GENERIC], ids=lambda game: game.name)
def test_commands_of_a_game_are_valid_options(game):
    if game.announce_command is not None:
        check_line("announce_command", game.announce_command)
        check_braces("announce_command", game.announce_command, ("text", "text_"))
        assert has_text(game.announce_command)
    for command in game.commands:
        check_line("commands", command)


@pytest.mark.parametrize("game", GAMES.values(), ids=lambda game: game.name)
def test_every_game_has_a_source(game):
    assert game.sources and all(source.startswith("https://") for source in game.sources)


@pytest.mark.parametrize(("state", "event"), [("restarted", "Restart"), ("stopped", "Shutdown")])
def test_default_announcements_name_the_action(state, event):
    announcements = completed(options(state=state), GENERIC)["announcements"]
    assert [announcement.before for announcement in parse_announcements(announcements)] == [300, 60, 10]
    assert all(with_action(announcement["text"], state).startswith(f"{event} in {{remaining}}") for announcement in announcements)


def test_options_of_the_user_win():
    given_by_user = options(
        announce_command="shout {text}", announcements=[{"before": "1m", "text": "hi"}], commands=["flush"], done_text="back", start="04:00"
    )
    for game in (*GAMES.values(), GENERIC):
        assert completed(given_by_user, game) == given_by_user


def test_empty_list_means_none():
    out = completed(options(announcements=[], commands=[]), GAMES["minecraft"])
    assert out["announcements"] == [] and out["commands"] == [] and out["announce_command"] == "say {text}"


def test_options_of_the_user_are_not_changed():
    params = options()
    out = completed(params, GAMES["minecraft"])
    assert params == options() and out["commands"] == ["save-all"]
    out["commands"].append("stop")
    assert GAMES["minecraft"].commands == ("save-all",)


@pytest.mark.parametrize(
    "params", [{}, {"announcements": [{"before": "1m", "text": "hi"}], "commands": ["save"], "done_text": "back", "server_id": 7}], ids=str
)
def test_game_without_a_console_is_sent_nothing(params):
    out = completed(options(**params), GAMES["valheim"])
    assert not out["announcements"] and not out["commands"] and not out["done_text"]
    assert out == {**options(**params), "announcements": [], "commands": [], "done_text": None}


def test_announce_command_makes_a_game_without_a_console_take_commands():
    params = options(announce_command="broadcast {text}", done_text="back")
    out = completed(params, GAMES["valheim"])
    assert takes_commands(params, GAMES["valheim"]) and not takes_commands(options(), GAMES["valheim"])
    assert out == {**params, "announcements": list(ANNOUNCEMENTS), "commands": []}


NO_CONSOLE = (
    "Valheim takes no console commands: players are not warned and no commands are sent. The game saves when it stops. "
    "If a mod adds a console, set announce_command."
)
MATCHES_NONE = 'No known game matches the product "Spark": '


@pytest.mark.parametrize(
    ("product", "params", "text"),
    [
        ("Minecraft", {}, ""),
        ("Valheim", {}, NO_CONSOLE),
        ("Valheim", {"commands": ["save"]}, NO_CONSOLE),
        ("Valheim", {"announcements": []}, NO_CONSOLE),
        ("Valheim", {"announcements": [], "commands": [], "done_text": "back"}, NO_CONSOLE),
        ("Valheim", {"announcements": [], "commands": []}, ""),
        ("Valheim", {"announce_command": "broadcast {text}"}, ""),
        (
            "Spark",
            {},
            MATCHES_NONE + 'players are warned with "say {text}" and no save command is sent. Set game, or announce_command and commands.',
        ),
        ("Spark", {"commands": []}, MATCHES_NONE + 'players are warned with "say {text}". Set game, or announce_command.'),
        ("Spark", {"announce_command": "shout {text}"}, MATCHES_NONE + "no save command is sent. Set game, or commands."),
        ("Spark", {"announcements": []}, MATCHES_NONE + "no save command is sent. Set game, or commands."),
        ("Spark", {"announcements": [], "commands": []}, ""),
        ("Spark", {"announce_command": "shout {text}", "commands": ["flush"]}, ""),
        ("Spark", {"game": "generic"}, ""),
    ],
)
def test_notice(product, params, text):
    given_by_user = options(**params)
    assert notice(named(given_by_user["game"], product), product, given_by_user) == text

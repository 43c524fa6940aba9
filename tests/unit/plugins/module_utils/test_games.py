# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of games, and how it completes the options of a maintenance."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import yaml
from ansible.plugins.filter.core import regex_replace
from ansible_collections.serverprism.cloud.plugins.module_utils._command import check_line
from ansible_collections.serverprism.cloud.plugins.module_utils._games import (
    CHOICES,
    GAMES,
    GENERIC,
    completed,
    default_announcements,
    game_of,
    named,
    notice,
    takes_commands,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._timeline import check_braces, has_text, parse_announcements
from hypothesis import given
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parents[4]
VARS = ROOT / "roles" / "maintenance" / "vars" / "main.yml"
ROLE = yaml.safe_load(VARS.read_text()) if VARS.exists() else {}
needs_the_yaml_table = pytest.mark.skipif("__maintenance_profiles" not in ROLE, reason="the role has no table of its own any more")

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
    unset = {"announce_command": None, "announcements": None, "commands": None, "done_text": None, "state": "restarted"}
    return {**unset, **params}


@pytest.mark.parametrize(("product", "choice"), PRODUCTS)
def test_the_product_names_the_game(product, choice):
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


def test_the_choices_are_auto_generic_and_an_id_for_each_game():
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
def test_default_announcements_name_what_happens(state, event):
    announcements = default_announcements(state)
    assert [announcement.before for announcement in parse_announcements(announcements)] == [300, 60, 10]
    assert all(announcement["text"].startswith(f"{event} in {{remaining}}") for announcement in announcements)
    assert completed(options(state=state), GENERIC)["announcements"] == announcements


def test_what_the_user_set_wins():
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
    assert out == {**options(**params), "announce_command": "say {text}", "announcements": [], "commands": [], "done_text": None}


def test_announce_command_of_a_mod_makes_the_game_take_commands():
    params = options(announce_command="broadcast {text}", done_text="back")
    out = completed(params, GAMES["valheim"])
    assert takes_commands(params, GAMES["valheim"]) and not takes_commands(options(), GAMES["valheim"])
    assert out == {**params, "announcements": default_announcements("restarted"), "commands": []}


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
    assert notice(named(given_by_user.get("game", "auto"), product), product, given_by_user) == text


# As long as the role has a table of its own, both must say the same.


def of_the_role(name, **variables):
    """Return the value of a variable of the role, which may use others of the role that are given here."""
    environment = NativeEnvironment()
    environment.filters["regex_replace"] = regex_replace
    known = {key: value for key, value in ROLE.items() if not isinstance(value, str)}
    return environment.from_string(ROLE[name]).render({**known, **variables})


def game_of_the_role(product):
    profile = of_the_role("__maintenance_profile", __maintenance_product=product)
    return profile["game"], profile["word"].strip(), profile["announce_command"], tuple(profile["commands"])


@needs_the_yaml_table
def test_the_role_has_the_same_games_in_the_same_order():
    rows = [(one["game"], one["word"].strip(), one["announce_command"], tuple(one["commands"])) for one in ROLE["__maintenance_profiles"]]
    assert rows == [(game.name, game.words, game.announce_command, game.commands) for game in GAMES.values()]
    assert ROLE["__maintenance_unknown"] == {
        "game": GENERIC.name,
        "word": GENERIC.words,
        "announce_command": GENERIC.announce_command,
        "commands": list(GENERIC.commands),
    }


@needs_the_yaml_table
@given(
    st.sampled_from([*UNKNOWN, *(product for product, _choice in PRODUCTS)])
    | st.lists(st.sampled_from([*(game.words for game in GAMES.values()), "x", "4 GB"]) | st.text(max_size=2), max_size=4).map("".join)
)
def test_the_role_finds_the_same_game(product):
    game = game_of(product)
    assert game_of_the_role(product) == (game.name, game.words, game.announce_command, game.commands)


@needs_the_yaml_table
@pytest.mark.parametrize("state", ["restarted", "stopped"])
@pytest.mark.parametrize("game", [*GAMES.values(), GENERIC], ids=lambda game: game.name)
def test_the_role_completes_options_in_the_same_way(game, state):
    profile = {"game": game.name, "announce_command": game.announce_command, "commands": list(game.commands)}
    warnings = of_the_role("__maintenance_warnings", maintenance_state=state)
    assert warnings == default_announcements(state)
    values = {
        "announce_command": (None, "shout {text}"),
        "commands": (None, [], ["flush"]),
        "announcements": (None, [], [{"before": "1m", "text": "hi"}]),
    }
    for combination in itertools.product(*values.values()):
        params = options(state=state, **dict(zip(values, combination)))
        known = {f"maintenance_{name}": value for name, value in params.items()}
        known.update(__maintenance_profile=profile, __maintenance_warnings=warnings)
        can = takes_commands(params, game)
        expected = {
            "announcements": of_the_role("__maintenance_announcements", __maintenance_can_announce=can, **known),
            "commands": of_the_role("__maintenance_commands", **known),
            "announce_command": of_the_role("__maintenance_announce_command", **known),
        }
        if not can:
            # The role sends the user's own commands to a game without a console. They could not arrive.
            expected.update(commands=[], announce_command=GENERIC.announce_command)
        out = completed(params, game)
        assert {name: out[name] for name in expected} == expected, combination

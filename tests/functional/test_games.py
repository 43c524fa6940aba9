# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the commands of each game. They are repeated here, since a wrong command reaches nobody or stops a server."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance import games as _games
from documents import DOCS

# Game, a product, the line that warns, and the command that saves.
GAMES = [
    ("Minecraft Bedrock", "Minecraft Bedrock 2 GB", "say Restart in 1 second", []),
    ("Minecraft", "Minecraft Java 4 GB", "say Restart in 1 second", ["save-all"]),
    ("Palworld", "Palworld 8 GB", "Broadcast Restart_in_1_second", ["Save"]),
    ("Rust", "Rust 8 GB", "say Restart in 1 second", ["server.save"]),
    ("ARK", "ARK: Survival Ascended", "ServerChat Restart in 1 second", ["SaveWorld"]),
    ("Valheim", "Valheim 4 GB", None, []),
    ("Terraria", "Terraria 1 GB", "say Restart in 1 second", ["save"]),
    ("7 Days to Die", "7 Days To Die (EU)", 'say "Restart in 1 second"', ["saveworld"]),
    ("Project Zomboid", "Project Zomboid 6 GB", 'servermsg "Restart in 1 second"', ["save"]),
    ("Factorio", "Factorio 2 GB", "Restart in 1 second", ["/server-save"]),
    ("OpenTTD", "OpenTTD", 'say "Restart in 1 second"', ["save maintenance"]),
]
ENDS_A_SERVER = {
    *("stop", "quit", "exit", "end", "shutdown", "doexit", "halt", "close", "restart", "kill", "reboot", "off"),
    *("server.stop", "server.quit", "global.quit", "exit-nosave", "kickall", "kick", "ban", "banall", "destroywilddinos"),
}


def test_each_game_gets_its_own_commands(simulator, ansible):
    servers = [
        {"id": i, "product": product, "boot_seconds": 3.0, "stop_seconds": 2.0} for i, (_game, product, *_rest) in enumerate(GAMES, 1)
    ]
    sim, path = simulator(servers), ansible.folder / "inventory.json"
    quick = {"maintenance_announcements": [{"before": "1s", "text": "Restart in {remaining}"}], "maintenance_command_wait": 0.2}
    hosts = {f"h{server['id']}": {"serverprism_id": server["id"]} for server in servers}
    path.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**quick, "maintenance_poll_interval": 0.2}}}))
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(path), "-e", "maintenance_canary=0")
    assert run.rc == 0, run.output
    told = {game: sim.console(i) for i, (game, *_rest) in enumerate(GAMES, 1)}
    assert told == {game: [*([line] if line else []), *saves] for game, _product, line, saves in GAMES}


def test_every_game_is_in_the_table_above():
    assert [game.name for game in _games.GAMES.values()] == [game for game, *_rest in GAMES]


@pytest.mark.parametrize("game", _games.GAMES.values(), ids=lambda game: game.name)
def test_no_command_of_a_game_stops_a_server_or_kicks_players(game):
    for command in [game.announce_command or "say", *game.commands]:
        assert command.split()[0].lower().lstrip("/") not in ENDS_A_SERVER, command


def test_games_page_lists_every_game():
    table = re.findall(
        r"^    \* - (.*)\n      - (.*)\n      - (.*)\n      - (.*)$", (DOCS / "docsite" / "rst" / "games.rst").read_text(), re.MULTILINE
    )
    assert table[1:] == [
        (
            game.name,
            f"``{game.words}``",
            f"``{game.announce_command}``" if game.announce_command else "none",
            ", ".join(f"``{command}``" for command in game.commands) or "none",
        )
        for game in _games.GAMES.values()
    ]

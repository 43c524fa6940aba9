# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The console commands of games for messages to players and for saving. Pure. Private to this collection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

AUTO, GENERIC_CHOICE = "auto", "generic"


@dataclass(frozen=True)
class Game:
    """A game and its console commands.

    ``words`` must appear next to each other in the product. ``announce_command`` is None for a game that takes no console commands; such
    a game saves when it stops. ``sources`` are the pages that describe the commands.
    """

    name: str
    words: str
    announce_command: Optional[str]
    commands: Tuple[str, ...]
    sources: Tuple[str, ...]


# Most consoles know "say". No save command works in all games, and a graceful stop saves.
GENERIC_COMMAND = "say {text}"
GENERIC = Game("", "", GENERIC_COMMAND, (), ())

# By the choice of the option "game". The first game whose words are in the product is used, so Bedrock comes before Minecraft.
GAMES: Mapping[str, Game] = {
    "minecraft_bedrock": Game(
        "Minecraft Bedrock",
        "bedrock",
        "say {text}",
        # Bedrock saves when it stops. Its "save hold" is only for copying a running world.
        (),
        ("https://minecraft.wiki/w/Commands/say", "https://minecraft.wiki/w/Commands/save"),
    ),
    "minecraft": Game(
        "Minecraft",
        "minecraft",
        "say {text}",
        ("save-all",),
        ("https://minecraft.wiki/w/Commands/say", "https://minecraft.wiki/w/Commands/save"),
    ),
    "palworld": Game(
        "Palworld",
        "palworld",
        # Players see a broadcast only up to its first blank, so underscores join the words.
        "Broadcast {text_}",
        ("Save",),
        (
            "https://docs.palworldgame.com (page Commands)",
            "https://github.com/thijsvanloef/palworld-server-docker/issues/85",
            "https://github.com/gorcon/rcon-cli/issues/34",
        ),
    ),
    "rust": Game("Rust", "rust", "say {text}", ("server.save",), ("https://wiki.facepunch.com/rust (page Useful commands)",)),
    "ark": Game("ARK", "ark", "ServerChat {text}", ("SaveWorld",), ("https://ark.wiki.gg/wiki/Console_commands",)),
    "valheim": Game("Valheim", "valheim", None, (), ("https://valheim.com/support (A guide to dedicated servers)",)),
    "terraria": Game("Terraria", "terraria", "say {text}", ("save",), ("https://terraria.wiki.gg/wiki/Server",)),
    "7_days_to_die": Game(
        "7 Days to Die", "7 days to die", 'say "{text}"', ("saveworld",), ("https://7dtd.illy.bz/wiki/Console%20Commands",)
    ),
    "project_zomboid": Game("Project Zomboid", "zomboid", 'servermsg "{text}"', ("save",), ("https://pzwiki.net/wiki/Admin_commands",)),
    # Factorio shows players every line that is not a command.
    "factorio": Game("Factorio", "factorio", "{text}", ("/server-save",), ("https://wiki.factorio.com/Console",)),
    "openttd": Game("OpenTTD", "openttd", 'say "{text}"', ("save maintenance",), ("https://wiki.openttd.org (page Console commands)",)),
}

# The announcements of a user who set none.
ANNOUNCEMENTS = (
    {"before": "5m", "text": "{action} in {remaining}, at {time}."},
    {"before": "1m", "text": "{action} in {remaining}. Find a safe place."},
    {"before": "10s", "text": "{action} in {remaining}."},
)
CHOICES = (AUTO, GENERIC_CHOICE, *GAMES)


def game_of(product: str) -> Game:
    """Return the game that a product's name contains, or ``GENERIC``. Case and punctuation do not matter."""
    blanked = _blanked(product)
    return next((game for game in GAMES.values() if f" {game.words} " in blanked), GENERIC)


def named(choice: str, product: str) -> Game:
    """Return the game for a value of the option ``game``: one of ``CHOICES``. With ``auto`` the product decides."""
    if choice == AUTO:
        return game_of(product)
    return GENERIC if choice == GENERIC_CHOICE else GAMES[choice]


def needs_product(params: Mapping[str, Any]) -> bool:
    """Return True if the game matters for what is sent, and only the product tells which game it is. A module may lack some options."""
    unset = [name for name in ("announce_command", "commands", "announcements") if params.get(name, "") is None]
    return params["game"] == AUTO and bool(unset) and not params.get("product")


def takes_commands(params: Mapping[str, Any], game: Game) -> bool:
    """Return True if the server's console takes commands: the game has a console, or the user set ``announce_command``."""
    return params.get("announce_command") is not None or game.announce_command is not None


def completed(params: Mapping[str, Any], game: Game) -> Dict[str, Any]:
    """Return the options with the game's values for ``announce_command``, ``commands`` and ``announcements`` that are None.

    What the user set wins, and an empty list means none. A game that takes no console commands is sent nothing: no announcements, no
    commands and no ``done_text``, even if they are set. Its ``announce_command`` stays None.
    """
    out = dict(params)
    if not takes_commands(params, game):
        return {**out, "announcements": [], "commands": [], "done_text": None}
    if out.get("announce_command") is None:
        out["announce_command"] = game.announce_command
    if out.get("commands") is None:
        out["commands"] = list(game.commands)
    if out.get("announcements") is None:
        out["announcements"] = [] if params["game"] == GENERIC_CHOICE else list(ANNOUNCEMENTS)
    return out


def notice(game: Game, product: str, params: Mapping[str, Any]) -> str:
    """Return a notice about the game's commands for the operator, or an empty string. ``params`` are the options as the user set them.

    Nothing is said about commands that are not sent because the user wants none, or if the user chose ``game: generic``.
    """
    announces = params.get("announcements") != [] or bool(params.get("done_text"))
    if not takes_commands(params, game):
        if not announces and params.get("commands") == []:
            return ""
        return (
            f"{game.name} takes no console commands: players are not warned and no commands are sent. The game saves when it stops. "
            "If a mod adds a console, set announce_command."
        )
    if game is not GENERIC or params.get("game") == GENERIC_CHOICE:
        return ""
    guesses = []
    options = []
    if announces and params.get("announce_command") is None:
        guesses.append(f'players are warned with "{GENERIC.announce_command}"')
        options.append("announce_command")
    if params.get("commands", []) is None:
        guesses.append("no save command is sent")
        options.append("commands")
    if not guesses:
        return ""
    return f'No known game matches the product "{product}": {" and ".join(guesses)}. Set game, or {" and ".join(options)}.'


def _blanked(text: str) -> str:
    """Return the words of a text in lower case, with a blank before and after each."""
    return f" {re.sub('[^a-z0-9]+', ' ', text.lower())} "

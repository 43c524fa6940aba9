# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that choose the console commands of a game."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as ``serverprism.cloud.game``."""

    DOCUMENTATION = r"""
options:
  game:
    description:
      - The game of the server, which gives the console commands that other options do not set.
      - V(auto) takes the game whose name is in the O(product). If no known game is, texts are sent with C(say) and no save command is sent.
      - V(generic) sends texts with C(say), and only what the other options set.
      - A game that takes no console commands, such as Valheim, is sent none, unless O(announce_command) is set.
    type: str
    choices:
      - auto
      - generic
      - minecraft_bedrock
      - minecraft
      - palworld
      - rust
      - ark
      - valheim
      - terraria
      - 7_days_to_die
      - project_zomboid
      - factorio
      - openttd
    default: auto
  product:
    description:
      - The product as ServerPrism names it, such as C(Minecraft 4 GB).
      - The default is the host variable C(serverprism_product) with a local connection. If the product is needed and not known, the list of
        servers is read once.
    type: str
"""

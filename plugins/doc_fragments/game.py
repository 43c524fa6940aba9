# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that choose the console commands of a game."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment ``serverprism.cloud.game``."""

    DOCUMENTATION = r"""
options:
  game:
    description:
      - The game of the server. It provides the defaults of the options for console commands.
      - V(auto) finds the game in the O(product). If the product names no known game, texts are sent with C(say), and no save command is
        sent.
      - V(generic) sends texts with C(say) and only what the other options set.
      - Nothing is sent to a game without a console, such as Valheim, unless O(announce_command) is set.
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
      - The product name at ServerPrism, such as C(Minecraft 4 GB).
      - With a local connection, the default is the host variable C(serverprism_product). If the product is needed and unknown, the task
        reads the list of servers once.
    type: str
"""

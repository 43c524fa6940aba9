#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_announce
short_description: Send a text to the players of a server
version_added: 1.0.0
description:
  - Sends a text to the players of a running server with the console command of its game.
  - A server that is offline, or whose game has no console, is skipped.
  - The console returns no output. If it is unknown whether the text arrived, the task fails and says so. The text is never sent twice.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
  - serverprism.cloud.game
seealso:
  - module: serverprism.cloud.serverprism_command
    description: Sends a console command unchanged.
  - module: serverprism.cloud.serverprism_maintenance
    description: Announces, saves, restarts and verifies a server as one timeline.
attributes:
  diff_mode:
    support: full
    details:
      - Shows the console command.
  idempotent:
    support: none
    details:
      - The text is sent every time.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  text:
    description:
      - The text to send, one line of 1 to 1024 characters. V({name}) becomes the server's name.
      - The text is shortened if the console command would be longer than 1024 characters. Quotation marks that would end the command's own
        are replaced. A text that the game would take for its stop command gets a full stop.
    type: str
    required: true
  announce_command:
    description:
      - The console command that shows a text to players. V({text}) becomes the text.
      - V({text_}) becomes the text with underscores instead of spaces, for a game that shows only one word, such as Palworld.
      - The default is the command of the O(game).
    type: str
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: Announce an event to the players
  serverprism.cloud.serverprism_announce:
    server_id: 1234
    text: The event on {name} begins in ten minutes.
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
command:
  description: The console command with the text. Null if the server was skipped.
  type: str
  returned: always
  sample: say The event on Survival begins in ten minutes.
sent:
  description: True if the API accepted the command.
  type: bool
  returned: always
  sample: true
reason:
  description: The reason why the server was skipped. Null if it was not skipped.
  type: str
  returned: always
  sample: offline
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 2, writes: 1, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._announce import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

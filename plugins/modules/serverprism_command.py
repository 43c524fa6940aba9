#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_command
short_description: Send a console command to a server
version_added: 1.0.0
description:
  - Sends one command to the console of a running server.
  - The console returns no output. If it is unknown whether the command arrived, the task fails and says so. The command is never sent
    twice.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_announce
    description: Sends a text to the players with the console command of the game.
  - module: serverprism.cloud.serverprism_maintenance
    description: Announces, saves, restarts and verifies a server as one timeline.
  - module: serverprism.cloud.serverprism_power
    description: Starts, stops, restarts or kills a server without telling its players.
attributes:
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - The command is sent every time.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  command:
    description: The command to send, one line of 1 to 1024 characters.
    type: str
    required: true
  if_offline:
    description:
      - What to do if the server is offline. V(fail) fails the task, V(skip) sends nothing.
      - If the state is unknown, the command is sent. The API rejects a command to a game that is not running.
    type: str
    choices: [fail, skip]
    default: fail
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: Save the world
  serverprism.cloud.serverprism_command:
    server_id: 1234
    command: save-all
    if_offline: skip
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
command:
  description: The command.
  type: str
  returned: always
  sample: save-all
sent:
  description: True if the API accepted the command.
  type: bool
  returned: always
  sample: true
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 1, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._command import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_command
short_description: Send a console command to a server
version_added: 0.1.0
description:
  - Sends one command to the console of a running server, at most once.
  - No output ever comes back. After a failure that leaves it open whether the command arrived it is not repeated, and the error says so.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_maintenance
    description: Warns the players, saves, restarts and verifies, as one timeline.
  - module: serverprism.cloud.serverprism_power
    description: Brings a server to a state, without a word to its players.
attributes:
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - A console command is sent every time.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  command:
    description: The command, one line of 1 to 1024 characters.
    type: str
    required: true
  if_offline:
    description:
      - What to do when the game does not run.
      - Where its state is not known the command is sent all the same, since the API refuses it where the game does not run.
    type: str
    choices: [fail, skip]
    default: fail
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- name: Say something to the players
  serverprism.cloud.serverprism_command:
    server_id: 1234
    command: say Backups are running, it may lag for a minute
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
  sample: say hello
sent:
  description: Whether the API accepted it.
  type: bool
  returned: always
  sample: true
api:
  description: Requests made, every attempt counted, and the seconds spent waiting for the quota and for retries.
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

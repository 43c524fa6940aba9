#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_bring_back
short_description: Start a crashed server again, a few times at most
version_added: 0.1.0
description:
  - Waits until the node had time to restart the server by itself, looks, and starts the server if it is offline. Then it waits and looks
    again, until the server is up.
  - The starts of each server are counted in a file. If O(tries) starts within O(within) did not help, the task fails and the server stays
    down.
  - Nothing is sent to a server that is up, is being stopped, is suspended or whose state is unknown. It never sends C(kill).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_power
    description: Starts, stops, restarts or kills a server, without a count.
attributes:
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A server that is up is left alone.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  tries:
    description: The most starts of the server within O(within), by all runs together. Each start is one signal.
    type: int
    default: 3
  within:
    description: Seconds in which starts are counted.
    type: int
    default: 3600
  patience:
    description:
      - Seconds in which the node can bring the server back by itself, which it does unless the server crashed less than a minute before.
      - Use at least the O(status_cache), because a status may be so old.
    type: int
    default: 30
  verify:
    description: Seconds from a start to the next look, and never less than O(patience).
    type: float
    default: 60.0
  certain:
    description: Whether it is certain that the server crashed, as an event of C(server_state) says.
    type: bool
    default: true
  certain_only:
    description: Leave a server alone that may have been stopped on purpose, which is so if O(certain=false).
    type: bool
    default: false
  folder:
    description: The folder in which the starts are counted, one file for each server.
    type: str
    default: ~/.ansible/serverprism/bring_back
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- name: Start the server again if it is down
  serverprism.cloud.serverprism_bring_back:
    server_id: 1234
    tries: 2
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
before:
  description: The first state that was seen, C(offline), C(starting), C(running) or C(stopping). Null if none was.
  type: str
  returned: always
  sample: offline
after:
  description: The state at the last look, null if it was unknown. In check mode, the state that is expected.
  type: str
  returned: always
  sample: running
starts:
  description: Starts that this task sent, which includes one whose reply was lost.
  type: int
  returned: always
  sample: 1
msg:
  description: What became of the server.
  type: str
  returned: always
  sample: Server 1234 is up (running).
api:
  description: Requests made, every attempt counted, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 2, writes: 1, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module
from ansible_collections.serverprism.cloud.plugins.module_utils._power.bring_back import OPERATION


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

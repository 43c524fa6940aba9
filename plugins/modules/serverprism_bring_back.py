#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_bring_back
short_description: Start a crashed server, a limited number of times
version_added: 0.1.0
description:
  - Waits O(patience) seconds, in which the node can restart the server by itself. Then reads the state, and starts the server if it is
    offline. Repeats this until the server is up.
  - The starts of each server are counted in a file. If the server is offline again after O(tries) starts within O(within) seconds, the task
    fails and the server stays down.
  - Nothing is sent to a server that is up, is stopping, is suspended or whose state is unknown. The module never sends C(kill).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_power
    description: Starts, stops, restarts or kills a server. It does not count starts.
attributes:
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Nothing is sent to a server that is up.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  tries:
    description: The maximum number of starts of the server within O(within) seconds, counting all runs. Each start is one power signal.
    type: int
    default: 3
  within:
    description: The period in seconds in which starts are counted.
    type: int
    default: 3600
  patience:
    description:
      - The number of seconds to wait before the state is read. In this time the node can restart the server by itself. It does so unless
        the server also crashed within the minute before.
      - Use at least O(status_cache), because a status can be that old.
    type: int
    default: 30
  verify:
    description: The number of seconds between a start and the next read. At least O(patience) is used.
    type: float
    default: 60.0
  certain:
    description: Set to V(false) if the server may have been stopped on purpose. An event of C(server_state) has this value in C(certain).
    type: bool
    default: true
  certain_only:
    description: Send nothing if O(certain=false).
    type: bool
    default: false
  folder:
    description: The folder with the counts of starts, one file for each server.
    type: str
    default: ~/.ansible/serverprism/bring_back
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: Start the server if it is down
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
  description: The first known state, C(offline), C(starting), C(running) or C(stopping). Null if no state was known.
  type: str
  returned: always
  sample: offline
after:
  description: The state at the last read. Null if it was unknown. In check mode, the expected state.
  type: str
  returned: always
  sample: running
starts:
  description: The number of starts that this task sent, including a start whose response was lost.
  type: int
  returned: always
  sample: 1
msg:
  description: The result in one sentence.
  type: str
  returned: always
  sample: Server 1234 is up (running).
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
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

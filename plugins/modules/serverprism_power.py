#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_power
short_description: Start, stop, restart or kill a server
version_added: 1.0.0
description:
  - Starts, stops, restarts or kills a server, and returns whether there is evidence that it worked.
  - The module reads the state first. It sends nothing if the server is already in the requested state. If the state is unknown, it sends
    nothing and fails.
  - The API accepts every signal, including signals that the server ignores. Therefore a restart counts as confirmed only with evidence.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_maintenance
    description: Announces, saves, restarts and verifies a server as one timeline.
  - module: serverprism.cloud.serverprism_server_info
    description: Reads the state of servers and changes nothing.
attributes:
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=restarted) restarts the server every time. The other states are idempotent.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  state:
    description:
      - The state to reach.
      - V(started) starts a server that is offline.
      - V(stopped) stops the server. The game can save first.
      - V(restarted) stops the server and starts it again.
      - V(killed) ends the server at once. It loses everything that it did not save.
    type: str
    required: true
    choices: [started, stopped, restarted, killed]
  if_offline:
    description: What to do with O(state=restarted) if the server is offline.
    type: str
    choices: [start, skip, fail]
    default: start
  wait:
    description:
      - Wait until the server has reached the state. With V(false), RV(confirmed) is V(false) if a signal was sent.
      - A server that is stopping ignores signals other than C(kill). Therefore V(started) and V(restarted) always wait for a stop to end.
      - After a task with V(false), the next power or maintenance task for the same server waits until the status is certainly newer than
        the signal, up to O(status_cache) seconds.
    type: bool
    default: true
  wait_timeout:
    description:
      - The maximum number of seconds after the signal until the server is up or down. After that, the task fails with the last known state.
        C(changed) is V(true) if a signal was sent.
    type: float
    default: 600.0
  poll_interval:
    description:
      - The number of seconds between two reads of the state. Reads that could only return a cached status are left out, see
        O(status_cache).
    type: float
    default: 5.0
  running_when:
    description:
      - The state in which the server counts as up.
      - Use V(starting) for a game that never reports V(running) although people play on it.
    type: str
    choices: [running, starting]
    default: running
  kill_after:
    description:
      - Kill a server that is not down this number of seconds after a stop, or still stopping this number of seconds after a restart. By
        default, no server is killed.
      - For a server that is already stopping when the task begins, the seconds count from the first read.
      - A killed server loses everything that it did not save.
    type: float
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: Restart a server, but do not start it if it is offline
  serverprism.cloud.serverprism_power:
    server_id: 1234
    state: restarted
    if_offline: skip

- name: Stop a server, and kill it if it is not down after five minutes
  serverprism.cloud.serverprism_power:
    server_id: 1234
    state: stopped
    kill_after: 300
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
reason:
  description: The reason why nothing was sent, if it needs one. V(offline) with O(if_offline=skip).
  type: str
  returned: always
  sample: offline
confirmed:
  description:
    - True if there is evidence of the result. V(false) means that a signal was accepted, or that a start was already in progress, and
      nothing else is known.
  type: bool
  returned: always
  sample: true
evidence:
  description:
    - The evidence of the result. V(state) means that the state changed, or already was as requested. V(counters) means that the network
      counters fell, which happens only when a new process starts. V(none) means that there is no evidence.
  type: str
  returned: always
  sample: counters
downtime:
  description:
    - The number of seconds from the signal to the first read that showed the server up again. The real downtime is at most this long. Null
      if the server is not up.
  type: float
  returned: always
  sample: 41.2
before:
  description: The state before the task. Null if unknown.
  type: str
  returned: always
  sample: running
after:
  description: The last state that is certainly newer than the signal. Null if there is none.
  type: str
  returned: always
  sample: running
signal:
  description: The last signal sent. In check mode, the expected signal. Null if none was needed.
  type: str
  returned: always
  sample: restart
elapsed:
  description: The duration of the task in seconds.
  type: float
  returned: always
  sample: 42.0
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 1, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module
from ansible_collections.serverprism.cloud.plugins.module_utils._power.operation import OPERATION


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

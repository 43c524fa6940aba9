#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_power
short_description: Start, stop, restart or kill a server
version_added: 0.1.0
description:
  - Brings a server to a state and tells truly what came of it.
  - The state is read first. Nothing is sent when it is already so, or when it is unknown.
  - The API answers every signal in the same way, also one that it drops. So a restart counts as confirmed only on evidence.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_maintenance
    description: Warns the players, saves, restarts and verifies, as one timeline.
  - module: serverprism.cloud.serverprism_server_info
    description: Only looks.
attributes:
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=restarted) restarts every time. The other states are idempotent.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  state:
    description:
      - V(started), it runs or is about to.
      - V(stopped), it was stopped with the chance to save.
      - V(restarted), a new process runs.
      - V(killed), it is down at once; what it did not save is lost.
    type: str
    required: true
    choices: [started, stopped, restarted, killed]
  if_offline:
    description: What O(state=restarted) does to a server that is off.
    type: str
    choices: [start, skip, fail]
    default: start
  wait:
    description:
      - Wait until it is done. Without it RV(confirmed) is V(false) whenever a signal was sent.
      - While a server is stopping it takes no other signal, so V(started) and V(restarted) wait for the end of that all the same.
      - A later power or maintenance task on the same server then waits until its status is certainly newer than that signal, for
        O(status_cache) at most.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait, from the signal on, until the server is down or up.
      - When they are over the task fails, says the last state, and C(changed) is V(true) if a signal went out.
    type: float
    default: 600.0
  poll_interval:
    description:
      - Seconds between looks at the server. No look is made that could only show the status from before the last one,
        see O(status_cache).
    type: float
    default: 5.0
  running_when:
    description:
      - The state in which the server counts as up.
      - Some games never report V(running), although people play on them. For those write V(starting).
    type: str
    choices: [running, starting]
    default: running
  kill_after:
    description:
      - Send V(kill) to a server that is not down so many seconds after a stop, or still stopping so many seconds after a restart.
      - What it did not save is lost.
      - For a server that is already stopping when the task begins, the seconds count from the first look at it.
      - Without this option nothing is ever killed.
    type: float
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- name: Restart a server, but do not start one that is off
  serverprism.cloud.serverprism_power:
    server_id: 1234
    state: restarted
    if_offline: skip

- name: Stop a server, and kill it if it has not saved after five minutes
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
  description: Why nothing was done, where that needs a reason. V(offline) with O(if_offline=skip).
  type: str
  returned: always
  sample: offline
confirmed:
  description: Whether evidence proves the result. V(false) means that a signal was accepted, or a start was already under way, and nothing more is known.
  type: bool
  returned: always
  sample: true
evidence:
  description:
    - On what the proof rests. V(state), the state was seen to change (or already was as wanted).
      V(counters), the network counters fell, which only a new process makes them do. V(none), nothing was proven.
  type: str
  returned: always
  sample: counters
downtime:
  description: Seconds from the signal to the first look that showed the server up again, an upper bound; null if it is not.
  type: float
  returned: always
  sample: 41.2
before:
  description: The state before, null where it is unknown.
  type: str
  returned: always
  sample: running
after:
  description: The last state that is certainly newer than the signal, null where none was seen.
  type: str
  returned: always
  sample: running
signal:
  description: The last signal sent (or predicted in check mode), null where none was needed.
  type: str
  returned: always
  sample: restart
elapsed:
  description: Seconds that the task took.
  type: float
  returned: always
  sample: 42.0
api:
  description: Requests made, every attempt counted, and the seconds spent waiting for the quota and for retries.
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

#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_server_info
short_description: List servers and their state
version_added: 1.0.0
description:
  - Lists the servers of the customer that the token belongs to. With O(details), also returns their current state.
  - Without O(details) and O(server_ids), the task costs one read for any number of servers. Each server with details costs one more read,
    and the API allows 60 reads in a minute.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - plugin: serverprism.cloud.servers
    plugin_type: inventory
    description: Makes every server a host.
  - module: serverprism.cloud.serverprism_power
    description: Starts, stops, restarts or kills a server without telling its players.
attributes:
  diff_mode:
    support: N/A
    details:
      - Changes nothing.
  idempotent:
    support: full
    details:
      - Changes nothing.
options:
  server_ids:
    description: Return only these servers, always with details. By default, all servers are returned. An empty list returns none.
    type: list
    elements: int
    aliases: [server_id]
  details:
    description: Also return name, limits, resources and state of each server. Costs one read for each server.
    type: bool
    default: false
  service_status:
    description: Return only servers with this billing status, such as V(active) or V(suspended). The billing status is not the state.
    type: str
  product:
    description: Return only servers whose product matches this regular expression. Begin it with V((?i\)) to ignore case.
    type: str
  missing:
    description: What to do if some of the O(server_ids) do not exist. V(fail) fails the task, V(report) returns them in RV(not_found).
    type: str
    choices: [fail, report]
    default: fail
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: List all servers with one read
  serverprism.cloud.serverprism_server_info:
  register: fleet

- name: Read the state of one server
  serverprism.cloud.serverprism_server_info:
    server_id: 1234
  register: one

- name: Show its state
  ansible.builtin.debug:
    var: one.servers[0].current_state
"""

RETURN = r"""
servers:
  description:
    - The servers. RV(servers[].name), RV(servers[].limits), RV(servers[].resources) and RV(servers[].current_state) are returned only with
      details.
    - If several servers are read, and the node of one is unavailable or its record is not valid, these values are null for that server, and
      a warning names it. If only one server is read, the task fails instead.
  type: list
  elements: dict
  returned: always
  contains:
    id:
      description: The ID of the server.
      type: int
      returned: always
      sample: 1234
    product:
      description: The product.
      type: str
      returned: always
      sample: Minecraft 4 GB
    service_status:
      description: The billing status.
      type: str
      returned: always
      sample: active
    name:
      description: The name that the owner gave the server.
      type: str
      returned: with details
      sample: My Minecraft
    limits:
      description: The limits of memory, disk and CPU. 0 means unlimited.
      type: dict
      returned: with details
      sample: {memory_mb: 4096, disk_mb: 25600, cpu_percent: 200}
    resources:
      description: The current use. Null if the node did not return it.
      type: dict
      returned: with details
      sample:
        current_state: running
        memory_bytes: 2147483648
        cpu_absolute: 18.5
        disk_bytes: 7300000000
        network_rx_bytes: 12345678
        network_tx_bytes: 87654321
    current_state:
      description: V(offline), V(starting), V(running) or V(stopping). Null if unknown.
      type: str
      returned: with details
      sample: running
not_found:
  description: The O(server_ids) that do not exist.
  type: list
  elements: int
  returned: always
  sample: []
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 0, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._info import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

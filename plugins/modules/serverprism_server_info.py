#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_server_info
short_description: List servers and how they are
version_added: 0.1.0
description:
  - Lists the servers of the customer that the token belongs to, and on request how they are right now.
  - Without O(details) and O(server_ids) it costs one read, however many servers there are. Each server with details costs one more, and
    the API allows 60 a minute.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - plugin: serverprism.cloud.servers
    plugin_type: inventory
    description: Makes every server a host, for one read however many there are.
  - module: serverprism.cloud.serverprism_power
    description: Brings a server to a state, without a word to its players.
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
    description: Only these servers, always with details. Without it, all of them; an empty list gives none.
    type: list
    elements: int
    aliases: [server_id]
  details:
    description: Read name, limits and live use of each server as well, one read each.
    type: bool
    default: false
  service_status:
    description: Only servers with this billing status, such as V(active) or V(suspended). It says nothing of the run state.
    type: str
  product:
    description: Only servers whose product this regular expression finds something in. Case counts, unless it begins with V((?i\)).
    type: str
  missing:
    description: What to do about O(server_ids) that are not there.
    type: str
    choices: [fail, report]
    default: fail
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- name: List all servers, one read in all
  serverprism.cloud.serverprism_server_info:
  register: fleet

- name: See how one server is
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
    - The servers. RV(servers[].name), RV(servers[].limits), RV(servers[].resources) and RV(servers[].current_state) are there
      with details only. Where the record of one of several servers is not as promised, or its node is unavailable, they are null, and a
      warning names it. A server that is read alone is an error then.
  type: list
  elements: dict
  returned: always
  contains:
    id:
      description: The ID.
      type: int
      returned: always
      sample: 1234
    product:
      description: What was bought.
      type: str
      returned: always
      sample: Minecraft 4 GB
    service_status:
      description: The billing status.
      type: str
      returned: always
      sample: active
    name:
      description: The name its owner gave.
      type: str
      returned: with details
      sample: My Minecraft
    limits:
      description: What it may use; 0 means unlimited.
      type: dict
      returned: with details
      sample: {memory_mb: 4096, disk_mb: 25600, cpu_percent: 200}
    resources:
      description: Live use, null where the node did not tell.
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
      description: V(offline), V(starting), V(running), V(stopping), or null when unknown.
      type: str
      returned: with details
      sample: running
not_found:
  description: The O(server_ids) that are not there.
  type: list
  elements: int
  returned: always
  sample: []
api:
  description: Requests made, every attempt counted, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 1, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._info import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

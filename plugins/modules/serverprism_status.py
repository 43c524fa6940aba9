#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_status
short_description: Show how the servers of a run are
version_added: 0.1.0
description:
  - Shows a table of the servers of all hosts that match a pattern, and writes it to a file on request. Each host has the ID of its server
    in C(serverprism_id).
  - Reads the list of servers once, and the details of each server, of which the API allows 60 a minute.
  - Needs C(run_once). It is an action that runs on the controller, whatever the connection is.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_server_info
    description: Returns the same for any servers, without an inventory.
attributes:
  check_mode:
    support: full
    details:
      - Shows the table, and does not write the file.
  diff_mode:
    support: none
  idempotent:
    support: N/A
    details:
      - Changes no server. The file changes with them.
  async:
    support: none
options:
  hosts:
    description:
      - The pattern of the hosts, or a list of patterns. Hosts that the play leaves out, such as by C(--limit), are left out here.
      - The hosts must have the same C(serverprism_api_token) and C(serverprism_api_url). If set, these are used where O(api_token) and
        O(api_url) are not set.
    type: raw
    default: all
  path:
    description:
      - The file to write, whose name ends in C(.csv) or C(.json). A relative path starts at the working directory of C(ansible-playbook).
      - A new file gets the mode C(0600). An existing one keeps its owner and mode.
    type: str
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- name: Show the servers of one group
  serverprism.cloud.serverprism_status:
    hosts: event
    path: ~/event.csv
  run_once: true
"""

RETURN = r"""
servers:
  description: One element for each host, sorted by its name.
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: The name of the host.
      type: str
      returned: always
      sample: survival
    id:
      description: The ID of the server, null if the host has none.
      type: int
      returned: always
      sample: 1234
    problem:
      description: Why there is nothing more, V(not found) or V(no serverprism_id).
      type: str
      returned: if the server is not known
      sample: not found
    product:
      description:
        - The product. C(name), C(service_status), C(limits), C(resources) and C(current_state) are there as well, with the meaning they have
          in M(serverprism.cloud.serverprism_server_info).
      type: str
      returned: if the server is known
      sample: Minecraft 4 GB
api:
  description: Requests made, every attempt counted, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 0, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module
from ansible_collections.serverprism.cloud.plugins.module_utils._report.status import OPERATION


def main() -> None:
    """Refuse to run without the action."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

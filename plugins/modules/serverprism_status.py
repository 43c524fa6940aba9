#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_status
short_description: Show the state of the servers of an inventory
version_added: 1.0.0
description:
  - Shows a table of the servers of all hosts that match a pattern, and optionally writes it to a file. C(serverprism_id) of each host is
    the ID of its server.
  - Servers on hold are listed below the table, with the times of C(maintenance_timezone).
  - Costs one read for the list of servers and one read for each server. The API allows 60 reads in a minute.
  - Use it with C(run_once). It runs on the controller with any connection.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_server_info
    description: Returns the same data without an inventory.
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
      - Changes no server. The content of the file follows the state of the servers.
  async:
    support: none
options:
  hosts:
    description:
      - The host pattern, or a list of patterns. Hosts outside the play, such as by C(--limit), are ignored.
      - If O(api_token) or O(api_url) is not set, the host variables C(serverprism_api_token) and C(serverprism_api_url) are used. They must
        be the same for all hosts.
    type: raw
    default: all
  path:
    description:
      - The file to write. Its name must end in C(.csv) or C(.json). A relative path starts at the working directory of C(ansible-playbook).
      - A new file gets the mode C(0600). An existing file keeps its owner and mode.
    type: str
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: Show the servers of one group
  serverprism.cloud.serverprism_status:
    hosts: event
    path: ~/event.csv
  run_once: true
"""

RETURN = r"""
servers:
  description: One element for each host, sorted by host name.
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
      description: The ID of the server. Null if the host has none.
      type: int
      returned: always
      sample: 1234
    problem:
      description: The reason why the server could not be read, V(not found) or V(no serverprism_id).
      type: str
      returned: if the server could not be read
      sample: not found
    hold:
      description: Until when the server is on hold, by whom and why. See M(serverprism.cloud.serverprism_hold). It is not in a CSV file.
      type: str
      returned: if the server is on hold
      sample: "on hold until 12:00 CEST by anna@admin: tournament"
    product:
      description:
        - The product. The element also has C(name), C(service_status), C(limits), C(resources) and C(current_state), see
          M(serverprism.cloud.serverprism_server_info).
      type: str
      returned: if the server could be read
      sample: Minecraft 4 GB
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 0, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module
from ansible_collections.serverprism.cloud.plugins.module_utils._report.status import OPERATION


def main() -> None:
    """Fail if the module runs without its action."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_hold
short_description: Hold a server, so that no maintenance of it begins
version_added: 1.0.0
description:
  - Holds one server until a time, or ends a hold. Until then, runs of M(serverprism.cloud.serverprism_maintenance), of the role and of the
    playbook defer the server, and say until when it is on hold, by whom and why.
  - A countdown that is under way goes on, unless O(cancel=true).
  - Holds are stored in the O(ledger), so they apply to all runs with the same ledger and O(api_url). Other modules, such as
    M(serverprism.cloud.serverprism_power), ignore holds.
  - Sends nothing to the API. It is not checked whether the server exists.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_status
    description: Shows the holds on all servers of an inventory.
attributes:
  diff_mode:
    support: full
    details:
      - Shows the hold before and after.
  idempotent:
    support: full
    details:
      - V(HH:MM) in O(end) means another day on the next day.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  state:
    description:
      - V(present) holds the server, in place of an earlier hold.
      - V(absent) ends the hold.
    type: str
    choices: [present, absent]
    default: present
  end:
    description:
      - The end of the hold, as ISO 8601 or C(HH:MM), the next such time in O(timezone). It must be in the future, at most a year ahead.
      - Required with O(state=present).
    type: str
  timezone:
    description: The IANA time zone of O(end) and of the times in the output.
    type: str
    default: UTC
  reason:
    description: The reason, one line. Runs and their reports show it.
    type: str
  cancel:
    description:
      - Also cancel a countdown that is under way. Its players are told with the cancel text of the maintenance.
      - A run sees the hold before it sends its next line or its signal, and at most 15 seconds after it was set if players were warned.
    type: bool
    default: false
  api_token:
    description: Not used, because nothing is sent to the API.
    type: str
    required: false
"""

EXAMPLES = r"""
- name: Hold a server until noon
  serverprism.cloud.serverprism_hold:
    server_id: 1234
    end: "12:00"
    timezone: Europe/Berlin
    reason: a tournament

- name: End the hold
  serverprism.cloud.serverprism_hold:
    server_id: 1234
    state: absent
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
hold:
  description: The hold on the server after the task, in check mode the predicted one. Null if there is none.
  type: dict
  returned: always
  contains:
    until:
      description: The end of the hold, UTC, ISO 8601.
      type: str
      returned: always
      sample: "2026-05-04T10:00:00.000000Z"
    reason:
      description: The reason. Empty if none was given.
      type: str
      returned: always
      sample: a tournament
    by:
      description: The user and the machine that set the hold.
      type: str
      returned: always
      sample: anna@admin
    cancel:
      description: Whether countdowns that are under way are cancelled.
      type: bool
      returned: always
      sample: false
api:
  description: The number of requests, always 0, and the seconds spent waiting.
  type: dict
  returned: always
  sample: {reads: 0, writes: 0, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.hold import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

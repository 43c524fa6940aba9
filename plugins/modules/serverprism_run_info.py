#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_run_info
short_description: Show what a maintenance is doing, or write its report
version_added: 1.0.0
description:
  - Shows the state of each server of a run, while the run goes on or later, from another terminal or, with a O(ledger) in Redis, from another
    machine.
  - Reads the log of the run in the O(ledger), and sends nothing to the API. So no token is needed.
  - Use it with C(run_once). It runs on the controller with any connection.
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_run
    description: Maintains the servers of a run.
attributes:
  check_mode:
    support: full
    details:
      - Shows the run, and does not write the report.
  diff_mode:
    support: none
  idempotent:
    support: N/A
    details:
      - Changes no server. The report follows the log.
  async:
    support: none
options:
  run:
    description:
      - The ID of the run, which its plan shows. It is the C(maintenance_id), or was made from the time and the machine. The default is the
        newest run.
    type: str
  follow:
    description: Whether to wait until the run ends, and to show each change of a server's state.
    type: bool
    default: false
  report_dir:
    description: The folder for the report of the run.
    type: path
  report_formats:
    description: The formats of the report.
    type: list
    elements: str
    choices: [html, json, markdown, junit]
    default: [html, json]
  api_token:
    description: Not used, because nothing is sent to the API.
    type: str
    required: false
"""

EXAMPLES = r"""
- name: Show the newest run
  serverprism.cloud.serverprism_run_info:
  run_once: true

- name: Write the report of a run that was killed
  serverprism.cloud.serverprism_run_info:
    run: CHG-4711
    report_dir: report
  run_once: true
"""

RETURN = r"""
run:
  description: The ID of the run.
  type: str
  returned: success
  sample: CHG-4711
state:
  description:
    - V(running), V(ended), V(interrupted), or V(vanished) if its process on this machine is gone without a last word. Whether a process on
      another machine is alive is not known, so its run is V(running).
  type: str
  returned: success
  sample: running
plan:
  description: The plan of the run in one sentence.
  type: str
  returned: success
  sample: "12 servers, 60 writes: ends in about 8 minutes, at 03:08 UTC, limited by the quota. This run is CHG-4711."
timezone:
  description: The time zone of the run.
  type: str
  returned: success
  sample: Europe/Berlin
reason:
  description: The reason of the run. Empty if there is none.
  type: str
  returned: success
  sample: New map
begun:
  description: The time at which the run began, UTC.
  type: str
  returned: success
  sample: "2026-05-04T03:00:00.000000Z"
ends:
  description: The expected end of the run, UTC. Null if none was computed.
  type: str
  returned: success
  sample: "2026-05-04T03:08:00.000000Z"
servers:
  description:
    - One element for each server, as in C(report.json). While the run goes on, RV(servers[].outcome) of a server that has not ended is
      V(waiting), V(countdown), V(restarting), V(stopping), V(starting) or V(being killed).
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: The name of the host.
      type: str
      returned: always
      sample: survival
    outcome:
      description: The outcome of the server, or its state.
      type: str
      returned: always
      sample: countdown
summary:
  description: The state of each server as a list of lines.
  type: list
  elements: str
  returned: success
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module
from ansible_collections.serverprism.cloud.plugins.module_utils._report.run_info import OPERATION


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_run
short_description: Maintain the servers of many hosts as one run
version_added: 0.1.0
description:
  - The tasks of the role P(serverprism.cloud.maintenance#role) and of the playbook C(serverprism.cloud.maintenance). One process, the
    conductor, maintains the servers of all hosts. It shares the quota out, begins each server in time, and cancels every countdown when the
    run is interrupted.
  - The options of each server are the variables of its host, C(maintenance_*) and C(serverprism_*), as the role documents them.
  - Runs on the controller, whatever the connection is. For one server in a play of your own, use
    M(serverprism.cloud.serverprism_maintenance).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
seealso:
  - module: serverprism.cloud.serverprism_maintenance
    description: Maintains one server.
attributes:
  diff_mode:
    support: full
    details:
      - The outcome of each host shows its timeline, in check mode the plan.
  idempotent:
    support: none
    details:
      - Every run is a restart. A server that is off stays off.
  async:
    support: none
options:
  step:
    description:
      - The step of the run.
      - V(check) refuses a run of a O(playbook) that cannot work. No host matches, two hosts are the same server, the batches or the report
        folder cannot be used, a variable cannot be templated, or nothing can be sent to any host. Use it once, with C(run_once), before
        everything else.
      - V(join) says that the host takes part. Conditions of the role decide that for each host.
      - V(conduct) maintains the servers of all hosts that joined. Use it with C(run_once). It never fails because of one server.
      - V(outcome) returns the result of the host's server, and fails if the server failed.
      - V(report) shows what became of each server, and writes the report if O(report_dir) or C(maintenance_report_dir) is set. It fails if the
        deadline left out every server that had something to do. Use it with C(run_once).
      - V(join), V(conduct) and V(outcome) belong together, in this order, in one block or task file.
    type: str
    required: true
    choices: [check, join, conduct, outcome, report]
  playbook:
    description: For V(check), the playbook whose variables are checked, such as C(power_state) for V(power).
    type: str
    choices: [announce, maintenance, power]
    default: maintenance
  hosts:
    description: For V(check), the pattern of the hosts of the run, or a list of patterns. Hosts that the play leaves out are left out here.
    type: raw
    default: all
  joining:
    description: For V(conduct), whether hosts take part by V(join). With V(false) all hosts of the batch take part.
    type: bool
    default: true
  report_dir:
    description:
      - For V(report), the folder of C(report.json) and C(report.html). The default is the variable C(maintenance_report_dir) of any host.
    type: str
"""

EXAMPLES = r"""
# What the role serverprism.cloud.maintenance does.
- name: Take part in the run
  serverprism.cloud.serverprism_run:
    step: join

- name: Maintain the servers of all hosts
  serverprism.cloud.serverprism_run:
    step: conduct
  run_once: true

- name: Take the outcome of this host's server
  serverprism.cloud.serverprism_run:
    step: outcome
  register: maintenance_result
"""

RETURN = r"""
plan:
  description: What the run takes, in one sentence.
  type: str
  returned: for O(step=conduct)
  sample: "12 servers, 60 writes: done in about 8 minutes, at 03:08 UTC, limited by the quota."
max_wait:
  description:
    - The O(serverprism.cloud.serverprism_power#module:max_wait) with which each host can wait for its slot, however many there are. This is
      what all hosts that are in flight need of the quota, and 300 seconds more, or E(SERVERPRISM_MAX_WAIT) if that is less. A longer
      E(SERVERPRISM_MAX_WAIT) is returned unchanged.
    - Null if an environment variable is not valid.
  type: float
  returned: for O(step=check) with O(playbook=announce) or O(playbook=power)
  sample: 665.4
summary:
  description: What became of each server, as lines of a table.
  type: list
  elements: str
  returned: for O(step=report)
outcome:
  description:
    - For O(step=outcome), everything that M(serverprism.cloud.serverprism_maintenance) returns. This is its RV(outcome).
  type: str
  returned: for O(step=outcome)
  sample: done
api:
  description: Requests made for the host's server, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: for O(step=outcome)
  sample: {reads: 4, writes: 5, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.run import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_run
short_description: Maintain the servers of many hosts as one run
version_added: 1.0.0
description:
  - Provides the steps of the role P(serverprism.cloud.maintenance#role) and of the playbook C(serverprism.cloud.maintenance). One process,
    the conductor, maintains the servers of all hosts. It shares the quota between them, starts each server in time, and cancels every
    countdown if the run is interrupted.
  - The options of each server are the variables C(maintenance_*) and C(serverprism_*) of its host, see the role.
  - Runs on the controller with any connection. To maintain one server in your own play, use M(serverprism.cloud.serverprism_maintenance).
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
      - With O(step=outcome), shows the timeline of the host's server. In check mode, shows the plan.
  idempotent:
    support: none
    details:
      - Every run restarts the servers. A server that is offline stays offline unless C(maintenance_if_offline) is C(start).
  async:
    support: none
options:
  step:
    description:
      - The step of the run.
      - V(check) checks the variables and hosts of the O(playbook), and fails if the run cannot work. Reasons are that no host matches, that
        two hosts are the same server, that the batches or the report folder cannot be used, that a variable cannot be templated, or that
        nothing can be sent to any host. Use it with C(run_once), before all other steps.
      - V(prepared) says that the tasks of the host before its maintenance have succeeded, see O(prepared).
      - V(join) adds the host to the run. Conditions on the role decide this for each host.
      - V(conduct) maintains the servers of all hosts that joined. Use it with C(run_once). It does not fail if a server fails.
      - V(outcome) returns the result of the host's server, and fails if the server failed.
      - V(canary) waits for O(pause) if it is used in the first of several batches, and then looks at its servers again. Use it with
        C(run_once).
      - V(failed) writes O(error) into the report of the run, and fails with it. Use it where you rescue the tasks of a host.
      - V(report) shows the outcome of each server, and writes the report if O(report_dir) or C(maintenance_report_dir) is set. It fails if
        every server that had something to do was deferred by the deadline. Use it with C(run_once).
      - Use V(join), V(conduct) and V(outcome) in this order in one block or task file.
    type: str
    required: true
    choices: [check, prepared, join, conduct, outcome, canary, failed, report]
  playbook:
    description: With V(check), the playbook whose variables are checked, such as C(power_state) for V(power).
    type: str
    choices: [announce, hold, maintenance, power, release]
    default: maintenance
  hosts:
    description:
      - With V(check), the host pattern of the run, or a list of patterns. Hosts outside the play, such as by C(--limit), are ignored.
    type: raw
    default: all
  joining:
    description: For V(conduct), whether hosts take part by V(join). With V(false) all hosts of the batch take part.
    type: bool
    default: true
  prepared:
    description: For V(conduct), whether only hosts take part for which the step V(prepared) was run.
    type: bool
    default: false
  messages:
    description: For V(conduct), whether to send messages to C(maintenance_notify_url).
    type: bool
    default: false
  pause:
    description: For V(canary), the time to wait, such as V(30m).
    type: str
    default: "0"
  error:
    description: With V(failed), the message of the error.
    type: str
  fails:
    description: For V(report), whether to fail if the deadline left out every server. With V(false) only C(msg) says so.
    type: bool
    default: true
  report_dir:
    description:
      - With V(report), the folder for the files of the report. The default is the variable C(maintenance_report_dir) of any host.
    type: str
  report_formats:
    description:
      - With V(report), the files to write, as described for the variable C(maintenance_report_formats) of the role
        P(serverprism.cloud.maintenance#role). The default is all formats that this variable of any host names.
    type: list
    elements: str
    choices: [html, json, markdown, junit]
"""

EXAMPLES = r"""
# The steps of the role serverprism.cloud.maintenance.
- name: Join the run
  serverprism.cloud.serverprism_run:
    step: join

- name: Maintain the servers of all hosts
  serverprism.cloud.serverprism_run:
    step: conduct
  run_once: true

- name: Return the outcome of this server
  serverprism.cloud.serverprism_run:
    step: outcome
  register: maintenance_result
"""

RETURN = r"""
plan:
  description: The plan of the run in one sentence.
  type: str
  returned: for O(step=conduct)
  sample: "12 servers, 60 writes: ends in about 8 minutes, at 03:08 UTC, limited by the quota."
max_wait:
  description:
    - The O(serverprism.cloud.serverprism_power#module:max_wait) that is long enough for all hosts. It is the time that the requests of all
      hosts in flight need, plus 300 seconds, or plus E(SERVERPRISM_MAX_WAIT) if that is less. A longer E(SERVERPRISM_MAX_WAIT) is returned
      unchanged.
    - Null if an environment variable is not valid, or if the playbook sends nothing to the API.
  type: float
  returned: for O(step=check) with another O(playbook) than V(maintenance)
  sample: 665.4
summary:
  description: A table with the outcome of each server, as a list of lines.
  type: list
  elements: str
  returned: for O(step=report)
waited:
  description: Whether the step waited.
  type: bool
  returned: for O(step=canary)
others:
  description: The number of hosts in later batches. 0 if the step is not used in the first of several batches, and in check mode.
  type: int
  returned: for O(step=canary)
  sample: 11
bad:
  description: The hosts whose servers did not stay up, each with the reason.
  type: dict
  returned: for O(step=canary)
  sample: {survival: "after the canary's pause, the server is offline"}
outcome:
  description:
    - With O(step=outcome), the task returns everything that M(serverprism.cloud.serverprism_maintenance) returns. This is its RV(outcome).
  type: str
  returned: for O(step=outcome)
  sample: done
api:
  description: The number of requests for the host's server, and the seconds spent waiting for the quota and for retries.
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

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: maintenance_report
short_description: The report of a maintenance run, as data and as a page
version_added: 0.1.0
author: ServerPrism collection contributors (@serverprism)
description:
  - Makes of the results of M(serverprism.cloud.serverprism_maintenance) what C(report.json) and C(report.html) of the playbook
    C(serverprism.cloud.maintenance) hold. The page needs nothing from outside, and every text in it is escaped.
  - R(The schema of report.json, ansible_collections.serverprism.cloud.docsite.maintenance.report_json) is that of RV(_value.data).
options:
  _input:
    description: One element for each server, with C(host), C(result) (of the module) and C(error) (a text, empty where there was none).
    type: list
    elements: dict
    required: true
  check_mode:
    description: Whether the results are plans.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show how many were maintained
  ansible.builtin.debug:
    msg: "{{ ([{'host': 'survival', 'result': {}, 'error': ''}] | serverprism.cloud.maintenance_report).data.totals.done }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    data:
      description: What C(report.json) holds.
      type: dict
      contains:
        schema:
          description: V(1). Another number is another schema.
          type: int
          sample: 1
        generated:
          description: >-
            When the report was made. As all times of a report: UTC, ISO 8601, with fractions of a second.
          type: str
          sample: "2026-05-04T03:31:02.501733Z"
        check_mode:
          description: Whether it is a plan, of which nothing was sent.
          type: bool
          sample: false
        begun:
          description: When the first line or signal went out; null where nothing was sent.
          type: str
          sample: "2026-05-04T03:00:00.081000Z"
        ended:
          description:
            - When the last line or signal went out, or the last server was seen up again, whichever was later; null where nothing was
              sent.
          type: str
          sample: "2026-05-04T03:30:22.114000Z"
        worst_notice_error:
          description: The C(notice_error) of C(servers) that is farthest from 0, in seconds; null where there is none.
          type: float
          sample: 0.242
        longest_downtime:
          description: The longest C(downtime) of C(servers), in seconds; null where there is none.
          type: float
          sample: 41.2
        totals:
          description: Numbers of servers.
          type: dict
          contains:
            servers:
              description: All of them.
              type: int
              sample: 12
            planned:
              description: Those with the outcome V(planned); V(0) unless in check mode.
              type: int
              sample: 0
            done:
              description: Those with the outcome V(done); V(0) in check mode.
              type: int
              sample: 9
            skipped:
              description: Those with the outcome V(skipped).
              type: int
              sample: 1
            deferred:
              description: Those with the outcome V(deferred).
              type: int
              sample: 0
            failed:
              description: Those with the outcome V(failed).
              type: int
              sample: 2
            cancelled:
              description: Those with the outcome V(cancelled).
              type: int
              sample: 0
            unconfirmed:
              description: Those with the outcome V(unconfirmed), and those skipped because their signal may have been sent before.
              type: int
              sample: 1
        servers:
          description: The servers, sorted by C(host).
          type: list
          elements: dict
          contains:
            host:
              description: The host of the inventory.
              type: str
              sample: survival
            server_id:
              description: The ID of the server; null where the module did not run for the host.
              type: int
              sample: 1234
            name:
              description: The server's name; null where it was not read.
              type: str
              sample: My Minecraft
            outcome:
              description:
                - V(done), V(skipped), V(deferred), V(failed) or V(cancelled); V(planned) where in check mode the module says V(done). A
                  server that was restarted and then failed its verify tasks has V(failed).
              type: str
              sample: done
            reason:
              description: Why, where the outcome needs a reason.
              type: str
              sample: offline
            signal:
              description: >-
                The last signal sent, or planned: V(restart), V(stop), V(start) or V(kill); null where there was none.
              type: str
              sample: restart
            confirmed:
              description: Whether evidence proves the result; null where the module did not run for the host.
              type: bool
              sample: true
            evidence:
              description: >-
                On what the proof rests: V(state), V(counters) or V(none); null where the module did not run for the host.
              type: str
              sample: state
            notice_error:
              description:
                - Seconds by which the worst announcement missed the notice it gave; never negative while the promise holds. Null without
                  one.
              type: float
              sample: 0.242
            downtime:
              description:
                - Seconds from the first signal to the first look that showed the server up again, an upper bound; null where nobody saw
                  it up.
              type: float
              sample: 41.2
            timeline:
              description:
                - What was sent and when, in the order of the plan; what was said beside it comes last. Empty where nothing was planned.
              type: list
              elements: dict
              contains:
                kind:
                  description:
                    - V(announcement), V(command), V(signal), V(cancel) (the players are told that it is off) or V(done) (that it is
                      over).
                  type: str
                  sample: announcement
                text:
                  description: The console line or the signal.
                  type: str
                  sample: say Restart in 5 minutes
                planned:
                  description: When it was to go out.
                  type: str
                  sample: "2026-05-04T03:00:00.000000Z"
                at:
                  description: When it was answered (the signal, when it was sent); null if never.
                  type: str
                  sample: "2026-05-04T03:00:00.081000Z"
                outcome:
                  description: V(planned), V(sent), V(unknown) (no clear answer), V(failed) or V(dropped) (called off).
                  type: str
                  sample: sent
    html:
      description: The page.
      type: str
"""

import time
from typing import Any, Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import iso
from ansible_collections.serverprism.cloud.plugins.module_utils._page import page
from ansible_collections.serverprism.cloud.plugins.module_utils._report import build


def maintenance_report(rows: Sequence[Mapping[str, Any]], check_mode: bool = False) -> dict[str, Any]:
    """See DOCUMENTATION."""
    try:
        report = build(rows, iso(time.time()), bool(check_mode))
        return {"data": report, "html": page(report)}
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise AnsibleFilterError(f"maintenance_report: the input is no list of results ({type(exc).__name__}: {exc}).") from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"maintenance_report": maintenance_report}

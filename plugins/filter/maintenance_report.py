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
      description:
        - C(schema) (1), C(generated), C(check_mode), C(totals) (servers by outcome, and C(unconfirmed)), C(worst_notice_error) and
          C(longest_downtime) (seconds), C(begun), C(ended), and C(servers).
        - Each of C(servers) has C(host), C(server_id), C(name), C(outcome), C(reason), C(signal), C(confirmed), C(evidence),
          C(notice_error), C(downtime) and C(timeline).
      type: dict
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

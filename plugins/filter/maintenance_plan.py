# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: maintenance_plan
short_description: What a maintenance of many servers will take
version_added: 0.1.0
author: ServerPrism collection contributors (@serverprism)
description:
  - How long a run over so many servers takes, what limits it, and how many C(forks) are enough. Asks nothing of the API.
  - It assumes that all servers are maintained alike, that each is up a minute after its restart, and that nobody else uses the quota.
  - The limits are taken from E(SERVERPRISM_WRITE_LIMIT), E(SERVERPRISM_LIMIT_WINDOW) and E(SERVERPRISM_WRITE_HEADROOM).
options:
  _input:
    description: The number of servers.
    type: int
    required: true
  forks:
    description: How many servers may be in flight, usually C(ansible_forks).
    type: int
    required: true
  canary:
    description: So many of them are maintained first, and the others only after them. V(0) is all at once.
    type: int
    default: 0
  announcements:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: list
    elements: dict
    default: []
  commands:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: list
    elements: str
    default: []
  command_wait:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: float
    default: 5.0
  start:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: str
  deadline:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: str
  timezone:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: str
    default: UTC
  strict:
    description: Whether it is an error where no plan can be made. Otherwise the summary says why, and that is all there is.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show what the night will take
  ansible.builtin.debug:
    msg: "{{ 200 | serverprism.cloud.maintenance_plan(forks=ansible_forks, announcements=[{'before': '5m', 'text': 'Restart'}]) }}"
"""

RETURN = r"""
_value:
  description: The plan.
  type: dict
  contains:
    servers:
      description: The number of servers.
      type: int
    writes:
      description: The requests that all their timelines make of the quota of writes.
      type: int
    duration:
      description: Seconds until the last server is up.
      type: float
    limited_by:
      description: V(countdown) (everything fits at once), V(quota), V(forks) or V(deadline).
      type: str
    enough_forks:
      description: The number of forks beyond which more save nothing.
      type: int
    deferred:
      description: The servers that the deadline leaves out.
      type: int
    summary:
      description: All of it in one line, or why there is no plan.
      type: str
"""

import math
import os
import time
from dataclasses import asdict
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import iso
from ansible_collections.serverprism.cloud.plugins.module_utils._durations import say_duration
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance_options import OPTIONS
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import Plan, plan_batches
from ansible_collections.serverprism.cloud.plugins.module_utils._schedule import maintenance_window, zone
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC
from ansible_collections.serverprism.cloud.plugins.module_utils._timeline import parse_announcements, shape
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run import BEGAN


def _limit(option: str) -> float:
    value = os.environ.get(f"SERVERPRISM_{option.upper()}") or API_ARGUMENT_SPEC[option]["default"]
    try:
        return float(value)
    except ValueError:
        raise BadOption(f"SERVERPRISM_{option.upper()}", f"{value!r} is not a number") from None


# The types are those of the module, so that both read the same input in the same way.
_SPEC: dict[str, Any] = {
    "servers": {"type": "int", "required": True},
    "forks": {"type": "int", "required": True},
    "canary": {"type": "int", "default": 0},
    **{name: OPTIONS[name] for name in ("announcements", "commands", "command_wait", "start", "deadline", "timezone")},
}


def maintenance_plan(servers: Any, forks: Any, *, strict: bool = True, **given: Any) -> dict[str, Any]:
    """See DOCUMENTATION."""
    try:
        return _plan(_checked({"servers": servers, "forks": forks, **given}))
    except (ServerPrismError, ValueError) as exc:
        if not strict:
            return {"summary": f"There is no plan: {exc}"}
        raise AnsibleFilterError(f"maintenance_plan: {exc}") from None


def _plain(value: Any) -> Any:
    """Lists and dicts of Python's own: Ansible's lazy ones would be copied with all of its templating."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    validated = ArgumentSpecValidator(_SPEC).validate({name: _plain(value) for name, value in given.items() if value is not None})
    if validated.error_messages:
        raise ValueError(validated.errors.msg)
    params: dict[str, Any] = validated.validated_parameters
    for name, least in (("servers", 1), ("forks", 1), ("canary", 0), ("command_wait", 0)):
        if not least <= params[name] < math.inf:
            raise BadOption(name, f"{params[name]} is not a number from {least}")
    return params


def _plan(params: dict[str, Any]) -> dict[str, Any]:
    now, servers, forks = time.time(), params["servers"], params["forks"]
    begin, end = maintenance_window(params["start"], params["deadline"], zone(params["timezone"]), BEGAN)
    begin = max(now, begin or now)
    form = shape(parse_announcements(params["announcements"]), params["commands"] or [], params["command_wait"], "restart")
    quota = Quota(int(_limit("write_limit")), _limit("limit_window"))
    left = {} if end is None else {"deadline": end - begin}
    first = params["canary"] if params["canary"] < servers else 0
    batches = [first, servers - first] if first else [servers]
    told = plan_batches(quota, form.offsets, int(_limit("write_headroom")), batches, forks, **left)
    return {**asdict(told), "summary": _summary(told, begin, forks, first)}


def _summary(told: Plan, begin: float, forks: int, canary: int) -> str:
    end = iso(begin + told.duration)
    # Who starts it in the evening knows what night is meant; who mistook the hour sees it here.
    end = end[11:16] if begin < time.time() + 6 * 3600.0 else end[:16].replace("T", " ")
    ahead = f" ({canary} of them ahead of the others)" if canary else ""
    head = f"{told.servers} servers{ahead}, {told.writes} writes: done in about {say_duration(round(told.duration))}, at {end} UTC"
    if told.deferred:
        return f"{head}. The deadline leaves out {told.deferred} of them. {told.enough_forks} forks are enough (there are {forks})."
    why = {"countdown": "all at once", "quota": "limited by the quota", "forks": f"limited by {forks} fork{'s' * (forks != 1)}"}[
        told.limited_by
    ]
    more = f"; {told.enough_forks} forks would be enough" if told.limited_by == "forks" else ""
    return f"{head}, {why}{more}."


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"maintenance_plan": maintenance_plan}

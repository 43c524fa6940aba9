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
    Where they differ, O(timelines) makes it the most that the run can take.
  - The limits are taken from E(SERVERPRISM_WRITE_LIMIT), E(SERVERPRISM_LIMIT_WINDOW) and E(SERVERPRISM_WRITE_HEADROOM).
  - With O(maintenance_id) and O(server_ids) it leaves out the servers that the journal of this machine has as done already. The journal
    lies in E(SERVERPRISM_LEDGER), and is only read.
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
  timelines:
    description:
      - What there is beside O(announcements) and O(commands), where not all servers are maintained alike.
      - The plan is then made as if each had as many lines as the one that has most, and took as long as the one that takes longest.
      - Each is a dictionary of C(announcements) and C(commands). One that cannot be read is left out, since its server fails by itself.
    type: list
    elements: dict
    default: []
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
  state:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: str
    choices: [restarted, stopped]
    default: restarted
  done_text:
    description: As for M(serverprism.cloud.serverprism_maintenance). It is one write more for each server that is restarted.
    type: str
  done_delay:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: float
    default: 20.0
  maintenance_id:
    description: As for M(serverprism.cloud.serverprism_maintenance).
    type: str
  server_ids:
    description: The IDs of the servers, in their order. Only with O(maintenance_id), as many as there are servers.
    type: list
    elements: int
    default: []
  api_url:
    description:
      - As for M(serverprism.cloud.serverprism_maintenance), else E(SERVERPRISM_API_URL). Each address has journals of its own.
    type: str
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
      description: The number of servers, without those in RV(_value.done_before).
      type: int
    writes:
      description: The requests that the maintenance of those that are in time makes of the quota of writes.
      type: int
    duration:
      description: Seconds from the beginning until the last of them is up.
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
    deferred_then:
      description: The servers that it would leave out with RV(_value.enough_forks).
      type: int
    done_before:
      description: The IDs of the servers that are left out, since under this maintenance ID they were done, or had their signal.
      type: list
      elements: int
    summary:
      description: All of it in one line, or why there is no plan.
      type: str
"""

import math
import os
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import iso
from ansible_collections.serverprism.cloud.plugins.module_utils._durations import say_duration
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._guard import journal_folder
from ansible_collections.serverprism.cloud.plugins.module_utils._journal import DONE, Journal
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance_options import OPTIONS
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import Plan, plan_batches
from ansible_collections.serverprism.cloud.plugins.module_utils._schedule import maintenance_window, zone
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings
from ansible_collections.serverprism.cloud.plugins.module_utils._timeline import parse_announcements, shape
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run import BEGAN


def _limit(option: str) -> float:
    value = os.environ.get(f"SERVERPRISM_{option.upper()}") or API_ARGUMENT_SPEC[option]["default"]
    try:
        return float(value)
    except ValueError:
        raise BadOption(f"SERVERPRISM_{option.upper()}", f"{value!r} is not a number") from None


# The types are those of the module, so that both read the same input in the same way.
_SHARED = (
    "announcements",
    "commands",
    "command_wait",
    "start",
    "deadline",
    "timezone",
    "state",
    "done_text",
    "done_delay",
    "maintenance_id",
)
_SPEC: dict[str, Any] = {
    "servers": {"type": "int", "required": True},
    "forks": {"type": "int", "required": True},
    "canary": {"type": "int", "default": 0},
    "server_ids": {"type": "list", "elements": "int", "default": []},
    "api_url": {"type": "str"},
    "timelines": {"type": "list", "elements": "dict", "default": []},
    **{name: OPTIONS[name] for name in _SHARED},
}
_TIMELINE = {name: OPTIONS[name] for name in ("announcements", "commands")}
# Further away than this a beginning is named, and further than that its day.
SOON = 60.0
TODAY = 6 * 3600.0


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
    if begin is not None and end is not None and end < begin:
        raise BadOption("deadline", "lies before start")
    begin = max(now, begin or now)
    settled = _settled(params)
    ahead = params["canary"] if params["canary"] < servers else 0
    batches = _batches(servers, ahead, params["server_ids"], settled)
    if not batches:
        nothing = Plan(0, 0, 0.0, "countdown", 0)
        return {**asdict(nothing), "done_before": list(settled), "summary": f"Nothing is left to do: {_left_out(params, settled)}."}
    forms = [_offsets(params, params["command_wait"]), *_others(params)]
    offsets = _longest(forms)
    quota = Quota(int(_limit("write_limit")), _limit("limit_window"))
    left = {} if end is None else {"deadline": end - begin}
    done_delay = params["done_delay"] if params["done_text"] and params["state"] == "restarted" else None
    told = plan_batches(quota, offsets, int(_limit("write_headroom")), batches, forks, done_delay=done_delay, **left)
    summary = summarize(told, begin, now, forks, batches[0] if len(batches) > 1 else 0, at_most=len(set(forms)) > 1)
    if settled:
        summary += f" Left out: {_left_out(params, settled)}."
    return {**asdict(told), "done_before": list(settled), "summary": summary}


def _offsets(one: Mapping[str, Any], command_wait: float) -> tuple[float, ...]:
    return shape(parse_announcements(one["announcements"]), one["commands"] or [], command_wait, "restart").offsets


def _others(params: Mapping[str, Any]) -> list[tuple[float, ...]]:
    out = []
    for one in params["timelines"]:
        validated = ArgumentSpecValidator(_TIMELINE).validate(one)
        if not validated.error_messages:
            with suppress(BadOption):
                out.append(_offsets(validated.validated_parameters, params["command_wait"]))
    return out


def _longest(forms: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """A timeline with as many lines as any of these, which takes as long as any."""
    most = max(forms, key=lambda offsets: (len(offsets), offsets[-1]))
    more = max(offsets[-1] for offsets in forms) - most[-1]
    return (most[0], *(offset + more for offset in most[1:])) if len(most) > 1 else (more,)


def _batches(servers: int, ahead: int, server_ids: list[int], settled: Mapping[int, str]) -> list[int]:
    """How many servers go one after the other, without those that are settled."""
    rest = [server_id in settled for server_id in server_ids] + [False] * (servers - len(server_ids))
    return [count for count in (rest[:ahead].count(False), rest[ahead:].count(False)) if count]


def _settled(params: dict[str, Any]) -> dict[int, str]:
    """What the journal says of the servers that are not to be maintained again under this ID."""
    if not params["maintenance_id"] or not params["server_ids"]:
        return {}
    if len(params["server_ids"]) > params["servers"]:
        raise BadOption("server_ids", f"there are more than {params['servers']} of them")
    spec = {name: option for name, option in API_ARGUMENT_SPEC.items() if name != "api_token"}
    validated = ArgumentSpecValidator(spec).validate({"api_url": params["api_url"]} if params["api_url"] else {})
    if validated.error_messages:
        raise ValueError(validated.errors.msg)
    # Where the journal lies needs no token.
    settings = Settings.from_params({**validated.validated_parameters, "api_token": "none"})
    return Journal(journal_folder(settings), settings.api_url, params["maintenance_id"]).verdicts(params["server_ids"])


def _left_out(params: dict[str, Any], settled: Mapping[int, str]) -> str:
    done = sum(verdict == DONE for verdict in settled.values())
    parts = [(done, "done already"), (len(settled) - done, "whose signal may have been sent already")]
    return f"{' and '.join(f'{count} {what}' for count, what in parts if count)} under maintenance_id {params['maintenance_id']}"


def _clock(at: float, with_day: bool) -> str:
    return iso(at)[:16].replace("T", " ") if with_day else iso(at)[11:16]


def _when(begin: float, now: float, duration: float, most: str) -> str:
    """When the run will be over; and when it begins, where that is not now."""
    # Who starts it in the evening knows what night is meant; who mistook the hour sees it here.
    with_day, end = begin >= now + TODAY, begin + duration
    took = say_duration(round(duration))
    if begin < now + SOON:
        return f"done in about {took}{most}, at {_clock(end, False)} UTC"
    other_day = with_day and iso(begin)[:10] != iso(end)[:10]
    return f"begins at {_clock(begin, with_day)} UTC and is done about {took} later{most}, at {_clock(end, other_day)} UTC"


def _what_forks_do(told: Plan, forks: int) -> str:
    one = told.enough_forks == 1
    enough = f"{told.enough_forks} fork{'s' * (not one)}"
    there = f"(there {'is' if forks == 1 else 'are'} {forks})"
    if told.deferred > told.deferred_then:
        return f"; with {enough} {there} it would leave out {told.deferred_then or 'none'}"
    if told.limited_by == "forks":
        return f"; {enough} would be enough"
    helpless = ", however many forks there are" if told.deferred else ""
    return f"{helpless}; {enough} {'is' if one else 'are'} enough {there}"


def summarize(told: Plan, begin: float, now: float, forks: int, canary: int, at_most: bool = False) -> str:
    """A plan in a line; ``at_most`` where its servers differ."""
    one, most = told.servers == 1, " at most" if at_most else ""
    head = f"{told.servers} server{'s' * (not one)}" + (f" ({canary} of them ahead of the others)" if canary else "")
    more = "" if one else _what_forks_do(told, forks)
    if told.deferred == told.servers:
        return f"{head}, 0 writes: the deadline leaves {'it' if one else 'all of them'} out{more}."
    head = f"{head}, {told.writes} writes{most}: {_when(begin, now, told.duration, most)}"
    if told.deferred:
        return f"{head}. The deadline leaves out {told.deferred} of them{most}{more}."
    why = {"countdown": "all at once", "quota": "limited by the quota", "forks": f"limited by {forks} fork{'s' * (forks != 1)}"}
    return f"{head}{'' if one and told.limited_by == 'countdown' else ', ' + why[told.limited_by]}{more}."


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"maintenance_plan": maintenance_plan}

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: max_wait
short_description: How long a task of many hosts may have to wait for its turn
version_added: 0.1.0
author: ServerPrism collection contributors (@serverprism)
description:
  - The C(max_wait) with which a play over so many hosts lets each of them wait for its turn in the quota. Asks nothing of the API.
  - It is E(SERVERPRISM_MAX_WAIT), but no more than 300 seconds of it, and what the requests of all hosts that are in flight at the same
    time take at the limits. A longer E(SERVERPRISM_MAX_WAIT) is left as it is.
  - The limits are taken from E(SERVERPRISM_READ_LIMIT), E(SERVERPRISM_WRITE_LIMIT) and E(SERVERPRISM_LIMIT_WINDOW).
options:
  _input:
    description: The number of hosts.
    type: int
    required: true
  forks:
    description: How many hosts may be in flight, usually C(ansible_forks).
    type: int
    required: true
  reads:
    description: How many reads a host makes, each at a turn of its own.
    type: int
    default: 1
  writes:
    description: How many writes a host makes.
    type: int
    default: 1
"""

EXAMPLES = r"""
- name: Say how long each of 200 servers may wait where all are spoken to at once
  ansible.builtin.debug:
    msg: "{{ 200 | serverprism.cloud.max_wait(forks=200) }}"
"""

RETURN = r"""
_value:
  description: The seconds. Null where one of the variables makes no sense, of which the task itself says what is wrong.
  type: float
"""

import math
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._budget import Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC

DEFAULT = float(API_ARGUMENT_SPEC["max_wait"]["default"])
_SETTINGS = {name: API_ARGUMENT_SPEC[name] for name in ("max_wait", "read_limit", "write_limit", "limit_window")}
_NUMBERS = ("hosts", "forks", "reads", "writes")


def longest_turn(requests: int, quota: Quota) -> float:
    """Seconds until the last of so many requests has its turn, where somebody has just spent all that a window holds."""
    return math.ceil(requests / quota.limit) * quota.guarded


def enough(own: float, needed: float) -> float:
    """The user's own ``max_wait``, or that of a single host and what all of them need, whichever is longer."""
    return max(own, min(own, DEFAULT) + needed)


def max_wait(hosts: Any, forks: Any, reads: Any = 1, writes: Any = 1) -> float | None:
    """See DOCUMENTATION."""
    try:
        numbers = [int(value) for value in (hosts, forks, reads, writes)]
    except (TypeError, ValueError, OverflowError) as exc:
        raise AnsibleFilterError(f"max_wait: {exc}") from None
    for name, number in zip(_NUMBERS, numbers):
        if number < 0:
            raise AnsibleFilterError(f"max_wait: {name}: {number} is not a number from 0")
    validated = ArgumentSpecValidator(_SETTINGS).validate({})
    own, read_limit, write_limit, window = (validated.validated_parameters.get(name) for name in _SETTINGS)
    if validated.error_messages or not all(math.isfinite(value) for value in (own, window)) or min(read_limit, write_limit) < 1:
        return None
    # No more than that have asked for a turn at any time.
    flying = min(numbers[0], numbers[1])
    of_reads, of_writes = (longest_turn(flying, Quota(limit, window)) for limit in (read_limit, write_limit))
    return enough(own, numbers[2] * of_reads + numbers[3] * of_writes)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"max_wait": max_wait}

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compute the longest wait for the quota in a task of many hosts. Private to this collection."""

from __future__ import annotations

import math
from typing import Optional

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC

DEFAULT = float(API_ARGUMENT_SPEC["max_wait"]["default"])
_SETTINGS = {name: API_ARGUMENT_SPEC[name] for name in ("max_wait", "read_limit", "write_limit", "limit_window")}


def longest_wait(requests: int, quota: Quota) -> float:
    """Return the seconds until the last of a number of requests has its slot, if others have just used the quota of a window."""
    return math.ceil(requests / quota.limit) * quota.guarded


def max_wait(hosts: int, forks: int, reads: int, writes: int) -> Optional[float]:
    """Return a ``max_wait``, in seconds, that is enough for each host. ``reads`` and ``writes`` are the requests of one host.

    ``SERVERPRISM_MAX_WAIT``, up to its default, is added to the time that all hosts need. If it alone is longer, it is returned. Return
    None if one of the environment variables is not valid; the task then refuses it.
    """
    validated = ArgumentSpecValidator(_SETTINGS).validate({})
    own, read_limit, write_limit, window = (validated.validated_parameters.get(name) for name in _SETTINGS)
    if validated.error_messages or not all(math.isfinite(value) for value in (own, window)) or min(read_limit, write_limit) < 1:
        return None
    # Only as many hosts as forks wait at the same time.
    waiting = min(hosts, forks)
    for_reads, for_writes = (longest_wait(waiting, Quota(limit, window)) for limit in (read_limit, write_limit))
    enough: float = max(own, min(own, DEFAULT) + reads * for_reads + writes * for_writes)
    return enough

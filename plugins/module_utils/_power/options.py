# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options for following a signal, and their checks. Pure. Private to this collection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from .._errors import BadOption

WAITING_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "wait_timeout": {"type": "float", "default": 600.0},
    "poll_interval": {"type": "float", "default": 5.0},
    "running_when": {"type": "str", "choices": ["running", "starting"], "default": "running"},
    "kill_after": {"type": "float"},
}


def check_waiting(params: Dict[str, Any]) -> None:
    """Raise BadOption for a time that is out of range."""
    for name in ("wait_timeout", "poll_interval", "kill_after"):
        value = params.get(name)
        if value is None:
            continue
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "kill_after"):
            raise BadOption(name, f"must be {'0 seconds or greater' if name == 'kill_after' else 'greater than 0 seconds'}, got {value:g}")


def check_server_id(params: Dict[str, Any]) -> None:
    """Raise BadOption unless ``server_id`` is a positive integer."""
    # YAML's "yes" would be server 1.
    if isinstance(params["server_id"], bool) or params["server_id"] < 1:
        why = "is not a service ID: that is the number in its /services/ID address, which hosts have in serverprism_id"
        raise BadOption("server_id", f"{params['server_id']} {why}")


@dataclass(frozen=True)
class Waiting:
    """Times of waiting for an outcome, in seconds.

    ``timeout`` is the total time, ``interval`` the time between two reads, ``kill_after`` the time after which a hung stop is killed (None:
    never). ``running_when`` is the state from which a server counts as running.
    """

    timeout: float
    interval: float
    running_when: str
    kill_after: Optional[float]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Waiting":
        """Return the times from the options of a module."""
        return cls(params["wait_timeout"], params["poll_interval"], params["running_when"], params["kill_after"])

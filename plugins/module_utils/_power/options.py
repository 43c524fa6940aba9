# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say how a signal is followed, and what is refused of them before the first request. Pure. Private to this collection."""

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
    """Refuse times that make no sense; BadOption names the option."""
    for name in ("wait_timeout", "poll_interval", "kill_after"):
        value = params.get(name)
        if value is None:
            continue
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "kill_after"):
            raise BadOption(name, f"{value} is not a number of seconds above 0")


def check_server_id(params: Dict[str, Any]) -> None:
    """Service IDs are positive whole numbers."""
    # YAML's "yes" would be server 1.
    if isinstance(params["server_id"], bool) or params["server_id"] < 1:
        why = "is not a service ID: that is the number in its /services/ID address, which hosts have in serverprism_id"
        raise BadOption("server_id", f"{params['server_id']} {why}")


@dataclass(frozen=True)
class Waiting:
    """How to wait, all in seconds: for how long in all, how often to look, when a hung stop is killed (None: never)."""

    timeout: float
    interval: float
    running_when: str
    kill_after: Optional[float]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Waiting":
        """From a module's options."""
        return cls(params["wait_timeout"], params["poll_interval"], params["running_when"], params["kill_after"])

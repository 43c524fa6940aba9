# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed values of API responses. Unknown keys are ignored, wrong types are refused. Pure. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional

from .._errors import BadAnswer
from .._text import storable

# Some nodes report "stopped" by default. "missing" means that the node is down, so the state is unknown, as with null.
_STATES = {
    "offline": "offline",
    "stopped": "offline",
    "starting": "starting",
    "running": "running",
    "stopping": "stopping",
}


def _map(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer(f"The API's response is invalid: {where} is not an object.")
    return value


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise BadAnswer(f"The API's response is invalid: {where}.{key} is not a string.")
    return storable(value)


def _number(data: Mapping[str, Any], key: str, where: str) -> float:
    value = data.get(key)
    # A JSON integer may have any length, but most programs that read the results support 64 bits.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -(2**63) <= value < 2**63:
        raise BadAnswer(f"The API's response is invalid: {where}.{key} is not a number.")
    return value


def _whole(data: Mapping[str, Any], key: str, where: str) -> int:
    value = _number(data, key, where)
    if value != int(value):
        raise BadAnswer(f"The API's response is invalid: {where}.{key} is not an integer.")
    return int(value)


@dataclass(frozen=True)
class ServerSummary:
    """One service of the list. ``service_status`` is the billing status (``active``, ``suspended``), not the state of the game."""

    id: int
    product: str
    service_status: str


@dataclass(frozen=True)
class Limits:
    """The limits of a server: memory and disk in MB, CPU in percent of a core. 0 means unlimited."""

    memory_mb: int
    disk_mb: int
    cpu_percent: int


@dataclass(frozen=True)
class Resources:
    """The current use of resources, as old as the API's status cache at most. Network counters are bytes since the container started."""

    current_state: str
    memory_bytes: int
    cpu_absolute: float
    disk_bytes: int
    network_rx_bytes: int
    network_tx_bytes: int


@dataclass(frozen=True)
class Server:
    """One server with details. ``resources`` is None if its node did not report them."""

    id: int
    name: str
    service_status: str
    limits: Limits
    resources: Optional[Resources]

    @property
    def state(self) -> Optional[str]:
        """Return ``offline``, ``starting``, ``running``, ``stopping``, or None if it is unknown. Unknown never means offline."""
        return None if self.resources is None else _STATES.get(self.resources.current_state)


def parse_servers(payload: Any) -> List[ServerSummary]:
    """Return the list of services, without duplicate IDs. Raises BadAnswer."""
    rows = _map(payload, "the response").get("data")
    if not isinstance(rows, list):
        raise BadAnswer("The API's response is invalid: data is not a list.")
    out: Dict[int, ServerSummary] = {}
    for row in rows:
        data = _map(row, "a server")
        summary = ServerSummary(_whole(data, "id", "server"), _text(data, "product", "server"), _text(data, "service_status", "server"))
        out.setdefault(summary.id, summary)
    return list(out.values())


def parse_server(payload: Any, server_id: int) -> Server:
    """Return one server with details. Raises BadAnswer, also for a response about another server."""
    data = _map(_map(payload, "the response").get("data"), "data")
    if _whole(data, "id", "data") != server_id:
        raise BadAnswer(f"The API's response is about another server than {server_id}.")
    limits = _map(data.get("limits"), "limits")
    resources = data.get("resources")
    return Server(
        server_id,
        _text(data, "name", "data"),
        _text(data, "service_status", "data"),
        Limits(*(_whole(limits, key, "limits") for key in ("memory_mb", "disk_mb", "cpu_percent"))),
        None if resources is None else _resources(_map(resources, "resources")),
    )


def _resources(data: Mapping[str, Any]) -> Resources:
    keys = ("memory_bytes", "disk_bytes", "network_rx_bytes", "network_tx_bytes")
    memory, disk, received, sent = (_whole(data, key, "resources") for key in keys)
    state = _text(data, "current_state", "resources")
    return Resources(state, memory, _number(data, "cpu_absolute", "resources"), disk, received, sent)

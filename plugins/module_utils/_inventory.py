# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a customer as inventory hosts: their data, names and variables. Private to this collection."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import AbstractSet, Any, Callable, Dict, List, Mapping, Optional, Sequence

from ._api.client import Client
from ._api.coroutines import run
from ._api.models import Server, ServerSummary
from ._info import fetch_details, known, wanted


@dataclass(frozen=True)
class FleetServer:
    """A server of the list. ``details`` are its name, limits, resources and state, or None if they were not read."""

    summary: ServerSummary
    details: Optional[Dict[str, Any]] = None

    def as_dict(self) -> Dict[str, Any]:
        """Return a dictionary of plain values for a cache."""
        return {**self.summary.as_dict(), "details": self.details}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "FleetServer":
        """Return the server of a dictionary. Raises KeyError or TypeError for invalid data."""
        return cls(ServerSummary(int(row["id"]), str(row["product"]), str(row["service_status"])), row["details"])


def read_fleet(
    client: Client, details: bool, product: Optional[str], service_status: Optional[str], warn: Callable[[str], None]
) -> List[FleetServer]:
    """Return the servers that pass the filters. It takes one read, and one for each server with details. Unknown details are None."""
    summaries = [summary for summary in run(client.list_servers(), client.clock) if wanted(summary, product, service_status)]
    if not details:
        return [FleetServer(summary) for summary in summaries]
    found = fetch_details(client, [summary.id for summary in summaries], warn)
    # A server can be deleted between the read of the list and the read of its details.
    return [FleetServer(summary, _details(known(found[summary.id]))) for summary in summaries if found[summary.id] is not None]


def _details(server: Optional[Server]) -> Dict[str, Any]:
    if server is None:
        return {"name": None, "limits": None, "resources": None, "state": None}
    shown = server.as_dict()
    return {**{key: shown[key] for key in ("name", "limits", "resources")}, "state": server.state}


def variables(server: FleetServer) -> Dict[str, Any]:
    """Return the host variables of a server."""
    summary = server.summary
    out: Dict[str, Any] = {
        "serverprism_id": summary.id,
        "serverprism_product": summary.product,
        "serverprism_service_status": summary.service_status,
    }
    if server.details is not None:
        out.update({f"serverprism_{key}": value for key, value in server.details.items()})
    return out


def slug(text: str) -> str:
    """Return lower-case words with hyphens, such as ``minecraft-4-gb``."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")


def safe_name(text: str) -> str:
    """Return a host name without control characters and without characters that have a meaning in patterns, lists and ranges."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")


def default_name(summary: ServerSummary) -> str:
    """Return the product and the ID, such as ``minecraft-4-gb-1234``."""
    return f"{slug(summary.product)}-{summary.id}".strip("-")


# Names with a special meaning in Ansible.
RESERVED = frozenset({"all", "ungrouped", "localhost", "127.0.0.1"})


def host_names(fleet: Sequence[FleetServer], given: Sequence[str], taken: AbstractSet[str] = frozenset()) -> List[str]:
    """Return a unique name for each server that is not in ``taken``: the given name, or the product and the ID if it is empty.

    The ID is appended to a name that is not unique.
    """

    def free(name: str) -> bool:
        return name not in taken and name.lower() not in RESERVED

    names = [safe_name(name) or default_name(server.summary) for server, name in zip(fleet, given)]
    count = Counter(names)
    first = [name if count[name] == 1 and free(name) else f"{name}-{server.summary.id}" for server, name in zip(fleet, names)]
    # A name with an appended ID can be equal to a given name. The prefix with the ID makes it unique.
    again = Counter(first)
    return [name if again[name] == 1 and free(name) else f"server-{server.summary.id}-{name}" for server, name in zip(fleet, first)]

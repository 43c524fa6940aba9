# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A customer's servers as hosts: what is read, what they are called, which variables they have. Private to this collection."""

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
    """A server of the list; ``details`` is what the API tells of it alone (name, limits, resources, state), where it was read."""

    summary: ServerSummary
    details: Optional[Dict[str, Any]] = None

    def as_dict(self) -> Dict[str, Any]:
        """Plain values, as a cache keeps them."""
        return {**self.summary.as_dict(), "details": self.details}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "FleetServer":
        """The reverse; KeyError or TypeError where a cache holds something else."""
        return cls(ServerSummary(int(row["id"]), str(row["product"]), str(row["service_status"])), row["details"])


def read_fleet(
    client: Client, details: bool, product: Optional[str], service_status: Optional[str], warn: Callable[[str], None]
) -> List[FleetServer]:
    """One read for the list, filtered; with details one more for each server that is left. What could not be read of one is null."""
    summaries = [summary for summary in run(client.list_servers(), client.clock) if wanted(summary, product, service_status)]
    if not details:
        return [FleetServer(summary) for summary in summaries]
    found = fetch_details(client, [summary.id for summary in summaries], warn)
    # The list is one read, the details come later: a server can go in between.
    return [FleetServer(summary, _details(known(found[summary.id]))) for summary in summaries if found[summary.id] is not None]


def _details(server: Optional[Server]) -> Dict[str, Any]:
    if server is None:
        return {"name": None, "limits": None, "resources": None, "state": None}
    shown = server.as_dict()
    return {**{key: shown[key] for key in ("name", "limits", "resources")}, "state": server.state}


def variables(server: FleetServer) -> Dict[str, Any]:
    """The host variables of a server."""
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
    """Lower-case words with hyphens: ``minecraft-4-gb``."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")


def safe_name(text: str) -> str:
    """A host name without what patterns, lists and ranges give a meaning to, and without control characters."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")


def default_name(summary: ServerSummary) -> str:
    """Product and ID, as in ``minecraft-4-gb-1234``."""
    return f"{slug(summary.product)}-{summary.id}".strip("-")


# Ansible gives these a meaning of its own.
RESERVED = frozenset({"all", "ungrouped", "localhost", "127.0.0.1"})


def host_names(fleet: Sequence[FleetServer], given: Sequence[str], taken: AbstractSet[str] = frozenset()) -> List[str]:
    """A name for each server, all different and none ``taken``: the given one, else product and ID.

    Where names meet, the ID is appended.
    """

    def free(name: str) -> bool:
        return name not in taken and name.lower() not in RESERVED

    names = [safe_name(name) or default_name(server.summary) for server, name in zip(fleet, given)]
    count = Counter(names)
    first = [name if count[name] == 1 and free(name) else f"{name}-{server.summary.id}" for server, name in zip(fleet, names)]
    # An appended ID can meet a name that was given; the plain ID cannot be anybody else's.
    again = Counter(first)
    return [name if again[name] == 1 and free(name) else f"server-{server.summary.id}-{name}" for server, name in zip(fleet, first)]

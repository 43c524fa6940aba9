# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a customer as inventory hosts: their data, names and variables. Private to this collection."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from typing import AbstractSet, Any, Callable, Dict, List, Mapping, Optional, Sequence

from ._api.client import Client
from ._api.coroutines import run
from ._info import wanted, with_details


def read_fleet(
    client: Client, details: bool, product: Optional[str], service_status: Optional[str], warn: Callable[[str], None]
) -> List[Dict[str, Any]]:
    """Return the servers that pass the filters. It takes one read, and one for each server with details."""
    summaries = [summary for summary in run(client.list_servers(), client.clock) if wanted(summary, product, service_status)]
    return with_details(client, summaries, warn) if details else [asdict(summary) for summary in summaries]


def variables(server: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the host variables of a server."""
    return {f"serverprism_{'state' if key == 'current_state' else key}": value for key, value in server.items()}


def slug(text: str) -> str:
    """Return lower-case words with hyphens, such as ``minecraft-4-gb``."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")


def safe_name(text: str) -> str:
    """Return a host name without control characters and without characters that have a meaning in patterns, lists and ranges."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")


def default_name(server: Mapping[str, Any]) -> str:
    """Return the product and the ID, such as ``minecraft-4-gb-1234``."""
    return f"{slug(server['product'])}-{server['id']}".strip("-")


# Names with a special meaning in Ansible.
RESERVED = frozenset({"all", "ungrouped", "localhost", "127.0.0.1"})


def host_names(fleet: Sequence[Mapping[str, Any]], given: Sequence[str], taken: AbstractSet[str] = frozenset()) -> List[str]:
    """Return a unique name for each server that is not in ``taken``: the given name, or the product and the ID if it is empty.

    The ID is appended to a name that is not unique.
    """

    def free(name: str) -> bool:
        return name not in taken and name.lower() not in RESERVED

    names = [safe_name(name) or default_name(server) for server, name in zip(fleet, given)]
    count = Counter(names)
    first = [name if count[name] == 1 and free(name) else f"{name}-{server['id']}" for server, name in zip(fleet, names)]
    # A name with an appended ID can be equal to a given name. The prefix with the ID makes it unique.
    again = Counter(first)
    return [name if again[name] == 1 and free(name) else f"server-{server['id']}-{name}" for server, name in zip(fleet, first)]

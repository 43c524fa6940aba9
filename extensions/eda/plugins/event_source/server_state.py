# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source for Event-Driven Ansible that emits the changes of the servers of a ServerPrism customer."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Emit the changes of ServerPrism servers as events
description:
  - Reads the state of the servers of a customer in rounds, and emits an event for each change.
  - An event has one key, C(serverprism), with C(event), C(server_id), C(name), C(product), C(service_status), C(before), C(after),
    C(at), C(certain), C(why), C(unseen) and C(crashes).
  - C(event) is C(crashed), C(stopped), C(started), C(suspended), C(resumed), C(appeared), C(gone), C(unreachable) or C(recovered).
    C(recovered) ends C(unreachable), and C(resumed) ends C(suspended).
  - A round costs one read for the list of servers and one read for each server. The reads are spread evenly over the round, and share the
    quota with all other runs.
  - An unknown state never counts as offline. The source retries temporary failures. If the token is rejected, the source stops.
  - Control characters in texts from the API are replaced, and the beginnings of templates are made harmless (V({{) becomes V({ {)).
extends_documentation_fragment:
  - serverprism.cloud.api
options:
  server_ids:
    description:
      - Watch only these servers. By default, all servers are watched, including servers that appear later.
    type: list
    elements: int
  product:
    description:
      - Watch only servers whose product matches this regular expression.
    type: str
  initial:
    description:
      - Emit C(appeared) for every server in the first round, with its state. By default, the first round emits nothing.
    type: bool
    default: false
  poll_interval:
    description:
      - The minimum number of seconds between the beginnings of two rounds.
      - The default is the shortest time that O(max_reads) and O(status_cache) allow for the number of servers. A smaller value has no
        effect.
    type: float
  max_reads:
    description:
      - The maximum number of reads in each O(limit_window). The source waits while other runs leave fewer reads than that. The default is
        half of O(read_limit).
    type: int
  unreachable_after:
    description:
      - The number of consecutive reads without a state after which a server is C(unreachable), at least 2.
    type: int
    default: 2
  stop_takes:
    description:
      - The minimum number of seconds for which a server is C(stopping) during a stop. V(0) means that this is unknown.
      - If it is longer than the time between two reads of a server, no stop can be missed, and C(crashed) is certain.
    type: float
    default: 0.0
notes:
  - The Python interpreter of ansible-rulebook needs ansible-core and requests.
  - Only the scope C(servers:read) is needed. O(max_wait), O(write_limit) and O(write_headroom) have no effect, because the source sends no
    writes and waits as long as necessary.
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- serverprism.cloud.server_state: {}

# Two servers of a game that takes at least 90 seconds to stop, read every minute.
- serverprism.cloud.server_state:
    server_ids: [1234, 1290]
    stop_takes: 90
    poll_interval: 60

# Every Minecraft server, including its current state, with at most ten reads in a minute.
- serverprism.cloud.server_state:
    product: ^Minecraft
    initial: true
    max_reads: 10
"""

# ansible-rulebook runs the file by its path, so __name__ is not the name of the plugin.
logger = logging.getLogger("serverprism.cloud.server_state")


def _import_poller() -> Any:
    """Import the poller from this collection.

    ansible-rulebook does not make collections importable, so their folder is found from the path of this file.
    """
    namespace = Path(__file__).absolute().parents[6]
    if namespace.name == "ansible_collections":
        if str(namespace.parent) not in sys.path:
            sys.path.append(str(namespace.parent))
        # The package "ansible" contains a folder of collections, which would hide all others.
        package = importlib.import_module("ansible_collections")
        if str(namespace) not in package.__path__:
            package.__path__.append(str(namespace))
    try:
        return importlib.import_module("ansible_collections.serverprism.cloud.plugins.module_utils._events.poller")
    except ImportError as exc:
        raise RuntimeError(
            f"server_state: {exc}. It needs the whole collection serverprism.cloud, and ansible-core and requests in {sys.executable}."
        ) from exc


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Emit events until cancelled. Raises ServerPrismError or RuntimeError if a person has to do something."""
    module = await asyncio.to_thread(_import_poller)
    try:
        await _poll(queue, module.open_poller(args, logger.warning))
    except module.ServerPrismError as exc:
        # The cause is outside this code, so a traceback would only hide the message.
        raise exc.with_traceback(None) from None


async def _poll(queue: asyncio.Queue[Any], poller: Any) -> None:
    try:
        while True:
            # A step waits for the quota. It runs in a thread, so that the rules keep running.
            for event in await asyncio.to_thread(poller.step):
                await queue.put(event)
                await asyncio.sleep(0)
    finally:
        poller.stop()

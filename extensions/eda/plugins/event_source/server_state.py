# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source for Event-Driven Ansible: what changes at the servers of a ServerPrism customer."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Changes of the state of ServerPrism servers
description:
  - Looks at the servers of a customer round by round, and puts an event for each change.
  - An event has one key, C(serverprism), with C(event), C(server_id), C(name), C(product), C(service_status), C(before), C(after),
    C(at), C(certain), C(why) and C(unseen).
  - C(event) is C(crashed), C(stopped), C(started), C(suspended), C(appeared), C(gone) or C(unreachable), and at the end of the latter and
    of a suspension C(recovered) and C(resumed).
  - A round costs one read for the list and one for each server. The reads are spread evenly and share the quota with every other run.
  - An unknown state is never taken for offline. Failures that pass are ridden out; a token that is not accepted ends the source.
  - The texts of the API are data. Control characters in them are replaced, and the beginnings of templates broken up.
options:
  server_ids:
    description:
      - Only these servers. By default all, also those that appear later.
    type: list
    elements: int
  product:
    description:
      - Only servers whose product this regular expression finds something in.
    type: str
  initial:
    description:
      - Whether the first round reports every server as C(appeared), with its state. By default it reports nothing.
    type: bool
    default: false
  poll_interval:
    description:
      - Seconds from the beginning of a round to that of the next, at least.
      - By default as few as O(max_reads) and O(status_cache) allow for the number of servers. Fewer than that are not possible.
    type: float
  max_reads:
    description:
      - Reads that the watch may use in each O(limit_window). It waits while others leave less than that. By default half of O(read_limit).
    type: int
  unreachable_after:
    description:
      - So many looks in a row without a state make a server C(unreachable), at least 2.
    type: int
    default: 2
  stop_takes:
    description:
      - For at least so many seconds a server of these games is seen C(stopping) when it is stopped. V(0) means that nobody knows.
      - Where that is longer than what lies between two looks, no stop can pass unseen, and C(crashed) is certain.
    type: float
    default: 0.0
  api_token:
    description:
      - The API token, with the scope C(servers:read).
      - If not set, E(SERVERPRISM_API_TOKEN) is used.
    type: str
    required: true
  api_url:
    description:
      - Where the API is. Plain C(http) is accepted for a loopback address only.
      - If not set, E(SERVERPRISM_API_URL) is used.
    type: str
    default: https://serverprism.com
  validate_certs:
    description:
      - Whether the certificate of the API is checked.
      - If not set, E(SERVERPRISM_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A file of certificates of a private authority.
      - If not set, E(SERVERPRISM_CA_PATH) is used.
    type: path
  timeout:
    description:
      - Seconds for one HTTP attempt, its body included.
      - If not set, E(SERVERPRISM_TIMEOUT) is used.
    type: float
    default: 20.0
  max_wait:
    description:
      - Has no effect here, since the watch waits for as long as it has to. It is there so that arguments can be shared with modules.
      - If not set, E(SERVERPRISM_MAX_WAIT) is used.
    type: float
    default: 300.0
  read_limit:
    description:
      - Reads that the API allows in O(limit_window).
      - If not set, E(SERVERPRISM_READ_LIMIT) is used.
    type: int
    default: 60
  write_limit:
    description:
      - Writes that the API allows in O(limit_window). The source sends none.
      - If not set, E(SERVERPRISM_WRITE_LIMIT) is used.
    type: int
    default: 20
  limit_window:
    description:
      - Seconds of the window of the limits.
      - If not set, E(SERVERPRISM_LIMIT_WINDOW) is used.
    type: float
    default: 60.0
  write_headroom:
    description:
      - Has no effect here.
      - If not set, E(SERVERPRISM_WRITE_HEADROOM) is used.
    type: int
    default: 2
  ledger:
    description:
      - Where the quota is shared, as for the modules. A folder, an address of Redis or Valkey, or V(none).
      - If not set, E(SERVERPRISM_LEDGER) is used.
    type: str
    default: ~/.ansible/serverprism
  status_cache:
    description:
      - Seconds that a status of the API may be old. A server is not looked at more often than that.
      - If not set, E(SERVERPRISM_STATUS_CACHE) is used.
    type: float
    default: 20.0
notes:
  - The Python that runs ansible-rulebook needs ansible-core and requests.
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- serverprism.cloud.server_state: {}

# Two servers of a game that takes its time to stop, every minute.
- serverprism.cloud.server_state:
    server_ids: [1234, 1290]
    stop_takes: 90
    poll_interval: 60

# Every Minecraft server, beginning with how they are now, for at most ten reads a minute.
- serverprism.cloud.server_state:
    product: ^Minecraft
    initial: true
    max_reads: 10
"""

# Run by its path, the module has no name of its own.
logger = logging.getLogger("serverprism.cloud.server_state")


def _poller_module() -> Any:
    """The collection's own code. Of itself, ansible-rulebook makes no collection importable, so its place is found from this file."""
    namespace = Path(__file__).absolute().parents[6]
    if namespace.name == "ansible_collections":
        if str(namespace.parent) not in sys.path:
            sys.path.append(str(namespace.parent))
        # The package "ansible" brings a folder of collections of its own, which would hide all others.
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
    """Watch until told to stop. Raises one error with a message for the operator where a person has to do something."""
    module = await asyncio.to_thread(_poller_module)
    try:
        await _poll(queue, module.open_poller(args, logger.warning))
    except module.ServerPrismError as exc:
        # It is about the world, not about this code: where in the code it was met would only bury the message.
        raise exc.with_traceback(None) from None


async def _poll(queue: asyncio.Queue[Any], poller: Any) -> None:
    try:
        while True:
            # A step waits for its turn: in a thread, so that the rules go on meanwhile.
            for event in await asyncio.to_thread(poller.step):
                await queue.put(event)
                await asyncio.sleep(0)
    finally:
        poller.stop()


if __name__ == "__main__":
    # Run directly, it prints the events.

    class Printer(asyncio.Queue[Any]):
        """A queue that prints."""

        async def put(self, item: Any) -> None:
            """Print the event."""
            print(item, flush=True)

    asyncio.run(main(Printer(), {"initial": True}))

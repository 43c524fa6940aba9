# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the list of servers and their details. Private to this collection."""

from __future__ import annotations

import re
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from ._api.client import Client, Patience
from ._api.coroutines import blocking
from ._api.coroutines import run as run_here
from ._api.models import Server, ServerSummary
from ._errors import BadOption, MalformedServer, NodeUnavailable, ServerNotFound
from ._interrupt import signals_for_the_main_thread
from ._operation import Context, Operation, OperationFailed, Result

# The number of concurrent reads. A customer has 60 reads a minute, so more would only wait.
CONCURRENT_READS = 8
# Seconds after which servers are read again whose node is unavailable. They are read again once, all together.
RETRY_AFTER = 15.0


def check(params: Dict[str, Any]) -> None:
    """Check the options before the first request. Raises BadOption."""
    for server_id in params["server_ids"] or []:
        if isinstance(server_id, bool) or server_id < 1:
            raise BadOption("server_ids", f"{server_id} is not a service ID")
    try:
        re.compile(params["product"] or "")
    except re.error as exc:
        raise BadOption("product", f"{params['product']!r} is not a regular expression: {exc}") from exc


def wanted(summary: ServerSummary, product: Optional[str], service_status: Optional[str]) -> bool:
    """Return whether a server passes the filters. ``product`` is a regular expression that may match any part of the product."""
    if service_status and summary.service_status != service_status:
        return False
    return not product or re.search(product, summary.product) is not None


# The result of reading one server. Some errors do not concern other servers. None means that the server does not exist.
Detail = Union[Server, MalformedServer, NodeUnavailable, None]


def with_details(client: Client, summaries: Sequence[ServerSummary], warn: Callable[[str], None]) -> List[Dict[str, Any]]:
    """Return servers with their details, without those that were deleted since the list was read. Unknown details are None."""
    found = _fetch_details(client, [summary.id for summary in summaries], warn)
    return [_row(summary, found[summary.id]) for summary in summaries if found[summary.id] is not None]


def _row(summary: ServerSummary, detail: Detail) -> Dict[str, Any]:
    row = asdict(summary)
    if not isinstance(detail, Server):
        return {**row, "name": None, "limits": None, "resources": None, "current_state": None}
    return {**row, **asdict(detail), "current_state": detail.state}


def _fetch_details(client: Client, server_ids: Sequence[int], warn: Callable[[str], None]) -> Dict[int, Detail]:
    """Read servers concurrently within the quota, and return them by ID. Each read may wait ``max_wait`` seconds.

    An invalid record or an unavailable node does not affect other servers: it causes a warning. It is an error if there is only one server.
    """
    if len(server_ids) < 2:
        return {server_id: _read(client, server_id) for server_id in server_ids}
    found = _read_all(client, server_ids)
    soon = [server_id for server_id, exc in _unavailable(found).items() if (exc.retry_after or 0.0) <= RETRY_AFTER]
    if soon:
        why = f"no response to {_named(soon)} yet (HTTP 503): trying again in {RETRY_AFTER:.0f} s"
        run_here(client.pause(RETRY_AFTER, why), client.clock)
        found.update(_read_all(client, soon))
    for detail in found.values():
        if isinstance(detail, MalformedServer):
            warn(f"{detail} Its details are unknown.")
    away = list(_unavailable(found))
    if away:
        whose = "its" if len(away) == 1 else "their"
        why = f"{whose} node is unavailable (HTTP 503), so name, limits and state are unknown"
        warn(f"{_named(away).capitalize()}: {why}. Run it again later.")
    return found


def _unavailable(found: Mapping[int, Detail]) -> Dict[int, NodeUnavailable]:
    return {server_id: detail for server_id, detail in found.items() if isinstance(detail, NodeUnavailable)}


def _named(ids: Sequence[int]) -> str:
    return ("server " if len(ids) == 1 else "servers ") + ", ".join(map(str, ids))


def _read(client: Client, server_id: int, patience: Optional[Patience] = None) -> Detail:
    try:
        return run_here(client.get_server(server_id, patience=patience), client.clock)
    except ServerNotFound:
        return None


def _read_all(client: Client, server_ids: Sequence[int]) -> Dict[int, Detail]:
    """Read each server once, without waiting after HTTP 503, because an unavailable node can have many servers."""

    def read(server_id: int) -> Detail:
        try:
            return _read(client, server_id, Patience(client.settings.max_wait, waits_for_node=False))
        except (MalformedServer, NodeUnavailable) as exc:
            return exc

    pool = ThreadPoolExecutor(max_workers=min(CONCURRENT_READS, len(server_ids)))
    try:
        with signals_for_the_main_thread():
            futures = [pool.submit(read, server_id) for server_id in server_ids]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()
        return {server_id: future.result() for server_id, future in zip(server_ids, futures)}
    finally:
        # After a failure, the remaining reads would only use up the quota.
        pool.shutdown(wait=True, cancel_futures=True)


async def run(ctx: Context) -> Result:
    """Return the result of ``serverprism_server_info``. It takes one read for the list and one for each server with details."""
    params = ctx.params
    asked = params["server_ids"] is not None
    ids: List[int] = list(dict.fromkeys(params["server_ids"] or []))
    if asked and not ids:
        # An empty list, such as the result of a filter, must not select all servers.
        return {"changed": False, "servers": [], "not_found": []}
    listed = {summary.id: summary for summary in await ctx.client.list_servers()}
    chosen = [i for i in ids if i in listed] if asked else sorted(listed)
    not_found = [i for i in ids if i not in listed]
    if not_found and params["missing"] == "fail":
        raise _missing(not_found, not_found)
    summaries = [listed[i] for i in chosen if wanted(listed[i], params["product"], params["service_status"])]
    if not asked and not params["details"]:
        return {"changed": False, "servers": [asdict(summary) for summary in summaries], "not_found": not_found}
    servers = with_details(ctx.client, summaries, ctx.warn)
    # A server can be deleted between the read of the list and the read of its details.
    gone = [summary.id for summary in summaries if summary.id not in {server["id"] for server in servers}]
    if gone and asked and params["missing"] == "fail":
        raise _missing(gone, not_found + gone)
    return {"changed": False, "servers": servers, "not_found": not_found + gone}


def _missing(ids: Sequence[int], not_found: Sequence[int]) -> OperationFailed:
    names = ", ".join(map(str, ids))
    return OperationFailed(
        f"Server {names}: not found, or not owned by the customer of this token. "
        "Check the number in its /services/ID address, or set missing to report. (HTTP 404)",
        {"servers": [], "not_found": list(not_found)},
    )


OPERATION = Operation(
    name="serverprism_server_info",
    options={
        "server_ids": {"type": "list", "elements": "int", "aliases": ["server_id"]},
        "details": {"type": "bool", "default": False},
        "service_status": {"type": "str"},
        "product": {"type": "str"},
        "missing": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
    },
    run=blocking(run),
    check=check,
    writes=False,
)

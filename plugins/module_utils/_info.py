# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers there are, and how they are. Private to this collection."""

from __future__ import annotations

import re
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from ._api.client import Client, Patience
from ._api.coroutines import blocking
from ._api.coroutines import run as run_here
from ._api.models import Server, ServerSummary
from ._api.retry import backoff
from ._errors import BadOption, MalformedServer, NodeUnavailable, ServerNotFound
from ._interrupt import signals_for_the_main_thread
from ._operation import (
    Context,
    Operation,
    OperationFailed,
    Result,
)

# So many reads are under way at once: one customer has 60 a minute, so more would only wait together.
CONCURRENT_READS = 8


def check(params: Dict[str, Any]) -> None:
    """Refuse bad options before the first request."""
    for server_id in params["server_ids"] or []:
        if isinstance(server_id, bool) or server_id < 1:
            raise BadOption("server_ids", f"{server_id} is not a service ID")
    try:
        re.compile(params["product"] or "")
    except re.error as exc:
        raise BadOption("product", f"{params['product']!r} is not a regular expression: {exc}") from exc


def wanted(summary: ServerSummary, product: Optional[str], service_status: Optional[str]) -> bool:
    """Whether a server passes the filters; the product is searched, not matched from its start."""
    if service_status and summary.service_status != service_status:
        return False
    return not product or re.search(product, summary.product) is not None


# What a read of one server can end in without an end of the others: its record is odd, its node is away, it is not there.
Detail = Union[Server, MalformedServer, NodeUnavailable, None]


def known(detail: Detail) -> Optional[Server]:
    """The server, where there is one and its details could be read."""
    return detail if isinstance(detail, Server) else None


def fetch_details(client: Client, server_ids: Sequence[int], warn: Callable[[str], None]) -> Dict[int, Detail]:
    """The servers by ID, read concurrently within the budget; each read has the whole of ``max_wait`` for itself.

    An odd record hides no other server, and neither does a node that is away: that is warned of, and an error only where it is alone.
    """
    if len(server_ids) < 2:
        return {server_id: _read(client, server_id) for server_id in server_ids}
    found = _read_all(client, server_ids)
    _ask_again(client, found)
    for detail in found.values():
        if isinstance(detail, MalformedServer):
            warn(f"{detail} Its details are unknown.")
    away = [server_id for server_id, detail in found.items() if isinstance(detail, NodeUnavailable)]
    if away:
        whose = "its" if len(away) == 1 else "their"
        warn(f"{_named(away).capitalize()}: {whose} node is unavailable (HTTP 503), and so are name, limits and state. Run it again later.")
    return found


def _named(ids: Sequence[int]) -> str:
    return ("server " if len(ids) == 1 else "servers ") + ", ".join(map(str, ids))


def _read(client: Client, server_id: int, patience: Optional[Patience] = None) -> Detail:
    try:
        return run_here(client.get_server(server_id, patience=patience), client.clock)
    except ServerNotFound:
        return None


def _read_all(client: Client, server_ids: Sequence[int]) -> Dict[int, Detail]:
    """Each server once. One whose node is away is put aside at once: on a broken node there can be many."""

    def read(server_id: int) -> Detail:
        try:
            return _read(client, server_id, Patience(client.settings.max_wait, client.clock, {"unavailable": 0.0}))
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
        # After a failure the reads not yet begun would only spend quota.
        pool.shutdown(wait=True, cancel_futures=True)


def _ask_again(client: Client, found: Dict[int, Detail]) -> None:
    """Ask again for those whose node is away, all of them at a time, as long as one window of the quota takes.

    A node that restarts is back by then. The time does not grow with their number, and what they cost is about one window's reads.
    """
    until = client.clock.now() + min(client.settings.max_wait, client.settings.limit_window)
    attempt = 0
    while True:
        attempt += 1
        away = {server_id: detail for server_id, detail in found.items() if isinstance(detail, NodeUnavailable)}
        # A Retry-After is kept to; whose is too late is not asked again.
        due = {server_id: max(exc.retry_after or 0.0, backoff(attempt)) for server_id, exc in away.items()}
        due = {server_id: seconds for server_id, seconds in due.items() if client.clock.now() + seconds <= until}
        if not due:
            return
        pause = max(due.values())
        run_here(client.pause(pause, f"no answer yet to {_named(list(due))} (HTTP 503): once more in {pause:.0f} s"), client.clock)
        found.update(_read_all(client, list(due)))


def entry(summary: ServerSummary, detail: Detail, details: bool) -> Dict[str, Any]:
    """One element of ``servers``; ``current_state`` is null when unknown, and all details are where they could not be read."""
    out: Dict[str, Any] = summary.as_dict()
    if not details:
        return out
    server = known(detail)
    if server is None:
        return {**out, "name": None, "limits": None, "resources": None, "current_state": None}
    shown = server.as_dict()
    out.update({key: shown[key] for key in ("name", "service_status", "limits", "resources")})
    return {**out, "current_state": server.state}


async def run(ctx: Context) -> Result:
    """Returns the result of ``serverprism_server_info``: one read for the list, one more for each server with details."""
    params = ctx.params
    asked = params["server_ids"] is not None
    ids: List[int] = list(dict.fromkeys(params["server_ids"] or []))
    if asked and not ids:
        # A list that somebody's filter left empty does not mean all of them.
        return {"changed": False, "servers": [], "not_found": []}
    listed = {summary.id: summary for summary in await ctx.client.list_servers()}
    chosen = [i for i in ids if i in listed] if asked else sorted(listed)
    not_found = [i for i in ids if i not in listed]
    if not_found and params["missing"] == "fail":
        raise OperationFailed(_missing(not_found), {"servers": [], "not_found": not_found}, status=404)
    chosen = [i for i in chosen if wanted(listed[i], params["product"], params["service_status"])]
    details: Dict[int, Detail] = {}
    detailed = asked or params["details"]
    if detailed:
        details = fetch_details(ctx.client, chosen, ctx.warn)
        # The list is one read, the details come later: a server can go in between.
        gone = [i for i in chosen if details[i] is None]
        not_found += gone
        chosen = [i for i in chosen if i not in gone]
        if gone and asked and params["missing"] == "fail":
            raise OperationFailed(_missing(gone), {"servers": [], "not_found": not_found}, status=404)
    return {"changed": False, "servers": [entry(listed[i], details.get(i), detailed) for i in chosen], "not_found": not_found}


def _missing(ids: Sequence[int]) -> str:
    names = ", ".join(str(i) for i in ids)
    return (
        f"Server {names}: not found, or not owned by the customer of this token. "
        "Check the number in its /services/ID address, or set missing to report. (HTTP 404)"
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

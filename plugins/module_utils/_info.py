# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers there are, and how they are. Private to this collection."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from ansible_collections.serverprism.cloud.plugins.module_utils._client import Client
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, OddServer, ServerNotFound
from ansible_collections.serverprism.cloud.plugins.module_utils._models import Server, ServerSummary
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import (
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


# A server, or why there is none of it: None for not there.
Detail = Union[Server, OddServer, None]


def fetch_details(client: Client, server_ids: Sequence[int], warn: Callable[[str], None]) -> Dict[int, Detail]:
    """The servers by ID, read concurrently within the budget.

    An odd record hides no other server: it is warned of, and an error only where it is alone.
    """

    def fetch(server_id: int) -> Detail:
        try:
            return client.get_server(server_id)
        except ServerNotFound:
            return None
        except OddServer as exc:
            if len(server_ids) == 1:
                raise
            warn(f"{exc} Its details are unknown.")
            return exc

    if len(server_ids) < 2:
        return {server_id: fetch(server_id) for server_id in server_ids}
    pool = ThreadPoolExecutor(max_workers=min(CONCURRENT_READS, len(server_ids)))
    try:
        return dict(zip(server_ids, pool.map(fetch, server_ids)))
    finally:
        # After a failure the reads not yet begun would only spend quota.
        pool.shutdown(wait=True, cancel_futures=True)


def entry(summary: ServerSummary, server: Detail) -> Dict[str, Any]:
    """One element of ``servers``; ``current_state`` is null when unknown, and all details are where the record is odd."""
    out: Dict[str, Any] = summary.as_dict()
    if isinstance(server, OddServer):
        out.update(name=None, limits=None, resources=None, current_state=None)
    elif server is not None:
        details = server.as_dict()
        out.update({key: details[key] for key in ("name", "service_status", "limits", "resources")})
        out["current_state"] = server.state
    return out


def run(ctx: Context) -> Result:
    """Returns the result of ``serverprism_server_info``: one read for the list, one more for each server with details."""
    params = ctx.params
    asked = params["server_ids"] is not None
    ids: List[int] = list(dict.fromkeys(params["server_ids"] or []))
    if asked and not ids:
        # A list that somebody's filter left empty does not mean all of them.
        return {"changed": False, "servers": [], "not_found": []}
    listed = {summary.id: summary for summary in ctx.client.list_servers()}
    chosen = [i for i in ids if i in listed] if asked else sorted(listed)
    not_found = [i for i in ids if i not in listed]
    if not_found and params["missing"] == "fail":
        raise OperationFailed(_missing(not_found), {"servers": [], "not_found": not_found}, status=404)
    chosen = [i for i in chosen if wanted(listed[i], params["product"], params["service_status"])]
    details: Dict[int, Detail] = {}
    if asked or params["details"]:
        details = fetch_details(ctx.client, chosen, ctx.warn)
        # The list is one read, the details come later: a server can go in between.
        gone = [i for i in chosen if details[i] is None]
        not_found += gone
        chosen = [i for i in chosen if i not in gone]
        if gone and asked and params["missing"] == "fail":
            raise OperationFailed(_missing(gone), {"servers": [], "not_found": not_found}, status=404)
    return {"changed": False, "servers": [entry(listed[i], details.get(i)) for i in chosen], "not_found": not_found}


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
    run=run,
    check=check,
)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server IDs of the hosts of a run, and their checks. Pure. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError


def server_id_of(values: Mapping[str, Any], names: Sequence[str]) -> int:
    """Return the server ID in the first of these variables that is set, or 0 if it is not an ID. ``1290.0`` and ``"1290 "`` are 1290."""
    given = next((values[name] for name in names if values.get(name) not in (None, "")), None)
    try:
        # An ID read from a spreadsheet can be a float. Rounding 1290.7, or taking YAML's "yes" for 1, would select another server.
        number = 0.0 if isinstance(given, bool) else float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(number) if number.is_integer() and number > 0 else 0


def require_hosts(hosts: Sequence[str], variable: str, pattern: Any) -> None:
    """Refuse a run without servers. Otherwise nobody would notice that it did nothing."""
    if not hosts:
        shown = ":".join(pattern) if isinstance(pattern, list) else pattern
        where = "Check the inventory (-i) and --limit."
        raise ServerPrismError(f"No server in this run: no host matches {variable} ({shown}). {where}")


def duplicates(ids: Mapping[str, int]) -> Dict[str, BadOption]:
    """Return an error for each host that shares its server with another host. The server would be restarted twice."""
    hosts: Dict[int, List[str]] = {}
    for host, server_id in ids.items():
        hosts.setdefault(server_id, []).append(host)
    out = {}
    for server_id, names in hosts.items():
        if server_id and len(names) > 1:
            said = f"server {server_id} belongs to more than one host of this run: {', '.join(sorted(names))}"
            out.update(dict.fromkeys(names, BadOption("serverprism_id", f"{said}. Leave all but one of them out, with --limit")))
    return out

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of the servers of a run: read it, and return it as rows, a table, CSV or JSON. Private to this collection."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from datetime import timezone, tzinfo
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from .._errors import BadOption
from .._files import replace_file
from .._info import OPERATION as INFO
from .._operation import Context, Operation, Result
from .._quota.holds import described
from .._text import one_line, printable
from .table import table

Row = Dict[str, Any]
HEADER = ["server", "id", "billing", "state", "memory", "cpu", "product"]
COLUMNS = ["host", "id", "name", "product", "billing", "state", "memory_bytes", "memory_limit_mb", "cpu_percent", "disk_bytes"]
# A spreadsheet takes a cell that begins with one of these, also in its wide form, for a formula.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def same_for_all(name: str, values: Iterable[Any]) -> Optional[str]:
    """Return the value of a variable that is the same for all hosts, None if it is not set. Raise BadOption for different values."""
    different = list(dict.fromkeys("" if value is None else str(value) for value in values))
    if len(different) > 1:
        why = "must be the same for all hosts of this run, since the list of servers is read once"
        raise BadOption(name, f"{why}. Select the hosts of one customer with status_hosts")
    return (different[0] if different else "") or None


def status_rows(
    ids: Mapping[str, int], servers: Sequence[Mapping[str, Any]], problems: Mapping[str, str], holds: Optional[Mapping[int, str]] = None
) -> List[Row]:
    """Return one row a host, sorted by name: the server as ``serverprism_server_info`` returns it, or a ``problem``.

    ``holds`` are the texts of the holds by server.
    """
    by_id = {server["id"]: server for server in servers}
    rows: List[Row] = []
    for host, server_id in sorted(ids.items()):
        missing = {"id": server_id or None, "problem": "not found" if server_id else problems.get(host, "no serverprism_id")}
        hold = {"hold": holds[server_id]} if holds and server_id in holds else {}
        rows.append({"host": host, **by_id.get(server_id, missing), **hold})
    return rows


def _use(row: Row) -> Mapping[str, Any]:
    """Return the live use of a server. If its node is down, all values are 0, so they are left out."""
    return row["resources"] if row.get("current_state") else {}


def as_table(rows: Sequence[Row]) -> List[str]:
    """Return the rows as lines for a terminal."""
    lines: List[Sequence[Any]] = [HEADER]
    for row in rows:
        if "problem" in row:
            lines.append([row["host"], row["id"] or "", row["problem"]])
            continue
        use = _use(row)
        memory = f"{use['memory_bytes'] / 1048576:.0f} MB" if use else ""
        cpu = f"{use['cpu_absolute']:.0f} %" if use else ""
        lines.append([row["host"], row["id"], row["service_status"], row["current_state"] or "unknown", memory, cpu, row["product"]])
    notes = [printable(f"{row['host']} is {row['hold']}") for row in rows if "hold" in row]
    return [*table(lines, right=[1, 4, 5]), *([""] if notes else []), *notes]


def as_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV with a header. No cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        use, limits = _use(row), row.get("limits") or {}
        state = row.get("problem") or row["current_state"] or "unknown"
        texts = [row.get("name"), row.get("product"), row.get("service_status"), state]
        numbers = [use.get("memory_bytes"), limits.get("memory_mb"), use.get("cpu_absolute"), use.get("disk_bytes")]
        writer.writerow([_cell(row["host"]), row["id"], *map(_cell, texts), *numbers])
    return out.getvalue()


def _cell(text: Any) -> str:
    text = one_line(text or "")
    return f"'{text}" if _FORMULA.match(text) else text


def as_file(path: str, rows: Sequence[Row]) -> bytes:
    """Return the content of the file: CSV or JSON, by the end of its name."""
    text = as_csv(rows) if path.endswith(".csv") else json.dumps(rows, indent=4, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "replace")


def _absolute(path: str) -> str:
    """Return the path of the file to write. Refuse one that cannot be written, before anything is read from the API."""
    option, path = "path (status_file of the playbook)", os.path.abspath(os.path.expanduser(path))
    if not path.endswith((".csv", ".json")):
        raise BadOption(option, f"{path} must end in .csv or .json")
    if os.path.isdir(path) or not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
        raise BadOption(option, f"{path} cannot be written: it is a folder, or its folder does not exist or is not writable")
    return path


def read_status(ctx: Context, ids: Mapping[str, int], problems: Mapping[str, str], tz: tzinfo = timezone.utc) -> Result:
    """Read the servers of these hosts and write the file. Return the result of ``serverprism_status``. Ends of holds are in ``tz``."""
    path = _absolute(ctx.params["path"]) if ctx.params["path"] else None
    wanted = [server_id for server_id in ids.values() if server_id]
    if not wanted:
        raise BadOption("serverprism_id", "no host of this run has one. It is the number in the server's /services/ID address")
    params = {"server_ids": wanted, "missing": "report", "details": True, "product": None, "service_status": None}
    servers = INFO.run(replace(ctx, params=params))["servers"]
    now = ctx.clock.now()
    holds = {one.server_id: described(one, tz, now) for one in ctx.client.ledger.holds() if now < one.until}
    rows = status_rows(ids, servers, problems, holds)
    return {"changed": path is not None and _write(path, as_file(path, rows), ctx.check_mode), "servers": rows}


def _write(path: str, data: bytes, check_mode: bool) -> bool:
    """Write the file and return whether it changed. In check mode do not write it."""
    with suppress(OSError), open(path, "rb") as stream:
        if stream.read() == data and not os.path.islink(path):
            return False
    if not check_mode:
        try:
            replace_file(path, data)
        except OSError as exc:
            raise BadOption("path (status_file of the playbook)", f"{path} cannot be written: {exc}") from exc
    return True


def _without_hosts(_ctx: Context) -> Result:
    raise BadOption("hosts", "can be used only by the action of this name on the controller, which knows the hosts of a run")


OPERATION = Operation(
    name="serverprism_status",
    options={"hosts": {"type": "raw", "default": "all"}, "path": {"type": "str"}},
    run=_without_hosts,
    writes=False,
)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of hosts with given results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._report import data
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server, with_error


def build(rows: Sequence[Mapping[str, Any]], *more: Any, **options: Any) -> dict[str, Any]:
    """Return the report of rows with ``host``, ``result`` and ``error``."""
    known = [server(row["host"], row["result"]) for row in rows]
    return data.build([with_error(one, row["error"]) if row["error"] else one for one, row in zip(known, rows)], *more, **options)

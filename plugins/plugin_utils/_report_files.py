# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the summary of a run, and write report.json and report.html. Private to this collection."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._files import replace_file
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import build
from ansible_collections.serverprism.cloud.plugins.module_utils._report.page import page
from ansible_collections.serverprism.cloud.plugins.module_utils._report.summary import summary
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso

TESTED = ("done", "planned", "unconfirmed", "failed", "cancelled")


class RunReport:
    """The report of a run: the results by host, and the errors of hosts whose later tasks failed."""

    def __init__(
        self,
        results: Mapping[str, Mapping[str, Any]],
        errors: Mapping[str, str],
        check_mode: bool,
        timezone: str = "UTC",
        reason: str = "",
    ) -> None:
        rows = [
            {"host": host, "result": result, "error": errors.get(host) or (str(result.get("msg") or "") if result.get("failed") else "")}
            for host, result in results.items()
        ]
        self.data = build(rows, iso(time.time()), check_mode, timezone, reason)

    def lines(self, hosts: Collection[str]) -> list[str]:
        """Return the summary of these hosts."""
        return summary([one for one in self.data["servers"] if one["host"] in hosts])

    def has_tested(self) -> bool:
        """Return whether a signal was sent to any server, in this run or before, or would be sent in check mode."""
        return any(one["outcome"] in TESTED or one["earlier"] == "done" for one in self.data["servers"])

    def untested(self, others: int) -> str:
        """Return the warning for a canary that has tested nothing. ``others`` is the number of servers that follow."""
        outcomes = " or ".join(sorted({one["outcome"] for one in self.data["servers"]}))
        why = "; ".join(sorted({one["reason"] for one in self.data["servers"] if one["reason"]})) or "nothing was sent"
        return f"The canary was {outcomes} ({why}), so it has tested nothing. The other {others} hosts follow anyway."

    def write(self, folder: str) -> str:
        """Write the files, and return an error message, empty on success. A missing folder is created for this user only."""
        folder = os.path.expanduser(folder)
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            replace_file(os.path.join(folder, "report.json"), (json.dumps(self.data, indent=4, sort_keys=True) + "\n").encode())
            replace_file(os.path.join(folder, "report.html"), page(self.data).encode())
        except OSError as exc:
            why = exc.strerror or exc
            return f"The report could not be written to {folder}: {why}. Check that the folder exists and the disk is not full."
        return ""

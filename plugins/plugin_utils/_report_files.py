# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the summary of a run, and write the files of its report. Private to this collection."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._files import open_own, replace_file
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import build
from ansible_collections.serverprism.cloud.plugins.module_utils._report.junit import junit
from ansible_collections.serverprism.cloud.plugins.module_utils._report.markdown import markdown
from ansible_collections.serverprism.cloud.plugins.module_utils._report.page import page
from ansible_collections.serverprism.cloud.plugins.module_utils._report.summary import summary
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso


@dataclass(frozen=True)
class Format:
    """A format of the report: its file, the first characters of every such file, and the function that makes it."""

    file: str
    begin: str
    make: Callable[[Mapping[str, Any]], str]


def _json(report: Mapping[str, Any]) -> str:
    return json.dumps(report, indent=4, sort_keys=True) + "\n"


FORMATS = {
    "html": Format("report.html", '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Maintenance ', page),
    "json": Format("report.json", '{\n    "begun": ', _json),
    "markdown": Format("report.md", "<!-- serverprism.cloud.maintenance -->\n", markdown),
    "junit": Format("junit.xml", '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="serverprism.cloud.maintenance">', junit),
}
TESTED = ("done", "planned", "unconfirmed", "failed", "cancelled")


@dataclass(frozen=True)
class ReportOptions:
    """The folder of a report, empty for none, its formats, the time zone in which it shows times, and the reason of the run."""

    folder: str = ""
    formats: tuple[str, ...] = ("html", "json")
    timezone: str = "UTC"
    reason: str = ""


class RunReport:
    """The report of a run from the rows of its hosts."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], options: ReportOptions, check_mode: bool, running: bool = False) -> None:
        self.options = options
        self.data = build(rows, iso(time.time()), check_mode, options.timezone, options.reason, running)

    def lines(self, hosts: Collection[str]) -> list[str]:
        """Return the summary of these hosts."""
        return summary([one for one in self.data["servers"] if one["host"] in hosts])

    def has_tested(self) -> bool:
        """Return whether a signal was sent to any server, in this run or before, or would be sent in check mode."""
        return any((one["outcome"] in TESTED and not one["held_back"]) or one["earlier"] == "done" for one in self.data["servers"])

    def untested(self, others: int) -> str:
        """Return the warning for a canary that has tested nothing. ``others`` is the number of servers that follow."""
        outcomes = " or ".join(sorted({one["outcome"] for one in self.data["servers"]}))
        why = "; ".join(sorted({one["reason"] for one in self.data["servers"] if one["reason"]})) or "nothing was sent"
        return f"The canary was {outcomes} ({why}), so it has tested nothing. The other {others} hosts follow anyway."

    def last_words(self, hosts: Collection[str]) -> list[str]:
        """Write the files, and return the summary of these hosts and where the report is."""
        lines = self.lines(hosts)
        return [*lines, self.write() or f"The report is in {self.options.folder}."] if self.options.folder else lines

    def write(self) -> str:
        """Write the files, and return an error message, empty on success or without a folder.

        A missing folder is created for this user only. Files of other formats are removed if an earlier run has written them, since they
        would be taken for the report of this run.
        """
        folder = os.path.expanduser(self.options.folder)
        if not folder:
            return ""
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            for name, one in FORMATS.items():
                path = os.path.join(folder, one.file)
                if name in self.options.formats:
                    replace_file(path, one.make(self.data).encode())
                elif _is_report(path, one.begin.encode()):
                    os.unlink(path)
        except OSError as exc:
            why = exc.strerror or exc
            return f"The report could not be written to {folder}: {why}. Check that the folder exists and the disk is not full."
        return ""


def _is_report(path: str, begin: bytes) -> bool:
    """Return whether a file begins as a report does. False for a file that is missing, a link, or another user's."""
    with suppress(OSError), open(open_own(path, os.O_RDONLY), "rb") as stream:
        return stream.read(len(begin)) == begin
    return False

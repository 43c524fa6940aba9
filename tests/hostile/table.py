# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record all tries and their results in .dev/hostile, one line a try; ``python -m hostile.table`` turns them into the page."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTES = ROOT / ".dev" / "hostile"
PAGE = ROOT / "docs" / "docsite" / "rst" / "proof.rst"
# Each table: its heading, and the failures that the tests look for.
TABLES = {
    "hostile": (
        "A hostile API",
        "Every fault on every operation, on its first request and on all of them: connections that end before or after the work was done, "
        "truncated answers, answers sent byte by byte, bytes that are not HTTP, pages, redirects, statuses, wrong types in every field, "
        "decompression bombs. The tests look for: a traceback, a message that does not name the server, a wait past its limit, a repeated "
        "console command, a kill that nobody asked for, a second restart, less notice than announced, players who were warned and not told "
        "of the cancellation, and any result that claims more than was done.",
    ),
    "model": (
        "Power against a model of the node",
        "Random orders of states, behaviours of games, lost and refused requests, crashes and other users at the panel, without waiting. "
        "The tests look for: ``changed`` or ``confirmed`` that claims more than was done.",
    ),
    "ledger": (
        "The ledger under load",
        "Many processes, kills, full and read-only disks, locks that fail, clock changes, foreign content, a Redis that restarts or "
        "is slow. The tests look for: more requests in a window than the quota allows, a process that never gets a slot, a failure without "
        "a message.",
    ),
    "interruption": (
        "Interrupted runs",
        "Ctrl-C, SIGTERM, kill and a full disk at every stage of a fleet's maintenance, then the same run again. The tests look for: "
        "players who wait for a cancelled restart, a second restart, a journal that cannot be read.",
    ),
    "promises": (
        "Hard cases",
        "Refused lines, hidden, sleeping or dead lock owners, stopped containers, timeouts, closed pipes, clock changes, servers that hang "
        "or crash. The tests look for: less notice than announced, a second restart, players who are not told, a run that does not end, an "
        "outcome that claims more than was done.",
    ),
    "security": (
        "Secrets and untrusted text",
        "The tests search everything that was written for the token, and try certificates, addresses, links in place of files, and names "
        "and texts that could act as templates, HTML, terminal codes, spreadsheet formulas or second commands.",
    ),
    "soak": (
        "A long run",
        "Thousands of operations with random faults. The tests look for: memory, file handles or processes that grow, and a server that is "
        "not as the result said.",
    ),
}
# The page has the same licence header as this file.
LICENCE = "\n".join("  " + line.lstrip("# ") for line in Path(__file__).read_text().splitlines()[:3])
HEAD = f"""..
{LICENCE}

.. _ansible_collections.serverprism.cloud.docsite.proof:

Fault injection results
=======================

A test suite of the project injects faults into operations and runs, against a simulator of the API over real HTTP. This page is its result:
that of ``make hostile``, or of the longer ``make prove``, which writes it again. *Errors* are tries that ended in one clear error, which is
right if nothing else can be done. *Broken* are tries that broke a rule.

.. contents::
   :local:
   :depth: 1
"""


def note(table: str, row: str, way: str, *, failed: bool, broken: bool) -> None:
    """Record one try for a row of a table: ``failed`` if it ended with an error, ``broken`` if a rule was broken."""
    NOTES.mkdir(parents=True, exist_ok=True)
    # A single write a line, so that the lines of several processes do not mix.
    with (NOTES / f"{table}.jsonl").open("a") as file:
        file.write(json.dumps({"row": row, "way": way, "failed": failed, "broken": broken}) + "\n")


def section(table: str) -> str:
    """Return one table in reStructuredText; empty if nothing was tried."""
    path = NOTES / f"{table}.jsonl"
    if not path.exists():
        return ""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for line in path.read_text().splitlines():
        one = json.loads(line)
        counts.setdefault((one["row"], one["way"]), Counter()).update(tries=1, failed=int(one["failed"]), broken=int(one["broken"]))
    heading, text = TABLES[table]
    out = [heading, "-" * len(heading), "", textwrap.fill(text, 140), "", ".. list-table::", "   :header-rows: 1", ""]
    for cells in [
        ("what", "run as", "tries", "errors", "broken"),
        *((row, way, *map(str, (one["tries"], one["failed"], one["broken"]))) for (row, way), one in sorted(counts.items())),
    ]:
        out += [f"   {'* -' if index == 0 else '  -'} {cell}" for index, cell in enumerate(cells)]
    return "\n".join(out) + "\n"


def main() -> None:
    """Write the page from the recorded tries."""
    PAGE.write_text("\n".join([HEAD, *filter(None, map(section, TABLES))]))


if __name__ == "__main__":
    main()

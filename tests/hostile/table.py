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
        "half answers, answers that come byte by byte, what is no HTTP at all, pages, redirects, statuses, wrong types in every field, "
        "decompression bombs. The simulator knows what really happened. Looked for: a traceback, a message that does not name the "
        "server, a wait past its limit, a repeated console command, a kill that nobody asked for, a restart too many, less notice than "
        "announced, players who were warned and not told that it is cancelled, and any result that is better than the truth.",
    ),
    "model": (
        "Power against a model of the node",
        "Random orders of states, switches of games, lost and refused requests, crashes and other people at the panel, without waiting. "
        "Looked for: ``changed`` or ``confirmed`` that is better than the truth.",
    ),
    "ledger": (
        "The ledger under fire",
        "Many processes, kills, full and read-only disks, locks that fail, clocks that are set, foreign content, a Redis that restarts or "
        "is slow. Looked for: a request too many in any window, somebody who starves, a failure that is not told.",
    ),
    "interruption": (
        "Interrupted runs",
        "Ctrl-C, SIGTERM, kill and a full disk at every stage of a fleet's maintenance, and the same run once more. Looked for: players "
        "who wait for a restart that does not come, a second restart, a journal that cannot be read.",
    ),
    "promises": (
        "Promises where they are hardest to keep",
        "Lines that are refused, owners of locks that are hidden, asleep or dead, containers that are stopped, time limits, closed pipes, "
        "clocks that are set, servers that hang or crash. Looked for: less notice than players read, a second restart, players who are "
        "not told, a run that never ends, an outcome that is better than the truth.",
    ),
    "security": (
        "Secrets and untrusted text",
        "The token looked for in everything that was written; certificates, addresses, links in the way; names and texts that would be "
        "templates, HTML, terminal codes, spreadsheet formulas or second commands.",
    ),
    "soak": (
        "A long run",
        "Thousands of operations with random faults. Looked for: memory, file handles or processes that grow, and a server that is not as "
        "the result said.",
    ),
}
# The page has the same licence header as this file.
LICENCE = "\n".join("  " + line.lstrip("# ") for line in Path(__file__).read_text().splitlines()[:3])
HEAD = f"""..
{LICENCE}

.. _ansible_collections.serverprism.cloud.docsite.proof:

What was tried against it
=========================

The promises of this collection are held against what can go wrong: a suite of the project tries to break them, on a stand-in for the API
over real HTTP. This page is what a run of it noted: that of ``make hostile``, or the longer one of ``make prove``, which writes it anew.
*Errors* are tries that ended in one clear error, which is right where nothing else can be done; *broken* are promises that did not hold.

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

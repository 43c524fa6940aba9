# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Note each try in .dev/hostile, one line a try, and write the page of all of them: ``python -m hostile.table``."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTES = ROOT / ".dev" / "hostile"
PAGE = "proof.rst"
# Each table: its heading, and what the tests look for.
TABLES = {
    "hostile": (
        "A hostile API",
        "Every fault on every operation, on its first request and on all of them: connections that end before or after the work was done, "
        "half answers, answers that come byte by byte, answers that are not HTTP, HTML pages, redirects, statuses, wrong types in every "
        "field, decompression bombs. The simulator knows what really happened. A try breaks a promise if it ends with a traceback, a "
        "message that does not name the server, a wait past its limit, a repeated console command, a kill that nobody asked for, a second "
        "restart, less notice than announced, a cancelled restart that players are not told of, or a result that is better than the truth.",
    ),
    "model": (
        "Power against a model of the node",
        "Random orders of states, switches of games, lost and refused requests, crashes, and other people at the panel, in virtual time. A "
        "try breaks a promise if ``changed`` or ``confirmed`` is better than the truth.",
    ),
    "ledger": (
        "The ledger under load",
        "Many processes, kills, full and read-only disks, locks that fail, clocks that are set, foreign content, a Redis that restarts or "
        "is slow. A try breaks a promise if any window has too many requests, a process never gets its turn, or a failure is not reported.",
    ),
    "interruption": (
        "Interrupted runs",
        "Ctrl-C, SIGTERM, kill and a full disk at every stage of a fleet's maintenance, and then the same run again. A try breaks a "
        "promise if players wait for a restart that does not come, a server is restarted twice, or the run log cannot be read.",
    ),
    "promises": (
        "Promises where they are hardest to keep",
        "Lines that are refused, owners of locks that are hidden, asleep or dead, containers that are stopped, time limits, closed pipes, "
        "clocks that are set, servers that hang or crash. A try breaks a promise if players get less notice than they read or are not told "
        "of a cancelled restart, a server is restarted twice, a run never ends, or an outcome is better than the truth.",
    ),
    "security": (
        "Secrets and untrusted text",
        "The token is looked for in everything that was written. Certificates, addresses, links in the way of files. Names and texts that "
        "could act as templates, HTML, terminal codes, spreadsheet formulas or second commands.",
    ),
    "soak": (
        "A long run",
        "Thousands of operations with random faults. A try breaks a promise if memory, file handles or processes grow, or if a server is "
        "not as the result said.",
    ),
}
HEAD = """Hostile tests
=============

Tests try to break the promises of this collection, with a simulator of the API over real HTTP. *Errors* are tries that ended with one clear
error, which is right where nothing else can be done. *Broken* are promises that did not hold.
"""


def note(table: str, row: str, way: str, *, failed: bool, broken: bool) -> None:
    """Note one try of a row of a table: whether it ended with an error, and whether it broke a promise."""
    NOTES.mkdir(parents=True, exist_ok=True)
    # A single write a line, so that the lines of several processes do not mix.
    with (NOTES / f"{table}.jsonl").open("a") as file:
        file.write(json.dumps({"row": row, "way": way, "failed": failed, "broken": broken}) + "\n")


def counted(notes: Path) -> dict[tuple[str, str], Counter[str]]:
    """Return the tries, errors and broken promises of each row of a file of notes, and of each way that it was run."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for line in notes.read_text().splitlines() if notes.exists() else ():
        one = json.loads(line)
        counts.setdefault((one["row"], one["way"]), Counter()).update(tries=1, errors=int(one["failed"]), broken=int(one["broken"]))
    return counts


def list_table(rows: Sequence[Sequence[object]]) -> list[str]:
    """Return a table in reStructuredText. The first row is its head."""
    cells = [f"   {'  -' if index else '* -'} {cell}" for row in rows for index, cell in enumerate(row)]
    return [".. list-table::", "   :header-rows: 1", "", *cells, ""]


def page(notes: Path) -> str:
    """Return the page of the tries that a folder of notes holds: the sums, then one section for each table with any tries."""
    found = {table: counts for table in TABLES if (counts := counted(notes / f"{table}.jsonl"))}
    figures = ("tries", "errors", "broken")
    sums = [(TABLES[table][0], *(sum(one[name] for one in counts.values()) for name in figures)) for table, counts in found.items()]
    out = [HEAD, *list_table([("what", *figures), *sums])]
    for table, counts in found.items():
        heading, text = TABLES[table]
        out += [heading, "-" * len(heading), "", textwrap.fill(text, 140), ""]
        rows = [(row, way, *(one[name] for name in figures)) for (row, way), one in sorted(counts.items())]
        out += list_table([("what", "run as", *figures), *rows])
    return "\n".join(out)


if __name__ == "__main__":
    (NOTES / PAGE).write_text(page(NOTES))
    print(f"What was tried is in {NOTES / PAGE}")

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the figures of a benchmark into the documentation: a table each on the page of benchmarks, and a summary in the README.

A benchmark hands its table over in Markdown. The page keeps it as a list-table, between two comments with the name of the benchmark.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "docsite" / "rst" / "benchmarks.rst"


def put(name: str, text: str) -> None:
    """Replace the table of this benchmark, and the summary in the README."""
    _replace(PAGE, f".. made by make bench: {name}", f"\n{as_rst(text.splitlines())}\n")
    _replace(README, "<!-- made by make bench: summary -->", summary())


def rows(name: str) -> list[str]:
    """Return the table of this benchmark as lines of Markdown."""
    return as_markdown(PAGE.read_text().split(f".. made by make bench: {name}\n")[1])


def as_rst(table: list[str]) -> str:
    """Return a table of Markdown as a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [table[0], *table[2:]]:
        cells = [cell.strip().replace("`", "``") for cell in row.strip("|").split("|")]
        lines += [f"   {'* -' if index == 0 else '  -'} {cell}".rstrip() for index, cell in enumerate(cells)]
    return "\n".join(lines)


def as_markdown(text: str) -> list[str]:
    """Return a list-table as lines of Markdown."""
    table = []
    for row in text.split("   * -")[1:]:
        cells = [cell.strip().replace("``", "`") for cell in re.split(r"\n     -", row.split("\n\n")[0])]
        table.append(f"| {' | '.join(cells)} |")
    return [table[0], "|---" * (table[0].count("|") - 1) + "|", *table[1:]]


def summary() -> str:
    """Return the table of the README: each figure of the collection beside that of the same job with ``ansible.builtin.uri``."""
    task = [_cells(row) for row in rows("cost")[2:]]
    uri, ours = task[0][1], task[1][1]
    runs = [_cells(row) for row in rows("fleet")[2:]]
    # The largest fleet that was measured both ways.
    by_hand = [run for run in runs if run[1].startswith("hand")][-1]
    own = next(run for run in runs if run[0] == by_hand[0] and run[1] == "`serverprism.cloud.maintenance`")
    return "\n".join(
        [
            "| measured side by side | this collection | `ansible.builtin.uri` |",
            "|---|---|---|",
            f"| one API request as a task | {ours} | {uri} |",
            f"| maintenance of {own[0]} servers, at 20 times real speed | {own[2]} | {by_hand[2]} |",
            f"| in that run: worst notice error | {own[5]} | {by_hand[5]} |",
            f"| in that run: CPU for each server, memory | {own[7]}, {own[8]} | {by_hand[7]}, {by_hand[8]} |",
        ]
    )


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _replace(path: Path, mark: str, text: str) -> None:
    before, _old, after = path.read_text().split(f"{mark}\n")
    path.write_text(f"{before}{mark}\n{text}\n{mark}\n{after}")


def merged(table: list[str], new: str, keys: int) -> list[str]:
    """Return a table of Markdown with a new row.

    It takes the place of the row whose first cells are the same, ``keys`` of them, or else follows the rows with the same first cell.
    """

    def key(row: str) -> list[str]:
        return row.split("|")[1 : keys + 1]

    same = [index for index, row in enumerate(table) if key(row) == key(new)]
    alike = [index for index, row in enumerate(table) if key(row)[0] == key(new)[0]]
    if same:
        return [*table[: same[0]], new, *table[same[0] + 1 :]]
    place = alike[-1] + 1 if alike else len(table)
    return [*table[:place], new, *table[place:]]

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put measured figures into the README, between two marks."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def put(name: str, text: str) -> None:
    """Replace the text between the marks of this benchmark."""
    mark = f"<!-- made by make bench: {name} -->"
    before, _old, after = README.read_text().split(mark)
    README.write_text(f"{before}{mark}\n{text}\n{mark}{after}")


def rows(name: str) -> list[str]:
    """Return the lines between the marks of this benchmark, as they were measured last."""
    return README.read_text().split(f"<!-- made by make bench: {name} -->")[1].strip().splitlines()


def merged(table: list[str], new: str, keys: int) -> list[str]:
    """Return a Markdown table with a new row in place of the row whose first ``keys`` cells are the same.

    If there is none, the new row comes after the rows that begin with the same first cell.
    """

    def key(row: str) -> list[str]:
        return row.split("|")[1 : keys + 1]

    same = [index for index, row in enumerate(table) if key(row) == key(new)]
    alike = [index for index, row in enumerate(table) if key(row)[0] == key(new)[0]]
    if same:
        return [*table[: same[0]], new, *table[same[0] + 1 :]]
    place = alike[-1] + 1 if alike else len(table)
    return [*table[:place], new, *table[place:]]

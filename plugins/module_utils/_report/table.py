# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Format rows as lines of text in columns. Pure. Private to this collection."""

from __future__ import annotations

import unicodedata
from itertools import zip_longest
from typing import Any, List, Sequence

from .._text import printable


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes. A wide character, such as a Japanese one, takes two, a combining mark none."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    # Marks that are combined with the character before them, and characters that are not shown at all.
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def table(rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> List[str]:
    """Return the rows as lines, with the columns ``right`` (counted from 0) aligned to the right.

    Rows may have different lengths. The last cell of a row may be wider than its column. Control characters are replaced.
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    columns = zip_longest(*(row[:-1] for row in cells), fillvalue="")
    widths = [max(map(display_width, column)) for column in columns]
    # The last column needs a width only if its cells are aligned to the right.
    last = max((len(row) for row in cells), default=0) - 1
    if last in right:
        widths.append(max(display_width(row[last]) for row in cells if len(row) > last))
    return ["  ".join(_padded(cell, widths, number, number in right) for number, cell in enumerate(row)).rstrip() for row in cells]


def _padded(cell: str, widths: Sequence[int], number: int, right: bool) -> str:
    blank = " " * (widths[number] - display_width(cell)) if number < len(widths) else ""
    return blank + cell if right else cell + blank

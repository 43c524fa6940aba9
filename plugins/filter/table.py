# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: table
short_description: Rows as lines of text, in columns
version_added: 0.1.0
author: ServerPrism collection contributors (@serverprism)
description:
  - Puts cells below each other, as a terminal shows them. A wide character, as of Japanese, takes two places, and a combining mark none.
  - The last cell of a row may be wider than its column.
  - A control character, or one that turns the writing direction, is replaced.
options:
  _input:
    description: The rows, each a list of cells. They may have different lengths.
    type: list
    elements: list
    required: true
  right:
    description: The columns, counted from 0, whose cells stand at the right.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
# survival    1234
# 日本          99
- name: Show servers
  ansible.builtin.debug:
    msg: "{{ [['survival', 1234], ['日本', 99]] | serverprism.cloud.table(right=[1]) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

import unicodedata
from itertools import zip_longest
from typing import Any, Callable, Sequence

from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable


def display_width(text: str) -> int:
    """How many places of a terminal a text takes."""
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    # Marks that stand on the character before them, and what is not shown at all.
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def table(rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> list[str]:
    """See DOCUMENTATION."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    columns = zip_longest(*(row[:-1] for row in cells), fillvalue="")
    widths = [max(map(display_width, column)) for column in columns]
    # The column at the very end needs a width only where its cells stand at the right.
    last = max((len(row) for row in cells), default=0) - 1
    if last in right:
        widths.append(max(display_width(row[last]) for row in cells if len(row) > last))
    return ["  ".join(_padded(cell, widths, number, number in right) for number, cell in enumerate(row)).rstrip() for row in cells]


def _padded(cell: str, widths: Sequence[int], number: int, right: bool) -> str:
    blank = " " * (widths[number] - display_width(cell)) if number < len(widths) else ""
    return blank + cell if right else cell + blank


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"table": table}

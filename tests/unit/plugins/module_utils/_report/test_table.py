# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows in columns, as a terminal shows them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.table import display_width, table


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", 0),
        ("lobby", 5),
        ("サーバー", 8),
        ("한글", 4),
        ("ﾊﾛｰ", 3),
        ("ＡＢ", 4),
        ("cafe\u0301", 4),
        ("\u0e01\u0e34", 1),
        ("a\u200bb", 2),
        ("🎮", 2),
        ("é", 1),
    ],
)
def test_width_of_a_text_on_a_terminal(text: str, places: int) -> None:
    assert display_width(text) == places


@pytest.mark.parametrize(
    ("rows", "right", "lines"),
    [
        ([], [], []),
        ([[]], [], [""]),
        ([["a", "b"], ["long", "c"]], [], ["a     b", "long  c"]),
        ([["日本", 5, "x"], ["lobby", 1234, "y"]], [1], ["日本      5  x", "lobby  1234  y"]),
        ([["a", 1], ["b", 1000]], [1], ["a     1", "b  1000"]),
        (
            [["a", "no server of this name"], ["b", "up", "x"], ["c", "down", "y"]],
            [],
            ["a  no server of this name", "b  up    x", "c  down  y"],
        ),
        ([["a\nb\u202e", None]], [], ["a\ufffdb\ufffd  None"]),
    ],
)
def test_cells_are_aligned(rows: list[list[Any]], right: list[int], lines: list[str]) -> None:
    assert table(rows, right) == lines

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of what the hostile tests tried."""

from __future__ import annotations

import pytest
from hostile import table


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A folder of its own for notes."""
    monkeypatch.setattr(table, "NOTES", tmp_path / "hostile")
    return table.NOTES


def rows(text):
    """Return the rows of each table of a page."""
    out = []
    for line in text.splitlines():
        if line == ".. list-table::":
            out.append([])
        elif line.startswith("   * - "):
            out[-1].append([line[7:]])
        elif line.startswith("     - "):
            out[-1][-1].append(line[7:])
    return out


def test_page_counts_tries_errors_and_broken_promises(notes):
    for failed, broken in ((True, False), (False, False), (True, True)):
        table.note("ledger", "full disk", "file", failed=failed, broken=broken)
    table.note("ledger", "slow", "redis", failed=False, broken=False)
    table.note("soak", "faults", "operation", failed=True, broken=False)
    sums, ledger, soak = rows(table.page(notes))
    assert sums[1:] == [["The ledger under load", "4", "2", "1"], ["A long run", "1", "1", "0"]]
    assert ledger[1:] == [["full disk", "file", "3", "2", "1"], ["slow", "redis", "1", "0", "0"]]
    assert soak[1:] == [["faults", "operation", "1", "1", "0"]]


def test_page_without_notes_has_no_sections(notes):
    assert len(rows(table.page(notes))) == 1

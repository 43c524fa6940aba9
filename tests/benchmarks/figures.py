# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures go into the README by the command that measured them, between two marks."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def put(name: str, text: str) -> None:
    """Replace what stands between the marks of this benchmark."""
    mark = f"<!-- made by make bench: {name} -->"
    before, _old, after = README.read_text().split(mark)
    README.write_text(f"{before}{mark}\n{text}\n{mark}{after}")

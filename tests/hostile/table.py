# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was tried, how often, and what came of it: one line a try in .dev/hostile, from which ``python -m hostile.table`` makes the page."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTES = ROOT / ".dev" / "hostile"


def note(table: str, row: str, way: str, *, failed: bool, broken: bool) -> None:
    """One try of what stands in this row of this table, and whether it failed with an error and whether a law was broken."""
    NOTES.mkdir(parents=True, exist_ok=True)
    with (NOTES / f"{table}.jsonl").open("a") as file:
        file.write(json.dumps({"row": row, "way": way, "failed": failed, "broken": broken}) + "\n")

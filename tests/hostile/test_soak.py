# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that run a short soak; ``python -m hostile.soak --minutes 60`` runs a long one."""

from __future__ import annotations

import pytest
from hostile import soak_judge
from hostile.soak import soak


@pytest.mark.timeout(300)
def test_short_soak_breaks_no_rule():
    outcome = soak(minutes=8, seed=1)
    assert not outcome.broken, "\n".join([*outcome.lines, *outcome.broken[:20]])


def test_leak_is_found():
    looks = [{"sizes": {"memory": 40.0, "files": 10.0 + number, "threads": 7.0, "children": 0.0}} for number in range(120)]
    _held, grown = soak_judge.growth(looks)
    assert len(grown) == 1 and grown[0].startswith("files grew")


def test_untrue_result_is_found():
    row = {"mark": "m", "verb": "restart", "server": 1, "time": 1.0, "begun": True}
    result = {"after": "running", "confirmed": True, "signal": "restart"}
    states = [{"server": 1, "time": 0.0, "state": "offline"}]
    notes = soak_judge.Notes([row, {**row, "begun": False, "time": 2.0, "result": result}], [], [], states, [], 3.0, 1.0, set())
    assert len(soak_judge.broken(notes)["m"]) == 2 and soak_judge.ends(notes) == (1, [soak_judge.ends(notes)[1][0]])

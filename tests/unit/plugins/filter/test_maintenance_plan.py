# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan is made of, and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverprism.cloud.plugins.filter.maintenance_plan import maintenance_plan

WORDS = [{"before": "5m", "text": "x"}]


def test_the_input_is_read_as_the_module_reads_it() -> None:
    one = maintenance_plan(4, 2, announcements=WORDS, commands=["save-all"])
    assert one["writes"] == 12 and one["servers"] == 4
    assert maintenance_plan("4", "2", announcements=WORDS, commands="save-all", start="", deadline=None)["writes"] == 12


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"servers": 0}, "servers: 0"),
        ({"servers": "many"}, "servers"),
        ({"forks": 0}, "forks: 0"),
        ({"canary": -1}, "canary: -1"),
        ({"start": 1350}, "write it in quotes"),
        ({"start": "later"}, "start"),
        ({"timezone": "Mars"}, "timezone"),
        ({"announcements": "x"}, "dictionary requested"),
        ({"announcements": [{"before": "5m"}]}, "text"),
        ({"announcements": [{"before": "1h30", "text": "x"}]}, "announcements[0].before"),
        ({"command_wait": float("nan")}, "command_wait"),
        ({"command_wait": -1}, "command_wait"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_no_plan_can_be_made_of_is_named(given: dict[str, Any], words: str) -> None:
    given = {"servers": 4, "forks": 2, **given}
    with pytest.raises(AnsibleFilterError, match="^maintenance_plan: ") as error:
        maintenance_plan(**given)
    assert words in str(error.value)
    assert words in maintenance_plan(**given, strict=False)["summary"]


def test_a_limit_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVERPRISM_WRITE_LIMIT", "twenty")
    with pytest.raises(AnsibleFilterError, match="SERVERPRISM_WRITE_LIMIT"):
        maintenance_plan(4, 2)

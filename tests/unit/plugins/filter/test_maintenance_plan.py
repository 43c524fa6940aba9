# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan is made of, and what of it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.serverprism.cloud.plugins.filter.maintenance_plan import maintenance_plan, summarize
from ansible_collections.serverprism.cloud.plugins.module_utils._journal import Journal
from ansible_collections.serverprism.cloud.plugins.module_utils._packing import Plan

WORDS = [{"before": "5m", "text": "x"}]


def test_the_input_is_read_as_the_module_reads_it() -> None:
    one = maintenance_plan(4, 2, announcements=WORDS, commands=["save-all"])
    assert one["writes"] == 12 and one["servers"] == 4
    assert maintenance_plan("4", "2", announcements=WORDS, commands="save-all", start="", deadline=None)["writes"] == 12


def test_of_servers_that_differ_it_is_the_most_that_they_can_take() -> None:
    long, many = {"announcements": [{"before": "1h", "text": "x"}]}, {"announcements": WORDS, "commands": ["a", "b"]}
    alone = maintenance_plan(4, 9, **many)
    told = maintenance_plan(4, 9, timelines=[long, many, many])
    assert told["writes"] == 16 == alone["writes"] and told["duration"] >= maintenance_plan(4, 9, **long)["duration"] > alone["duration"]
    assert "16 writes at most: done in about 1 hour 1 minute at most, at " in told["summary"], told
    # What is no timeline is of a server that will fail, and what is the same for all is no difference.
    odd = [many, {"announcements": "x"}, {"announcements": [{"before": "soon", "text": "x"}]}, {"commands": 7, "colour": "blue"}]
    assert maintenance_plan(4, 9, **many, timelines=odd)["summary"] == alone["summary"]


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
        ({"start": "2099-01-01T05:00", "deadline": "2099-01-01T04:00"}, "deadline: lies before start"),
        ({"maintenance_id": "N", "server_ids": [1, 2, 3, 4, 5]}, "server_ids"),
        ({"maintenance_id": "N", "server_ids": [1], "api_url": "nowhere"}, "api_url"),
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


def test_the_last_word_is_a_write_of_each_server_that_is_restarted() -> None:
    assert maintenance_plan(30, 10, announcements=WORDS, done_text="{name} is back.")["writes"] == 90
    assert maintenance_plan(30, 10, announcements=WORDS, done_text="{name} is back.", state="stopped")["writes"] == 60
    assert maintenance_plan(30, 10, announcements=WORDS, done_text="")["writes"] == 60


BEGIN = 1772420400.0  # 2026-03-02 03:00 UTC


@pytest.mark.parametrize(
    ("plan", "forks", "canary", "ahead", "words"),
    [
        (Plan(1, 3, 360.0, "countdown", 1), 5, 0, 0.0, "1 server, 3 writes: done in about 6 minutes, at 03:06 UTC."),
        (
            Plan(3, 9, 360.0, "countdown", 3),
            5,
            0,
            0.0,
            "3 servers, 9 writes: done in about 6 minutes, at 03:06 UTC, all at once; 3 forks are enough (there are 5).",
        ),
        (
            Plan(60, 180, 1500.0, "quota", 21),
            60,
            1,
            0.0,
            "60 servers (1 of them ahead of the others), 180 writes: done in about 25 minutes, at 03:25 UTC, limited by the quota; "
            "21 forks are enough (there are 60).",
        ),
        (
            Plan(60, 180, 3600.0, "forks", 21),
            1,
            0,
            0.0,
            "60 servers, 180 writes: done in about 1 hour, at 04:00 UTC, limited by 1 fork; 21 forks would be enough.",
        ),
        (
            Plan(60, 45, 840.0, "deadline", 21, 45, 8),
            5,
            0,
            0.0,
            "60 servers, 45 writes: done in about 14 minutes, at 03:14 UTC. The deadline leaves out 45 of them; with 21 forks "
            "(there are 5) it would leave out 8.",
        ),
        (
            Plan(60, 45, 840.0, "deadline", 21, 45, 0),
            1,
            0,
            0.0,
            "60 servers, 45 writes: done in about 14 minutes, at 03:14 UTC. The deadline leaves out 45 of them; with 21 forks "
            "(there is 1) it would leave out none.",
        ),
        (
            Plan(60, 156, 840.0, "deadline", 21, 8, 8),
            60,
            0,
            0.0,
            "60 servers, 156 writes: done in about 14 minutes, at 03:14 UTC. The deadline leaves out 8 of them, however many "
            "forks there are; 21 forks are enough (there are 60).",
        ),
        (Plan(1, 0, 0.0, "deadline", 1, 1, 1), 5, 0, 0.0, "1 server, 0 writes: the deadline leaves it out."),
        (
            Plan(1, 3, 360.0, "countdown", 1),
            5,
            0,
            7200.0,
            "1 server, 3 writes: begins at 03:00 UTC and is done about 6 minutes later, at 03:06 UTC.",
        ),
        (
            Plan(1, 3, 360.0, "countdown", 1),
            5,
            0,
            1e6,
            "1 server, 3 writes: begins at 2026-03-02 03:00 UTC and is done about 6 minutes later, at 03:06 UTC.",
        ),
        (
            Plan(1, 3, 86400.0, "countdown", 1),
            5,
            0,
            1e6,
            "1 server, 3 writes: begins at 2026-03-02 03:00 UTC and is done about 24 hours later, at 2026-03-03 03:00 UTC.",
        ),
    ],
)
def test_a_plan_is_said_in_one_line(plan: Plan, forks: int, canary: int, ahead: float, words: str) -> None:
    assert summarize(plan, BEGIN, BEGIN - ahead, forks, canary) == words


def test_what_the_journal_has_as_done_is_left_out_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVERPRISM_LEDGER", str(tmp_path))
    given: dict[str, Any] = {"forks": 5, "canary": 1, "announcements": WORDS, "maintenance_id": "N", "server_ids": [1, 2, 3, 4]}
    told = maintenance_plan(4, **given)
    assert told["servers"] == 4 and told["done_before"] == [] and "(1 of them ahead" in told["summary"] and not list(tmp_path.iterdir())
    journal = Journal(str(tmp_path), "https://serverprism.com", "N")
    for server_id, event in ((1, "done"), (2, "signal"), (3, "signal"), (3, "refused")):
        journal.note(server_id, event, 0.0)
    told = maintenance_plan(4, **given)
    assert told["servers"] == 2 and told["writes"] == 4 and told["done_before"] == [1, 2]
    assert told["summary"].startswith("2 servers, 4 writes: ")
    assert told["summary"].endswith(" Left out: 1 done already and 1 whose signal may have been sent already under maintenance_id N.")
    assert maintenance_plan(4, **given, api_url="http://127.0.0.1:1/")["done_before"] == []
    assert maintenance_plan(4, **given, api_url="https://serverprism.com/")["done_before"] == [1, 2]
    for server_id in (3, 4):
        journal.note(server_id, "done", 0.0)
    told = maintenance_plan(4, **given)
    assert (told["servers"], told["writes"]) == (0, 0) and told["summary"].startswith("Nothing is left to do: 3 done already and 1 whose")

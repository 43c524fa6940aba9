# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a maintenance: what it says of a server, whatever happened to it."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._journal import Journal, parse, verdict


def test_a_torn_last_line_is_passed_over(tmp_path):
    journal = Journal(str(tmp_path), "https://x", "CHG-7")
    journal.note(1, "done", 0.0)
    with open(journal.path, "a") as stream:
        stream.write('{"server_id": 2, "event": "do')
    assert journal.last(1) == "done" and journal.last(2) is None
    journal.note(2, "signal", 0.0)
    assert journal.last(2) == "signal" and journal.last(1) == "done"
    assert os.stat(journal.path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("events", "last"),
    [([], None), (["signal"], "signal"), (["signal", "done"], "done"), (["signal", "refused"], None), (["unproven"], "unproven")],
)
def test_what_the_journal_says_of_a_server(events, last):
    lines = "\n".join(json.dumps({"server_id": 7, "event": event}) for event in events)
    assert verdict(parse(f'{lines}\nnoise\n[]\n{{"server_id": 8, "event": "done"}}'), 7) == last

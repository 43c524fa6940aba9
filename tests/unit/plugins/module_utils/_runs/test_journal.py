# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a maintenance: the last event of a server, also in a damaged file."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import JournalUnusable
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.guard import journal_folder
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.journal import Journal, last_event, parse, strongest
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings


def settings(ledger):
    """Return the settings of a task with this ledger."""
    defaults = {name: spec.get("default") for name, spec in API_ARGUMENT_SPEC.items()}
    return Settings.from_params({**defaults, "api_token": "the-token", "ledger": ledger})


def test_incomplete_last_line_is_ignored(tmp_path):
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
    [([], None), (["signal"], "signal"), (["signal", "done"], "done"), (["signal", "refused"], None), (["unconfirmed"], "unconfirmed")],
)
def test_last_event_of_a_server(events, last):
    lines = "\n".join(json.dumps({"server_id": 7, "event": event}) for event in events)
    assert last_event(parse(f'{lines}\nnoise\n[]\n{{"server_id": 8, "event": "done"}}'), 7) == last


@pytest.mark.parametrize(
    ("here", "there", "known"),
    [
        (None, None, None),
        ("signal", None, "signal"),
        ("refused", "done", "done"),
        ("signal", "refused", "signal"),
        ("unconfirmed", "done", "done"),
        ("done", "signal", "done"),
        (None, "nonsense", "signal"),
        ("done", "nonsense", "done"),
        (None, "refused", None),
    ],
)
def test_strongest_event_leaves_the_least_to_do(here, there, known):
    assert strongest(here, there) == strongest(there, here) == known


def test_journal_is_in_the_folder_of_the_ledger_or_the_default_one(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SERVERPRISM_JOURNAL", raising=False)
    folders = {ledger: journal_folder(settings(ledger)) for ledger in ("/var/ledger", "none", "redis://host/0")}
    at_home = str(tmp_path / ".ansible" / "serverprism")
    assert folders == {"/var/ledger": "/var/ledger", "none": at_home, "redis://host/0": at_home}
    monkeypatch.setenv("SERVERPRISM_JOURNAL", "/shared")
    assert [journal_folder(settings(ledger)) for ledger in folders] == ["/var/ledger", "/shared", "/shared"]


def test_error_of_an_unusable_journal_names_both_settings_of_its_folder(tmp_path):
    (tmp_path / "journal").write_text("not a folder")
    with pytest.raises(JournalUnusable, match=r"Set the option ledger .* or SERVERPRISM_JOURNAL if the ledger is not a folder\.$"):
        Journal(str(tmp_path), "https://example.com", "CHG-1").note(1, "signal", 0.0)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of a run log, also those that are no events."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.events import decided, file_name, key_of, line, parse
from hypothesis import given
from hypothesis import strategies as st


def events(*kinds, server_id=7):
    return parse("r", "".join(line("r", kind, 0.0, {"api_url": "u", "server_id": server_id}) for kind in kinds))


@pytest.mark.parametrize(
    ("kinds", "last"),
    [
        ([], None),
        (["begun", "countdown", "step"], None),
        (["signal"], "signal"),
        (["signal", "done"], "done"),
        (["signal", "refused"], None),
        (["signal", "refused", "signal", "result"], "signal"),
        (["signal", "unconfirmed", "result", "ended"], "unconfirmed"),
    ],
)
def test_last_deciding_event(kinds, last):
    assert decided([*events(*kinds), *events("done", server_id=8)]).get(("u", 7)) == last


@pytest.mark.parametrize(
    "raw", ["", "noise", "[]", "7", '{"event": "done"}', '{"run": "other", "event": "done"}', '{"run": "r"}', "[" * 9000]
)
def test_lines_that_are_no_events_of_the_run_are_ignored(raw):
    assert parse("r", f"{raw}\n" + line("r", "done", 0.0, {})) == [{"time": "1970-01-01T00:00:00.000000Z", "run": "r", "event": "done"}]


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_comes_back(run, fields):
    fields = {key: value for key, value in fields.items() if key not in ("run", "event", "time")}
    text = line(run, "done", 0.0, fields)
    assert text.count("\n") == 1 and parse(run, text)[0].items() >= fields.items()


@pytest.mark.parametrize("server_id", [None, "7", 7.5, [], {}])
def test_event_without_a_server_has_the_id_0(server_id):
    assert key_of({"api_url": "u", "server_id": server_id}) == ("u", 0)


@pytest.mark.parametrize(("run", "name"), [("CHG-7", "CHG-7"), ("../x", "..%2Fx"), (".", "."), ("ä b", "%C3%A4%20b"), ("a\0b", "a%00b")])
def test_file_name_stays_in_its_folder(run, name):
    assert file_name(run) == f"{name}.jsonl"

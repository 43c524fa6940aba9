# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a run as rows, table, CSV and JSON."""

from __future__ import annotations

import csv
import json

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._report.status import (
    _absolute,
    as_csv,
    as_file,
    as_table,
    same_for_all,
    status_rows,
)

LIMITS = {"memory_mb": 4096, "disk_mb": 1, "cpu_percent": 100}


def server(number, state="running", name="A server", memory=0, cpu=0.0, disk=0, **changes):
    use = {"current_state": state, "memory_bytes": memory, "cpu_absolute": cpu, "disk_bytes": disk}
    base = {"id": number, "product": "Minecraft 4 GB", "service_status": "active", "name": name, "limits": LIMITS, "resources": use}
    return {**base, "current_state": state, **changes}


IDS = {"b": 2, "a": 1, "gone": 9, "none": 0, "broken": 0, "z": 3}
SERVERS = [
    server(1, memory=1536 * 1048576, cpu=12.6, disk=7),
    server(2, state=None),
    server(3, limits=None, resources=None, name=None, current_state=None),
]
ROWS = status_rows(IDS, SERVERS, {"broken": "serverprism_id: x is undefined"})


def test_rows_are_sorted_by_host_and_name_the_problem_of_a_host_without_a_server():
    assert [(row["host"], row["id"], row.get("problem")) for row in ROWS] == [
        ("a", 1, None),
        ("b", 2, None),
        ("broken", None, "serverprism_id: x is undefined"),
        ("gone", 9, "not found"),
        ("none", None, "no serverprism_id"),
        ("z", 3, None),
    ]


def test_holds_are_listed_below_the_table():
    rows = status_rows(
        {"b": 2, "a": 1, "gone": 9}, SERVERS, {}, {1: "on hold until 12:00 UTC: \x1b[2Jx", 9: "on hold until 13:00 UTC", 5: "-"}
    )
    assert as_table(rows)[-3:] == ["", "a is on hold until 12:00 UTC: \ufffd[2Jx", "gone is on hold until 13:00 UTC"]
    assert "hold" not in rows[1] and rows[0]["hold"].startswith("on hold until 12:00") and "hold" not in as_csv(rows).splitlines()[0]


def test_table_has_no_use_for_a_server_with_an_unknown_state():
    assert as_table(ROWS) == [
        "server  id  billing  state     memory   cpu  product",
        "a        1  active   running  1536 MB  13 %  Minecraft 4 GB",
        "b        2  active   unknown                 Minecraft 4 GB",
        "broken      serverprism_id: x is undefined",
        "gone     9  not found",
        "none        no serverprism_id",
        "z        3  active   unknown                 Minecraft 4 GB",
    ]


def test_csv_has_one_line_for_each_host():
    rows = list(csv.reader(as_csv(ROWS).splitlines()))
    assert [row[5] for row in rows] == [
        "state",
        "running",
        "unknown",
        "serverprism_id: x is undefined",
        "not found",
        "no serverprism_id",
        "unknown",
    ]
    assert rows[1] == ["a", "1", "A server", "Minecraft 4 GB", "active", "running", "1610612736", "4096", "12.6", "7"]
    assert rows[2][6:] == ["", "4096", "", ""] and rows[-1][6:] == [""] * 4


@pytest.mark.parametrize(
    ("name", "cell"), [("=1+1", "'=1+1"), (" @x", "' @x"), ("\uff0bx", "'\uff0bx"), ('a "b", c', 'a "b", c'), ("a\nb\t", "a b ")]
)
def test_no_cell_of_a_csv_is_a_formula_or_several_lines(name, cell):
    text = as_csv(status_rows({"a": 1}, [server(1, name=name)], {}))
    assert list(csv.reader(text.splitlines()))[1][2] == cell and text.count("\n") == 2


def test_file_is_csv_or_json_by_its_name():
    assert json.loads(as_file("x.json", ROWS)) == ROWS and as_file("x.csv", ROWS).startswith(b"host,id,")


def test_text_that_is_not_utf_8_can_be_written():
    rows = status_rows({"a": 1}, [server(1, name="\udce9")], {})
    assert b"?" in as_file("x.csv", rows) and json.loads(as_file("x.json", rows))


@pytest.mark.parametrize(("values", "one"), [([], None), ([None, ""], None), (["t", "t"], "t"), ([7, "7"], "7")])
def test_common_token_of_all_hosts_is_used(values, one):
    assert same_for_all("serverprism_api_token", values) == one


@pytest.mark.parametrize("values", [["t", "u"], ["t", None]])
def test_hosts_with_different_tokens_are_refused_without_showing_one(values):
    with pytest.raises(BadOption, match="serverprism_api_token: must be the same for all hosts of this run") as refused:
        same_for_all("serverprism_api_token", values)
    assert "t," not in str(refused.value)


def test_path_is_relative_to_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _absolute("s.csv") == _absolute("~/s.csv") == str(tmp_path / "s.csv")


def test_path_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name in ("s.xls", "nowhere/s.csv", "folder.csv"):
        with pytest.raises(BadOption, match="status_file"):
            _absolute(str(tmp_path / name))

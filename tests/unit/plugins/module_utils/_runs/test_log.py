# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of a run, also with a damaged file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import RunLogUnusable
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog, RunLog, remove_old, runs_in

URL = "https://x"


def add(log, server_id, event, at=0.0):
    fields = {"begun": {"servers": []}, "result": {"row": {"host": "a"}}}.get(event, {})
    log.add(event, at, api_url=URL, server_id=server_id, **fields)


def path_of(folder, run="CHG-7"):
    return Path(folder) / "runs" / f"{run}.jsonl"


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_last_event_of_a_server_decides(tmp_path, kind):
    log = FileLog(str(tmp_path), "CHG-7") if kind == "file" else RunLog("CHG-7")
    for event in ("begun", "signal", "refused", "signal", "result"):
        add(log, 1, event)
    add(log, 2, "refused")
    log.add("done", 0.0, api_url="https://other", server_id=1)
    assert log.last(URL, 1) == "signal" and log.last(URL, 2) is None and log.last(URL, 3) is None
    assert log.last("https://other", 1) == "done" and len(log.events()) == 7


def test_events_of_other_processes_are_read_as_well(tmp_path):
    here, there = FileLog(str(tmp_path), "CHG-7"), FileLog(str(tmp_path), "CHG-7")
    add(here, 1, "signal")
    assert there.last(URL, 1) == "signal"
    add(here, 1, "done")
    add(there, 2, "signal")
    assert there.last(URL, 1) == "done" and here.last(URL, 2) == "signal" and len(here.events()) == 3


def test_incomplete_last_line_is_ignored(tmp_path):
    log = FileLog(str(tmp_path), "CHG-7")
    add(log, 1, "done")
    with path_of(tmp_path).open("a") as stream:
        stream.write('{"run": "CHG-7", "server_id": 2, "event": "do')
    again = FileLog(str(tmp_path), "CHG-7")
    assert again.last(URL, 1) == "done" and again.last(URL, 2) is None
    add(again, 2, "signal")
    assert again.last(URL, 2) == log.last(URL, 2) == "signal" and len(log.events()) == 2


def test_runs_do_not_share_events(tmp_path):
    for run in ("CHG-7", "chg-7", "../CHG-7", "nightly/2026", "Ä" * 10):
        add(FileLog(str(tmp_path), run), 1, "signal")
        assert len(FileLog(str(tmp_path), run).events()) == 1
    assert len(list((tmp_path / "runs").iterdir())) == 5 and sorted(runs_in(str(tmp_path)))[0] == "../CHG-7"


def test_events_of_another_run_in_the_same_file_are_ignored(tmp_path):
    """A file system may not tell upper case from lower case."""
    add(FileLog(str(tmp_path), "CHG-7"), 1, "done")
    path_of(tmp_path).rename(path_of(tmp_path, "chg-7"))
    assert FileLog(str(tmp_path), "chg-7").last(URL, 1) is None


def test_files_are_private(tmp_path):
    add(FileLog(str(tmp_path / "a" / "b"), "CHG-7"), 1, "signal")
    assert stat.S_IMODE(path_of(tmp_path / "a" / "b").stat().st_mode) == 0o600
    assert {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "runs")} == {0o700}


def test_event_that_was_not_written_is_not_read_later(tmp_path, monkeypatch):
    log = FileLog(str(tmp_path), "CHG-7")
    add(log, 1, "signal")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunLogUnusable, match="No space left on device"):
        log.add("done", 0.0, durable=True, api_url=URL, server_id=1)
    assert log.last(URL, 1) == "signal"
    add(log, 1, "unconfirmed")
    assert FileLog(str(tmp_path), "CHG-7").last(URL, 1) == "unconfirmed"


def test_error_of_an_unusable_log_says_what_to_do(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(RunLogUnusable, match=r"cannot be used .* Set the option ledger to a folder .* with free space\.$"):
        add(FileLog(str(tmp_path), "CHG-1"), 1, "signal")


def test_runs_are_listed_by_their_last_event_and_old_ones_are_removed(tmp_path):
    assert runs_in(str(tmp_path)) == []
    for age, run, days in (
        (40, "old", 30),
        (20, "second", 30),
        (10, "newest", 60),
        (35, "also old", 10),
        (50, "kept", 60),
        (3, "brief", 1),
    ):
        FileLog(str(tmp_path), run).add("begun", 0.0, version=1, keep_days=days, servers=[])
        add(FileLog(str(tmp_path), run), 1, "signal")
        changed = path_of(tmp_path, run.replace(" ", "%20")).stat().st_mtime - age * 86400
        os.utime(path_of(tmp_path, run.replace(" ", "%20")), (changed, changed))
    (tmp_path / "runs" / "notes.txt").touch()
    assert runs_in(str(tmp_path)) == ["kept", "old", "also old", "second", "newest", "brief"]
    remove_old(str(tmp_path))
    assert runs_in(str(tmp_path)) == ["kept", "second", "newest"] and (tmp_path / "runs" / "notes.txt").exists()
    remove_old(str(tmp_path / "nowhere"))
    assert runs_in(str(tmp_path / "runs" / "notes.txt")) == []

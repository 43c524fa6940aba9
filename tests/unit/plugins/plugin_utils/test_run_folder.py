# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of a run: its hosts, and their results."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_folder import PlayLog, RunFolder

FORK = multiprocessing.get_context("fork")
EVIL = "../../etc/passwd"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return RunFolder("block-1")


def test_hosts_join_once_and_are_returned_in_the_given_order(folder):
    for host in ("c", "a", EVIL):
        folder.join(host)
    assert folder.joined(["a", "b", "c", EVIL]) == ["a", "c", EVIL]
    assert folder.joined(["a", "b", "c", EVIL]) == []


def test_result_is_taken_once(folder):
    folder.put("a", {"outcome": "done", "timeline": [{"text": "Ümläut"}]})
    assert folder.has_result("a") and not folder.has_result("b")
    assert folder.get("a") == {"outcome": "done", "timeline": [{"text": "Ümläut"}]}
    assert folder.get("a") is None and folder.get("b") is None


def test_newer_result_replaces_the_older_one(folder):
    folder.put("a", {"outcome": "failed"})
    folder.put("a", {"outcome": "done"})
    assert folder.get("a") == {"outcome": "done"}


def test_runs_do_not_share_files(folder):
    other = RunFolder("block-2")
    folder.join("a")
    folder.put("a", {"outcome": "done"})
    assert other.joined(["a"]) == [] and other.get("a") is None
    assert RunFolder("block-1").joined(["a"]) == ["a"]


def test_files_are_private_and_inside_the_folder(folder, tmp_path):
    folder.join(EVIL)
    folder.put(EVIL, {"outcome": "done"})
    (inside,) = tmp_path.iterdir()
    assert stat.S_IMODE(inside.stat().st_mode) == 0o700
    assert sorted(Path(one).suffix for one in inside.iterdir()) == [".host", ".result"]


def test_incomplete_result_is_not_read(folder, tmp_path):
    folder.put("a", {"outcome": "done"})
    (path,) = tmp_path.glob("*/*.result")
    # As a process leaves it that dies while it writes.
    Path(f"{path}.new").write_text('{"outco')
    assert json.loads(path.read_text()) == folder.get("a")


def test_host_that_no_process_took_is_not_conducted(folder):
    folder.join("a")
    assert not folder.is_conducted("a") and not folder.was_conducted("a")


def test_host_is_conducted_while_the_process_that_took_it_is_alive(folder):
    receiver, sender = FORK.Pipe(duplex=False)
    ends = FORK.Event()

    def conduct():
        sender.send(folder.joined(["a"]))
        ends.wait(20)

    folder.join("a")
    process = FORK.Process(target=conduct)
    process.start()
    assert receiver.poll(20) and receiver.recv() == ["a"]
    assert folder.is_conducted("a") and folder.was_conducted("a")
    ends.set()
    process.join()
    assert not folder.is_conducted("a") and folder.was_conducted("a")


def test_host_with_a_result_is_no_longer_conducted(folder):
    folder.join("a")
    folder.joined(["a"])
    folder.put("a", {"outcome": "done"})
    assert folder.is_conducted("a") and folder.get("a") == {"outcome": "done"}
    assert not folder.is_conducted("a") and not folder.was_conducted("a")


def test_hosts_that_need_not_join_are_taken_once(folder):
    assert folder.take_all(["a", EVIL]) == ["a", EVIL]
    assert folder.take_all(["a", "b"]) == ["b"] and folder.joined(["a", "b"]) == []
    assert folder.is_conducted(EVIL) and folder.was_conducted("b")


@pytest.fixture
def play(folder):
    return PlayLog("play-1")


def row(host, outcome="done", **more):
    return server(host, {"outcome": outcome, **more})


def test_play_knows_the_rows_and_failures_of_its_hosts(play):
    play.ended_earlier(row("a", "failed"))
    play.ended_earlier(row("x", "failed"))
    for one in (row("a"), row("b", "unconfirmed"), row("c", "unconfirmed", earlier="unconfirmed"), row(EVIL, "failed")):
        play.ended(one)
    play.failed("a", "players cannot join")
    again = PlayLog("play-1")
    assert {host: one["outcome"] for host, one in again.rows().items()} == {
        "a": "failed",
        "b": "unconfirmed",
        "c": "unconfirmed",
        EVIL: "failed",
        "x": "failed",
    }
    assert again.failures() == 3 and again.failed_hosts() == {"a"} and PlayLog("play-2").rows() == {}


def test_earlier_batches_are_returned(play):
    assert play.batches() == []
    assert play.begin_batch(["a", "b"]) == []
    # The role is included again after a host has failed.
    assert play.begin_batch(["b"]) == []
    assert play.begin_batch(["c"]) == ["b"]
    assert play.batches() == [["b"], ["c"]]


def _begin_often(play):
    for _each in range(300):
        play.begin_batch(["a", "b"])


def test_processes_can_begin_a_batch_at_the_same_time(play):
    """A strategy that ignores run_once begins it once for each host."""
    processes = [FORK.Process(target=_begin_often, args=(play,)) for _each in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert play.batches() == [["a", "b"]]

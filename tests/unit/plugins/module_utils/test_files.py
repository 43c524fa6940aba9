# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run logs and the files that processes share: full disks, hung processes, and other objects in place of a file."""

from __future__ import annotations

import errno
import fcntl
import os
import resource

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _files
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import RunLogUnusable
from ansible_collections.serverprism.cloud.plugins.module_utils._files import read_all
from ansible_collections.serverprism.cloud.plugins.module_utils._runs import log as _log
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog


def add(log, server_id, event, durable=True):
    log.add(event, 0.0, durable=durable, api_url="x", server_id=server_id)


@pytest.fixture
def log(tmp_path):
    one = FileLog(str(tmp_path), "CHG-7")
    add(one, 1, "done")
    return one


def test_partly_written_line_is_removed_and_reported(log):
    """os.write reports a partial write only in its return value. If it is ignored, the signal is sent twice."""
    size = os.path.getsize(log.place)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (1, 40, 80):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
        try:
            with pytest.raises(RunLogUnusable, match="File too large"):
                add(log, 2, "signal")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert os.path.getsize(log.place) == size
    assert log.last("x", 2) is None
    add(log, 2, "signal")
    assert log.last("x", 2) == "signal" and log.last("x", 1) == "done"


def test_line_that_cannot_be_flushed_to_disk_is_removed(log, monkeypatch):
    def fsync(_descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunLogUnusable, match="Input/output error"):
        add(log, 2, "signal")
    assert log.last("x", 2) is None


def test_file_lock_of_a_hung_process_is_not_awaited_forever(log, monkeypatch):
    monkeypatch.setattr(_log, "LOCK_PATIENCE", 0.1)
    with open(log.place) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunLogUnusable, match="has held the lock"):
            add(log, 2, "signal")
    add(log, 2, "signal")


def _hole(path):
    with open(path, "w") as stream:
        stream.truncate(2**40)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/null", path), _hole])
def test_object_that_is_not_a_file_is_refused(log, make):
    os.unlink(log.place)
    make(log.place)
    with pytest.raises(RunLogUnusable, match="cannot be used"):
        log.last("x", 1)


def test_lines_that_cannot_be_parsed_are_ignored(log):
    with open(log.place, "ab") as stream:
        stream.write(b"[" * 100_000 + b"\n\xff\xfe\n")
    assert log.last("x", 1) == "done"


def test_large_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "LARGEST", 10)
    path = tmp_path / "file"
    for size, fits in ((10, True), (11, False)):
        path.write_bytes(b"x" * size)
        descriptor = _files.open_own(str(path), os.O_RDONLY)
        if fits:
            assert read_all(descriptor) == b"x" * size
        else:
            with pytest.raises(ValueError, match="too large"):
                read_all(descriptor)


def test_new_file_is_private_and_replaced_file_keeps_its_mode(tmp_path):
    path = tmp_path / "status.csv"
    _files.replace_file(str(path), b"one")
    assert path.read_bytes() == b"one" and path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    _files.replace_file(str(path), b"two")
    assert path.read_bytes() == b"two" and path.stat().st_mode & 0o777 == 0o644 and os.listdir(tmp_path) == ["status.csv"]


def test_replaced_link_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "status.csv").symlink_to(tmp_path / "victim")
    _files.replace_file(str(tmp_path / "status.csv"), b"one")
    assert (tmp_path / "victim").read_text() == "mine" and not (tmp_path / "status.csv").is_symlink()


def test_failed_replacement_keeps_the_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "status.csv"
    path.write_text("one")

    def full(_descriptor, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files, "write_all", full)
    with pytest.raises(OSError, match="No space"):
        _files.replace_file(str(path), b"two")
    assert path.read_text() == "one" and os.listdir(tmp_path) == ["status.csv"]

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check whether the owner of a lock is alive."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _process
from ansible_collections.serverprism.cloud.plugins.module_utils._process import ALIVE, DEAD, UNKNOWN, Process, fate, fate_of, own_name

HERE = Process("box", "b1", "ns1", "100", "5000")
OTHER = replace(HERE, pid="200", started="7000")


@pytest.mark.parametrize(
    ("owner", "started", "exists", "expected"),
    [
        (OTHER, "7000", True, ALIVE),
        (OTHER, "7001", True, DEAD),
        (OTHER, "", True, DEAD),
        (OTHER, None, False, DEAD),
        # /proc hides the processes of other users: hidepid, ProtectProc.
        (OTHER, None, True, ALIVE),
        # Another machine with the same name, or an earlier start of this one.
        (replace(OTHER, boot="b0"), "7000", True, UNKNOWN),
        (replace(OTHER, boot=""), "7000", True, UNKNOWN),
        (replace(OTHER, namespace="ns2"), "7000", True, UNKNOWN),
        (replace(OTHER, host="elsewhere"), "7000", True, UNKNOWN),
        (replace(OTHER, started=""), "7000", True, UNKNOWN),
        (None, None, False, UNKNOWN),
    ],
)
def test_owner_is_alive_dead_or_unknown(owner, started, exists, expected):
    assert fate(owner, HERE, started, exists) == expected


def test_name_survives_storage():
    assert Process.parse(str(OTHER)) == OTHER and Process.parse("somebody") is None
    assert Process.parse(own_name()) == Process.of(os.getpid())


def test_own_process_is_alive_and_an_ended_one_is_dead():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = _process.name_of(child.pid)
    assert fate_of(own_name()) == ALIVE and fate_of(name) == ALIVE
    child.communicate(b"\n")
    assert fate_of(name) == DEAD


def test_process_of_another_user_that_is_hidden_is_alive(monkeypatch):
    def refused(pid, number):
        raise PermissionError

    monkeypatch.setattr(_process, "_started", lambda pid: None)
    monkeypatch.setattr(os, "kill", refused)
    assert fate_of(str(replace(Process.of(os.getpid()), pid="77", started="1"))) == ALIVE

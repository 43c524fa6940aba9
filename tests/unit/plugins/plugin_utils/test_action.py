# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output of a worker, for which no countdown waits."""

from __future__ import annotations

import os
import socket
import threading

from ansible_collections.serverprism.cloud.plugins.module_utils import _interrupt
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _action
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import Screen


def test_screen_shows_every_line_in_order():
    lines = []
    with Screen() as screen:
        for number in range(100):
            screen.show(lines.append, str(number))
    assert lines == [str(number) for number in range(100)]


def test_blocked_or_failing_screen_delays_nothing(monkeypatch):
    monkeypatch.setattr(_action, "SCREEN_PATIENCE", 0.1)
    stuck, lines = threading.Event(), []

    def fail(text):
        raise BrokenPipeError(text)

    with Screen() as screen:
        screen.show(fail, "gone")
        screen.show(lines.append, "shown")
        screen.show(lambda text: stuck.wait(20), "stuck")
        screen.show(lines.append, "late")
    assert lines == ["shown"]
    stuck.set()


def test_screen_thread_blocks_the_signals_that_stop_a_run(masks_of_threads):
    with Screen():
        pass
    assert len(masks_of_threads) == 1 and masks_of_threads[0] >= set(_interrupt.STOPPING)


def test_pipe_has_a_reader_until_it_is_closed(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "getppid", os.getpid)
    reader, writer = os.pipe()
    assert _action._has_reader(writer)
    os.close(reader)
    assert not _action._has_reader(writer)
    os.close(writer)
    with (tmp_path / "run.log").open("w") as file:
        assert _action._has_reader(file.fileno())
    one, other = socket.socketpair()
    # As systemd's journal is.
    assert _action._has_reader(one.fileno())
    one.close()
    other.close()

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time at which a run began: that of its first process, for every worker."""

from __future__ import annotations

import multiprocessing
import time

from ansible_collections.serverprism.cloud.plugins.plugin_utils import _began

FORK = multiprocessing.get_context("fork")
IMPORTED = time.time()


def test_run_begins_with_its_process_and_not_with_the_import():
    assert 0.05 < IMPORTED - _began.BEGAN < 3600.0


def test_worker_uses_the_time_of_its_parent():
    receiver, sender = FORK.Pipe(duplex=False)
    worker = FORK.Process(target=lambda: sender.send(_began._began()))
    worker.start()
    assert receiver.poll(20) and abs(receiver.recv() - _began._began()) < 0.05
    worker.join()

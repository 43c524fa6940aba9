# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time at which this ansible-playbook began. Private to this collection."""

from __future__ import annotations

import multiprocessing
import os
import time

from ansible_collections.serverprism.cloud.plugins.module_utils._process import age_of


def _began() -> float:
    """UTC seconds at which the process began that started the workers; where the system does not tell, when this was imported."""
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    return time.time() - age_of(pid)


# All workers of a run have the same: for a server whose turn comes at five past three, "03:00" is what it was for the first one, and
# not tomorrow.
BEGAN = _began()

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
    """Return the UTC seconds at which ansible-playbook began, or at which this was imported if the system does not tell."""
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    return time.time() - age_of(pid)


# All workers of a run use the same time. For a server that begins at 03:05, "03:00" must not be tomorrow.
BEGAN = _began()

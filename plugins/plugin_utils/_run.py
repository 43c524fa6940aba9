# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When this run of Ansible began, and which of its tasks is which. Private to this collection."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from typing import Any

from ansible.playbook.task_include import TaskInclude
from ansible_collections.serverprism.cloud.plugins.module_utils._process import age_of


def _began() -> float:
    """UTC seconds at which the process began that started the workers; where the system does not tell, when this was imported."""
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    return time.time() - age_of(pid)


# All workers of a run have the same: for a server whose turn comes at five past three, "03:00" is what it was for the first one, and
# not tomorrow.
BEGAN = _began()


def task_key(task: Any) -> str:
    """What all hosts of a play call the same task.

    Under the strategy ``free`` each host has a copy of its own of what is included, with UUIDs of its own. The outermost include is
    the same for all of them, and so is the place below it, with the items of loops on the way.
    """
    way, key, node = [], str(task._uuid), task
    while node is not None:
        if isinstance(node, TaskInclude) and not node.statically_loaded:
            way.append(repr(node.vars.get(node.loop_control.loop_var) if node.loop is not None else None))
            key = hashlib.sha256("\n".join([node._uuid, *way]).encode()).hexdigest()
        way.append(node.get_path())
        node = node._parent
    return key

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a run began: with its first process, whoever asks and whenever."""

from __future__ import annotations

import multiprocessing
import time

import pytest
from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _run

FORK = multiprocessing.get_context("fork")
IMPORTED = time.time()


def test_a_run_began_with_its_process_and_not_with_the_first_import():
    assert 0.05 < IMPORTED - _run.BEGAN < 3600.0


def test_a_worker_knows_when_its_parent_began():
    receiver, sender = FORK.Pipe(duplex=False)
    worker = FORK.Process(target=lambda: sender.send(_run._began()))
    worker.start()
    assert receiver.poll(20) and abs(receiver.recv() - _run._began()) < 0.05
    worker.join()


def included(include, item=None):
    """A task below an include, as a host gets it: a copy of the include that knows its loop's item, and tasks of its own."""
    mine = include.copy()
    mine.vars = {**mine.vars, "pass": item}
    return Task(block=Block(parent_block=mine))


def include(kind=TaskInclude, loop=None):
    """An include of a play."""
    task = kind()
    task.loop = loop
    task.loop_control.loop_var = "pass"
    return task


def test_a_task_of_the_play_is_known_by_itself():
    one, other = Task(), Task()
    assert _run.task_key(one) == _run.task_key(one) != _run.task_key(other)


@pytest.mark.parametrize("kind", [TaskInclude, IncludeRole])
def test_a_task_below_an_include_is_the_same_for_every_host(kind):
    one, other = include(kind), include(kind)
    assert included(one)._uuid != included(one)._uuid
    assert _run.task_key(included(one)) == _run.task_key(included(one)) != _run.task_key(included(other))


def test_each_pass_of_a_loop_is_one_of_its_own():
    one = include(loop=["a", "b"])
    assert _run.task_key(included(one, item="a")) == _run.task_key(included(one, item="a")) != _run.task_key(included(one, item="b"))


def test_what_is_imported_is_a_task_of_the_play():
    one = include()
    one.statically_loaded = True
    task = included(one)
    assert _run.task_key(task) == str(task._uuid)

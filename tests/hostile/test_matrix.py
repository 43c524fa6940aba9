# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of every fault on every operation, as function, action and module: the result is right, or there is one clear error."""

from __future__ import annotations

import os
import re

import pytest
from hostile import ways
from hostile.cases import VERBS, Case, cases, every_pair, simulator
from hostile.faults import HOSTILE
from hostile.judge import faults_of, truths
from hostile.table import note
from simulator.process import Simulator

# A task takes a fraction of a second and a module more, so all cases run only in "make prove".
ACTIONS, MODULES = int(os.environ.get("HOSTILE_ACTION_EVERY", "4")), int(os.environ.get("HOSTILE_MODULE_EVERY", "10"))


def judge(way: str, rows: list[Case], sim: Simulator, results: ways.Results) -> dict[str, list[str]]:
    """Return the broken rules by verb, and record every try for the table."""
    broken: dict[str, list[str]] = {verb: [] for verb in VERBS}
    known = truths(sim, rows)
    for case in rows:
        result = results[case.number]
        found = faults_of(case, result, known[case.number])
        broken[case.verb] += [f"{case} -> {text}\n    {result}" for text in found]
        note("hostile", HOSTILE[case.fault].family, way, failed=bool(result.get("failed")), broken=bool(found))
    return broken


def told(broken: list[str]) -> str:
    """Return the first broken rules, each cut, since there can be thousands."""
    return f"{len(broken)} laws broken:\n" + "\n".join(text[:800] for text in broken[:8])


@pytest.fixture(scope="module")
def in_process(tmp_path_factory):
    rows = cases()
    with simulator(rows) as sim:
        return judge("operation", rows, sim, ways.in_process(sim, rows, tmp_path_factory.mktemp("ledgers")))


@pytest.fixture(scope="module")
def by_action(tmp_path_factory):
    rows = every_pair(cases(), ACTIONS)
    with simulator(rows) as sim:
        results, output = ways.by_action(sim, rows, tmp_path_factory.mktemp("action"))
        return judge("action", rows, sim, results), output


@pytest.fixture(scope="module")
def by_module(tmp_path_factory):
    rows = every_pair(cases(), MODULES)
    with simulator(rows) as sim:
        return judge("module", rows, sim, ways.by_module(sim, rows, tmp_path_factory.mktemp("module")))


pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("verb", VERBS)
def test_operation_handles_every_fault(in_process, verb):
    assert not in_process[verb], told(in_process[verb])


@pytest.mark.parametrize("verb", VERBS)
def test_action_handles_every_fault(by_action, verb):
    broken, _output = by_action
    assert not broken[verb], told(broken[verb])


def test_terminal_shows_no_traceback_no_token_and_no_escape_sequence(by_action):
    """No traceback, no token (each was in the inventory only), no escape sequence, no evaluated template."""
    _broken, output = by_action
    assert "Traceback" not in output and "\x1b" not in output and "{{ 7 * 7 }}" in output
    lines = [line[:200] for line in output.splitlines() if re.search(r"secret\d+token", line)]
    assert not lines, lines[:5]


@pytest.mark.parametrize("verb", VERBS)
def test_module_handles_every_fault(by_module, verb):
    assert not by_module[verb], told(by_module[verb])

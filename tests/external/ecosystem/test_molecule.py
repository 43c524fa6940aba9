# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test of the scenario of Molecule, which a contributor runs in extensions/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from documents import ROOT

STEPS = ["destroy", "create", "converge", "idempotence", "verify", "destroy"]


@pytest.mark.timeout(600)
def test_default_scenario_passes(tools: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["molecule", "test"],
        env={**tools, "NO_COLOR": "1"},
        cwd=ROOT / "extensions",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    passed = [line for line in done.stdout.splitlines() if line.endswith("Executed: Successful") and "INFO" in line]
    assert [line.split(">")[1].split("]")[0].strip() for line in passed] == STEPS, done.stdout
    assert not list((tmp_path / "home").rglob("simulator.json"))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests with security tools: bandit for the plugins, pip-audit for the requirements."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest
from functional.harness import ROOT
from hostile.tries import trying

PLUGINS = [str(ROOT / "plugins"), str(ROOT / "extensions")]


def bandit(*paths: str) -> dict:
    done = subprocess.run([sys.executable, "-m", "bandit", "-q", "-f", "json", "-r", *paths], capture_output=True, text=True, check=False)
    found: dict = json.loads(done.stdout)
    assert not found["errors"], found["errors"]
    return found


def test_bandit_finds_nothing_severe_and_skips_nothing(tmp_path):
    with trying("bandit", "plugins and event source"):
        found = bandit(*PLUGINS)
        heavy = [row for row in found["results"] if row["issue_severity"] != "LOW"]
        assert not heavy, heavy
        totals = found["metrics"]["_totals"]
        assert totals["loc"] > 3000 and totals["nosec"] == 0 and totals["skipped_tests"] == 0, totals


def test_bandit_finds_a_bad_hash(tmp_path):
    (tmp_path / "bad.py").write_text("import hashlib\nhashlib.md5(b'')\n")
    assert [row["issue_severity"] for row in bandit(str(tmp_path))["results"]].count("HIGH") == 1


def test_requirements_have_no_known_vulnerability():
    """The list of known vulnerabilities is on the internet: without it this test is skipped."""
    if importlib.util.find_spec("pip_audit") is None:
        pytest.skip("pip-audit is not installed: this test did NOT run")
    options = ["-f", "json", "--progress-spinner", "off", "--timeout", "10", "-r", str(ROOT / "requirements.txt")]
    try:
        done = subprocess.run([sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, timeout=60, check=False)
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        pytest.skip("the list of known holes cannot be reached: this test did NOT run")
    with trying("pip-audit", "requirements.txt"):
        assert not [row for row in found["dependencies"] if row.get("vulns")], found

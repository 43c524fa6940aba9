# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the git hooks ("make hooks"): they find their programs, and refuse a commit that "make lint" would refuse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from functional.harness import ROOT
from staging import stage

CONFIG = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
HOOKS = {hook["id"]: hook for repo in CONFIG["repos"] for hook in repo["hooks"]}


def test_hooks_download_nothing_and_call_existing_targets():
    assert {repo["repo"] for repo in CONFIG["repos"]} == {"local"} and {hook["language"] for hook in HOOKS.values()} == {"system"}
    for hook in HOOKS.values():
        target = re.fullmatch(r"make --silent (\w+)", hook["entry"])
        program = Path(sys.executable).with_name(Path(hook["entry"].split()[0]).name)
        assert re.search(rf"^{target[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) if target else program.exists(), hook["id"]


@pytest.fixture
def commit(tmp_path):
    """Try to commit a file to a copy of the repository that has the hooks: ``commit(name, text)``."""
    tree = stage(tmp_path)
    (tree / ".venv").symlink_to(sys.prefix)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PRE_COMMIT_HOME": str(tmp_path / "cache"), "LC_ALL": "C.UTF-8"}
    # The user of the tests may have no name and address in git.
    env |= {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def call(*command):
        return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=110, check=False)

    assert call("git", "init", "-q").returncode == 0
    installed = call(str(Path(sys.executable).with_name("pre-commit")), "install")
    assert installed.returncode == 0, installed.stdout + installed.stderr

    def run(name, text):
        (tree / name).write_text(text)
        call("git", "add", name)
        done = call("git", "commit", "-m", "A try")
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("name", "bad", "hook"),
    [
        ("tests/new.py", "x = undefined\n", "ruff check"),
        ("tests/new.py", "x  =  1\n", "ruff format"),
        ("docs/new.sh", "#!/bin/sh\nrm $1\n", "shellcheck"),
        ("changelogs/fragments/new.yml", "---\nbugs: [x]\n", "antsibull-changelog lint"),
    ],
)
def test_commit_that_fails_lint_is_refused(commit, name, bad, hook):
    status, output = commit(name, bad)
    assert status == 1 and re.search(rf"^{hook}\.+Failed$", output, re.MULTILINE), output


def test_commit_that_passes_lint_is_accepted(commit):
    status, output = commit("changelogs/fragments/new.yml", "---\nbugfixes:\n  - servers - it was mended.\n")
    assert status == 0 and "antsibull-changelog lint" in output, output

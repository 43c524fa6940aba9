# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that everything names the same versions of ansible-core, and that a version cannot be left out without an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from external.versions import run
from external.versions.cores import CORES, NEWEST, OLDEST, TARGET_PYTHON
from external.versions.features import FEATURES

ROOT = Path(__file__).resolve().parents[2]
GOOD = {name: [3, 0] for name in FEATURES}


def read(name):
    return (ROOT / name).read_text()


def test_metadata_requires_the_oldest_version():
    assert yaml.safe_load(read("meta/runtime.yml"))["requires_ansible"] == f">={OLDEST.version}.0"
    for role in sorted(path.name for path in (ROOT / "roles").iterdir()):
        assert yaml.safe_load(read(f"roles/{role}/meta/main.yml"))["galaxy_info"]["min_ansible_version"] == OLDEST.version
    assert yaml.safe_load(read("tests/config.yml"))["modules"]["python_requires"] == f">={TARGET_PYTHON}"


def test_documentation_lists_the_versions():
    page = read("docs/docsite/rst/versions.rst")
    rows = re.findall(r"^   \* - (2\.\d+)( \(pre-release\))?\n     - .*\n     - (\S+)$", page, re.MULTILINE)
    assert [(version, python, not pre) for version, pre, python in rows] == [(one.version, one.python, one.is_released) for one in CORES]
    assert f"needs Python {TARGET_PYTHON} or newer" in page
    assert f"ansible-core {OLDEST.version} or newer" in read("README.md")


def test_workflow_tries_every_version():
    job = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["versions"]
    assert [(one["core"], one["python"]) for one in job["strategy"]["matrix"]["include"]] == [(one.version, one.python) for one in CORES]
    pythons = next(step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {}))
    assert pythons.split() == [TARGET_PYTHON, "${{", "matrix.python", "}}"]


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (GOOD, 0, "3 ok"),
        ({**GOOD, "inventory": [2, 1]}, 1, "1 of 3 FAILED"),
        ({name: numbers for name, numbers in GOOD.items() if name != "inventory"}, 1, "NONE RAN"),
        (run.NotTried("Python 3.10 was not found"), 1, "NOT TRIED: Python 3.10 was not found"),
    ],
)
def test_every_version_and_feature_must_be_tried(monkeypatch, capsys, found, code, words):
    def tried(core, few):
        if core == OLDEST and isinstance(found, Exception):
            raise found
        return f"{core.version}.1", found if core == OLDEST else GOOD

    monkeypatch.setattr(run, "try_features", tried)
    assert run.main("few") == code
    output = capsys.readouterr().out
    assert words in output and f"{NEWEST.version}.1" in output


def test_unknown_version_is_refused():
    with pytest.raises(SystemExit, match="2.15: not one of 2.16"):
        run.main("all", "2.15")

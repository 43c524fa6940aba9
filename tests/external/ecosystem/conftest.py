# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: the tools around Ansible in a separate environment ("make gates GATES=ecosystem"), and the artifact they use."""

from __future__ import annotations

from pathlib import Path

import published
import pytest
from functional import conftest as functional

# The same fixture.
simulator = functional.simulator
BIN = Path(__file__).resolve().parents[3] / ".dev" / "venv-ecosystem" / "bin"


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the published artifact."""
    return published.build(published.environment(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a collections path that contains only the artifact."""
    path = tmp_path_factory.mktemp("collections")
    published.install(published.environment(tmp_path_factory.mktemp("home")), artifact, path)
    return path


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose programs are the tools that "make gates GATES=ecosystem" installs."""
    assert (BIN / "ansible-runner").exists(), "make gates GATES=ecosystem installs what these tests run"
    (tmp_path / "home").mkdir()
    return published.environment(tmp_path / "home", BIN)

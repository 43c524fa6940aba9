# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the functional tests, and Ansible with a real start of each program."""

from __future__ import annotations

from pathlib import Path

import pytest
from functional.conftest import operate, simulator
from functional.harness import Ansible

__all__ = ["operate", "simulator"]


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    """Return Ansible in an empty home."""
    return Ansible(tmp_path)

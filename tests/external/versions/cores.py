# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The supported versions of ansible-core, and the Pythons with which they are tested."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A version of ansible-core with the Python of its controller."""

    version: str
    python: str
    is_released: bool = True

    @property
    def requirement(self) -> str:
        """Return the requirement for pip."""
        return f"ansible-core~={self.version}.0" if self.is_released else f"ansible-core~={self.version}.0rc0"


# Together they use every Python from the oldest on. The page versions.rst and the workflow list the same.
CORES = (
    Core("2.16", "3.10"),
    Core("2.17", "3.12"),
    Core("2.18", "3.11"),
    Core("2.19", "3.13"),
    Core("2.20", "3.12"),
    Core("2.21", "3.13"),
    Core("2.22", "3.13", is_released=False),
)
OLDEST = CORES[0]
NEWEST = [core for core in CORES if core.is_released][-1]
# The oldest Python of a target, on which the modules run.
TARGET_PYTHON = "3.9"

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let tests import the collection by its full name, and the packages of tests/ and tests/support."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
LINK = ROOT / ".dev" / "collections" / "ansible_collections" / "serverprism" / "cloud"

sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests")]
# ansible-test needs the collection in a folder that its name defines, and imports it from there.
IS_ANSIBLE_TEST = ROOT.parts[-3:] == LINK.parts[-3:]
if not IS_ANSIBLE_TEST:
    LINK.parent.mkdir(parents=True, exist_ok=True)
    if not LINK.exists():
        LINK.symlink_to("../../../..")
    sys.path.insert(0, str(ROOT / ".dev" / "collections"))

# The duration of a case depends on the machine, so there is no deadline. ansible-test is the gate: its cases must be the same each time,
# as Hypothesis makes them if CI is set, but ansible-test does not pass CI on. "make unit" tries random cases.
settings.register_profile("unhurried", settings.default, deadline=None, derandomize=IS_ANSIBLE_TEST or settings.default.derandomize)
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark; ansible-test does not read pyproject.toml."""
    config.addinivalue_line("markers", "long: takes many seconds, and is left out by make check")


@pytest.fixture
def masks_of_threads(monkeypatch: pytest.MonkeyPatch) -> list[set[signal.Signals]]:
    """Record the signals that each newly started thread blocks."""
    masks: list[set[signal.Signals]] = []
    start = threading.Thread.start

    def spy(self: threading.Thread) -> None:
        masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        start(self)

    monkeypatch.setattr(threading.Thread, "start", spy)
    return masks

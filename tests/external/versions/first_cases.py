# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Select only the first case of a test that has several, since Ansible takes the same path in all of them (a pytest plugin)."""

from __future__ import annotations

import pytest

# The results of action and module must be the same in every case.
WHOLE = {"test_parity.py"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the other cases."""
    first: dict[tuple[str, str], pytest.Item] = {}
    for item in items:
        first.setdefault((str(item.path), item.name.partition("[")[0]), item)
    kept = [item for item in items if item in first.values() or item.path.name in WHOLE]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept

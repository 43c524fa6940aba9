# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The longest wait of each host of a play for the quota."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.plugin_utils._max_wait import max_wait

# The window that is kept is a little longer than that of the API.
WINDOW = 60.9


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_WAIT", "READ_LIMIT", "WRITE_LIMIT", "LIMIT_WINDOW"):
        monkeypatch.delenv(f"SERVERPRISM_{name}", raising=False)


@pytest.mark.parametrize(
    ("hosts", "forks", "requests", "own", "seconds"),
    [
        (1, 5, {}, None, 300 + 2 * WINDOW),
        (200, 5, {}, None, 300 + 2 * WINDOW),
        (200, 100, {}, None, 300 + 2 * WINDOW + 5 * WINDOW),
        (120, 500, {}, None, 300 + 2 * WINDOW + 6 * WINDOW),
        (100, 100, {"reads": 0, "writes": 3}, None, 300 + 3 * 5 * WINDOW),
        (100, 100, {"reads": 0}, None, 300 + 5 * WINDOW),
        (0, 5, {}, None, 300),
        (100, 100, {"reads": 0}, "15", 15 + 5 * WINDOW),
        (100, 100, {"reads": 0}, "3600", 3600),
        (100, 100, {"reads": 0}, "400", 300 + 5 * WINDOW),
    ],
)
def test_max_wait_is_enough_for_all_hosts_and_never_less_than_that_of_the_user(
    monkeypatch: pytest.MonkeyPatch, hosts: int, forks: int, requests: dict[str, int], own: str | None, seconds: float
) -> None:
    if own is not None:
        monkeypatch.setenv("SERVERPRISM_MAX_WAIT", own)
    assert max_wait(hosts, forks, **{"reads": 1, "writes": 1, **requests}) == pytest.approx(seconds)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WRITE_LIMIT", "2"), ("READ_LIMIT", "12"), ("LIMIT_WINDOW", "100")):
        monkeypatch.setenv(f"SERVERPRISM_{name}", value)
    assert max_wait(24, 24, 1, 1) == pytest.approx(300 + 2 * 101.5 + 12 * 101.5)


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_WAIT", "soon"), ("MAX_WAIT", "inf"), ("WRITE_LIMIT", "0"), ("READ_LIMIT", "2.5"), ("LIMIT_WINDOW", "nan")]
)
def test_bad_variable_is_left_to_the_task(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SERVERPRISM_{name}", value)
    assert max_wait(24, 24, 1, 1) is None

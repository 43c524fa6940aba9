# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of a run, and changes of the wall clock."""

from __future__ import annotations

import time

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils import _clock
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock, when
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso


@pytest.mark.parametrize(("set_by", "expected"), [(0.0, 1_000_060.0), (0.4, 1_000_060.0), (3600.0, 996_460.0), (-3600.0, 1_003_660.0)])
def test_time_on_the_wall_clock_follows_corrections(set_by, expected):
    clock = virtual.VirtualClock()
    clock.set_by = set_by
    assert when(clock, 1_000_060.0) == expected


def test_system_clock_shows_the_wall_clock():
    clock = SystemClock()
    assert abs(clock.wall() - clock.now()) < 5.0 and clock.origin > 0


def test_system_clock_does_not_follow_corrections(monkeypatch):
    clock = SystemClock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.wall() == 0.0 and 0.0 <= clock.now() - before < 5.0


def test_long_sleep_is_split(monkeypatch):
    naps, uptime = [], [100.0]

    def nap(seconds):
        naps.append(seconds)
        # The machine is suspended for a minute during the second part of the sleep.
        uptime[0] += 60.0 if len(naps) == 2 else seconds

    clock = SystemClock()
    monkeypatch.setattr(_clock, "boottime", lambda: uptime[0])
    monkeypatch.setattr(time, "sleep", nap)
    clock.sleep(30.0)
    assert naps == [1.0, 1.0] and uptime[0] == 161.0


def test_iso_is_utc_with_fractions():
    assert iso(0.25) == "1970-01-01T00:00:00.250000Z"

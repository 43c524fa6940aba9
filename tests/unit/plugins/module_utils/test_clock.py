# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sleep that is interrupted now and then, and a wall clock that is set."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock, Ticking
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.floats(0.0, 50.0), max_size=12), st.floats(1.0, 20.0))
def test_sleep_takes_its_time_and_ticks_on_the_way(sleeps, every):
    inner = virtual.VirtualClock()
    clock, ticks, begun = Ticking(inner), [], inner.now()
    with clock.ticking(every, lambda: ticks.append(inner.now())):
        for seconds in sleeps:
            clock.sleep(seconds)
    assert inner.now() - begun == pytest.approx(sum(sleeps), abs=1e-4)
    assert all(later - earlier >= every - 1e-6 for earlier, later in zip(ticks, ticks[1:]))
    assert len(ticks) >= int(sum(sleeps) / every - 1e-6) - 1
    clock.sleep(100.0)
    assert not ticks or ticks[-1] <= begun + sum(sleeps) + 1e-4


def test_tick_that_raises_ends_the_sleep():
    clock = Ticking(virtual.VirtualClock())

    def tick():
        raise KeyError

    with clock.ticking(10.0, tick), pytest.raises(KeyError):
        clock.sleep(60.0)
    assert clock.now() == 1_000_010.0


@pytest.mark.parametrize(("set_by", "expected"), [(0.0, 1_000_060.0), (0.4, 1_000_060.0), (3600.0, 996_460.0), (-3600.0, 1_003_660.0)])
def test_time_on_the_wall_clock_is_met_as_the_clock_is_set_now(set_by, expected):
    inner = virtual.VirtualClock()
    inner.set_by = set_by
    assert Ticking(inner).when(1_000_060.0) == expected


def test_system_clock_shows_the_wall_clock():
    clock = Ticking(SystemClock())
    assert abs(clock.wall() - clock.now()) < 5.0 and clock.origin > 0

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.durations import parse_duration, say_duration
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (90, 90),
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5s", 1.5),
        ("0", 0),
        ("1d", 86400),
    ],
)
def test_duration_is_parsed(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "-5", "m", "1m1h", "1h30", "5m 30", "1e3", "nan", "inf", True, None])
def test_text_that_is_not_a_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (300, "5 minutes"),
        (299.995, "5 minutes"),
        (299.9, "4 minutes 59 seconds"),
        (60, "1 minute"),
        (5400, "1 hour 30 minutes"),
        (1, "1 second"),
        (0, "0 seconds"),
        (-3, "0 seconds"),
    ],
)
def test_duration_in_words(seconds: float, said: str) -> None:
    assert say_duration(seconds) == said


@given(st.floats(min_value=0, max_value=10**7))
def test_duration_in_words_is_never_longer_than_the_duration(seconds: float) -> None:
    words = say_duration(seconds).split()
    unit = {"hour": 3600, "minute": 60, "second": 1}
    said = sum(int(n) * unit[name.rstrip("s")] for n, name in zip(words[::2], words[1::2]))
    assert said <= seconds + 0.011

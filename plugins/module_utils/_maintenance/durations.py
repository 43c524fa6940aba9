# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations as people write and read them. Pure. Private to this collection."""

from __future__ import annotations

import math
import re
from typing import Any

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(value: Any) -> float:
    """Return the seconds of ``90``, ``"90"``, ``"90s"``, ``"5m"``, ``"1h30m"`` or ``"1.5s"``. Raise ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a duration")
    text = str(value).strip().lower().replace(" ", "")
    if _PLAIN.fullmatch(text):
        text += "s"
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{str(value)!r} is not a duration: write seconds (90), or 90s, 5m, 1h30m")
    seconds = sum(float(match[unit]) * size for unit, size in _UNITS.items() if match[unit])
    if not math.isfinite(seconds):
        raise ValueError(f"{str(value)!r} is too long")
    return seconds


def whole_seconds(seconds: float) -> int:
    """Return a duration rounded down to whole seconds, so that a text never names more notice than there is.

    A hundredth of a second is added first. Otherwise five minutes less the network latency would read as 4 minutes 59 seconds.
    """
    return int(max(0.0, seconds) + 0.01)


def say_duration(seconds: float) -> str:
    """Return a duration in words, rounded down: ``"5 minutes"``, ``"1 hour 30 minutes"``, ``"1 minute 30 seconds"``."""
    hours, rest = divmod(whole_seconds(seconds), 3600)
    minutes, secs = divmod(rest, 60)
    parts = [f"{n} {name}{'' if n == 1 else 's'}" for n, name in ((hours, "hour"), (minutes, "minute"), (secs, "second")) if n]
    return " ".join(parts) or "0 seconds"

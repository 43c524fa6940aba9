# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed attempt means, and whether the request may be made again. Pure. Private to this collection.

After 429 and 503 nothing was done. After a lost connection, a time-out, 500, 502, 504 or a
proxy's 52x the action may have run all the same: a read is repeated, a write never is.
"""

from __future__ import annotations

import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Optional

from .._quota.reservations import LONGEST_RETRY_AFTER

OK, THROTTLED, UNAVAILABLE, UNSENT, UNCLEAR, FINAL = "ok", "throttled", "unavailable", "unsent", "unclear", "final"
_UNCLEAR = {500, 502, 504, *range(520, 528), 530}


def classify(status: int) -> str:
    """The kind of an answer by its status alone."""
    if 200 <= status < 300:
        return OK
    if status == 429:
        return THROTTLED
    if status == 503:
        return UNAVAILABLE
    return UNCLEAR if status in _UNCLEAR else FINAL


def may_repeat(kind: str, is_write: bool) -> bool:
    """Whether a request that met this failure may be made again."""
    if kind in (THROTTLED, UNAVAILABLE, UNSENT):
        return True
    return kind == UNCLEAR and not is_write


def backoff(attempt: int) -> float:
    """Seconds to wait after the attempt of this number (from 1): 0.5, 1, 2, 4, then 8."""
    return float(min(8.0, 0.5 * 2 ** (attempt - 1)))


def parse_retry_after(value: Optional[str], now: float) -> Optional[float]:
    """Seconds from a Retry-After header: whole seconds (0 is possible) or an HTTP date; None where it says nothing usable."""
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"\d{1,15}(\.\d+)?", text):
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return min(max(0.0, when.timestamp() - now), LONGEST_RETRY_AFTER)

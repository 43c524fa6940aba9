# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Classify failed attempts, and decide whether a request may be repeated. Pure. Private to this collection.

After 429 and 503 nothing was done. After a lost connection, a timeout, 500, 502, 504 or a proxy's 52x the request may have been
carried out. A read is repeated then, a write is not.
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
    """Return the kind of a response by its status."""
    if 200 <= status < 300:
        return OK
    if status == 429:
        return THROTTLED
    if status == 503:
        return UNAVAILABLE
    return UNCLEAR if status in _UNCLEAR else FINAL


def may_repeat(kind: str, is_write: bool) -> bool:
    """Return whether a request may be repeated after a failure of this kind."""
    if kind in (THROTTLED, UNAVAILABLE, UNSENT):
        return True
    return kind == UNCLEAR and not is_write


def backoff(attempt: int) -> float:
    """Return the seconds to wait after an attempt, counted from 1: 0.5, 1, 2, 4, then always 8."""
    return float(min(8.0, 0.5 * 2 ** (attempt - 1)))


def parse_retry_after(value: Optional[str], now: float) -> Optional[float]:
    """Return the seconds of a Retry-After header with a number (0 or greater) or an HTTP date, or None if it is invalid."""
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

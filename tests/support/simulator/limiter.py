# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quota of a customer: a fixed window from its first request, as in the API's framework, or a sliding window."""

from __future__ import annotations


class Limiter:
    """One quota. A refused request does not count and does not lengthen the window."""

    def __init__(self, limit: int, window: float, sliding: bool) -> None:
        self.limit = limit
        self.window = window
        self.sliding = sliding
        self.hits: list[float] = []

    def hit(self, now: float) -> float | None:
        """Count a request. Return None if it is within the limit, else the seconds until the next is."""
        if self.sliding:
            self.hits = [at for at in self.hits if now - at < self.window]
        elif self.hits and now - self.hits[0] >= self.window:
            self.hits = []
        if len(self.hits) >= self.limit:
            return self.hits[0] + self.window - now
        self.hits.append(now)
        return None

    def remaining(self) -> int:
        """Return the requests left in this window."""
        return max(0, self.limit - len(self.hits))

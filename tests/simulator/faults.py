# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by route: what goes wrong, how often, and whether the work was done before it did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Fault:
    """``method`` and ``path`` (a regular expression) choose the requests; ``skip`` of them pass, then ``count`` are hit.

    ``status``, ``body``, ``headers`` replace the answer. ``done`` says whether the work is done all the same. ``drop`` closes the
    connection without an answer; ``truncate`` sends half of the body; ``delay`` real seconds pass before the answer, and
    ``drip`` real seconds while its body is sent byte by byte.
    """

    method: str = ""
    path: str = ""
    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    drop: bool = False
    truncate: bool = False
    delay: float = 0.0
    drip: float = 0.0
    skip: int = 0
    count: int = 1_000_000

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.method and self.method != method or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if not self.count:
            return False
        self.count -= 1
        return True

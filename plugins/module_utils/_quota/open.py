# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open the ledger that the settings name. Private to this collection."""

from __future__ import annotations

from typing import Callable

from .._clock import Clock
from .._settings import Settings
from .file_ledger import FileLedger
from .ledger import Ledger, MemoryLedger
from .reservations import READ, WRITE, Quota


def open_ledger(settings: Settings, clock: Clock, warn: Callable[[str], None] = lambda text: None) -> Ledger:
    """Return the ledger of the settings. All tokens of a customer share its quota, so the key is the address of the API."""
    quotas = {
        READ: Quota(settings.read_limit, settings.limit_window),
        WRITE: Quota(settings.write_limit, settings.limit_window),
    }
    if settings.ledger == "none":
        return MemoryLedger(quotas, clock)
    if "://" not in settings.ledger:
        return FileLedger(settings.ledger, settings.api_url, quotas, clock, warn)
    from .redis_ledger import RedisLedger

    return RedisLedger(settings.ledger, settings.api_url, quotas, clock, warn, settings.ca_path)

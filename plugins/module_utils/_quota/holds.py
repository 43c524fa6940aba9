# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds on servers, which are stored in the calendar. No maintenance of a server on hold begins. Pure. Private to this collection."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Iterable, Optional, Tuple

from .reservations import Calendar, Hold

# Holds whose ends differ by less than this are the same, in seconds, because the clocks of two processes differ a little.
SAME = 1.0


def find(holds: Iterable[Hold], server_id: int, at: float) -> Optional[Hold]:
    """Return the hold on a server at a time, UTC seconds, or None. A hold has ended at its ``until``."""
    return next((one for one in holds if one.server_id == server_id and at < one.until), None)


def place(calendar: Calendar, hold: Hold, now: float) -> Tuple[Calendar, bool]:
    """Hold a server, in place of an earlier hold. Return whether that is a change. An equal hold keeps the name of its first user."""
    known = find(calendar.holds, hold.server_id, now)
    if known is not None and (known.reason, known.cancel) == (hold.reason, hold.cancel) and abs(known.until - hold.until) < SAME:
        return calendar, False
    return replace(calendar, holds=(*_others(calendar, hold.server_id), hold)), True


def release(calendar: Calendar, server_id: int, now: float) -> Tuple[Calendar, bool]:
    """End the hold on a server. Return whether there was one."""
    known = find(calendar.holds, server_id, now)
    return replace(calendar, holds=_others(calendar, server_id)), known is not None


def _others(calendar: Calendar, server_id: int) -> Tuple[Hold, ...]:
    return tuple(one for one in calendar.holds if one.server_id != server_id)


def described(hold: Hold, tz: tzinfo, now: float) -> str:
    """Return a hold as a text, with the time in a zone: ``on hold until 12:00 CEST by anna@admin: tournament``.

    The date is left out if the hold ends today.
    """
    # The end is rounded, because the clocks of two processes differ a little.
    end = datetime.fromtimestamp(round(hold.until), tz)
    day = "" if end.date() == datetime.fromtimestamp(now, tz).date() else "%Y-%m-%d "
    clock = "%H:%M:%S" if end.second else "%H:%M"
    text = f"on hold until {end.strftime(f'{day}{clock} %Z')}"
    return f"{text}{f' by {hold.by}' if hold.by else ''}{f': {hold.reason}' if hold.reason else ''}"

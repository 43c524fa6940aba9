# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C and SIGTERM during a countdown: the players are told first. Private to this collection."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Dict, Optional, Type


class Interrupted(BaseException):
    """The run was told to stop. No Exception: no handler for ordinary failures may swallow it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Interruptible:
    """While it is entered, the first SIGINT, SIGTERM or SIGHUP raises Interrupted, and any later one is ignored.

    Ansible forwards SIGINT to its workers and sends SIGTERM soon after, and the default answer to
    either is to die at once: without this nobody would tell the players that the countdown is off.
    """

    def __init__(self) -> None:
        self._old: Dict[int, Any] = {}
        self._over = False

    def __enter__(self) -> "Interruptible":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._old[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, _frame: Optional[FrameType]) -> None:
        if not self._over:
            self._over = True
            raise Interrupted(signal.Signals(number).name)

    def ignore_more(self) -> None:
        """From here on nothing interrupts: a last word is being sent."""
        self._over = True

    def __exit__(self, kind: Optional[Type[BaseException]], exc: Optional[BaseException], tb: Optional[TracebackType]) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time as an argument. Private to this collection."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime, timezone
from typing import Protocol

# A sleep is made of pieces of so many seconds: after a suspended machine has woken up, or a signal has come to another thread, it
# ends, or is answered, by the end of its piece.
NAP = 1.0


class Clock(Protocol):
    """What an operation needs of time; tests bring their own."""

    def now(self) -> float:
        """UTC seconds since the epoch; it never jumps within a process."""

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""


def _boottime() -> float:
    # Goes on while a laptop sleeps, where the system has it.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _origin() -> float:
    """The wall clock at the system's start. Two clocks cannot be read at once: the reading that took least time is the truest."""
    readings = []
    for _each in range(5):
        before, wall, after = _boottime(), time.time(), _boottime()
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]


class SystemClock:
    """The wall clock as it was when the process began, moved on by a clock that cannot be set."""

    def __init__(self) -> None:
        self.origin = _origin()

    def now(self) -> float:
        """UTC seconds since the epoch."""
        return self.origin + _boottime()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds; a signal handler that raises ends it."""
        until = _boottime() + seconds
        while (left := until - _boottime()) > 0:
            time.sleep(min(left, NAP))


def boot_id() -> str:
    """What tells this boot of this machine from any other; empty where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in the system's own count, which tells it from a later one of its number; empty where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
        # A dead process whose parent did not ask for it is still listed.
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""


def age_of(pid: int) -> float:
    """Seconds since a process began; 0 where the system does not tell."""
    started = _started(pid)
    return max(0.0, _boottime() - int(started) / os.sysconf("SC_CLK_TCK")) if started.isdigit() else 0.0


def _realm() -> str:
    """Where the numbers of processes are the same as here: this boot, and of it this container."""
    try:
        return f"{boot_id()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return boot_id()


def own_name() -> str:
    """What tells this process from any other: machine, boot and container, number, beginning."""
    return name_of(os.getpid())


def name_of(pid: int) -> str:
    """The same of another process of this container."""
    return f"{socket.gethostname()}/{_realm()}/{pid}/{_started(pid)}"


def is_elsewhere(name: str) -> bool:
    """Whether the process of this name cannot be looked at from here: one of another machine or container."""
    parts = name.split("/")
    return len(parts) != 4 or not parts[3] or parts[:2] != [socket.gethostname(), _realm()]


def may_be_alive(name: str) -> bool:
    """Whether the process of this name may be running; of those elsewhere nobody knows, so it may."""
    if is_elsewhere(name):
        return True
    _machine, _boot, pid, started = name.split("/")
    return _started(int(pid) if pid.isdigit() else 0) == started


def iso(epoch: float) -> str:
    """UTC, ISO 8601, with fractions: ``2026-11-24T00:15:41.123456Z``."""
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of processes, and a check whether a process still runs. Private to this collection.

A ledger stores the owner of each lock. Other processes, containers and machines must find out whether that owner still runs.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import astuple, dataclass
from typing import Dict, Optional, Tuple

ALIVE, DEAD, UNKNOWN = "alive", "dead", "unknown"


def boottime() -> float:
    """Return seconds since the system started, including the time in suspend if the system can measure it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def boot_id() -> str:
    """Return the ID of this boot of this machine, or an empty string if the system has none."""
    return _read("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    """Return the ID of the namespace of process IDs, which differs between containers, or an empty string if it is unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _started(pid: int) -> Optional[str]:
    """Return the start of a process in the system's own unit, an empty string for a dead process, or None if it is not visible."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    # A dead process that its parent has not waited for is still listed.
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    """Return whether a process has this ID, even if /proc hides processes of other users (``hidepid``, ``ProtectProc``)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def age_of(pid: int) -> float:
    """Return the seconds since a process started, or 0 if they are unknown."""
    started = _started(pid) or ""
    return max(0.0, boottime() - int(started) / os.sysconf("SC_CLK_TCK")) if started.isdigit() else 0.0


@dataclass(frozen=True)
class Process:
    """A process of any machine: the place where its ID is valid, the ID, and the start, because IDs are reused."""

    host: str
    boot: str
    namespace: str
    pid: str
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Return a process of this container."""
        return cls(socket.gethostname(), boot_id(), _namespace(), str(pid), _started(pid) or "")

    @classmethod
    def parse(cls, name: str) -> Optional["Process"]:
        """Return the process of a stored name, or None if the name is invalid."""
        parts = name.split("/")
        return cls(*parts) if len(parts) == 5 else None

    def __str__(self) -> str:
        return "/".join(part.replace("/", "") for part in astuple(self))


def fate(owner: Optional[Process], here: Process, started: Optional[str], exists: bool) -> str:
    """Return ALIVE, DEAD, or UNKNOWN for a process that cannot be checked from ``here``.

    ``started`` and ``exists`` are the state of its process ID on this system.
    """
    if owner is None or (owner.host, owner.boot, owner.namespace) != (here.host, here.boot, here.namespace) or not owner.started:
        return UNKNOWN
    if started is None:
        return ALIVE if exists else DEAD
    return ALIVE if started == owner.started else DEAD


def fate_of(name: str) -> str:
    """Return ALIVE, DEAD or UNKNOWN for the process of a stored name."""
    owner = Process.parse(name)
    pid = int(owner.pid) if owner is not None and owner.pid.isdigit() else 0
    return fate(owner, Process.of(os.getpid()), _started(pid), pid > 0 and _exists(pid))


def own_name() -> str:
    """Return the name of this process. It is unique on all machines."""
    return name_of(os.getpid())


# Names are kept while the process runs, because the host name of a machine may change.
_names: Dict[Tuple[int, int], str] = {}


def name_of(pid: int) -> str:
    """Return the name of a process of this container."""
    return _names.setdefault((os.getpid(), pid), str(Process.of(pid)))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many processes that share a ledger, and the ways to damage the ledger or the disk below it."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import codec
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import file_ledger as _ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.file_ledger import FileLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Quota

FORK = multiprocessing.get_context("fork")
API = "https://x"
# The difference allowed between two processes that read the same clock.
TOLERANCE = 0.001


def quotas(limit: int, window: float) -> dict[str, Quota]:
    """Return the same quota for reads and writes."""
    return {READ: Quota(limit, window), WRITE: Quota(limit, window)}


class Shifted(SystemClock):
    """The clock of a process that started when the wall clock was wrong by ``seconds``."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.origin += seconds


@dataclass
class Slot:
    """A slot that was handed out, in seconds since boot, which setting a clock does not change."""

    asked: float
    got: float
    at: float


@dataclass
class Crowd:
    """Processes that reserve at the same time. Each records a slot when it gets it, so the slots of a killed process are known."""

    folder: Path
    limit: int = 20
    window: float = 0.5
    warnings: list[str] = field(default_factory=list)
    processes: list[Any] = field(default_factory=list)
    make: Callable[..., Any] = FileLedger

    def join_in(self, times: int, *, shift: float = 0.0, trap: Callable[[], None] | None = None) -> None:
        """Start one more process, which reserves ``times`` slots and waits for each; ``trap`` prepares its death."""
        process = FORK.Process(target=self._take, args=(times, shift, trap))
        process.start()
        self.processes.append(process)

    def _take(self, times: int, shift: float, trap: Callable[[], None] | None) -> None:
        clock = Shifted(shift)
        log = os.open(self.folder / "slots", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def note(**row: Any) -> None:
            os.write(log, (json.dumps(row) + "\n").encode())

        ledger = self.make(str(self.folder / "ledger"), API, quotas(self.limit, self.window), clock, lambda text: note(warning=text))
        if trap:
            trap()
        try:
            for _each in range(times):
                asked = clock.now()
                slot = ledger.reserve(READ)[0]
                note(asked=asked - clock.origin, got=clock.now() - clock.origin, at=slot - clock.origin)
                clock.sleep(slot - clock.now())
        except Exception as exc:
            note(warning=repr(exc))

    def wait(self) -> list[Slot]:
        """Return all slots after all processes have ended."""
        for process in self.processes:
            process.join(60)
            assert process.exitcode is not None, "a process hangs"
        rows = [json.loads(line) for line in (self.folder / "slots").read_text().splitlines()]
        self.warnings = [row["warning"] for row in rows if "warning" in row]
        return [Slot(**row) for row in rows if "at" in row]


def die_at(where: str, chance: float) -> Callable[[], None]:
    """Return a trap that kills this process at a place in the ledger's code, with a probability."""

    def trap() -> None:
        lot = random.Random(os.getpid())

        def perhaps() -> None:
            if lot.random() < chance:
                os.kill(os.getpid(), signal.SIGKILL)

        owner, name, before = {
            "while it holds the lock": (FileLedger, "_load", False),
            "before it writes": (FileLedger, "_save", True),
            "in the middle of writing": (_ledger, "write_all", None),
            "between write and rename": (_ledger, "write_all", False),
            "after the rename": (FileLedger, "_save", False),
        }[where]
        whole = getattr(owner, name)

        def spoiled(*args: Any) -> Any:
            if before is None and lot.random() < chance:
                whole(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            if before:
                perhaps()
            out = whole(*args)
            if before is False:
                perhaps()
            return out

        setattr(owner, name, spoiled)

    return trap


def _in_place(what: str, path: str) -> None:
    """Put something else in place of a file."""
    if os.path.lexists(path):
        os.unlink(path)
    if what == "a folder":
        os.mkdir(path)
    elif what == "a FIFO":
        os.mkfifo(path)
    elif what == "a link to nowhere":
        os.symlink("/nowhere/at/all", path)
    elif what == "a link to a file":
        Path(path + ".victim").write_text("precious")
        os.symlink(path + ".victim", path)
    elif what == "a socket":
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as end:
            # The name of a socket has to be short.
            end.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        os.close(folder)
    elif what == "a device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 7))


def _flock_fails(number: int) -> None:
    def flock(*_args: Any) -> None:
        raise OSError(number, os.strerror(number))

    fcntl.flock = flock


def _limited(size: int) -> None:
    """Limit the size of all files of this process: the write that would exceed it is cut, and the next one fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def mount(folder: Path, *options: str) -> None:
    """Mount a file system in this folder. Raise PermissionError if this user may not."""
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(done.stderr)


def fill(folder: Path) -> None:
    """Fill the disk."""
    with (folder / "filler").open("wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 512):
                pass
        except OSError as exc:
            assert exc.errno == errno.ENOSPC


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of a few kilobytes in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mount(folder, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _full(ledger: FileLedger) -> None:
    fill(Path(ledger.folder))


def _read_only(ledger: FileLedger) -> None:
    mount(Path(ledger.folder), "-o", "remount,ro")


def _newer(ledger: FileLedger) -> None:
    Path(ledger.path).write_text(json.dumps({"version": codec.VERSION + 1, "all": "is new"}))


def _no_folder(ledger: FileLedger) -> None:
    shutil.rmtree(ledger.folder)
    Path(ledger.folder).write_text("")


def _held(ledger: FileLedger) -> None:
    """Hold the lock as another process that never releases it."""
    descriptor = os.open(ledger.lock_path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)
    _ledger.LOCK_PATIENCE = 0.3


THINGS = ("a folder", "a FIFO", "a link to nowhere", "a link to a file", "a socket", "a device")
ON_A_DISK = {"a full disk": _full, "a disk that is read-only": _read_only}
UNUSABLE: dict[str, Callable[[FileLedger], None]] = {
    **ON_A_DISK,
    "no byte may be written": lambda ledger: _limited(0),
    "a write that is cut": lambda ledger: _limited(100),
    "a file in place of the folder": _no_folder,
    "locks: ENOLCK": lambda ledger: _flock_fails(errno.ENOLCK),
    "locks: EIO": lambda ledger: _flock_fails(errno.EIO),
    "locks: EROFS": lambda ledger: _flock_fails(errno.EROFS),
    "a lock that is not given back": _held,
    "a ledger of a newer release": _newer,
    **{f"{thing} in place of the ledger": lambda ledger, thing=thing: _in_place(thing, ledger.path) for thing in THINGS},
    **{f"{thing} in place of the lock": lambda ledger, thing=thing: _in_place(thing, ledger.lock_path) for thing in THINGS},
    "a folder in place of the new ledger": lambda ledger: _in_place("a folder", ledger.path + ".new"),
}
# Left by a killed process or somebody else at the path of the next ledger. It is removed, and a target it links to is not changed.
LEFT_BEHIND = {thing: lambda ledger, thing=thing: _in_place(thing, ledger.path + ".new") for thing in THINGS if thing != "a folder"}


def alone(folder: Path, spoil: Callable[[FileLedger], None], times: int) -> dict[str, Any]:
    """Damage a ledger and use it in a separate process. Return its slots, warnings, seconds, and the error that ended it."""
    receiver, sender = FORK.Pipe(duplex=False)

    def run() -> None:
        out: dict[str, Any] = {"warnings": [], "error": None, "slots": []}
        book = FileLedger(str(folder), API, quotas(5, 0.5), SystemClock(), out["warnings"].append)
        book.reserve(READ)
        spoil(book)
        begun = time.monotonic()
        try:
            out["slots"] = [book.reserve(READ)[0] for _each in range(times)]
            book.release(READ, out["slots"][-1:])
            book.block(WRITE, book.blocked_until(WRITE) + 1)
        except BaseException as exc:
            out["error"] = repr(exc)
        out.update(seconds=time.monotonic() - begun, path=book.path)
        sender.send(out)

    process = FORK.Process(target=run)
    process.start()
    try:
        assert receiver.poll(20), "it hangs"
        out: dict[str, Any] = receiver.recv()
        return out
    finally:
        process.kill()
        process.join()


__all__ = ["LEFT_BEHIND", "ON_A_DISK", "TOLERANCE", "UNUSABLE", "Crowd", "Shifted", "alone", "die_at", "fill", "quotas", "small_disk"]

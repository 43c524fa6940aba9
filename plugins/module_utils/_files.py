# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that processes of one user share, whatever the umask, and whatever may lie in their place. Private to this collection."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import stat
import tempfile
import time
from contextlib import suppress

# More than any ledger or journal grows to; what is larger is something else, and would fill the memory.
LARGEST = 16 * 1024 * 1024


def make_folder(path: str) -> None:
    """Make the folder, and what is missing above it, for this user alone. OSError where others could change what is in it."""
    missing, path = [], os.path.abspath(path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        # os.makedirs would leave the upper ones to the umask.
        # Another process may be quicker; a file in the way is told by what is done next.
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
    folder = missing[0] if missing else path
    found = os.stat(folder)
    if found.st_mode & stat.S_IWOTH and found.st_uid != os.geteuid():
        raise OSError(
            errno.EACCES, f"anybody may write into the folder {folder}, which belongs to another user; a folder of your own in it will do"
        )


def open_own(path: str, flags: int) -> int:
    """Open a file in a folder of ``make_folder``, made with 0600: no link, nothing but a file, nobody else's. Raises OSError."""
    try:
        # Without O_NONBLOCK a named pipe would keep its reader for ever.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, f"{path} is a symbolic link") from exc
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"{path} is not a regular file")
        # The owner of the folder may be somebody else in a container, where a user's folder is mounted.
        if found.st_uid not in (os.geteuid(), os.stat(os.path.dirname(path)).st_uid):
            raise OSError(errno.EACCES, f"{path} belongs to another user")
        if flags & os.O_APPEND and found.st_nlink > 1:
            raise OSError(errno.EMLINK, f"{path} has another name, so that something else would be written, too")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_new(path: str) -> int:
    """Make a file that was not there, for this user alone, in place of whatever a killed process or anybody left there."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def open_locked(path: str, flags: int, patience: float) -> int:
    """Open a file of ours and lock it; OSError where that cannot be, or somebody else holds the lock for so many seconds."""
    until = time.monotonic() + patience
    while True:
        descriptor = open_own(path, flags)
        try:
            _lock(descriptor, until, patience)
            if _is_still(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Somebody removed it while we waited: a lock on it would exclude nobody who comes later.
        os.close(descriptor)


def _lock(descriptor: int, until: float, patience: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, f"another process has held the lock for {patience:g} s") from None
            time.sleep(random.uniform(0.001, 0.02))


def _is_still(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def read_all(descriptor: int) -> bytes:
    """The whole of a file, which is closed then; ValueError where it is larger than any of ours."""
    with open(descriptor, "rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("too large")
    return data


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, or OSError: on a full disk the system may take a part, and say so only in a number."""
    while data:
        data = data[os.write(descriptor, data) :]


def replace_file(path: str, data: bytes) -> None:
    """Write a file as a whole or not at all. A new file is for this user alone; one that exists keeps its owner and mode.

    A symbolic link is replaced and not followed. Raises OSError.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        try:
            with suppress(FileNotFoundError):
                found = os.lstat(path)
                if stat.S_ISREG(found.st_mode):
                    with suppress(OSError):
                        os.fchown(descriptor, found.st_uid, found.st_gid)
                    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

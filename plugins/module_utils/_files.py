# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that the processes of one user share. They are private, and other users cannot redirect them. Private to this collection."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import stat
import tempfile
import time
from contextlib import suppress

# The largest file to read, in bytes. Ledgers and run logs stay far below it, so a larger file is something else.
LARGEST = 16 * 1024 * 1024


def make_folder(path: str) -> None:
    """Create a folder and its missing parents, private to this user. Raises OSError if other users could change its content."""
    missing, path = [], os.path.abspath(path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        # os.makedirs would create the parents with the umask. The folder may exist if another process was faster. If a file has the
        # name, the next step reports it.
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
    folder = missing[0] if missing else path
    found = os.stat(folder)
    if found.st_mode & stat.S_IWOTH and found.st_uid != os.geteuid():
        raise OSError(
            errno.EACCES, f"the folder {folder} belongs to another user, and anyone may write into it. Use a folder of your own below it"
        )


def open_own(path: str, flags: int) -> int:
    """Open a file in a folder of ``make_folder``, with mode 0600. Raises OSError if it is a link, not a file, or another user's."""
    try:
        # Without O_NONBLOCK, opening a named pipe would block.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, f"{path} is a symbolic link") from exc
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"{path} is not a regular file")
        # In a container with a mounted folder, the owner of the folder may differ from the user of the process.
        if found.st_uid not in (os.geteuid(), os.stat(os.path.dirname(path)).st_uid):
            raise OSError(errno.EACCES, f"{path} belongs to another user")
        if flags & os.O_APPEND and found.st_nlink > 1:
            raise OSError(errno.EMLINK, f"{path} is a hard link, so writing to it would change another file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_new(path: str) -> int:
    """Create a file that is private to this user. Anything that has its name is removed first."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def open_locked(path: str, flags: int, patience: float) -> int:
    """Open a file with ``open_own`` and lock it. Raises OSError, also if the lock is not free within ``patience`` seconds."""
    until = time.monotonic() + patience
    while True:
        descriptor = open_own(path, flags)
        try:
            _lock(descriptor, until, patience)
            if _is_same_file(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # The file was removed during the wait, such as by a program that cleans up. Other processes would lock another file.
        os.close(descriptor)


def _lock(descriptor: int, until: float, patience: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, f"another process has held the lock for {patience:g} s") from None
            time.sleep(random.uniform(0.001, 0.02))


def _is_same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def read_all(descriptor: int) -> bytes:
    """Read a whole file and close it. Raises ValueError if it is larger than LARGEST."""
    with open(descriptor, "rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("the file is too large")
    return data


def write_all(descriptor: int, data: bytes) -> None:
    """Write all data, or raise OSError. On a full disk, os.write may write only a part."""
    while data:
        data = data[os.write(descriptor, data) :]


def replace_file(path: str, data: bytes) -> None:
    """Replace a file atomically. A new file is private to this user, an existing one keeps its owner and mode.

    A symbolic link is replaced, not followed. Raises OSError.
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

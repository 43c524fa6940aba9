# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are their user's alone, whatever the umask, and whoever put something in their way. Private to this collection."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress


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

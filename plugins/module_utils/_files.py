# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that processes share, whatever may lie in their place. Private to this collection."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import random
import stat
import time
from typing import Any

# More than any ledger or journal grows to; what is larger is something else, and would fill the memory.
LARGEST = 16 * 1024 * 1024
_SEAL = '{"seal": "%s", '


def open_regular(path: str, flags: int) -> int:
    """Open a regular file; OSError for anything else. No link is followed, and nobody is waited for at the other end of a pipe."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def open_locked(path: str, flags: int, patience: float) -> int:
    """Open a regular file and lock it; OSError where that cannot be, or somebody else holds the lock for so many seconds."""
    until = time.monotonic() + patience
    while True:
        descriptor = open_regular(path, flags)
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


def sealed(text: str) -> bytes:
    """A JSON object with its own checksum as its first member."""
    return (_SEAL % _digest(text) + text[1:]).encode()


def unsealed(data: bytes) -> Any:
    """A JSON object; ValueError where it is not as it was sealed. One without a seal, of another release, is taken as it is."""
    text = data.decode()
    if text.startswith(_SEAL[:9]):
        rest = "{" + text[len(_SEAL % _digest("")) :]
        if not text.startswith(_SEAL % _digest(rest)):
            raise ValueError("not as it was written")
    return json.loads(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

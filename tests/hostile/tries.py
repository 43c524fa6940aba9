# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A try for the tables, and secrets looked for in all that a run left."""

from __future__ import annotations

import base64
import stat
import urllib.parse
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hostile.table import note


@dataclass
class Try:
    """``failed``: whether the run ended with an error, as it may."""

    failed: bool = False


@contextmanager
def trying(row: str, way: str, table: str = "security") -> Iterator[Try]:
    """What is asserted inside is a law; the table gets a line, whether it held or not."""
    one = Try()
    try:
        yield one
    except BaseException:
        note(table, row, way, failed=one.failed, broken=True)
        raise
    note(table, row, way, failed=one.failed, broken=False)


def forms(secret: str) -> set[bytes]:
    """How a secret can stand somewhere: as it is, in base64 wherever its group of three begins, and encoded for an address."""
    out = {secret, urllib.parse.quote(secret, safe=""), secret.encode().hex(), secret[: len(secret) // 2], secret[len(secret) // 2 :]}
    for ahead in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first and the last characters depend on what stands around.
            text = encode(b"\0" * ahead + secret.encode()).decode().rstrip("=")
            out.add(text[4 if ahead else 0 : -2])
    return {one.encode() for one in out}


def found(secret: str, text: bytes | str) -> list[str]:
    """The forms of the secret that stand in a text."""
    content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return [form.decode() for form in forms(secret) if form.lower() in content.lower()]


def leaks(secret: str, folder: Path) -> list[str]:
    """The files below a folder, by name or content, that hold the secret; packed ones are opened."""
    out = []
    for path in sorted(folder.rglob("*")):
        if found(secret, str(path.relative_to(folder))):
            out.append(f"{path} (its name)")
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                content += b"".join(packed.read(name) for name in packed.namelist())
        if found(secret, content):
            out.append(str(path))
    return out


def open_to_others(folder: Path) -> list[str]:
    """Files and folders below (and with) this one that others may read, enter or change."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return [f"{stat.S_IMODE(path.lstat().st_mode):o} {path}" for path in paths if not path.is_symlink() and path.lstat().st_mode & 0o077]

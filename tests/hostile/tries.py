# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record tries for the tables, and search the files and output of a run for secrets."""

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
    """A try; ``failed`` is true if the run ended with an error, which is allowed."""

    failed: bool = False


@contextmanager
def trying(row: str, way: str, table: str = "security") -> Iterator[Try]:
    """Record a try in the table; an assertion that fails inside counts as a broken rule."""
    one = Try()
    try:
        yield one
    except BaseException:
        note(table, row, way, failed=one.failed, broken=True)
        raise
    note(table, row, way, failed=one.failed, broken=False)


def forms(secret: str) -> set[bytes]:
    """Return the forms that a secret can have in a text: unchanged, in base64 at each of its three offsets, and URL-encoded."""
    out = {secret, urllib.parse.quote(secret, safe=""), secret.encode().hex(), secret[: len(secret) // 2], secret[len(secret) // 2 :]}
    for ahead in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first and the last characters depend on the text around.
            text = encode(b"\0" * ahead + secret.encode()).decode().rstrip("=")
            out.add(text[4 if ahead else 0 : -2])
    return {one.encode() for one in out}


def found(secret: str, text: bytes | str) -> list[str]:
    """Return the forms of the secret that occur in a text."""
    content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return [form.decode() for form in forms(secret) if form.lower() in content.lower()]


def leaks(secret: str, folder: Path) -> list[str]:
    """Return the files below a folder that contain the secret, in name or content; zip files are opened."""
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
    """Return files and folders from here down (with this one) that others may read, enter or change."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return [f"{stat.S_IMODE(path.lstat().st_mode):o} {path}" for path in paths if not path.is_symlink() and path.lstat().st_mode & 0o077]

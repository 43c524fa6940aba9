# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of the API and the user: control characters, console lines and formatted times. Pure. Private to this collection."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from ._errors import BadOption

# C0, DEL and C1 control terminals, end lines or truncate texts. U+2028 and U+2029 are line breaks to some programs.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# Embeddings, overrides and isolates can show a text in another order than it is read in.
_OVERRIDE = r"\u202a-\u202e\u2066-\u2069"
# The invisible marks of right-to-left scripts. They act as one letter of such a script does, and some names need them.
_MARK = r"\u061c\u200e\u200f"

_CONTROLS = re.compile(f"[{_CONTROL}]+")
_NOT_STORABLE = re.compile(f"[{_CONTROL}{_OVERRIDE}]")
_NOT_PRINTABLE = re.compile(f"[{_MARK}]")
_VISIBLE_ASCII = re.compile(r"[!-~]*")
_REPLACEMENT = "\ufffd"
# The longest console command that the API accepts.
MAX_CHARACTERS = 1024


def has_control(text: str) -> bool:
    """Return True if the text contains a line break or another control character, and so is not one line."""
    return _CONTROLS.search(text) is not None


def one_line(text: str) -> str:
    """Replace each sequence of control characters with a space, for a console command or an error message.

    All other characters stay, because players and operators read texts in their own script.
    """
    return _CONTROLS.sub(" ", text)


def storable(text: str) -> str:
    """Replace control characters, direction overrides and half surrogate pairs, which a result or a file must not contain.

    JSON can contain half of a surrogate pair, which cannot be written to a file. Ansible prints results unchanged. Right-to-left marks
    stay, because a result is data and a name may need them.
    """
    return _NOT_STORABLE.sub(_REPLACEMENT, text.encode("utf-8", "replace").decode("utf-8"))


def printable(text: str) -> str:
    """Replace the characters that ``storable`` replaces, and invisible right-to-left marks, for a terminal or a page."""
    return _NOT_PRINTABLE.sub(_REPLACEMENT, storable(text))


def is_visible_ascii(text: str) -> bool:
    """Return True if the text has only visible ASCII characters: no spaces, control characters or other characters."""
    return _VISIBLE_ASCII.fullmatch(text) is not None


def iso(epoch: float) -> str:
    """Return a time in UTC, ISO 8601, with fractions: ``2026-11-24T00:15:41.123456Z``."""
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check_line(option: str, line: str) -> None:
    """Raise BadOption if a text is not a single line that the console accepts.

    The API passes on line breaks, but a game may read two commands from them.
    """
    if not line.strip():
        raise BadOption(option, "is empty")
    if has_control(line):
        raise BadOption(option, "contains a line break or another control character. A console command must be one line")
    if len(line) > MAX_CHARACTERS:
        raise BadOption(option, f"must have at most {MAX_CHARACTERS} characters, got {len(line)}")

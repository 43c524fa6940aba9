# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of the API and the user: control characters, console lines, and how a time is written. Pure. Private to this collection."""

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
# What the API takes of one console command.
MAX_CHARACTERS = 1024


def has_control(text: str) -> bool:
    """Return True if the text contains a line break or another control character, and so is not one line."""
    return _CONTROLS.search(text) is not None


def one_line(text: str) -> str:
    """Replace each run of control characters with a blank, for a console command or an error message.

    Everything else stays: players and operators read the words in their own script.
    """
    return _CONTROLS.sub(" ", text)


def storable(text: str) -> str:
    """Replace what a result or a file must not contain: control characters, overrides of the direction, and half characters.

    JSON can contain half of a surrogate pair, which no file accepts. Ansible prints results unchanged, so the rest matters there, too.
    Right-to-left marks stay, because a result is data and a name may need them.
    """
    return _NOT_STORABLE.sub(_REPLACEMENT, text.encode("utf-8", "replace").decode("utf-8"))


def printable(text: str) -> str:
    """Replace what a terminal or a page must not show: what ``storable`` replaces, and invisible right-to-left marks."""
    return _NOT_PRINTABLE.sub(_REPLACEMENT, storable(text))


def is_visible_ascii(text: str) -> bool:
    """Return True if the text has only visible ASCII characters: no blanks, no control characters, nothing beyond ASCII."""
    return _VISIBLE_ASCII.fullmatch(text) is not None


def iso(epoch: float) -> str:
    """Return a time in UTC, ISO 8601, with fractions: ``2026-11-24T00:15:41.123456Z``."""
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check_line(option: str, line: str) -> None:
    """Refuse what the console would not take as one line; BadOption names the option.

    The API does not split newlines, yet a game may read two commands from them; blanks at both ends are cut by the API.
    """
    if not line.strip():
        raise BadOption(option, "is empty")
    if has_control(line):
        raise BadOption(option, "holds a line break or another control character: a console command is one line")
    if len(line) > MAX_CHARACTERS:
        raise BadOption(option, f"has {len(line)} characters; the API takes {MAX_CHARACTERS} at most")

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: console_line
short_description: The console line that says a text to players
version_added: 0.1.0
author: ServerPrism collection contributors (@serverprism)
description:
  - Puts a text into the command that a game has for it, as the announcements of M(serverprism.cloud.serverprism_maintenance) are. Asks
    nothing of the API.
  - Between quotation marks of the command the text cannot end them, a line that is no more than a game's stop command gets a full stop,
    and the text is cut where the line would be longer than a console takes.
  - A text of several lines, or with control characters, is refused.
options:
  _input:
    description: The text. C({name}) in it becomes the server's name.
    type: str
    required: true
  command:
    description: The console command, with C({text}), or with C({text_}), which is the text with underscores for blanks.
    type: str
    default: say {text}
  name:
    description: The server's name, for C({name}).
    type: str
  problem_of:
    description:
      - What the user calls the text. With it the result is not the line, but one sentence on what is wrong with the text; empty where
        nothing is.
    type: str
"""

EXAMPLES = r"""
# 7 Days to Die wants quotation marks: say "The 'event' begins"
- name: Say something to the players
  serverprism.cloud.serverprism_command:
    server_id: 1234
    command: "{{ text | serverprism.cloud.console_line('say \"{text}\"') }}"
    if_offline: skip
  vars:
    text: The "event" begins
"""

RETURN = r"""
_value:
  description: The line, or what is wrong with the text.
  type: str
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.serverprism.cloud.plugins.module_utils._command import check_line
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._timeline import check_braces, fill, has_text, speak, spoken


def console_line(text: str, command: str = "say {text}", name: str | None = None, problem_of: str | None = None) -> str:
    """See DOCUMENTATION."""
    text, command = str(text), str(command)
    try:
        _check(problem_of or "console_line", text, command, name)
    except BadOption as exc:
        if problem_of:
            return str(exc)
        raise AnsibleFilterError(str(exc)) from None
    return "" if problem_of else speak(command, fill(text, {"name": spoken(str(name or ""))}))


def _check(option: str, text: str, command: str, name: str | None) -> None:
    check_line(option, text)
    check_braces(option, text, ("name",))
    if not has_text(command):
        raise BadOption(option, "the command has no {text}, so nobody would read the text")
    if "{name}" in text and not name:
        raise BadOption(
            option, "the text has {name}, and the server's name is not known: an inventory of this collection reads it with details: true"
        )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"console_line": console_line}

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a timeline, their times and their texts. Pure. Private to this collection."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timezone, tzinfo
from difflib import get_close_matches
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._errors import BadOption
from .._text import MAX_CHARACTERS, check_line, iso, one_line
from .durations import parse_duration, say_duration, whole_seconds

ANNOUNCEMENT, COMMAND, SIGNAL, CANCEL, DONE = "announcement", "command", "signal", "cancel", "done"
PLANNED, SENT, UNKNOWN, FAILED, DROPPED = "planned", "sent", "unknown", "failed", "dropped"
STOP_COMMANDS = ("stop", "quit", "exit", "end", "shutdown", "doexit", "halt", "close", "server.stop", "server.quit", "global.quit")
# Placeholders for a text in a console command. {text_} has underscores for blanks, for games that show only one word.
TEXTS = ("text", "text_")
# The placeholders of an announcement, and those of the texts after it.
OF_ANNOUNCEMENTS, OF_OTHER_TEXTS = ("action", "remaining", "time", "name", "reason"), ("action", "name", "reason")
# The value of {action}, by the wanted state.
ACTION_WORDS = {"restarted": "restart", "stopped": "shutdown"}
# {reason} with what would be left over without a reason, at the beginning of a text and elsewhere.
_UNUSED_REASON = re.compile(r"^\{reason\}[\s.:;,–-]*|\s*[(\[]\{reason\}[)\]]|(?<=[.!?])\s*\{reason\}[.!?]?|\s*[:;,–-]?\s*\{reason\}")
# An announcement is sent this number of seconds early, so that network latency does not shorten the notice.
LEAD = 0.25


@dataclass(frozen=True)
class Announcement:
    """An announcement. ``before`` is the notice in seconds; ``text`` may contain the placeholders OF_ANNOUNCEMENTS."""

    before: float
    text: str


@dataclass(frozen=True)
class Step:
    """One line or signal of a timeline. ``planned`` and ``at`` are UTC epoch seconds.

    ``before`` is the least number of seconds between this step and the action: the time that a command needs, or the notice that an
    announcement gives. Once an announcement is sent, it is the notice that its text named.
    """

    kind: str
    text: str
    planned: float
    at: Optional[float] = None
    outcome: str = PLANNED
    before: Optional[float] = None

    def as_dict(self) -> Dict[str, Any]:
        """Return the step as in a result, with times in UTC, ISO 8601 with fractions."""
        return {
            "kind": self.kind,
            "text": self.text,
            "planned": iso(self.planned),
            "at": None if self.at is None else iso(self.at),
            "outcome": self.outcome,
        }

    def became(self, outcome: str, at: float, text: Optional[str] = None) -> "Step":
        """Return the step with its outcome and the time at which it was tried."""
        return replace(self, outcome=outcome, at=at, text=self.text if text is None else text)


def parse_announcements(items: Optional[Sequence[Mapping[str, Any]]]) -> Tuple[Announcement, ...]:
    """Return the announcements, earliest first. Raise BadOption, which names the wrong one."""
    out: List[Announcement] = []
    for index, item in enumerate(items or []):
        option = f"announcements[{index}]"
        try:
            before = parse_duration(item["before"])
        except ValueError as exc:
            raise BadOption(f"{option}.before", str(exc)) from exc
        check_line(f"{option}.text", item["text"])
        check_braces(f"{option}.text", item["text"], OF_ANNOUNCEMENTS)
        out.append(Announcement(before, item["text"]))
    return tuple(sorted(out, key=lambda a: -a.before))


def with_repeated_announcement(rest: Sequence[Step], last: Announcement) -> List[Step]:
    """Return the rest of a timeline with its last announcement repeated before the action."""
    action = rest[-1].planned
    again = Step(ANNOUNCEMENT, last.text, action - last.before, before=last.before)
    return sorted([*rest, again], key=lambda step: step.planned)


def check_braces(option: str, text: str, names: Sequence[str]) -> None:
    """Raise BadOption for a misspelt or misplaced placeholder, which players would read. Other braces, as in JSON, are allowed."""
    known = (*OF_ANNOUNCEMENTS, *TEXTS)
    meant = ", ".join("{" + name + "}" for name in names)
    for inner in re.findall(r"\{([^{}]*)\}", text):
        if inner in names:
            continue
        if inner in known:
            raise BadOption(option, f"{{{inner}}} cannot be used here; use {meant}")
        if get_close_matches(inner.strip().lower(), known, 1, 0.75):
            raise BadOption(option, f"{{{inner}}} is not a placeholder; use {meant}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders replaced. Placeholders inside a value are not replaced, since it is data."""
    out: List[str] = []
    while text:
        found = [(text.find("{" + name + "}"), name) for name in values]
        hits = [hit for hit in found if hit[0] >= 0]
        if not hits:
            break
        at, name = min(hits)
        out += [text[:at], values[name]]
        text = text[at + len(name) + 2 :]
    return "".join([*out, text])


def with_reason(text: str, reason: Optional[str]) -> str:
    """Return a text with ``{reason}``. Without a reason, also remove brackets around it and the blanks, colon, comma or dash before it."""
    return fill(text, {"reason": reason}) if reason else _UNUSED_REASON.sub("", text)


def with_action(text: str, state: str) -> str:
    """Return a text with ``{action}`` as ``restart`` or ``shutdown``, with a capital letter at the beginning of the text."""
    word = ACTION_WORDS[state]
    if text.startswith("{action}"):
        text = word.capitalize() + text[len("{action}") :]
    return fill(text, {"action": word})


def safe_name(name: str) -> str:
    """Return a server's name for a console line, in a form that can neither begin nor end a console command."""
    return one_line(name).replace(";", ",").lstrip("/\\!.:|$~^ ")


def has_text(command: str) -> bool:
    """Return whether a console command has a placeholder for the text."""
    return any("{" + name + "}" in command for name in TEXTS)


def check_announce_command(command: Optional[str]) -> None:
    """Raise BadOption for a command that cannot show a text. None stands for the command of the game."""
    if command is None:
        return
    check_line("announce_command", command)
    if not has_text(command):
        raise BadOption("announce_command", "must contain {text}, the place of the text for the players")
    check_braces("announce_command", command, TEXTS)


def quotes_around(command: str) -> str:
    """Return the quotation marks around ``{text}`` in a command: none, one kind, or both (JSON as an argument)."""
    before, _here, after = command.partition("{text}")
    double = before.count('"') - before.count('\\"')
    # An apostrophe within a word is not a quotation mark.
    single = len(re.findall(r"(?<!\w)'|'(?!\w)", before)) if "'" in after else 0
    return ('"' if double % 2 else "") + ("'" if single % 2 else "")


def text_line(command: str, text: str) -> str:
    """Return the console line that shows a text, with the text cut to the longest line that the API accepts.

    Between quotes (``say "{text}"``) the text must not end the quotes, since the rest would be another argument, or code. A line that
    equals a stop command of a game gets a full stop, so that it does not stop the game.
    """
    if "{text_}" in command:
        command, text = command.replace("{text_}", "{text}"), "_".join(text.split())
    quotes = quotes_around(command)
    if quotes:
        text = text.replace("\\", "/")
    for mark in quotes:
        text = text.replace(mark, "'" if quotes == '"' else "`")
    room = MAX_CHARACTERS - len(command) + len("{text}")
    line = fill(command, {"text": text[: max(0, room)]})
    return line.rstrip() + "." if line.strip().lower().lstrip("/") in STOP_COMMANDS else line


def notice_given(text: str, before: float, remaining: float) -> float:
    """Return the notice in seconds that players read in an announcement, never less than the ``before`` it was planned with."""
    return max(before, float(whole_seconds(remaining))) if "{remaining}" in text else before


def announce_line(command: str, text: str, *, remaining: float, action_at: float, name: str, tz: tzinfo) -> str:
    """Return the console line of an announcement.

    ``{time}`` is the local time of the action with its time zone; ``{remaining}`` is rounded down to seconds.
    """
    local = datetime.fromtimestamp(action_at, timezone.utc).astimezone(tz)
    values = {
        "remaining": say_duration(remaining),
        "time": local.strftime("%H:%M ") + (local.tzname() or ""),
        "name": safe_name(name),
    }
    return text_line(command, fill(text, values))


@dataclass(frozen=True)
class Timeline:
    """All steps of one server. ``planned`` of each is in seconds after the first step. The last step is the action."""

    steps: Tuple[Step, ...]

    @property
    def offsets(self) -> Tuple[float, ...]:
        """Return the seconds of each step after the first, in ascending order."""
        return tuple(step.planned for step in self.steps)


def make_timeline(announcements: Sequence[Announcement], commands: Sequence[str], command_wait: float, signal: str) -> Timeline:
    """Return the timeline of announcements, commands, ``command_wait`` seconds, and a signal."""
    action = max([a.before + LEAD for a in announcements] + [command_wait + LEAD if commands else 0.0])
    steps = [Step(ANNOUNCEMENT, a.text, action - a.before - LEAD, before=a.before) for a in announcements]
    steps += [Step(COMMAND, text, action - command_wait - LEAD, before=command_wait) for text in commands]
    steps.sort(key=lambda step: step.planned)
    return Timeline((*steps, Step(SIGNAL, signal, action)))


def at_slots(timeline: Timeline, slots: Sequence[float]) -> List[Step]:
    """Return the steps at the slots that were reserved for them, UTC seconds."""
    return [replace(step, planned=at) for step, at in zip(timeline.steps, slots)]


def action_not_before(steps: Sequence[Step], planned: float) -> float:
    """Return the earliest time of the action at which every announcement has its full notice, and every command its time.

    ``planned`` and the returned time are UTC seconds. A late line delays the action.
    """
    due = [e.at + e.before for e in steps if e.at is not None and e.before is not None]
    return max([planned, *due])


def delayed(rest: Sequence[Step], due: float, lag: float) -> List[Step]:
    """Return the rest of a timeline whose action moves to ``due``. Each line is delayed only as far as its notice allows.

    If lines take ``lag`` seconds to be delivered, they are planned that much earlier. Otherwise each would be late and delay the action
    again.
    """
    ahead = max(LEAD, lag)
    lines = [replace(step, planned=max(step.planned, due - (step.before or 0.0) - ahead)) for step in rest[:-1]]
    return [*lines, replace(rest[-1], planned=due)]


def notice_error(steps: Sequence[Step], action_at: Optional[float]) -> Optional[float]:
    """Return the seconds by which the action missed the notice of the worst announcement. Negative means less notice than announced.

    None without an action or an announcement.
    """
    if action_at is None:
        return None
    errors: List[float] = [
        action_at - e.at - e.before
        for e in steps
        if e.kind == ANNOUNCEMENT and e.outcome in (SENT, UNKNOWN) and e.at is not None and e.before is not None
    ]
    if not errors:
        return None
    worst: float = max(errors, key=abs)
    return round(worst, 3)

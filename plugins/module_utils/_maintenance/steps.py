# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timeline of a maintenance: what is sent when, and the words in it. Pure. Private to this collection."""

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
# Where a text goes in a console command: as it is, or with underscores for blanks, for a game that shows one word.
TEXTS = ("text", "text_")
# What {action} becomes, by the state that a maintenance brings a server to.
ACTION_WORDS = {"restarted": "restart", "stopped": "shutdown"}
# An announcement leaves this much early, so that one network round trip does not cut into the notice it promises.
LEAD = 0.25


@dataclass(frozen=True)
class Announcement:
    """One warning: ``before`` is seconds of notice, ``text`` may hold {action}, {remaining}, {time} and {name}."""

    before: float
    text: str


@dataclass(frozen=True)
class Step:
    """One line of the timeline. ``planned`` and ``at`` are UTC epoch seconds.

    ``before`` is the least number of seconds between this line and the action: what a command needs, or the notice that an
    announcement gives. Once an announcement is sent, that is what it really said.
    """

    kind: str
    text: str
    planned: float
    at: Optional[float] = None
    outcome: str = PLANNED
    before: Optional[float] = None

    def as_dict(self) -> Dict[str, Any]:
        """As a result shows it: times in UTC, ISO 8601 with fractions."""
        return {
            "kind": self.kind,
            "text": self.text,
            "planned": iso(self.planned),
            "at": None if self.at is None else iso(self.at),
            "outcome": self.outcome,
        }

    def became(self, outcome: str, at: float, text: Optional[str] = None) -> "Step":
        """This step after it was tried."""
        return replace(self, outcome=outcome, at=at, text=self.text if text is None else text)


def parse_announcements(items: Optional[Sequence[Mapping[str, Any]]]) -> Tuple[Announcement, ...]:
    """The announcements, earliest first; BadOption names ``announcements`` and which one is wrong."""
    out: List[Announcement] = []
    for index, item in enumerate(items or []):
        option = f"announcements[{index}]"
        try:
            before = parse_duration(item["before"])
        except ValueError as exc:
            raise BadOption(f"{option}.before", str(exc)) from exc
        check_line(f"{option}.text", item["text"])
        check_braces(f"{option}.text", item["text"], ("action", "remaining", "time", "name"))
        out.append(Announcement(before, item["text"]))
    return tuple(sorted(out, key=lambda a: -a.before))


def said_again(rest: Sequence[Step], last: Announcement) -> List[Step]:
    """What is left of a timeline, with its last announcement once more in its place."""
    action = rest[-1].planned
    again = Step(ANNOUNCEMENT, last.text, action - last.before, before=last.before)
    return sorted([*rest, again], key=lambda step: step.planned)


def check_braces(option: str, text: str, names: Sequence[str]) -> None:
    """Refuse a text whose placeholder is misspelt or misplaced: players would read the braces. Other braces (JSON) are left alone."""
    known = ("action", "remaining", "time", "name", *TEXTS)
    meant = ", ".join("{" + name + "}" for name in names)
    for inner in re.findall(r"\{([^{}]*)\}", text):
        if inner in names:
            continue
        if inner in known:
            raise BadOption(option, f"{{{inner}}} has no meaning here; it may hold {meant}")
        if get_close_matches(inner.strip().lower(), known, 1, 0.75):
            raise BadOption(option, f"{{{inner}}} is not known; it may hold {meant}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in for their placeholders, each once and from left to right: a value is data, never read for placeholders."""
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


def with_action(text: str, state: str) -> str:
    """Return a text with ``{action}`` as ``restart`` or ``shutdown``, with a capital letter at the beginning of the text."""
    word = ACTION_WORDS[state]
    if text.startswith("{action}"):
        text = word.capitalize() + text[len("{action}") :]
    return fill(text, {"action": word})


def spoken(name: str) -> str:
    """A server's name within a console line: it begins no command, and ends none, as a semicolon does in some games."""
    return one_line(name).replace(";", ",").lstrip("/\\!.:|$~^ ")


def has_text(command: str) -> bool:
    """Whether a console command says where the text goes."""
    return any("{" + name + "}" in command for name in TEXTS)


def check_announce_command(command: Optional[str]) -> None:
    """Refuse a command that cannot show a text to players. None is the command of the game."""
    if command is None:
        return
    check_line("announce_command", command)
    if not has_text(command):
        raise BadOption("announce_command", "has no {text}, so nobody would read the text")
    check_braces("announce_command", command, TEXTS)


def quotes_around(command: str) -> str:
    """The quotation marks that ``{text}`` stands between in a command: none, one kind, or both (JSON as an argument)."""
    before, _here, after = command.partition("{text}")
    double = before.count('"') - before.count('\\"')
    # An apostrophe within a word is none.
    single = len(re.findall(r"(?<!\w)'|'(?!\w)", before)) if "'" in after else 0
    return ('"' if double % 2 else "") + ("'" if single % 2 else "")


def speak(command: str, text: str) -> str:
    """The console line that shows a text, the text cut to what the API takes of a line.

    Between quotes (``say "{text}"``) the text must not end them: what follows would be read as another argument, or as code.
    And a line that is a game's stop command, no more and no less, would stop it: it gets a full stop.
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


def promised(text: str, before: float, remaining: float) -> float:
    """Return the notice in seconds that players read in an announcement, never less than the ``before`` it was planned with."""
    return max(before, float(whole_seconds(remaining))) if "{remaining}" in text else before


def announce_line(command: str, text: str, *, remaining: float, action_at: float, name: str, tz: tzinfo) -> str:
    """The console line of an announcement.

    ``{time}`` is the local time of the action, with its zone; ``{remaining}`` is rounded down to seconds.
    """
    local = datetime.fromtimestamp(action_at, timezone.utc).astimezone(tz)
    values = {
        "remaining": say_duration(remaining),
        "time": local.strftime("%H:%M ") + (local.tzname() or ""),
        "name": spoken(name),
    }
    return speak(command, fill(text, values))


@dataclass(frozen=True)
class Timeline:
    """The writes of a timeline as offsets in seconds from its first, and which of them is the action (the last)."""

    steps: Tuple[Step, ...]

    @property
    def offsets(self) -> Tuple[float, ...]:
        """Seconds after the first write; never falling."""
        return tuple(step.planned for step in self.steps)


def make_timeline(announcements: Sequence[Announcement], commands: Sequence[str], command_wait: float, signal: str) -> Timeline:
    """Offsets of every write, with the first at 0: announcements, the commands, ``command_wait`` seconds, the signal."""
    action = max([a.before + LEAD for a in announcements] + [command_wait + LEAD if commands else 0.0])
    steps = [Step(ANNOUNCEMENT, a.text, action - a.before - LEAD, before=a.before) for a in announcements]
    steps += [Step(COMMAND, text, action - command_wait - LEAD, before=command_wait) for text in commands]
    steps.sort(key=lambda step: step.planned)
    return Timeline((*steps, Step(SIGNAL, signal, action)))


def placed(timeline: Timeline, instants: Sequence[float]) -> List[Step]:
    """The steps at the instants that the budget gave."""
    return [replace(step, planned=at) for step, at in zip(timeline.steps, instants)]


def action_not_before(steps: Sequence[Step], planned: float) -> float:
    """The earliest instant of the action that gives every announcement its full notice, and every command its time.

    A late line moves the action.
    """
    due = [e.at + e.before for e in steps if e.at is not None and e.before is not None]
    return max([planned, *due])


def later(rest: Sequence[Step], due: float, lag: float) -> List[Step]:
    """What is left of a timeline whose action moves to ``due``: each line as much later as keeps its time, and none earlier.

    Where lines take ``lag`` seconds to be heard, they stay ahead by that: else each would be late anew, and move the action once more.
    """
    ahead = max(LEAD, lag)
    lines = [replace(step, planned=max(step.planned, due - (step.before or 0.0) - ahead)) for step in rest[:-1]]
    return [*lines, replace(rest[-1], planned=due)]


def notice_error(steps: Sequence[Step], action_at: Optional[float]) -> Optional[float]:
    """Return the seconds by which the action missed what the worst announcement said; never negative while the promise holds.

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

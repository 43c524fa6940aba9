# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that no server name and no text can turn a console line into another command or into several lines."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.steps import announce_line, text_line
from hostile.tries import trying
from hypothesis import given, settings
from hypothesis import strategies as st

UTC = ZoneInfo("UTC")
CONTROLS = ["\n", "\r", "\r\n", "\0", "\x0b", "\x0c", "\x1b[2J", "\x7f", "\x85", "\x9b31m", "\u2028", "\u2029", "\t"]
NAMES = [
    *(f"a{control}stop" for control in CONTROLS),
    '"; quit; "',
    "' stop '",
    "\\",
    '\\" quit',
    'x"}]}\nstop',
    "; quit",
    "a;quit",
    "/stop",
    " /stop",
    "//c game.remove_all()",
    ".stop",
    "^C",
    "stop",
    "STOP ",
    "{text}",
    "{remaining}{time}{name}",
    "{name}",
    "%s %n {0} {0.__class__}",
    "{{ lookup('pipe', 'id') }}",
    "$(id)`id`|id&id>x",
    "x" * 5000,
    "\U0001f3ae" * 2000,
    "\u202estop",
    "\ud800",
    "",
]
# Templates of commands; the parts before and after the text must stay as they are.
COMMANDS = [
    "say {text}",
    "{text}",
    'say "{text}"',
    'servermsg "Server: {text}!"',
    'tellraw @a {"text": "{text}"}',
    'tellraw @a ["", "Warning: {text}"]',
    'tellraw @a \'{"text": "{text}"}\'',
    "broadcast '{text}'",
    "say Don't panic: {text}",
]
DANGEROUS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def faults_of(command: str, line: str) -> list[str]:
    """Return the effects that a line could have beyond showing its text."""
    before, _here, after = command.partition("{text}")
    out = []
    if DANGEROUS.search(line):
        out.append("a control character")
    if len(line) > 1024:
        out.append("too long")
    if not line.startswith(before) or not line.removesuffix(".").endswith(after) and not line.endswith(after):
        out.append("it has left its command")
    inside = line[len(before) : len(line) - len(after)]
    if before.count('"') % 2 and ('"' in inside or "\\" in inside):
        out.append("it has ended its quotes")
    if before.endswith("'") and ("'" in inside or "\\" in inside):
        out.append("it has ended its apostrophes")
    if '"' in before and before.rpartition('"')[0].endswith("'{") and "'" in inside:
        out.append("it has ended its apostrophes")
    if not before and re.match(r"[/\\^.!]", line):
        out.append("it is a command")
    if line.strip().lower() in ("stop", "/stop", "quit", "exit", "end"):
        out.append("it is the game's stop command")
    return out


def announced(command: str, name: str, text: str = "{name} restarts in {remaining}") -> str:
    return announce_line(command, text, remaining=60.0, action_at=0.0, name=name, tz=UTC)


@pytest.mark.parametrize("command", COMMANDS)
def test_name_stays_within_its_line(command):
    for name in NAMES:
        for text in ("{name} restarts in {remaining}", "{name}"):
            with trying("a name in a console line", "announce_line"):
                assert not faults_of(command, announced(command, name, text)), ascii(announced(command, name, text))


@settings(max_examples=200)
@given(st.sampled_from(COMMANDS), st.text(max_size=1200) | st.text(alphabet="\"'\\/;{}\n stopname", max_size=30))
def test_random_name_stays_within_its_line(command, name):
    assert not faults_of(command, announced(command, name))
    assert not faults_of(command, announced(command, name, "{name}"))


@pytest.mark.parametrize("text", ["stop", " Stop ", "quit", "end", "/stop"])
def test_words_that_are_a_stop_command_are_said_and_not_obeyed(text):
    with trying("the stop command as words", "text_line"):
        assert text_line("{text}", text) == text.rstrip() + "." and text_line("say {text}", text) == f"say {text}"


def test_what_was_asked_for_is_left_alone():
    with trying("the stop command as words", "text_line, what is none"):
        assert announced("say {text}", "Fred's [EU] #1") == "say Fred's [EU] #1 restarts in 1 minute"
        assert text_line("say Don't panic: {text}", "It's me") == "say Don't panic: It's me"
        assert text_line('say "{text}"', "It's me") == 'say "It\'s me"'


BAD_LINES = {
    **{f"a line with {ascii(control)}": f"say a{control}stop" for control in CONTROLS},
    "nothing": "",
    "blanks": "  ",
    "too long": "x" * 1025,
    "a break at the end": "say a\n",
}


def test_invalid_line_is_refused_before_any_request(simulator, operate):
    sim = simulator()
    say = {"before": 0, "text": "hi"}
    places = {
        "command": lambda line: ("command", {"command": line}),
        "commands": lambda line: ("maintenance", {"commands": [line]}),
        "announce_command": lambda line: ("maintenance", {"announcements": [say], "announce_command": line + "{text}"}),
        "announcements": lambda line: ("maintenance", {"announcements": [{"before": 0, "text": line}]}),
        "cancel_text": lambda line: ("maintenance", {"cancel_text": line}),
        "done_text": lambda line: ("maintenance", {"done_text": line}),
        "reason": lambda line: ("maintenance", {"reason": line}),
    }
    accepted = [("done_text", "nothing"), ("reason", "nothing"), ("announce_command", "nothing"), ("announce_command", "blanks")]
    for place, make in places.items():
        for what, line in BAD_LINES.items():
            module, options = make(line)
            if (place, what) in accepted:
                continue
            with trying("a line that is not one", f"{place}, operation") as one:
                result = operate(sim, module, server_id=1234, **options)
                one.failed = bool(result.get("failed"))
                assert one.failed and place in result["msg"], (place, what, result)
                assert not DANGEROUS.search(result["msg"]), result
    assert not sim.requests()


def test_names_of_the_api_reach_the_console_as_text(simulator, operate):
    """The whole path: a name from the API, a maintenance that announces it, and the console of the game."""
    fast = {"boot_seconds": 1.0, "stop_seconds": 1.0}
    # A name without printable characters leaves nothing to announce.
    kept = [name for name in NAMES if name.strip(" /") and name != "\ud800"]
    servers = [{"id": 1 + number, "name": name, "customer": f"c{number}", **fast} for number, name in enumerate(kept)]
    tokens = [{"token": f"token-of-server-{number}", "name": f"t{number}", "customer": f"c{number}"} for number in range(len(kept))]
    sim = simulator(servers, tokens=tokens)

    def maintain(number):
        options = {"announcements": [{"before": 0, "text": "{name}"}], "announce_command": COMMANDS[number % len(COMMANDS)]}
        token = f"token-of-server-{number}"
        return operate(sim, "maintenance", server_id=1 + number, api_token=token, state="stopped", ledger="none", **options)

    with ThreadPoolExecutor(len(kept)) as pool:
        results = list(pool.map(maintain, range(len(kept))))
    for number, result in enumerate(results):
        with trying("a name in a console line", "maintenance, operation"):
            lines = sim.console(1 + number)
            assert result["outcome"] == "done" and len(lines) == 1, (ascii(kept[number]), result)
            assert not [fault for line in lines for fault in faults_of(COMMANDS[number % len(COMMANDS)], line)], ascii(lines)

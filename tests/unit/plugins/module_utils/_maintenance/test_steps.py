# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance import steps as tl
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import zone
from hypothesis import given
from hypothesis import strategies as st


def test_timeline_is_announcements_then_commands_then_the_signal() -> None:
    timeline = tl.make_timeline([tl.Announcement(60, "a"), tl.Announcement(10, "b")], ["save-all"], 5.0, "restart")
    assert [e.kind for e in timeline.steps] == ["announcement", "announcement", "command", "signal"]
    assert timeline.offsets == pytest.approx((0, 50, 55, 60.25))


def test_timeline_without_lines_sends_the_signal_at_once() -> None:
    assert tl.make_timeline([], [], 5.0, "restart").offsets == (0.0,)


@given(st.lists(st.floats(0, 7200), max_size=6), st.integers(0, 3), st.floats(0, 60))
def test_every_announcement_has_its_whole_notice_in_the_timeline(befores: list[float], commands: int, wait: float) -> None:
    timeline = tl.make_timeline([tl.Announcement(b, "x") for b in befores], ["c"] * commands, wait, "restart")
    action = timeline.offsets[-1]
    assert list(timeline.offsets) == sorted(timeline.offsets)
    assert min(timeline.offsets) >= -1e-9
    for step in timeline.steps:
        if step.before is not None:
            assert action - step.planned >= step.before


def test_late_line_delays_the_action() -> None:
    late = tl.Step("announcement", "x", 100.0, at=107.0, outcome="sent", before=60.0)
    assert tl.action_not_before([late], 160.25) == 167.0
    assert tl.action_not_before([late], 170.0) == 170.0


def test_worst_notice_error_counts() -> None:
    lines = [
        tl.Step("announcement", "x", 0, at=0.1, outcome="sent", before=60.0),
        tl.Step("announcement", "x", 50, at=50.2, outcome="sent", before=10.0),
        tl.Step("announcement", "x", 50, at=0.0, outcome="failed", before=10.0),
    ]
    assert tl.notice_error(lines, 60.25) == 0.15
    assert tl.notice_error(lines, None) is None
    assert tl.notice_error([], 60.0) is None


@pytest.mark.parametrize(
    ("item", "option"),
    [
        ({"before": "soon", "text": "x"}, "announcements[0].before"),
        ({"before": "5m", "text": "a\nstop"}, "announcements[0].text"),
        ({"before": "5m", "text": "a\rstop"}, "announcements[0].text"),
        ({"before": "5m", "text": " "}, "announcements[0].text"),
        ({"before": "5m", "text": "x" * 1025}, "announcements[0].text"),
        ({"before": "5m", "text": "in {remainin}"}, "announcements[0].text"),
        ({"before": "5m", "text": "in { remaining }"}, "announcements[0].text"),
        ({"before": "5m", "text": "{Name} restarts"}, "announcements[0].text"),
        ({"before": "5m", "text": "say {text}"}, "announcements[0].text"),
    ],
)
def test_bad_announcement_is_named(item: dict[str, str], option: str) -> None:
    with pytest.raises(BadOption) as error:
        tl.parse_announcements([item])
    assert option in str(error.value)


@pytest.mark.parametrize("text", ["in {remaining}, {name}", '{"text": "x"}', "{player} {} {a{b}c}", "see {https://example.com}"])
def test_braces_that_are_not_a_placeholder_are_allowed(text: str) -> None:
    assert tl.parse_announcements([{"before": "5m", "text": text}])[0].text == text


def test_server_name_cannot_add_a_command_or_a_placeholder() -> None:
    line = tl.announce_line("say {text}", "{name} in {remaining}", remaining=60, action_at=0, name="a\nstop\r{time}\x1b[2J", tz=zone("UTC"))
    assert line == "say a stop {time} [2J in 1 minute"


def test_time_is_in_the_time_zone_of_the_user() -> None:
    line = tl.announce_line("say {text}", "at {time}", remaining=60, action_at=0, name="x", tz=zone("Europe/Berlin"))
    assert line == "say at 01:00 CET"


@pytest.mark.parametrize(
    ("command", "text", "line"),
    [
        ("say {text}", 'a "quoted" word', 'say a "quoted" word'),
        ('say "{text}"', 'a "; quit; " b', "say \"a '; quit; ' b\""),
        ('c_announce("{text}")', 'end\\") os.exit() --', 'c_announce("end/\') os.exit() --")'),
        ('say "{text}"', "x" * 2000, 'say "' + "x" * 1018 + '"'),
        ('say "{text_}"', 'a "b"', "say \"a_'b'\""),
    ],
)
def test_text_cannot_end_the_quotes_around_it(command: str, text: str, line: str) -> None:
    assert tl.text_line(command, text) == line


def test_text_with_underscores_is_one_word() -> None:
    text = "{name}: restart in {remaining}, at {time}"
    line = tl.announce_line("Broadcast {text_}", text, remaining=90, action_at=0, name="The pals", tz=zone("UTC"))
    assert line == "Broadcast The_pals:_restart_in_1_minute_30_seconds,_at_00:00_UTC"
    assert len(tl.text_line("Broadcast {text_}", "x " * 1000)) == 1024
    assert tl.has_text("a {text_}") and tl.has_text("a {text}") and not tl.has_text("a text")


@pytest.mark.parametrize(
    ("text", "said", "without"),
    [
        ("{action} in 5 m: {reason}", "{action} in 5 m: update", "{action} in 5 m"),
        ("{action} in 5 m: {reason}.", "{action} in 5 m: update.", "{action} in 5 m."),
        ("{action} ({reason}) in 5 m", "{action} (update) in 5 m", "{action} in 5 m"),
        ("{action} [{reason}]", "{action} [update]", "{action}"),
        ("{action} now - {reason}", "{action} now - update", "{action} now"),
        ("{action} now, {reason}!", "{action} now, update!", "{action} now!"),
        ("{action}. {reason}. Log out.", "{action}. update. Log out.", "{action}. Log out."),
        ("{action} in 5 m. {reason}", "{action} in 5 m. update", "{action} in 5 m."),
        ("{reason}: {action} in 5 m", "update: {action} in 5 m", "{action} in 5 m"),
        ("{reason}. {action}", "update. {action}", "{action}"),
        ("{reason}", "update", ""),
        ("{reason}: {reason}", "update: update", ""),
        ("a  b (c): d", "a  b (c): d", "a  b (c): d"),
    ],
)
def test_text_with_and_without_a_reason(text: str, said: str, without: str) -> None:
    assert tl.with_reason(text, "update") == said
    assert tl.with_reason(text, "") == tl.with_reason(text, None) == without

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recording of a terminal as an animated SVG: lines, colours, times, widths, escaping."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from demo.recording import CELL_HEIGHT, CELL_WIDTH, LAST_FRAME, Line, Run, frames, lines, paced, runs, svg, wrapped

SVG = "{http://www.w3.org/2000/svg}"


def line(at, *texts):
    return Line(at, tuple(Run(text) for text in texts))


def shown(given):
    """Return the text of a line."""
    return "".join(run.text for run in given.runs)


def drawn(*given, columns=80, rows=5):
    """Return the picture of lines as text and as a tree; it must be well-formed."""
    text = svg(given, title="a title", description="a description", columns=columns, rows=rows)
    return text, ElementTree.fromstring(text)


def pieces(tree):
    return [(one.text, float(one.get("x")), float(one.get("textLength"))) for one in tree.iter(f"{SVG}tspan")]


def keyframes(text, name):
    """Return the places of an animation: per cent of its length, and pixels."""
    rule = re.search(rf"@keyframes {name} \{{ (.*) \}}", text)[1]
    return [(float(share), int(pixels)) for share, pixels in re.findall(r"([\d.]+)%\{transform:translateY\((-?\d+)px\)\}", rule)]


def test_line_has_the_time_of_its_end():
    found = lines([(1.0, b"one\r\ntw"), (2.5, b"o\r\nthree"), (4.0, b"")])
    assert [(one.at, shown(one)) for one in found] == [(1.0, "one"), (2.5, "two"), (4.0, "three")]


def test_character_that_is_split_between_two_chunks_stays_whole():
    assert [shown(one) for one in lines([(1.0, b"caf\xc3"), (2.0, b"\xa9\n")])] == ["café"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [("plain", "")]),
        ("\x1b[0;32mok\x1b[0m: done", [("ok", "green"), (": done", "")]),
        ("\x1b[1mbold\x1b[m plain", [("bold", "bold"), (" plain", "")]),
        ("\x1b[1;31mred", [("red", "red")]),
        # Codes that are not known change nothing, and neither do sequences that are no colours.
        ("\x1b[32mgreen\x1b[4m too\x1b[2K\x1b[?25l.", [("green", "green"), (" too", "green"), (".", "green")]),
        ("\x1b7a\x1b8", [("a", "")]),
        ("", []),
    ],
)
def test_colours_are_followed_and_other_sequences_are_left_out(text, expected):
    assert [(run.text, run.look) for run in runs(text)] == expected


def test_text_of_the_api_stays_text():
    evil = '</text><script>alert(1)</script> & "x" \u202e\x07'
    text, tree = drawn(Line(0.0, runs(evil)))
    assert "<script>" not in text and "\u202e" not in text and "\x07" not in text
    assert [one.tag for one in tree.iter() if "script" in one.tag] == []
    assert pieces(tree)[0][0].startswith('</text><script>alert(1)</script> & "x"')


def test_title_and_description_are_escaped():
    tree = ElementTree.fromstring(svg([], title="<a> & b", description="<c>", columns=10, rows=2))
    assert (tree.find(f"{SVG}title").text, tree.find(f"{SVG}desc").text) == ("<a> & b", "<c>")


def test_each_piece_has_its_place_and_its_width():
    _text, tree = drawn(Line(0.0, (Run("ok: ", "green"), Run("  a b   c"))))
    assert pieces(tree) == [("ok:", 0, 3 * CELL_WIDTH), ("a b", 6 * CELL_WIDTH, 3 * CELL_WIDTH), ("c", 12 * CELL_WIDTH, CELL_WIDTH)]


def test_wide_character_takes_two_columns():
    _text, tree = drawn(line(0.0, "世界  x"))
    assert pieces(tree) == [("世界", 0, 4 * CELL_WIDTH), ("x", 6 * CELL_WIDTH, CELL_WIDTH)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["abcdefgh"], ["abcd", "efgh"]),
        (["abc", "defgh", "i"], ["abcd", "efgh", "i"]),
        (["abc世"], ["abc", "世"]),
        (["abcd"], ["abcd"]),
        ([], [""]),
    ],
)
def test_long_line_is_wrapped(texts, expected):
    found = wrapped(line(3.0, *texts), 4)
    assert [shown(one) for one in found] == expected and {one.at for one in found} == {3.0}


def test_nothing_is_drawn_beside_the_screen():
    _text, tree = drawn(line(0.0, "a" * 50, "世" * 50), columns=30)
    assert max(x + width for _one, x, width in pieces(tree)) <= 30 * CELL_WIDTH


def test_times_begin_at_0_and_long_pauses_are_cut():
    found = paced([line(100.0, "a"), line(100.4, "b"), line(130.0, "c"), line(130.0, "d")], longest=2.0)
    assert [one.at for one in found] == [0.0, 0.4, 2.4, 2.4]


def test_screen_scrolls_when_it_is_full():
    given = [line(float(number), "x") for number in range(4)]
    assert frames(given, 2) == [(0.0, 1, 0), (1.0, 2, 0), (2.0, 3, 1), (3.0, 4, 2)]


def test_animation_shows_each_line_at_its_time():
    text, _tree = drawn(line(10.0, "a"), line(11.0, "b"), line(12.0, "c"), rows=2)
    length = 2.0 + LAST_FRAME
    assert f"{length:.2f}s step-end infinite" in text
    assert keyframes(text, "cover") == [(0.0, CELL_HEIGHT), (100 / length, 2 * CELL_HEIGHT), (200 / length, 3 * CELL_HEIGHT)]
    assert keyframes(text, "move") == [(0.0, 0), (100 / length, 0), (200 / length, -CELL_HEIGHT)]


def test_without_animation_the_last_frame_is_shown():
    text, _tree = drawn(*(line(float(number), "x") for number in range(7)), rows=5)
    still, moving = text.split("@media (prefers-reduced-motion: no-preference)")
    assert f".lines {{ transform: translateY({-2 * CELL_HEIGHT}px); }}" in still
    assert f".cover {{ transform: translateY({7 * CELL_HEIGHT}px); }}" in still
    assert "animation" not in still.split("<style>")[1] and moving.count("animation:") == 2


def test_picture_without_lines_is_an_empty_screen():
    _text, tree = drawn()
    assert pieces(tree) == []

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of the API and the user: replaced characters, which only one file defines."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._text import (
    has_control,
    is_visible_ascii,
    one_line,
    printable,
    storable,
)
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[4]
# U+2028 and U+2029 are line breaks, although they are not in category Cc.
CONTROLS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp")]
MARKS = ["\u061c", "\u200e", "\u200f"]
OVERRIDES = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.bidirectional(chr(code)) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
]
HARMLESS = [
    "",
    "Survival 4 GB",
    "Überleben",
    "日本",
    "\u05e9\u05e8\u05ea",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a\u00a0b",
    "a\ufffdb",
]


def test_tables_match_unicode():
    assert len(CONTROLS) == 32 + 1 + 32 + 2 and len(OVERRIDES) == 9


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_control_character_is_found_and_replaced(control):
    text = f"a{control}b"
    assert has_control(text)
    assert one_line(text) == "a b"
    assert storable(text) == printable(text) == "a\ufffdb"


@pytest.mark.parametrize("override", OVERRIDES, ids=ascii)
def test_direction_override_is_replaced_in_results_and_on_terminals(override):
    text = f"a{override}b"
    assert not has_control(text)
    assert one_line(text) == text
    assert storable(text) == printable(text) == "a\ufffdb"


@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_right_to_left_mark_stays_in_results_and_is_replaced_on_terminals(mark):
    text = f"a{mark}b"
    assert not has_control(text)
    assert one_line(text) == storable(text) == text
    assert printable(text) == "a\ufffdb"


@pytest.mark.parametrize("text", HARMLESS, ids=ascii)
def test_harmless_text_is_unchanged(text):
    assert not has_control(text)
    assert one_line(text) == storable(text) == printable(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", "a b"),
        ("a\n\n\tb\x1b[2J", "a b [2J"),
        ("\na\n", " a "),
        ("a\u2028\u2029b", "a b"),
    ],
    ids=ascii,
)
def test_sequence_of_control_characters_becomes_one_space(text, line):
    assert one_line(text) == line


@pytest.mark.parametrize("function", [storable, printable])
def test_half_of_a_surrogate_pair_is_replaced(function):
    assert function("a\ud800b\udc80") == "a?b?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("abc-123_~!", True),
        *((character, False) for character in " \t\n\x7f\x85é\u00a0\u200e"),
        ("abc\n", False),
    ],
    ids=ascii,
)
def test_visible_ascii(text, expected):
    assert is_visible_ascii(text) is expected


@given(st.text())
def test_any_text_becomes_one_line_for_files_and_terminals(text):
    for result in (storable(text), printable(text)):
        assert not has_control(result) and result.encode("utf-8").decode("utf-8") == result
    assert not has_control(one_line(text))
    assert printable(printable(text)) == printable(text) == printable(storable(text))


# A range or a character of a rule about control characters, or a comparison of code points.
RULE = re.compile(r"\\x[0189][0-9a-f]-|\\x7f|\\u20(?:0[ef]|2[89a-e]|6[6-9])|\\u061c|\bord\(|iscntrl", re.IGNORECASE)


def test_only_one_file_defines_control_characters():
    files = [path for folder in ("plugins", "extensions") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 40
    assert [path.name for path in files if RULE.search(path.read_text())] == ["_text.py"]

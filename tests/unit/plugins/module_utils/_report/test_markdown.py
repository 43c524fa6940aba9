# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as Markdown."""

from __future__ import annotations

import re

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import OUTCOMES
from ansible_collections.serverprism.cloud.plugins.module_utils._report.markdown import HEADS, code, markdown
from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable
from hypothesis import given
from hypothesis import strategies as st
from reports import build

SENT = {"kind": "signal", "text": "restart", "planned": "2026-05-04T01:00:10Z", "at": "2026-05-04T01:00:10Z", "outcome": "sent"}
DONE = {"server_id": 1, "name": "Alpha", "outcome": "done", "reason": None, "signal": "restart", "downtime": 20.0, "timeline": [SENT]}
SKIPPED = {**DONE, "name": "Beta", "outcome": "skipped", "reason": "offline", "signal": None, "downtime": None, "timeline": []}
FAILED = {**DONE, "name": "Gamma", "outcome": "failed", "downtime": None}
PLANNED = {**DONE, "outcome": "planned", "downtime": None, "timeline": [{**SENT, "at": None, "outcome": "planned"}]}
# Texts in which a program that shows Markdown could find something.
EVIL = (
    "a | b",
    "a \\| b",
    "a \\\\| b",
    "`code` | ```",
    "``` @everyone",
    "<script>alert(1)</script><!--",
    "two\nlines\r\n\n| x | y |",
    "@octocat, see #1 and !2 and $3",
    "[link](https://example.com) https://example.com www.example.com a@example.com",
    "![image](https://example.com/x.png)",
    "*a* _b_ ~~c~~ **d** :tada: $x$ \\",
    "\u202egnp.exe\u2028x\x1b[2J",
    " ` ",
)
TEXTS = st.one_of(st.sampled_from(EVIL), st.text(), st.text(alphabet="|`\\ \na<@"))


def shown(results, check_mode=False, timezone="UTC"):
    rows = [{"host": host, "result": result, "error": ""} for host, result in results.items()]
    return markdown(build(rows, "2026-05-04T04:00:00Z", check_mode, timezone))


def cells(text):
    """Return the rows of the table as cells, without the line below the titles. A cell ends at a pipe without a backslash."""
    rows = [re.split(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row[1:-1]] for row in rows[:1] + rows[2:]]


def test_report_of_a_run():
    assert shown({"a": DONE, "b": SKIPPED, "c": {**FAILED, "reason": "HTTP 409"}}, timezone="Europe/Berlin") == (
        "<!-- serverprism.cloud.maintenance -->\n"
        "\n"
        "## Maintenance report\n"
        "\n"
        "2026-05-04 03:00:10 to 03:00:30 CEST\n"
        "\n"
        "1 restarted, 1 failed, 1 was off. 1 server needs attention.\n"
        "\n"
        "| server | name | outcome | signal (CEST) | downtime | why |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| `c` | `Gamma` | **failed** | `restart` 03:00:10 |  | `HTTP 409` |\n"
        "| `a` | `Alpha` | done | `restart` 03:00:10 | up to 20.0 s |  |\n"
        "| `b` | `Beta` | skipped |  |  | `offline` |\n"
    )


def test_plan_has_no_measured_values():
    text = shown({"a": {**PLANNED, "reason": "check mode: nothing was sent"}}, check_mode=True)
    assert "## Maintenance plan\n\nNothing was sent. Planned for 2026-05-04 01:00:10 to 01:00:10 UTC\n" in text
    assert cells(text) == [["server", "name", "outcome", "signal (UTC)"], ["`a`", "`Alpha`", "planned", "`restart` 01:00:10"]]


def test_report_without_servers_has_no_table():
    text = shown({})
    assert text.endswith("2026-05-04 04:00:00 UTC, nothing was sent\n\nNo servers. Nothing needs attention.\n") and "|" not in text


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (DONE, "done"),
        ({**DONE, "outcome": "unconfirmed"}, "**unconfirmed**"),
        ({**SKIPPED, "earlier": "unconfirmed"}, "**unconfirmed**"),
        ({**SKIPPED, "outcome": "deferred"}, "**deferred**"),
        (SKIPPED, "skipped"),
    ],
)
def test_outcome_that_needs_attention_is_bold_and_first(result, outcome):
    (head, *rows) = cells(shown({"a": DONE, "b": result}))
    assert [row[head.index("outcome")] for row in rows] == sorted(["done", outcome], key=lambda one: not one.startswith("*"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("", ""),
        (" \n ", ""),
        ("Survival EU", "`Survival EU`"),
        ("a | b", "`a \\| b`"),
        ("a\\|b", "`a\\ \\|b`"),
        ("`a`", "`\u02cba\u02cb`"),
        ("two\nlines", "`two lines`"),
        ("@octocat <b>", "`@octocat <b>`"),
        ("\u202ea", "`\ufffda`"),
    ],
)
def test_text_is_one_code_span(text, expected):
    assert code(text) == expected


@given(TEXTS)
def test_text_is_shown_almost_unchanged(text):
    said = code(text).strip("`").replace("\\|", "|").replace("\u02cb", "`")
    assert said == printable(" ".join(text.split())).replace("\u02cb", "`").replace("\\|", "\\ |")


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.sampled_from(OUTCOMES)), min_size=1, max_size=4), st.booleans())
def test_no_text_adds_a_column_a_line_or_markup(servers, check_mode):
    rows = [
        {"host": f"h{host}", "result": {**DONE, "name": name, "outcome": outcome, "not_warned": name}, "error": error}
        for host, name, error, outcome in servers
    ]
    text = markdown(build(rows, "2026-05-04T04:00:00Z", check_mode))
    head, *found = cells(text)
    assert set(head) <= {*HEADS, "signal (UTC)"} and len(found) == len(servers)
    # Seven lines above the table, its two first lines, and the end of the last line.
    assert len(text.split("\n")) == 8 + 2 + len(servers) + 1
    for row in found:
        assert len(row) == len(head)
        # Outside of a code span there are only the texts of the report itself.
        assert all(re.fullmatch(r"(`[^`]+`)? ?[\w.: *]*", cell) for cell in row), row

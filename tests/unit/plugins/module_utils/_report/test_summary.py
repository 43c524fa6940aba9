# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a run."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.summary import summary

BASE = {
    "host": "alpha",
    "outcome": "done",
    "signal": "restart",
    "downtime": 30.04,
    "notice_error": 0.254,
    "not_warned": None,
    "reason": None,
    "confirmed": True,
    "evidence": "state",
}


def row(**values):
    """Return the words of a server's line, and how the line is aligned."""
    return summary([{**BASE, **values}])[-1]


def test_columns_are_aligned_with_their_titles():
    head, *rows = summary([BASE, {**BASE, "host": "a-longer-name", "outcome": "unconfirmed", "signal": None, "downtime": None}])
    at = {title: head.index(title) for title in ("server", "outcome", "signal", "why")}
    assert rows[0].index("done") == rows[1].index("unconfirmed") == at["outcome"]
    assert rows[0].index("restart") == at["signal"] and rows[0].index("confirmed by its states") == at["why"]
    assert rows[0].index("30.0 s") + len("30.0 s") == head.index("downtime") + len("downtime")
    assert rows[0].index("+0.25 s") + len("+0.25 s") == head.index("notice error") + len("notice error")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "confirmed by its states"),
        ({"evidence": "counters"}, "confirmed by its counters"),
        ({"evidence": "none"}, ""),
        ({"confirmed": False}, ""),
        ({"reason": "offline"}, "offline"),
        ({"not_warned": "x"}, "confirmed by its states; nobody was warned: x"),
        ({"not_warned": "x", "reason": "It crashed."}, "nobody was warned: x; It crashed."),
        ({"reason": "two\nlines,  and \t blanks"}, "two lines, and blanks"),
    ],
)
def test_reason_or_evidence_is_the_last_column(values, why):
    assert row(**values).rstrip().endswith(f"+0.25 s  {why}".rstrip())


def test_missing_figures_are_blank():
    assert row(signal=None, downtime=None, notice_error=None, confirmed=False, outcome="skipped").split() == ["alpha", "skipped"]


def test_negative_notice_error_has_its_sign():
    assert "-1.50 s" in row(notice_error=-1.5)


def test_run_without_servers_has_only_a_title():
    (line,) = summary([])
    assert line.split() == ["server", "outcome", "signal", "downtime", "notice", "error", "why"]


def test_summary_of_a_plan_says_once_that_nothing_was_sent():
    planned = {**BASE, "outcome": "planned", "reason": "check mode: nothing was sent", "notice_error": None, "downtime": None}
    _head, first, second, last = summary([planned, {**planned, "not_warned": "x", "confirmed": False}])
    assert first.split() == ["alpha", "planned", "restart"] and second.endswith(" nobody would be warned: x")
    assert last == "Check mode: nothing was sent."
    assert len(summary([BASE])) == 2

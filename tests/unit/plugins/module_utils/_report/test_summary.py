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
    assert rows[0].index("+0.25 s") + len("+0.25 s") == head.index("notice") + len("notice")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "confirmed by its states"),
        ({"evidence": "counters"}, "confirmed by its counters"),
        ({"evidence": "none"}, ""),
        ({"confirmed": False}, ""),
        ({"reason": "offline"}, "offline"),
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
    assert line.split() == ["server", "outcome", "signal", "downtime", "notice", "why"]

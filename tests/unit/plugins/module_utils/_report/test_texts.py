# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that all formats of a report share."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.texts import attention, sentence

SKIPPED = {"outcome": "skipped", "signal": None, "earlier": None, "not_warned": None}
IS_OFF = {**SKIPPED, "reason": "offline"}
BEGUN = {**SKIPPED, "earlier": "unconfirmed"}


def done(signal, outcome="done", not_warned=None):
    return {"outcome": outcome, "signal": signal, "earlier": None, "not_warned": not_warned}


@pytest.mark.parametrize(
    ("rows", "is_plan", "said"),
    [
        ([], False, "No servers. Nothing needs attention."),
        ([SKIPPED, *[done("restart")] * 4, SKIPPED], False, "4 restarted, 2 skipped. Nothing needs attention."),
        ([IS_OFF, *[done("restart")] * 4, IS_OFF], False, "4 restarted, 2 were off. Nothing needs attention."),
        ([IS_OFF, SKIPPED, done("restart", "planned")], True, "1 would be restarted, 1 was off, 1 skipped. Nothing needs attention."),
        ([done("stop"), done("kill"), done("start")], False, "1 stopped, 1 started, 1 killed. Nothing needs attention."),
        ([done("restart", "failed"), done("restart")], False, "1 restarted, 1 failed. 1 server needs attention."),
        ([BEGUN, done("restart", "unconfirmed")], False, "2 unconfirmed. 2 servers need attention."),
        ([done("restart", "planned"), SKIPPED], True, "1 would be restarted, 1 skipped. Nothing needs attention."),
        (
            [done("restart", not_warned="x"), SKIPPED],
            False,
            "1 restarted, 1 skipped. On 1 server, nobody was warned. Nothing needs attention.",
        ),
        (
            [done("restart", "planned", "x")] * 2,
            True,
            "2 would be restarted. On 2 servers, nobody would be warned. Nothing needs attention.",
        ),
        ([done(None, "deferred")], True, "1 deferred. 1 server needs attention."),
    ],
)
def test_sentence_names_the_outcomes(rows, is_plan, said):
    assert sentence(rows, is_plan) == said


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (done("restart"), ""),
        (done("restart", "planned"), ""),
        (SKIPPED, ""),
        (BEGUN, "unconfirmed"),
        (done("restart", "unconfirmed"), "unconfirmed"),
        ({**done("restart", "failed"), "earlier": "unconfirmed"}, "failed"),
        (done(None, "cancelled"), "cancelled"),
        (done(None, "deferred"), "deferred"),
    ],
)
def test_outcome_that_needs_attention(row, expected):
    assert attention(row) == expected


@pytest.mark.parametrize(
    ("outcome", "told", "earlier", "needs"),
    [
        ("deferred", [], None, ""),
        ("cancelled", ["sent"], None, ""),
        # The players may wait for a restart that does not come.
        ("cancelled", ["failed"], None, "cancelled"),
        ("cancelled", ["unknown"], None, "cancelled"),
        # A signal of an earlier run.
        ("deferred", [], "unconfirmed", "unconfirmed"),
        ("failed", [], None, "failed"),
    ],
)
def test_hold_needs_attention_only_if_its_players_or_its_state_do(outcome, told, earlier, needs):
    timeline = [{"kind": "cancel", "outcome": one} for one in told]
    assert attention({"outcome": outcome, "held_back": True, "earlier": earlier, "timeline": timeline}) == needs

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages about a run, in the format of each service."""

from __future__ import annotations

import json

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.message import FORMATS, LIMITS, Messages
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from hypothesis import given
from hypothesis import strategies as st
from reports import build

EVIL = "@everyone <@123> <!channel> **b** _u_ ~~s~~ `c` ||h|| [l](http://x) # h & \u202e\x1b[2J\n- second line"


def row(host, outcome="done", reason=None, **more):
    result = {"server_id": 7, "name": "n", "outcome": outcome, "reason": reason, "signal": "restart", **more}
    return {"host": host, "result": result, "error": ""}


def report(*rows):
    return build(rows, "2026-05-04T04:00:00Z", False)


def text(body):
    return body.get("content", body.get("text"))


RUN = report(
    row("a"),
    row("b", "failed", "it hangs"),
    row("c", "skipped", "offline"),
    row("d", "cancelled"),
    row("e", "skipped", earlier="unconfirmed"),
)
ENDED = "1 restarted, 1 failed, 1 cancelled, 1 unconfirmed, 1 was off. 3 servers need attention."
TROUBLED = "\n- b failed: it hangs\n- d cancelled: no reason is known\n- e unconfirmed: no reason is known"
PLAN = "12 servers, 60 writes: ends in about 8 minutes, at 03:08 UTC, limited by the quota."


@pytest.mark.parametrize("form", ["discord", "slack"])
@pytest.mark.parametrize(
    ("about", "make", "expected"),
    [
        ({}, lambda one: one.started(PLAN), f"Maintenance started. {PLAN}"),
        ({}, lambda one: one.started(""), "Maintenance started."),
        (
            {"maintenance_id": "CHG-7", "reason": "update"},
            lambda one: one.started(PLAN),
            f"Maintenance CHG-7 started. {PLAN}\nReason: update",
        ),
        (
            {"maintenance_id": "CHG-7", "reason": "update"},
            lambda one: one.failed(server("b", row("b", "failed", "it hangs")["result"]), 8),
            "Maintenance CHG-7: a server failed. 8 servers have no outcome yet.\nReason: update\n- b failed: it hangs",
        ),
        (
            {},
            lambda one: one.failed(server("b", row("b", "unconfirmed", "no evidence")["result"]), 1),
            "Maintenance: a server failed. 1 server has no outcome yet.\n- b unconfirmed: no evidence",
        ),
        ({}, lambda one: one.ended(RUN), f"Maintenance ended. {ENDED}{TROUBLED}"),
        ({"reason": "update"}, lambda one: one.ended(RUN, True), f"Maintenance was interrupted. {ENDED}\nReason: update{TROUBLED}"),
        ({}, lambda one: one.ended(report(row("a"))), "Maintenance ended. 1 restarted. Nothing needs attention."),
        ({}, lambda one: one.ended(report()), "Maintenance ended. No servers. Nothing needs attention."),
    ],
)
def test_text_of_an_event(form, about, make, expected):
    assert text(make(Messages(form, **about))) == expected


def test_body_of_each_service():
    said = "Maintenance started."
    assert Messages("discord").started("") == {"content": said, "allowed_mentions": {"parse": []}}
    assert Messages("slack").started("") == {"text": said}


def test_json_of_an_event():
    common = {"schema": 1, "maintenance_id": "CHG-7", "reason": "update", "interrupted": False, "totals": None, "servers": []}
    one = Messages("json", "CHG-7", "update")
    assert one.started(PLAN) == {**common, "event": "start", "sentence": PLAN}
    failed = {"host": "b", "server_id": 7, "name": "n", "outcome": "failed", "reason": "it hangs"}
    assert one.failed(server("b", row("b", "failed", "it hangs")["result"]), 2) == {
        **common,
        "event": "failed",
        "sentence": "2 servers have no outcome yet.",
        "servers": [failed],
    }
    others = [
        {**failed, "host": "d", "outcome": "cancelled", "reason": None},
        {**failed, "host": "e", "outcome": "unconfirmed", "reason": None},
    ]
    assert one.ended(RUN, interrupted=True) == {
        **common,
        "event": "end",
        "sentence": ENDED,
        "interrupted": True,
        "totals": RUN["totals"],
        "servers": [failed, *others],
    }
    assert Messages("json").started("")["maintenance_id"] is None and Messages("json").started("")["reason"] is None


def test_text_names_ten_servers_and_json_all():
    many = report(*[row(f"h{index:02}", "failed", "it hangs") for index in range(12)])
    for form in ("discord", "slack"):
        lines = text(Messages(form).ended(many)).splitlines()
        assert lines[1] == "- h00 failed: it hangs" and lines[10:] == ["- h09 failed: it hangs", "and 2 more"]
    assert len(Messages("json").ended(many)["servers"]) == 12


def test_long_reason_of_a_server_is_cut():
    (line,) = text(Messages("slack").ended(report(row("a", "failed", "x" * 1000)))).splitlines()[1:]
    assert len(line) == 202 and line.endswith("x…")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "discord",
            r"@everyone \<@123\> \<!channel\> \*\*b\*\* \_u\_ \~\~s\~\~ \`c\` \|\|h\|\| \[l\](http://x) \# h & � \[2J - second line",
        ),
        (
            "slack",
            "@\u200beveryone &lt;@\u200b123&gt; &lt;!channel&gt; **b** _u_ ~~s~~ `c` ||h|| [l](http://x) # h &amp; � [2J - second line",
        ),
    ],
)
def test_texts_of_others_are_data(form, expected):
    one = Messages(form, EVIL[:9], EVIL)
    assert f"\nReason: {expected}" in text(one.started(EVIL))
    assert f"\n- {expected} failed: no reason is known" in text(one.ended(report(row(EVIL, "failed"))))


parts = st.text(max_size=700) | st.sampled_from(["&" * 900, "_" * 900, "\U0001f600" * 900, "@" * 900])


@given(st.sampled_from(FORMATS), parts, parts, parts, parts, st.integers(0, 30))
def test_text_never_exceeds_the_limit(form, identity, reason, plan, why, count):
    one = Messages(form, identity, reason)
    many = report(*[row(f"{why}{index}", "failed", why) for index in range(count)])
    for body in (one.started(plan), one.ended(many, True)):
        assert json.loads(json.dumps(body)) == body
        if form in LIMITS:
            assert len(text(body).encode("utf-16-le")) // 2 <= LIMITS[form]
            assert len(text(body).splitlines()) <= 2 + 10 + 1

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JUnit XML."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import OUTCOMES
from ansible_collections.serverprism.cloud.plugins.module_utils._report.junit import junit
from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable
from hypothesis import given
from hypothesis import strategies as st
from reports import build

# The attributes and children that the schema of Jenkins allows, those that it requires with an exclamation mark. GitLab reads a subset.
SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name!", "tests!", "failures!", "errors!", "skipped", "time", "timestamp"}, {"testcase", "system-out"}),
    "testcase": ({"name!", "classname", "time"}, {"skipped", "failure", "error", "system-out"}),
    "failure": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}


def step(kind, second, at=True):
    planned = f"2026-05-04T01:00:{second:02}.000000Z"
    return {"kind": kind, "text": kind, "planned": planned, "at": planned if at else None, "outcome": "sent" if at else "planned"}


TIMELINE = [step("announcement", 0), step("signal", 10)]
DONE = {"server_id": 1, "name": "n", "outcome": "done", "reason": None, "signal": "restart", "downtime": 20.5, "timeline": TIMELINE}
OFF = {**DONE, "outcome": "skipped", "reason": "offline", "signal": None, "downtime": None, "timeline": []}
PLANNED = {
    **DONE,
    "outcome": "planned",
    "reason": "check mode: nothing was sent",
    "downtime": None,
    "timeline": [step("signal", 10, False)],
}


def suite_of(results, check_mode=False, timezone="UTC"):
    """Return the test suite of these results, as a parser reads it."""
    rows = [{"host": host, "result": result, "error": ""} for host, result in results.items()]
    root = ElementTree.fromstring(junit(build(rows, "2026-05-04T04:00:00.5Z", check_mode, timezone)).encode())
    check(root)
    assert root.tag == "testsuites" and len(root) == 1
    return root[0]


def check(element):
    """Check an element by the schema, and the numbers of a test suite by its test cases."""
    attributes, children = SCHEMA[element.tag]
    assert {name.rstrip("!") for name in attributes} >= set(element.attrib) >= {name.rstrip("!") for name in attributes if "!" in name}
    assert {child.tag for child in element} <= children
    assert re.fullmatch(r"[0-9]+\.[0-9]{3}", element.get("time", "0.000"))
    for child in element:
        check(child)
    if element.tag == "testsuite":
        assert int(element.get("tests")) == len(element)
        assert int(element.get("failures")) == len(element.findall("testcase/failure")) and element.get("errors") == "0"
        assert int(element.get("skipped")) == len(element.findall("testcase/skipped"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.get("timestamp"))
    if element.tag == "testcase":
        assert len(element) <= 1


def test_report_of_a_run():
    suite = suite_of(
        {"a": DONE, "b": OFF, "c": {**DONE, "outcome": "failed", "reason": "HTTP 409", "downtime": None}}, timezone="Asia/Tokyo"
    )
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "skipped", "time", "timestamp")} == {
        "name": "Maintenance report",
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "time": "30.500",
        "timestamp": "2026-05-04T01:00:00",
    }
    assert [(case.get("classname"), case.get("name"), case.get("time")) for case in suite] == [
        ("serverprism.maintenance", "a", "30.500"),
        ("serverprism.maintenance", "b", "0.000"),
        ("serverprism.maintenance", "c", "10.000"),
    ]
    assert [(case[0].tag, case[0].get("message"), case[0].text) for case in suite] == [
        ("system-out", None, "restart at 10:00:10 JST; downtime: up to 20.5 s"),
        ("skipped", "skipped: offline", "skipped: offline"),
        ("failure", "failed: HTTP 409", "failed: HTTP 409; restart at 10:00:10 JST"),
    ]


@pytest.mark.parametrize(
    ("result", "element", "message"),
    [
        ({**DONE, "outcome": "failed"}, "failure", "failed: no reason is known"),
        ({**DONE, "outcome": "unconfirmed", "reason": "Look at its console."}, "failure", "unconfirmed: Look at its console."),
        ({**OFF, "outcome": "cancelled", "reason": "interrupted"}, "failure", "cancelled: interrupted"),
        ({**OFF, "outcome": "cancelled", "reason": "on hold", "held_back": True}, "skipped", "cancelled: on hold"),
        ({**OFF, "reason": "may have begun", "earlier": "unconfirmed"}, "failure", "unconfirmed: may have begun"),
        ({**OFF, "outcome": "deferred", "reason": "too late"}, "skipped", "deferred: too late"),
        (OFF, "skipped", "skipped: offline"),
        (PLANNED, "skipped", "planned: check mode: nothing was sent"),
        (
            {**DONE, "outcome": "failed", "reason": "It\ncrashed.", "not_warned": "no console"},
            "failure",
            "failed: nobody was warned: no console; It crashed.",
        ),
    ],
)
def test_outcome_as_an_element(result, element, message):
    (case,) = suite_of({"a": result})
    assert (case[0].tag, case[0].get("type"), case[0].get("message")) == (element, message.partition(":")[0], message)


def test_done_server_passes_and_says_that_nobody_was_warned():
    (case,) = suite_of({"a": {**DONE, "not_warned": "no console"}})
    assert [child.tag for child in case] == ["system-out"]
    assert case[0].text == "restart at 01:00:10 UTC; downtime: up to 20.5 s; nobody was warned: no console"


def test_plan_passes_nothing_and_takes_no_time():
    suite = suite_of({"a": PLANNED}, check_mode=True)
    assert [suite.get(name) for name in ("name", "skipped", "time", "timestamp")] == [
        "Maintenance plan",
        "1",
        "0.000",
        "2026-05-04T04:00:00",
    ]
    assert suite[0][0].text == "planned: check mode: nothing was sent; restart at 01:00:10 UTC"


def test_report_without_servers_has_an_empty_suite():
    assert len(suite_of({})) == 0


XML = st.text(alphabet="<>&'\"]! \n\t\x00\x0b\x85\ud800\udc00\ufffe\uffff\u2028\U0001fffe\U0010ffff-a")


@given(st.lists(st.tuples(st.one_of(XML, st.text()), st.sampled_from(OUTCOMES), st.booleans()), max_size=4))
def test_every_text_is_kept_in_valid_xml(servers):
    results = {
        f"{number} {text}": {**DONE, "name": text, "outcome": outcome, "reason": text, "not_warned": text if warned else None}
        for number, (text, outcome, warned) in enumerate(servers)
    }
    suite = suite_of(results)
    expected = [re.sub("[\ufffe\uffff]", "\ufffd", printable(host)) for host in sorted(results)]
    assert [case.get("name") for case in suite] == expected

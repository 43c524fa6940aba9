# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JUnit XML, one test case for each server. Pure. Private to this collection."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any, List, Mapping, Optional

from .._maintenance.schedule import zone
from .data import GOING_ON, signalled, span, why
from .markup import text
from .texts import abbreviation, attention, clock, outcome_line, title, up_to

# GitLab shows it as the suite of the tests.
CLASS = "serverprism.maintenance"
# The elements of a test case by outcome. A server that is left for another run is not a failed test.
ELEMENTS = {
    "failed": "failure",
    "unconfirmed": "failure",
    "cancelled": "failure",
    "deferred": "skipped",
    "skipped": "skipped",
    "planned": "skipped",
    # While the run goes on.
    **dict.fromkeys(GOING_ON, "skipped"),
}
BEGIN = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="serverprism.cloud.maintenance">'


def xml(value: Any) -> str:
    """Return a text as XML. The characters that XML 1.0 does not allow are replaced."""
    return re.sub("[\ufffe\uffff]", "\ufffd", text(value))


def _seconds(*servers: Mapping[str, Any]) -> str:
    """Return the seconds from the first line or signal sent until the last one, or until the last server was seen up again."""
    known = span(servers, planned=False)
    return f"{known[1] - known[0] if known else 0:.3f}"


def _facts(server: Mapping[str, Any], planned: bool, tz: tzinfo) -> List[str]:
    """Return the signal with its time, and the downtime, if they are known."""
    sent = signalled(server, planned)
    facts = [] if sent is None else [f"{server['signal']} at {clock(sent, tz)} {abbreviation(sent, tz)}"]
    return facts if server["downtime"] is None else [*facts, f"downtime: {up_to(server['downtime'])}"]


def _element(server: Mapping[str, Any]) -> Optional[str]:
    """Return the element for an outcome, or None for a test that passed. A countdown that a hold cancelled is not a failed test."""
    needs = attention(server)
    # A server that a hold has cancelled, and whose players know, needs no attention.
    return "skipped" if server["held_back"] and not needs else ELEMENTS.get(needs or server["outcome"])


def _case(server: Mapping[str, Any], planned: bool, tz: tzinfo) -> str:
    outcome = attention(server) or server["outcome"]
    facts, element = _facts(server, planned, tz), _element(server)
    if element:
        message = outcome_line(outcome, why(server, planned) or server["reason"])
        # GitLab shows only the content, and Jenkins the message first.
        content = xml("; ".join([message, *facts]))
        inner = f'<{element} type="{xml(outcome)}" message="{xml(message)}">{content}</{element}>'
    else:
        said = "; ".join([*facts, *filter(None, [why(server, planned)])])
        inner = f"<system-out>{xml(said)}</system-out>" if said else ""
    return f'<testcase classname="{CLASS}" name="{xml(server["host"])}" time="{_seconds(server)}">{inner}</testcase>'


def junit(report: Mapping[str, Any]) -> str:
    """Return the report as JUnit XML. The time of a server is that of its whole maintenance, with the countdown."""
    servers, planned = report["servers"], bool(report["check_mode"])
    elements = [_element(one) for one in servers]
    counts = f'tests="{len(servers)}" failures="{elements.count("failure")}" errors="0" skipped="{elements.count("skipped")}"'
    # This attribute has no zone and no fractions. It is UTC.
    begun = f'time="{_seconds(*servers)}" timestamp="{(report["begun"] or report["generated"])[:19]}"'
    cases = [_case(one, planned, zone(report["timezone"])) for one in servers]
    return "\n".join([BEGIN, f'<testsuite name="{title(report)}" {counts} {begun}>', *cases, "</testsuite>", "</testsuites>"]) + "\n"

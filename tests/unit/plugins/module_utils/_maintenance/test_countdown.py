# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The notice that players read in a countdown, and the time that they have."""

from __future__ import annotations

import re

import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.durations import parse_duration, say_duration
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.steps import notice_given
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Calendar, Quota
from hypothesis import given, settings
from hypothesis import strategies as st

WARNINGS = [{"before": before, "text": "Restart in {remaining}"} for before in ("2m", "30s", "5s")]


def maintain(api, **options):
    return virtual.operate(api, OPERATION, **{"server_id": 1, "announcements": WARNINGS, "commands": ["save-all"], **options})


def in_seconds(line):
    """Return the seconds that a line names."""
    found = re.fullmatch(r"say Restart in (.*)", line)
    return parse_duration(re.sub(r"(hour|minute|second)s?", lambda unit: unit[1][0], found[1]).replace(" ", "")) if found else 0.0


def notices(api):
    """Return the seconds that each announcement named, and those that the players had."""
    return [(in_seconds(line), api.went_down() - at) for at, _server, line in api.lines if line.startswith("say Restart in")]


def test_refused_line_names_the_time_that_is_left_when_it_is_sent():
    """The first reply is a second late, so the last line would name 6 seconds; it is refused until fewer are left."""
    api, tries = virtual.api({"id": 1}), []

    def fault(method, path):
        if not path.endswith("/command"):
            return None
        if len(api.lines) == 2:
            tries.append(api.clock.now())
            return virtual.Fault(status=503, done=False) if len(tries) < 4 else None
        return virtual.Fault(delay=1.0) if not api.lines else None

    api.fault = fault
    result = maintain(api)
    assert result["outcome"] == "done" and len(tries) == 4, result
    assert all(said <= had for said, had in notices(api)), notices(api)
    assert notices(api)[-1][0] == 5.0 and 0 <= notices(api)[-1][1] - 5.0 < 1.0


FAULTS = st.lists(st.one_of(st.none(), st.floats(0.0, 40.0), st.sampled_from(["busy", "full", "lost", "gone"])), max_size=16)


@settings(max_examples=150)
@given(FAULTS)
def test_players_have_at_least_the_seconds_that_they_read(faults):
    api, left = virtual.api({"id": 1}), list(faults)

    def fault(method, path):
        what = left.pop(0) if left and method == "POST" else None
        if what in ("lost", "gone"):
            return virtual.Fault(lost=True, done=what == "lost")
        if what in ("busy", "full"):
            return virtual.Fault(status=503 if what == "busy" else 429, done=False)
        return virtual.Fault(delay=what) if what else None

    api.fault = fault
    result = maintain(api, timeout=60.0)
    if not api.sent():
        assert not result["changed"] or result["outcome"] == "unconfirmed", result
        return
    assert all(said <= had for said, had in notices(api)), notices(api)
    assert result["notice_error"] is None or result["notice_error"] >= 0, result
    # The notice error of the result is not better than the notice that players had.
    sure = [had - said for said, had in notices(api)]
    assert result["notice_error"] is None or "lost" in faults or "gone" in faults or result["notice_error"] <= max(sure) + 0.1


@given(st.floats(0.0, 4000.0), st.floats(0.0, 4000.0))
def test_notice_is_what_the_text_names_and_never_less_than_planned(before, remaining):
    assert notice_given("soon", before, remaining) == before
    said = notice_given("in {remaining}", before, remaining)
    assert said >= before and (said == before or say_duration(said) == say_duration(remaining))


def test_timeline_behind_a_late_request_is_rescheduled_once(monkeypatch):
    """The quota is free, but a request of another process is late: a slot before it would be late again."""
    api = virtual.api({"id": 1})
    ledger = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, api.clock)
    late = api.clock.now() + 30.0
    ledger._change(lambda calendars: calendars.update({WRITE: Calendar(slots=(late,), late=(late,))}))
    dues, due = [], ledger.due

    def counted(*args):
        dues.append(args)
        assert len(dues) < 100, "no time passes"
        return due(*args)

    monkeypatch.setattr(ledger, "due", counted)
    words = [{"before": "60", "text": "in 60"}]
    result = virtual.operate(api, OPERATION, server_id=1, announcements=words, use=ledger)
    assert result["outcome"] == "done" and api.lines[0][0] >= late

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a run: its figures, and its sentence."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.plan import Batch, Plan, left_out, make_plan, summarize
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import Quota
from hypothesis import given, settings
from hypothesis import strategies as st

REAL = Quota(20, 60.0)
# Announcements five minutes, one minute and ten seconds before a restart, and a save command.
USUAL = (0.0, 240.0, 290.0, 299.0, 300.25)
QUICK = (0.0,)
NOW = 1_777_860_000.0  # 2026-05-04 02:00 UTC


def plan(*servers, quota=REAL, headroom=0, offsets=USUAL, deadline=math.inf, **more):
    return make_plan(quota, headroom, [Batch([offsets] * count, **more) for count in servers], deadline)


@pytest.mark.parametrize(
    ("servers", "writes", "seconds", "limited_by"),
    [
        ((1,), 5, 360.25, "countdown"),
        ((4,), 20, 360.25, "countdown"),
        # Twice the countdown and the restart of the first server.
        ((1, 1), 10, 2 * 360.25, "countdown"),
        ((1, 3), 20, 2 * 360.25, "countdown"),
    ],
)
def test_plan_of_servers_that_the_quota_does_not_limit(servers, writes, seconds, limited_by):
    got = plan(*servers)
    canary = servers[0] if len(servers) > 1 else 0
    assert got == Plan(sum(servers), writes, pytest.approx(seconds), limited_by, 0, canary, got.actions)


@pytest.mark.parametrize(("servers", "headroom"), [(40, 0), (40, 2), (200, 0), (200, 2)])
def test_plan_of_a_large_run_is_close_to_the_bound_of_the_quota(servers, headroom):
    got = plan(servers, headroom=headroom)
    limit = REAL.limit - headroom
    bound = (servers * 5 - limit) / limit * 60.0 + 300.0 + 60.0
    assert got.limited_by == "quota" and got.writes == 5 * servers and bound <= got.duration <= 1.10 * bound


def test_deadline_leaves_servers_out():
    got = plan(100, deadline=900.0)
    assert got.limited_by == "deadline" and 0 < got.deferred < 100 and got.writes == 5 * (100 - got.deferred)
    assert got.duration <= 900.0 + 60.0
    none = plan(100, deadline=60.0)
    assert (none.deferred, none.writes, none.duration) == (100, 0, 0.0)


def test_lines_after_the_restart_count():
    got = plan(4, done_lines=4, done_delay=20.0)
    assert got.writes == 24 and got.duration == pytest.approx(380.25)


def test_lines_after_the_restart_count_only_for_servers_that_are_in_time():
    assert plan(4, done_lines=4, done_delay=20.0, deadline=10.0).writes == 0


@given(st.lists(st.integers(1, 30), min_size=1, max_size=2), st.integers(0, 3), st.sampled_from([USUAL, QUICK]), st.floats(0.0, 2000.0))
@settings(max_examples=30)
def test_figures_fit_together(servers, headroom, offsets, deadline):
    got = plan(*servers, headroom=headroom, offsets=offsets, deadline=deadline)
    assert got.servers == sum(servers) and 0 <= got.deferred <= got.servers
    assert got.writes == len(offsets) * (got.servers - got.deferred)
    assert (got.limited_by == "deadline") == bool(got.deferred)


SENTENCES = [
    (Plan(1, 5, 360.0, "countdown"), 0.0, "", "1 server, 5 writes: ends in about 6 minutes, at 02:06 UTC."),
    (Plan(4, 20, 360.0, "countdown"), 0.0, "", "4 servers, 20 writes: ends in about 6 minutes, at 02:06 UTC, not limited by the quota."),
    (Plan(40, 200, 900.4, "quota"), 0.0, "", "40 servers, 200 writes: ends in about 15 minutes, at 02:15 UTC, limited by the quota."),
    (
        Plan(40, 200, 900.0, "quota", canary=1),
        0.0,
        "",
        "40 servers (1 of them ahead of the others), 200 writes: ends in about 15 minutes, at 02:15 UTC, limited by the quota.",
    ),
    (
        Plan(40, 100, 900.0, "deadline", 20),
        0.0,
        "",
        "40 servers, 100 writes: ends in about 15 minutes, at 02:15 UTC. The deadline leaves out 20 of them.",
    ),
    (Plan(1, 0, 0.0, "deadline", 1), 0.0, "", "1 server, 0 writes: the deadline leaves it out."),
    (Plan(3, 0, 0.0, "deadline", 3), 0.0, "", "3 servers, 0 writes: the deadline leaves all of them out."),
    (
        Plan(4, 20, 360.0, "countdown"),
        3600.0,
        "",
        "4 servers, 20 writes: begins at 03:00 UTC and ends about 6 minutes later, at 03:06 UTC, not limited by the quota.",
    ),
    (
        Plan(4, 20, 360.0, "countdown"),
        12 * 3600.0,
        "",
        "4 servers, 20 writes: begins at 2026-05-04 14:00 UTC and ends about 6 minutes later, at 14:06 UTC, not limited by the quota.",
    ),
    (
        Plan(4, 20, 7200.0, "quota"),
        21 * 3600.0,
        "",
        "4 servers, 20 writes: begins at 2026-05-04 23:00 UTC and ends about 2 hours later, at 2026-05-05 01:00 UTC, limited by the quota.",
    ),
    (Plan(0, 0, 0.0, ""), 0.0, "", "Nothing will be sent."),
    (Plan(0, 0, 0.0, ""), 0.0, "3 servers are left out.", "Nothing will be sent. 3 servers are left out."),
    (
        Plan(1, 5, 360.0, "countdown"),
        0.0,
        "3 servers are left out.",
        "1 server, 5 writes: ends in about 6 minutes, at 02:06 UTC. 3 servers are left out.",
    ),
]


@pytest.mark.parametrize(("plan", "begin", "rest", "sentence"), SENTENCES)
def test_sentence(plan, begin, rest, sentence):
    assert summarize(plan, NOW + begin, NOW, rest) == sentence


def test_times_of_a_plan_are_those_of_its_zone():
    said = summarize(Plan(2, 10, 360.0, "countdown"), NOW + 22.5 * 3600.0, NOW, tz=ZoneInfo("Europe/Berlin"))
    assert said.endswith(
        " writes: begins at 2026-05-05 02:30 CEST and ends about 6 minutes later, at 02:36 CEST, not limited by the quota."
    )


@pytest.mark.parametrize(
    ("done", "begun", "text"),
    [
        (0, 0, ""),
        (2, 0, "2 servers are left out: they are done under maintenance_id CHG-7."),
        (0, 1, "1 server is left out: its signal may have been sent under maintenance_id CHG-7."),
        (
            1,
            2,
            "1 server is left out: it is done under maintenance_id CHG-7. "
            "2 servers are left out: their signals may have been sent under maintenance_id CHG-7.",
        ),
    ],
)
def test_servers_that_a_repeated_run_leaves_out(done, begun, text):
    assert left_out(done, begun, "CHG-7") == text


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (1, "1 server is left out: it is done under maintenance_id CHG-7. 1 server is left out: it is on hold or in an exclusion."),
        (2, "1 server is left out: it is done under maintenance_id CHG-7. 2 servers are left out: they are on hold or in exclusions."),
    ],
)
def test_servers_that_a_hold_or_an_exclusion_leaves_out(held, text):
    assert left_out(1, 0, "CHG-7", held) == text


@pytest.mark.parametrize("begin", [0.0, 3600.0])
@pytest.mark.parametrize(("limited_by", "deferred"), [("countdown", 0), ("quota", 0), ("deadline", 1), ("deadline", 4)])
def test_plan_does_not_say_that_anything_is_done(begin, limited_by, deferred):
    assert "done" not in summarize(Plan(4, 20, 360.0, limited_by, deferred), NOW + begin, NOW)


def test_plan_with_a_time_of_the_action_says_from_when_to_when():
    early = make_plan(REAL, 0, [Batch([USUAL, QUICK], earliest=[0.0, 300.25])])
    assert early.actions == (300.25, 300.25) and early.limited_by == "countdown"
    assert summarize(early, NOW + 600.0, NOW, action="restart").endswith(" Restart at 02:15 UTC.")
    many = plan(40)
    first, last = many.actions
    assert first == 300.25 and last > 600.0
    assert f" Shutdowns from 02:05 to {datetime.fromtimestamp(NOW + last, timezone.utc):%H:%M} UTC." in summarize(
        many, NOW, NOW, action="shutdown"
    )

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard against a second maintenance: lock and log are checked again before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import LockLost
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.fleet import Fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.guard import Guard
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Calendar, Lock, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import RunLog

WARNINGS = [{"before": "20m", "text": "Restart in {remaining}"}, {"before": "10s", "text": "Restart in {remaining}"}]
CANCEL = "say Maintenance cancelled: no restart now."


def setup(tmp_path, **options):
    api = virtual.api({"id": 1})
    book = MemoryLedger({READ: Quota(60, 60.0), WRITE: Quota(20, 60.0)}, api.clock)
    told = []

    def run():
        return virtual.operate(
            api, OPERATION, server_id=1, announcements=WARNINGS, use=book, ledger=str(tmp_path), warn=told.append, **options
        )

    return api, book, run, told


def change(book, function):
    book._change(lambda calendars: calendars.update({WRITE: function(calendars[WRITE])}))


def when(api, at, do):
    """Call a function once the clock has reached a time."""
    passed = api.clock.sleep
    done = []

    def sleep(seconds):
        passed(seconds)
        if api.clock.now() >= at and not done:
            done.append(True)
            do()

    api.clock.sleep = sleep


def had_by_another(api, book, tmp_path, *, how):
    """The lock expires while this machine sleeps, and another run has the server."""

    def do():
        api.clock.time += 3000.0
        if how == "is at it":
            change(book, lambda old: replace(old, locks=(Lock(1, "other//b/n/7/1", api.clock.now() + 600.0, api.clock.now()),)))
        else:
            change(book, lambda old: replace(old, locks=()))
        if how == "is done":
            virtual.note(tmp_path, "CHG-7", 1, "done")

    return do


@pytest.mark.parametrize("how", ["is at it", "is done", "was there"])
def test_run_whose_lock_expired_during_sleep_cancels_and_sends_no_signal(tmp_path, how):
    api, book, run, _told = setup(tmp_path, maintenance_id="CHG-7")
    when(api, 1_000_300.0, had_by_another(api, book, tmp_path, how=how))
    result = run()
    assert result["outcome"] == "cancelled" and result["failed"] and not result["changed"], result
    assert "its lock expired" in result["msg"] and "No signal was sent" in result["msg"], result
    assert not api.signals and api.said()[-1] == CANCEL and api.said().count(CANCEL) == 1


def test_signal_of_another_run_with_the_same_id_prevents_the_signal(tmp_path):
    """The lock is still there, but another run has written a signal into the log."""
    api, _book, run, _told = setup(tmp_path, maintenance_id="CHG-7")
    when(api, 1_001_199.0, lambda: virtual.note(tmp_path, "CHG-7", 1, "signal"))
    result = run()
    assert result["outcome"] == "cancelled" and "another run under maintenance_id CHG-7" in result["msg"], result
    assert not api.signals and api.said()[-1] == CANCEL
    assert virtual.noted(tmp_path, "CHG-7", 1) == "signal"


def test_server_is_locked_again_after_the_ledger_lost_its_content(tmp_path):
    api, book, run, _told = setup(tmp_path)
    when(api, 1_000_300.0, lambda: change(book, lambda old: Calendar()))
    result = run()
    assert result["outcome"] == "done" and len(api.signals) == 1, result


def test_lock_is_renewed_while_the_run_waits(tmp_path):
    api, book, run, _told = setup(tmp_path)
    seen = []

    def fault(method, path):
        seen.extend(api.clock.now() - one.renewed for one in book._calendars[WRITE].locks)

    api.fault = fault
    passed = api.clock.sleep

    def sleep(seconds):
        passed(seconds)
        seen.extend(api.clock.now() - one.renewed for one in book._calendars[WRITE].locks)

    api.clock.sleep = sleep
    assert run()["outcome"] == "done" and len(seen) > 50 and max(seen) <= 16.0
    assert not book._calendars[WRITE].locks


def test_lock_that_is_lost_after_the_signal_does_not_hide_the_outcome(tmp_path):
    api, book, run, told = setup(tmp_path)
    when(api, 1_001_205.0, lambda: (change(book, lambda old: replace(old, locks=())), setattr(api.clock, "time", api.clock.time + 2000.0)))
    result = run()
    assert len(api.signals) == 1 and result["changed"] and result["signal"] == "restart", result
    assert any("Nothing more is sent" in text for text in told), told


def guard(api, book, tmp_path):
    ctx = virtual.context(api, OPERATION, server_id=1, use=book, ledger=str(tmp_path))
    fleet = Fleet(book, api.clock)
    fleet.add(1, 600.0)
    fleet.lock()
    return Guard(ctx, 1, fleet, RunLog("r"))


def test_lost_lock_allows_no_further_signal(tmp_path):
    api, book, _run, _told = setup(tmp_path)
    one = guard(api, book, tmp_path)
    one.before_signal("restart")
    change(book, lambda old: replace(old, locks=()))
    api.clock.time += 100.0
    for _each in range(2):
        with pytest.raises(LockLost, match="Nothing more was sent"):
            one.before_signal("restart")


def test_cancel_text_is_sent_without_the_lock(tmp_path):
    api, book, _run, _told = setup(tmp_path)
    one = guard(api, book, tmp_path)
    assert one.lock_lost() is not None
    one.begin_cancelling()
    assert one.lock_lost() is None

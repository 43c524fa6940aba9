# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A console command is sent at most once, and its result is correct."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._command import OPERATION


def command(api, line="say hello", **options):
    return virtual.operate(api, OPERATION, server_id=1, command=line, **options)


@pytest.mark.parametrize("line", ["say a\nstop", "say a\rstop", "", "   ", "x" * 1025])
def test_text_that_is_not_one_line_is_refused_by_name(line):
    api = virtual.api({"id": 1})
    result = command(api, line)
    assert result["failed"] and result["msg"].startswith("command") and api.clock.time == 1_000_000.0, result


class TimedOut(BaseException):
    """An exception like the timeout of a task."""


@pytest.mark.parametrize("late", [False, True])
def test_interrupted_command_may_have_been_delivered(late):
    api = virtual.api({"id": 1})

    def fault(method, path):
        if (method == "POST") == late:
            raise TimedOut("the time is up.")

    api.fault = fault
    if not late:
        with pytest.raises(TimedOut):
            command(api, if_offline="skip")
        return
    result = command(api)
    assert result["failed"] and result["changed"] and not result["sent"] and result["msg"].endswith("it may have been delivered."), result


def test_game_that_stops_after_the_state_was_read_is_skipped():
    api = virtual.api({"id": 1})
    api.fault = lambda method, path: virtual.Fault(status=412, done=False) if method == "POST" else None
    result = command(api, if_offline="skip")
    assert not result.get("failed") and not result["changed"] and not result["sent"], result


def test_command_is_sent_unchanged():
    api = virtual.api({"id": 1})
    result = command(api, "x" * 1024)
    assert result["changed"] and result["sent"] and api.said() == ["x" * 1024], result


def test_check_mode_predicts_the_result_and_sends_nothing():
    api = virtual.api({"id": 1})
    result = command(api, check_mode=True)
    assert result["changed"] and not result["sent"] and not api.lines, result


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("if_offline", "failed"), [("skip", None), ("fail", True)])
def test_stopped_game_gets_no_command(check_mode, if_offline, failed):
    api = virtual.api({"id": 1, "state": "offline"})
    result = command(api, if_offline=if_offline, check_mode=check_mode)
    assert result.get("failed") is failed and not result["changed"] and not api.lines, result


@pytest.mark.parametrize("done", [False, True])
def test_command_without_a_response_is_not_repeated(done):
    api = virtual.api({"id": 1})
    api.fault = lambda method, path: virtual.Fault(lost=True, done=done)
    result = command(api)
    assert result["failed"] and "may have been" in result["msg"] and len(api.lines) == done, result


def test_many_commands_keep_the_quota():
    api = virtual.api({"id": 1})
    ctx = virtual.context(api, OPERATION, server_id=1, command="say hello")
    for _each in range(45):
        assert OPERATION.run(ctx)["sent"]
    times = [at for at, _server, _line in api.lines]
    assert all(late - early >= 60.0 for early, late in zip(times, times[20:]))

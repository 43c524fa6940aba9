# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A crashed server is started a few times at most, and only if it is certainly offline."""

from __future__ import annotations

import json

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._api.models import parse_server
from ansible_collections.serverprism.cloud.plugins.module_utils._power import bring_back
from ansible_collections.serverprism.cloud.plugins.module_utils._power.bring_back import OPERATION

DOWN = {"id": 1, "state": "offline"}


class TimeLimit(BaseException):
    """The exception that the timeout of a task raises."""


@pytest.fixture
def bring(tmp_path):
    """Run the operation for server 1: ``bring(api, **options)``."""
    return lambda api, **options: virtual.operate(api, OPERATION, **{"server_id": 1, "folder": str(tmp_path / "count"), **options})


def counted(tmp_path):
    return json.loads((tmp_path / "count" / "1.json").read_text())


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        ("offline", "active", ""),
        ("missing", "active", ""),
        ("starting", "active", "is up (starting)"),
        ("running", "active", "is up (running)"),
        ("stopping", "active", "is being stopped, so it is left alone"),
        ("offline", "suspended", "is suspended (billing) and cannot be started"),
        (None, "suspended", "is suspended (billing) and cannot be started"),
        (None, "active", ""),
    ],
)
def test_reason_to_leave_a_server(state, status, reason):
    numbers = dict.fromkeys(("memory_bytes", "cpu_absolute", "disk_bytes", "network_rx_bytes", "network_tx_bytes"), 0)
    limits = {"memory_mb": 0, "disk_mb": 0, "cpu_percent": 0}
    resources = {"current_state": state, **numbers} if state else None
    data = {"id": 1, "name": "x", "service_status": status, "limits": limits, "resources": resources}
    assert bring_back.reason_to_leave(parse_server({"data": data}, 1)) == reason


def test_server_that_is_not_found_is_left():
    assert bring_back.reason_to_leave(None).startswith("is not found")


@pytest.mark.parametrize(
    ("content", "starts"),
    [("[]", []), ("[10.5, 99, 100, 100.5, 2e2]", [100.5, 200.0]), ("[5]", [])],
)
def test_starts_after_a_time_are_recent(content, starts):
    assert bring_back.recent_starts(content.encode(), 100.0) == starts


@pytest.mark.parametrize(
    "content", ["", "garbage", "{}", "7", '["1"]', "[null]", "[true]", "[NaN]", "[Infinity]", f"[1{'0' * 400}]", "[1", "[[1]]"]
)
def test_content_that_is_not_a_list_of_times_is_refused(content):
    with pytest.raises(ValueError, match=r".*"):
        bring_back.recent_starts(content.encode(), 0.0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"server_id": 0}, "server_id (bring_back_server_id of the role): must be 1 or greater, got 0."),
        ({"tries": 0}, "tries (bring_back_tries of the role): must be 1 or greater, got 0."),
        ({"patience": -1}, "patience (bring_back_patience of the role): must be 0 or greater, got -1."),
        ({"verify": "nan"}, "verify (bring_back_verify of the role): must be 0 or greater, got nan."),
        ({"within": 0}, "within (bring_back_within of the role): must be 1 or greater, got 0."),
        ({"folder": ""}, "folder (bring_back_folder of the role): must name a folder, in which the starts are counted."),
    ],
)
def test_bad_option_is_refused_before_the_first_request(bring, options, problem):
    api = virtual.api(DOWN)
    result = bring(api, **options)
    assert result["failed"] and result["msg"] == problem and api.clock.time == 1_000_000.0


def test_offline_server_is_started_once_and_seen_up(bring, tmp_path):
    api, said = virtual.api(DOWN), []
    result = bring(api, diff=True, progress=said.append)
    assert result["changed"] and result["starts"] == 1 and api.sent() == ["start"] and len(counted(tmp_path)) == 1, result
    assert result["msg"] == said[-1] == "Server 1 is up (running)." and result["diff"]["after"] == {"state": "running"}
    # The time of patience, then of verify.
    assert api.clock.time > 1_000_000 + 30 + 60 and len(api.reads) == 2


def test_server_that_the_node_brings_back_is_left_alone(bring):
    api = virtual.api({"id": 1, "state": "starting"})
    result = bring(api)
    assert not result["changed"] and result["starts"] == 0 and not api.sent() and api.clock.time > 1_000_030, result


def test_status_from_before_a_start_is_not_acted_on(bring):
    """Without patience, the read after a start waits until the status is newer than the start."""
    api = virtual.api({**DOWN, "boot_seconds": 5.0})
    result = bring(api, patience=0, verify=0)
    assert api.sent() == ["start"] and result["after"] == "running", result


def test_starts_are_used_up(bring, tmp_path):
    api = virtual.api({**DOWN, "failed_start": True, "boot_seconds": 3.0})
    result = bring(api, tries=2)
    assert result["failed"] and result["changed"] and result["starts"] == 2 and len(counted(tmp_path)) == 2
    assert result["msg"].startswith("GIVING UP on server 1: it was started 2 times within 3600 s and is down again.")
    later = bring(api, tries=2)
    assert later["failed"] and not later["changed"] and api.sent() == ["start", "start"], later
    assert bring(api, tries=2, check_mode=True)["msg"].startswith("GIVING UP"), "a prediction knows the count"


@pytest.mark.parametrize("hidden", [{"null": True}, {"shown_state": "missing"}])
def test_unknown_state_leads_to_no_signal(bring, tmp_path, hidden):
    api = virtual.api({**DOWN, **hidden})
    result = bring(api)
    assert result["failed"] and "its state is unknown" in result["msg"] and not api.sent() and not (tmp_path / "count").exists(), result
    assert len(api.reads) == 4


def test_lost_reply_counts_as_a_start_and_is_not_repeated_at_once(bring, tmp_path):
    api, warned = virtual.api(DOWN), []
    api.fault = lambda method, path: virtual.Fault(lost=True) if method == "POST" else None
    result = bring(api, warn=warned.append)
    assert not result.get("failed") and result["starts"] == 1 and api.sent() == ["start"] and len(counted(tmp_path)) == 1, result
    assert "may have been carried out" in warned[0]


def test_refused_start_fails_with_its_reason(bring, tmp_path):
    api = virtual.api({**DOWN, "conflict": True})
    result = bring(api)
    assert result["failed"] and not result["changed"] and "HTTP 409" in result["msg"] and len(counted(tmp_path)) == 1, result


def test_interrupted_task_reports_the_start(bring):
    api = virtual.api(DOWN)

    def fault(method, path):
        if method == "GET" and api.sent():
            raise TimeLimit("too long")

    api.fault = fault
    result = bring(api)
    assert result["failed"] and result["changed"] and result["msg"].startswith("Interrupted (too long) after start was sent to server 1")


def test_start_is_counted_before_it_is_sent(bring, tmp_path):
    api, seen = virtual.api(DOWN), []
    api.fault = lambda method, path: seen.append(counted(tmp_path)) if method == "POST" else None
    bring(api)
    assert len(seen) == 1 and len(seen[0]) == 1


def test_count_that_cannot_be_used_prevents_the_start(bring, tmp_path):
    api = virtual.api(DOWN)
    (tmp_path / "count").mkdir()
    (tmp_path / "count" / "1.json").write_text("")
    assert "count/1.json is not a list of times" in bring(api)["msg"]
    (tmp_path / "count" / "1.json").unlink()
    (tmp_path / "count" / "1.json").symlink_to("elsewhere")
    assert "is a symbolic link" in bring(api)["msg"] and not api.sent()
    assert "cannot be counted" in bring(api, folder="/proc/count")["msg"] and not api.sent()


def test_check_mode_looks_once_and_writes_nothing(bring, tmp_path):
    api = virtual.api(DOWN)
    result = bring(api, check_mode=True)
    assert result["changed"] and result["starts"] == 0 and result["msg"] == "Server 1 would be started.", result
    assert len(api.reads) == 1 and not api.sent() and not (tmp_path / "count").exists() and api.clock.time < 1_000_001


def test_server_that_was_perhaps_stopped_is_left_alone_without_a_request(bring):
    api = virtual.api(DOWN)
    result = bring(api, certain=False, certain_only=True)
    assert "may have been stopped" in result["msg"] and not result["changed"] and not api.reads, result
    assert bring(api, certain=False)["starts"] == 1

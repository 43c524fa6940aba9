# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of a report, from the events of a run."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import failures, row_of_maintained, rows, server


def result(host, outcome, kind="result", **more):
    return {"event": kind, "api_url": "u", "server_id": 1, "row": server(host, {"outcome": outcome, **more})}


def failed(host, error):
    return {"event": "failed", "host": host, "error": error}


@pytest.mark.parametrize(
    ("events", "outcome", "reason", "count"),
    [
        ([result("a", "done")], "done", None, 0),
        ([result("a", "failed"), result("a", "done")], "done", None, 0),
        ([result("a", "done"), failed("a", "the map is gone")], "failed", "the map is gone", 1),
        ([result("a", "cancelled"), failed("a", "interrupted")], "cancelled", "interrupted", 0),
        ([result("a", "unconfirmed"), failed("a", "not confirmed")], "unconfirmed", "not confirmed", 1),
        ([result("a", "unconfirmed", earlier="unconfirmed")], "unconfirmed", None, 0),
        ([result("a", "failed", earlier="unconfirmed")], "failed", None, 0),
        ([failed("a", "no such variable")], "failed", "no such variable", 0),
        ([result("a", "failed", "earlier")], "failed", None, 0),
        ([result("a", "done"), result("a", "failed", "earlier")], "done", None, 0),
        ([result("a", "failed", "earlier"), result("a", "done")], "done", None, 0),
        ([{"event": "unheard-of"}, result("a", "skipped")], "skipped", None, 0),
    ],
)
def test_last_row_of_a_host_with_its_later_error(events, outcome, reason, count):
    row = rows(events)["a"]
    assert (row["outcome"], row["reason"]) == (outcome, reason) and failures(events) == count


def test_row_of_a_server_that_was_maintained():
    events = [result("a", "done", downtime=3.0), result("a", "skipped"), {**result("b", "done"), "server_id": 2}]
    assert row_of_maintained(events, ("u", 1))["downtime"] == 3.0
    assert row_of_maintained(events, ("u", 3)) is None and row_of_maintained(events, ("other", 1)) is None

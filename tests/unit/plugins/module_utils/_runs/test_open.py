# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The place of the log of a run, and the ID of a run without a name."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog, RunLog, SharedLog
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.open import folder_of, known_runs, make_id, open_log
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings


class Shared(MemoryLedger):
    keeps_logs = True

    def runs(self):
        return ["nightly"]


def settings(ledger):
    """Return the settings of a task with this ledger."""
    defaults = {name: spec.get("default") for name, spec in API_ARGUMENT_SPEC.items()}
    return Settings.from_params({**defaults, "api_token": "the-token", "ledger": ledger})


def test_logs_are_in_the_folder_of_the_ledger_or_the_default_one(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    at_home = str(tmp_path / ".ansible" / "serverprism")
    assert folder_of(settings("/var/ledger")) == "/var/ledger" and folder_of(settings("none")) == at_home
    (tmp_path / ".ansible" / "serverprism" / "runs").mkdir(parents=True)
    (tmp_path / ".ansible" / "serverprism" / "runs" / "CHG-7.jsonl").touch()
    assert known_runs(settings("none"), MemoryLedger({}, virtual.VirtualClock())) == ["CHG-7"]


@pytest.mark.parametrize(
    ("ledger", "shared", "is_named", "kind"),
    [
        ("/var/ledger", False, False, FileLog),
        ("/var/ledger", False, True, FileLog),
        ("none", False, False, RunLog),
        ("none", False, True, FileLog),
        ("redis://host/0", True, False, SharedLog),
        ("redis://host/0", True, True, SharedLog),
    ],
)
def test_kind_of_the_log(ledger, shared, is_named, kind):
    used = (Shared if shared else MemoryLedger)({}, virtual.VirtualClock())
    log = open_log(settings(ledger), used, "CHG-7", is_named=is_named)
    assert isinstance(log, kind) and isinstance(log, (FileLog, SharedLog)) == (kind is not RunLog)
    assert not shared or known_runs(settings(ledger), used) == ["nightly"]


def test_id_says_when_where_and_which(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "admin.example.com")
    assert make_id(0.0, 4711) == "19700101-000000-admin-4711"

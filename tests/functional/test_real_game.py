# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests with a real game behind the API: its console output and its files."""

from __future__ import annotations

import json
import os

import pytest
from games import openttd
from waiting import until

needs_openttd = pytest.mark.skipif(
    openttd.program() is None and not os.environ.get("CI"), reason="openttd is not installed: this test did NOT run"
)
WORDS = [
    {"before": "3s", "text": "{name} restarts in {remaining}"},
    {"before": "2s", "text": 'Save your "trains"'},
    {"before": "1s", "text": "Restart in {remaining}"},
]
# Only the status cache is shortened, to a second: the game boots in real time.
LIKE_LIFE = {"speed": 1.0, "status_cache": 1.0}


def state(sim):
    return sim.states(7)[-1]


@pytest.fixture
def railways(simulator, tmp_path):
    """Start a simulator with OpenTTD running as server 7; return it and the game's folder."""
    folder = tmp_path / "railways"
    sim = simulator([openttd.server(7, folder)], **LIKE_LIFE)
    until(lambda: state(sim) == "running")
    return sim, folder


@needs_openttd
def test_role_warns_saves_and_restarts_a_real_game(railways, ansible):
    sim, folder = railways
    inventory = ansible.folder / "inventory.json"
    words = {"maintenance_announcements": WORDS, "maintenance_done_text": "{name} is back", "maintenance_done_delay": 2}
    quick = {"maintenance_command_wait": 0.5, "maintenance_poll_interval": 0.2}
    inventory.write_text(json.dumps({"all": {"hosts": {"railways": {"serverprism_id": 7}}, "vars": {**words, **quick}}}))
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(inventory), env={"SERVERPRISM_STATUS_CACHE": "1"})
    assert run.rc == 0 and "confirmed by its " in run.stdout, run.output

    until(lambda: any("is back" in row["line"] for row in sim.game_log(7)))
    log = sim.game_log(7)
    old, new = list(dict.fromkeys(row["pid"] for row in log))
    printed = [
        row["line"].split("Console: ")[-1] for row in log if row["pid"] == old and ("[All]" in row["line"] or "saved" in row["line"])
    ]
    assert printed[:3] == ["Railways restarts in 3 seconds", "Save your 'trains'", "Restart in 1 second"], printed
    assert printed[3].startswith("Map successfully saved to 'maintenance"), printed
    # The world was on the disk before the process ended, and the new process runs it.
    stopped = max(row["time"] for row in log if row["pid"] == old)
    assert openttd.saved_world(folder).stat().st_mtime <= stopped
    loaded = [row["line"] for row in log if row["pid"] == new]
    assert not any("Load Failed" in line for line in loaded) and any("Railways is back" in line for line in loaded), loaded
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)
    os.kill(new, 0)


@needs_openttd
def test_crashed_game_is_restarted_by_its_node_once(railways):
    sim, _folder = railways
    sim.patch(7, crash=True)
    until(lambda: sim.states(7) == ["offline", "starting", "running"] * 2)
    sim.patch(7, crash=True)
    until(lambda: sim.states(7)[6:] == ["offline"])
    assert len({row["pid"] for row in sim.game_log(7)}) == 2


@needs_openttd
def test_game_is_stopped_by_its_own_command_and_killed_only_if_configured(railways, operate):
    sim, _folder = railways
    stopped = operate(sim, "power", server_id=7, state="stopped", status_cache=1.0)
    assert stopped["confirmed"] and sim.states(7)[-2:] == ["stopping", "offline"], stopped
    assert "Shutting down network" in sim.game_log(7)[-1]["line"]
    started = operate(sim, "power", server_id=7, state="started", status_cache=1.0)
    assert started["confirmed"] and state(sim) == "running", started
    killed = operate(sim, "power", server_id=7, state="killed", status_cache=1.0)
    assert killed["confirmed"] and state(sim) == "offline" and "Shutting down" not in sim.game_log(7)[-1]["line"], killed


def test_missing_program_is_a_failed_start(simulator, operate):
    sim = simulator([{"id": 7, "state": "offline", "exec": "/nonexistent/game", "exec_done": "x"}], **LIKE_LIFE)
    result = operate(sim, "power", server_id=7, state="started", status_cache=1.0, wait_timeout=5.0)
    assert result["failed"] and state(sim) == "offline" and "cannot be started" in sim.game_log(7)[0]["line"], result

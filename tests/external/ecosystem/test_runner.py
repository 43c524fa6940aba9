# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of a maintenance by ansible-runner, as AWX runs it, and by ansible-navigator: players are warned, and no token is stored.

If one of the two is stopped, the players are told.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from published import call
from simulator.process import Simulator
from waiting import until

WORDS = [{"before": "2s", "text": "Restart in {remaining}"}, {"before": "1s", "text": "Restart now"}]
QUICK = {"maintenance_announcements": WORDS, "maintenance_command_wait": 0.2, "maintenance_poll_interval": 0.2}
# Announced long before, so that the run can be stopped.
SLOW = {**QUICK, "maintenance_announcements": [{"before": "10m", "text": "Restart in {remaining}"}]}
FLEET = [{"id": 1, "boot_seconds": 3.0, "stop_seconds": 10.0}, {"id": 2, "product": "Palworld 8 GB", "state": "offline"}]
HOSTS = {"survival": {"serverprism_id": 1}, "pals": {"serverprism_id": 2}}


@pytest.fixture
def sim(simulator: Callable[..., Simulator]) -> Simulator:
    """Start a small fleet: one server is running, one is offline."""
    return simulator(FLEET)


def write(path: Path, data: Any) -> Path:
    """Write JSON, which is also YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def data_dir(folder: Path, sim: Simulator, installed: Path, variables: dict[str, Any] | None = None) -> Path:
    """Create a private data directory. The token comes from a variable file elsewhere, since the runner stores the environment of a run."""
    secret = folder / "secret"
    secret.write_text(sim.token)
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "SERVERPRISM_LEDGER": str(folder / "ledger"), **sim.environment()}
    del env["SERVERPRISM_API_TOKEN"]
    write(folder / "data" / "inventory" / "hosts.json", {"all": {"hosts": HOSTS, "vars": variables or QUICK}})
    write(folder / "data" / "env" / "envvars", env)
    token = f"{{{{ lookup('ansible.builtin.file', '{secret}') }}}}"
    write(folder / "data" / "env" / "extravars", {"serverprism_api_token": token, "maintenance_id": "CHG-4711"})
    write(folder / "data" / "project" / "maintain.yml", [{"name": "Maintain", "import_playbook": "serverprism.cloud.maintenance"}])
    return folder / "data"


def command(data: Path, *options: str) -> list[str]:
    """Return the command that runs the playbook of the project."""
    return ["ansible-runner", "run", str(data), "--playbook", "maintain.yml", "--ident", "night", *options]


def run(tools: dict[str, str], data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook of the project."""
    return subprocess.run(
        command(data, *options), env=tools, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=False
    )


def assert_kept_secret(sim: Simulator, folder: Path) -> None:
    """Assert that no file below has the token in its name or in its text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if sim.token.encode() in path.read_bytes() or sim.token in str(path)]


def assert_players_were_warned(sim: Simulator) -> None:
    """Assert that the running server was announced to and restarted, and that the other got nothing."""
    down = next(row["time"] for row in sim.state_log(1) if row["state"] == "stopping")
    said = [row["line"] for row in sim.console_log(1) if row["time"] < down]
    assert said == ["say Restart in 2 seconds", "say Restart now", "save-all"], sim.console_log()
    assert sim.states(1)[-2:] == ["starting", "running"] and sim.states(2) == ["offline"] and not sim.console(2)


@pytest.mark.parametrize("options", [(), ("-vvv",)], ids=["quiet", "verbose"])
def test_runner_maintains_the_fleet_and_stores_no_token(
    tools: dict[str, str], sim: Simulator, installed: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    data = data_dir(tmp_path, sim, installed)
    done = run(tools, data, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_players_were_warned(sim)
    artifacts = data / "artifacts" / "night"
    assert (artifacts / "rc").read_text() == "0" and (artifacts / "status").read_text() == "successful"
    events = [json.loads(path.read_text()) for path in (artifacts / "job_events").glob("*.json")]
    (stats,) = (event["event_data"] for event in events if event["event"] == "playbook_on_stats")
    assert stats["changed"] == {"survival": 1} and not stats["failures"], stats
    assert sim.token not in done.stdout + done.stderr
    # The runner stores environment variables, so the token must not come as one.
    assert sim.url in (artifacts / "command").read_text()
    assert_kept_secret(sim, data)


def test_runner_reports_a_failure_and_stores_no_token(tools: dict[str, str], sim: Simulator, installed: Path, tmp_path: Path) -> None:
    data = data_dir(tmp_path, sim, installed)
    sim.change(revoke="token")
    done = run(tools, data, "-vvv")
    assert done.returncode == 2 and "it is wrong, expired or revoked" in done.stdout, done.stdout + done.stderr
    assert (data / "artifacts" / "night" / "status").read_text() == "failed"
    assert sim.token not in done.stdout + done.stderr
    assert_kept_secret(sim, data)


def test_navigator_runs_the_playbook_and_stores_no_token(tools: dict[str, str], sim: Simulator, installed: Path, tmp_path: Path) -> None:
    inventory = write(tmp_path / "inventory.json", {"all": {"hosts": HOSTS, "vars": QUICK}})
    kept = tmp_path / "kept"
    kept.mkdir()
    options = ["--ee", "false", "--mode", "stdout", "--log-file", kept / "log", "--playbook-artifact-save-as", kept / "artifact.json"]
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "SERVERPRISM_LEDGER": str(tmp_path / "ledger"), **sim.environment()}
    out = call(tools, "ansible-navigator", "run", "serverprism.cloud.maintenance", "-i", inventory, *options, **env)
    assert "changed=1" in out and sim.token not in out, out
    assert_players_were_warned(sim)
    assert (kept / "artifact.json").exists()
    assert_kept_secret(sim, kept)
    assert_kept_secret(sim, tmp_path / "home")


def stop(sim: Simulator, process: subprocess.Popen[str], how: Callable[[], None]) -> None:
    """Stop a process once the first announcement was sent, and assert that the players are told and that nothing is restarted."""
    with process:
        try:
            until(lambda: sim.console(1))
            how()
            process.communicate(timeout=110)
        finally:
            process.kill()
    until(lambda: len(sim.console(1)) == 2)
    assert sim.console(1) == ["say Restart in 10 minutes", "say Maintenance cancelled: no restart now."]
    assert sim.states(1) == ["running"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["sigint", "sigterm"])
def test_stopped_runner_tells_the_players(
    tools: dict[str, str], sim: Simulator, installed: Path, tmp_path: Path, number: signal.Signals
) -> None:
    data = data_dir(tmp_path, sim, installed, SLOW)
    process = subprocess.Popen(command(data), env=tools, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    # It kills ansible-playbook. The process that conducts the run is still there, and notices it.
    stop(sim, process, lambda: process.send_signal(number))
    assert (data / "artifacts" / "night" / "status").read_text() == "canceled"


def test_interrupted_navigator_tells_the_players(tools: dict[str, str], sim: Simulator, installed: Path, tmp_path: Path) -> None:
    inventory = write(tmp_path / "inventory.json", {"all": {"hosts": HOSTS, "vars": SLOW}})
    options = ["--ee", "false", "--mode", "stdout", "--log-file", str(tmp_path / "log"), "--playbook-artifact-enable", "false"]
    env = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "SERVERPRISM_LEDGER": str(tmp_path / "ledger"), **sim.environment()}
    process = subprocess.Popen(
        ["ansible-navigator", "run", "serverprism.cloud.maintenance", "-i", str(inventory), *options],
        env={**tools, **env},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # Ctrl-C reaches all processes of the terminal.
    stop(sim, process, lambda: os.killpg(process.pid, signal.SIGINT))

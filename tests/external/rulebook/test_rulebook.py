# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of a real ansible-rulebook on the simulator: the collection's own rulebook, and a user's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import documents
import pytest
import yaml
from simulator.process import Simulator

ROOT = Path(__file__).resolve().parents[3]
BIN = ROOT / ".dev" / "venv-eda" / "bin"
PATIENCE = 120.0
pytestmark = pytest.mark.timeout(600)


def java_home() -> Optional[str]:
    """Return the folder of Java."""
    java = shutil.which("java")
    return os.environ.get("JAVA_HOME") or (str(Path(java).resolve().parents[1]) if java else None)


@pytest.fixture(autouse=True)
def ready() -> None:
    """Skip without Java or the virtual environment; fail instead in CI."""
    needed = {"Java 17": java_home(), '"make gates GATES=eda"': (BIN / "ansible-rulebook").exists()}
    missing = [what for what, there in needed.items() if not there]
    if missing:
        text = f"NOT TESTED: ansible-rulebook cannot run here, it needs {' and '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)


class Rulebook:
    """A process of ansible-rulebook that inherits only the paths of the caller's environment."""

    def __init__(self, folder: Path, sim: Simulator, rulebook: str, **variables: Any) -> None:
        self.output_path = folder / "output"
        (folder / "home").mkdir()
        (folder / "inventory").write_text("localhost ansible_connection=local\n")
        (folder / "variables.yml").write_text(json.dumps(variables))
        options = ["--inventory", str(folder / "inventory"), "--vars", str(folder / "variables.yml")]
        env = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder),
            "LC_ALL": "C.UTF-8",
            "JAVA_HOME": java_home() or "",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".dev" / "collections"),
            "ANSIBLE_NOCOLOR": "true",
            "SERVERPRISM_LEDGER": str(folder / "ledger"),
            **sim.environment(),
        }
        with self.output_path.open("w") as stream:
            self.process = subprocess.Popen(
                [str(BIN / "ansible-rulebook"), "--rulebook", rulebook, *options],
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """Return all output that a user could read."""
        return self.output_path.read_text()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, for as long as the process runs."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None and time.monotonic() < end, self.output
            time.sleep(0.1)

    def says(self, text: str) -> None:
        """Wait for a text in the output, wrapped or not."""
        self.until(lambda: text in " ".join(self.output.split()))

    def end(self) -> int:
        """Wait for the end of the process; return its exit code."""
        return self.process.wait(PATIENCE)


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulator]]:
    """Start a simulator."""
    started: list[Simulator] = []

    def start(servers: list[dict[str, Any]], **switches: Any) -> Simulator:
        started.append(Simulator(servers, **{"speed": 20.0, **switches}))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def rulebook(tmp_path: Path) -> Iterator[Callable[..., Rulebook]]:
    """Run a rulebook: a name from the collection, or data."""
    started: list[Rulebook] = []

    def start(sim: Simulator, book: Any, **variables: Any) -> Rulebook:
        if not isinstance(book, str):
            (tmp_path / "rulebook.yml").write_text(json.dumps(book))
            book = str(tmp_path / "rulebook.yml")
        started.append(Rulebook(tmp_path, sim, book, **variables))
        return started[-1]

    yield start
    for one in started:
        one.process.terminate()
        one.process.wait(PATIENCE)


def looked_at(sim: Simulator, count: int, *servers: int) -> Callable[[], bool]:
    """Return true if each of the servers was read at least this often."""

    def condition() -> bool:
        seen = [row.get("server") for row in sim.requests("GET")]
        return all(seen.count(server) >= count for server in servers)

    return condition


def test_rulebook_starts_crashed_servers_and_gives_up_on_one_that_crashes_again_and_again(
    simulator: Callable[..., Simulator], rulebook: Callable[..., Rulebook]
) -> None:
    servers = [{"id": 1, "boot_seconds": 20.0}, {"id": 2, "boot_seconds": 20.0}, {"id": 3, "stop_seconds": 600.0}]
    sim = simulator([{**server, "auto_restart": False} for server in servers])
    run = rulebook(sim, "serverprism.cloud.bring_back")
    run.until(looked_at(sim, 2, 1, 2, 3))
    sim.patch(1, crash=True)
    # A server that was seen stopping was stopped on purpose: it must not be brought back.
    sim.patch(3, signal="stop")
    for crashes in range(1, 5):
        sim.patch(2, crash=True)
        if crashes < 4:
            run.until(lambda before=crashes: sim.states(2).count("running") > before)
            looks = sum(row.get("server") == 2 for row in sim.requests("GET"))
            # The first of them can show an older state.
            run.until(looked_at(sim, looks + 3, 2))
    run.says("GIVING UP on server 2: it crashed 4 times within an hour")
    sim.patch(3, state="offline")
    run.until(lambda: sim.states(1)[-1] == "running")
    looks = sum(row.get("server") == 3 for row in sim.requests("GET"))
    run.until(looked_at(sim, looks + 3, 3))
    started = [row["server"] for row in sim.posts() if row["body"] == {"signal": "start"}]
    assert sorted(started) == [1, 2, 2, 2] and len(sim.posts()) == len(started), run.output
    assert sim.token not in run.output and run.process.poll() is None


def book(source: dict[str, Any], *rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a user's rulebook."""
    return [{"name": "Mine", "hosts": "localhost", "sources": [{"serverprism.cloud.server_state": source}], "rules": list(rules)}]


SHOW = {
    "name": "Show it",
    "condition": "event.serverprism.event in ['appeared', 'crashed', 'gone']",
    "action": {"debug": {"msg": "{{ event.serverprism.event }} {{ event.serverprism.server_id }} by {{ event.meta.source.type }}"}},
}


def test_rules_of_a_user_get_events_until_the_token_is_revoked(
    simulator: Callable[..., Simulator], rulebook: Callable[..., Rulebook]
) -> None:
    sim = simulator([{"id": 1, "auto_restart": False}, {"id": 2}])
    run = rulebook(sim, book({"initial": True}, SHOW))
    run.says("appeared 1 by serverprism.cloud.server_state")
    run.says("appeared 2 by")
    sim.fault(path="/servers$", status=503, body="{}", count=1)
    run.says("Polling pauses")
    run.says("The API answers again")
    sim.patch(1, crash=True)
    run.says("crashed 1 by")
    sim.patch(1, delete=True)
    run.says("gone 1 by")
    sim.change(revoke="token")
    assert run.end() != 0
    assert "The token is not accepted for" in run.output and "it is wrong, expired or revoked" in run.output
    assert "Traceback" not in run.output and "poller.py" not in run.output and sim.token not in run.output, run.output


def test_rulebook_of_the_documentation_runs(simulator: Callable[..., Simulator], rulebook: Callable[..., Rulebook]) -> None:
    sim = simulator([{"id": 1, "name": "Fred's", "auto_restart": False}])
    (block,) = (block for block in documents.blocks(ROOT / "docs" / "docsite" / "rst" / "event_driven.rst") if block.is_yaml)
    run = rulebook(sim, yaml.safe_load(block.text))
    run.until(looked_at(sim, 2, 1))
    sim.patch(1, crash=True)
    run.says("Fred's crashed at 20")


def test_bad_argument_ends_the_rulebook_before_any_request(simulator: Callable[..., Simulator], rulebook: Callable[..., Rulebook]) -> None:
    sim = simulator([{"id": 1}])
    run = rulebook(sim, book({"max_reads": 0}, SHOW))
    assert run.end() != 0
    assert "max_reads: must be from 1 to read_limit" in run.output and not sim.requests() and "Traceback" not in run.output, run.output


def test_name_is_not_evaluated_in_a_playbook_of_the_user(
    simulator: Callable[..., Simulator], rulebook: Callable[..., Rulebook], tmp_path: Path
) -> None:
    sim = simulator([{"id": 1, "name": "{{ lookup('ansible.builtin.pipe', 'touch " + str(tmp_path / "touched") + "') }}x"}])
    tasks = [{"name": "Show", "ansible.builtin.debug": {"msg": "NAME {{ ansible_eda.event.serverprism.name }}"}}]
    # A separate folder, since ansible-rulebook copies it.
    (tmp_path / "plays").mkdir()
    play = tmp_path / "plays" / "play.yml"
    play.write_text(json.dumps([{"name": "P", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    action = {"run_playbook": {"name": str(play)}}
    run = rulebook(sim, book({"initial": True}, {"name": "P", "condition": "event.serverprism is defined", "action": action}))
    run.says("NAME { { lookup(")
    assert not (tmp_path / "touched").exists()

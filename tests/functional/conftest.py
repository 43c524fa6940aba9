# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: simulators, real Ansible, and operations without Ansible."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from functional.browser import Browser
from functional.harness import Ansible, Run, perform_here
from functional.preloaded import Servers
from simulator.process import Simulator

QUICK = {
    "maintenance_announcements": [{"before": "1s", "text": "Restart in {remaining}"}],
    "maintenance_command_wait": 0.2,
    "maintenance_poll_interval": 0.2,
    "maintenance_done_delay": 0,
}


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulator]]:
    """Start a simulator: ``simulator([{"id": 1, ...}], speed=20, ...)``."""
    started: list[Simulator] = []

    def start(servers: list[dict[str, Any]] | None = None, **switches: Any) -> Simulator:
        started.append(Simulator(servers or [{"id": 1234}], **{"speed": 20.0, **switches}))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start a real browser; a test that uses it is marked with needs_browser."""
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Keep processes that have imported Ansible."""
    kept = Servers(tmp_path_factory.mktemp("servers"))
    yield kept
    kept.stop()


@pytest.fixture
def ansible(tmp_path: Path, servers: Servers) -> Ansible:
    """Return Ansible in an empty home."""
    return Ansible(tmp_path, servers)


@pytest.fixture
def operate(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run an operation in this process: ``operate(sim, "power", state="restarted", ...)``."""

    def run(sim: Simulator, name: str, **options: Any) -> dict[str, Any]:
        return perform_here(sim, tmp_path / "ledger", name, **options)

    return run


@pytest.fixture
def maintain(ansible: Ansible) -> Callable[..., Run]:
    """Run the playbook: ``maintain(sim, {"host": {variables}}, *args, **variables of all)``. It writes a report to a default folder."""

    def run(
        sim: Simulator, hosts: dict[str, dict[str, Any]], *args: str, env: dict[str, str | None] | None = None, **variables: Any
    ) -> Run:
        path, report = ansible.folder / "inventory.json", ansible.folder / "report of the run" / "report.json"
        report.unlink(missing_ok=True)
        everyone = {**QUICK, "maintenance_report_dir": str(report.parent), **variables}
        path.write_text(json.dumps({"all": {"hosts": hosts, "vars": everyone}}))
        run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", str(path), *args, env=env)
        return replace(run, report=json.loads(report.read_text()) if report.exists() else {})

    return run

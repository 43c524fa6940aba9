# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the cost of a large inventory: 10,000 servers by the plugin, and the same hosts from a static YAML file, side by side."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from simulator.process import Simulator

from benchmarks.figures import put

SERVERS, ROUNDS = 10_000, 3


def listed(path: Path, env: dict[str, str]) -> tuple[float, dict[str, object]]:
    """Return the seconds of ansible-inventory, and the host variables it showed."""
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(path), "--list"]
    begun = time.monotonic()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return time.monotonic() - begun, json.loads(done.stdout)["_meta"]["hostvars"]


def plain(value: object) -> object:
    """Return a value without Ansible's mark of untrusted texts."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {key: plain(one) for key, one in value.items()}
    return value


def measure() -> dict[str, float]:
    """Return the median seconds by way."""
    fleet = [{"id": i, "product": f"{'Minecraft' if i % 2 else 'Palworld'} {i % 8 + 1} GB"} for i in range(1, SERVERS + 1)]
    times: dict[str, list[float]] = {"a static YAML file": [], "serverprism.cloud.servers": []}
    with tempfile.TemporaryDirectory() as name, Simulator(fleet) as sim:
        folder = Path(name)
        env = {**os.environ, **sim.environment(), "SERVERPRISM_LEDGER": name + "/ledger"}
        ours, static = folder / "fleet.serverprism.yml", folder / "hosts.yml"
        ours.write_text("plugin: serverprism.cloud.servers\n")
        _seconds, hosts = listed(ours, env)
        assert len(hosts) == SERVERS
        static.write_text(yaml.safe_dump({"all": {"hosts": plain(hosts)}}))
        for _round in range(ROUNDS):
            times["a static YAML file"].append(listed(static, env)[0])
            times["serverprism.cloud.servers"].append(listed(ours, env)[0])
    return {way: statistics.median(values) for way, values in times.items()}


def table(seconds: dict[str, float]) -> str:
    """Return the figures as Markdown."""
    base = seconds["a static YAML file"]
    rows = [f"| {way} | {taken:.1f} s | {taken / base:.2f} |" for way, taken in seconds.items()]
    return "\n".join([f"| {SERVERS:,} hosts listed, from | time | ratio |", "|---|---|---|", *rows])


if __name__ == "__main__":
    figures = table(measure())
    print(figures)
    put("inventory", figures)

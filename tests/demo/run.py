# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the maintenance playbook live on a simulated fleet: one server is off, one is suspended. GAME=openttd adds a real game."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from games import openttd
from simulator.process import Simulator

HERE = Path(__file__).resolve().parent
# The simulator's time runs this much faster: its status cache, windows, boots and stops.
SPEED = 10.0
FLEET = [
    {"id": 1001, "name": "Fred's Survival", "product": "Minecraft 4 GB", "boot_seconds": 35.0, "stop_seconds": 8.0},
    {"id": 1002, "name": "Creative", "product": "Minecraft 8 GB", "boot_seconds": 5.0, "stop_seconds": 3.0},
    {"id": 1003, "name": "Pal Island", "product": "Palworld 8 GB", "boot_seconds": 45.0, "stop_seconds": 12.0},
    {"id": 1004, "name": "Rusty", "product": "Rust 12 GB", "boot_seconds": 70.0, "stop_seconds": 20.0},
    {"id": 1005, "name": "The Attic", "product": "Terraria 2 GB", "state": "offline"},
    {"id": 1006, "name": "Unpaid", "product": "Minecraft 2 GB", "service_status": "suspended"},
]


def say(title: str) -> None:
    """Print a heading that stands out from Ansible's output."""
    print(f"\n\033[1m=== {title}\033[0m" if sys.stdout.isatty() else f"\n=== {title}", flush=True)


def main() -> int:
    """Run the demo and return the exit code of ansible-playbook."""
    game = os.environ.get("GAME", "")
    if game not in ("", "openttd") or (game and not openttd.program()):
        print(f"GAME={game}: only openttd is known, and it must be installed (on Debian: apt-get install openttd).", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as ledger:
        fleet = [openttd.server(1007, Path(ledger) / "railways")] if game else FLEET
        # A real game boots in real time, so only the cache of the API is shortened.
        with Simulator(fleet, **({"speed": 1.0, "status_cache": 2.0} if game else {"speed": SPEED})) as sim:
            return show(sim, fleet, ledger, game)


def show(sim: Simulator, fleet: list[dict[str, Any]], ledger: str, game: str) -> int:
    """Run the playbook on the fleet, then show what its players saw."""
    inventory = HERE / ("openttd.yml" if game else "inventory.yml")
    command = ["ansible-playbook", "-i", str(inventory), "serverprism.cloud.maintenance"]
    if game:
        while sim.states(1007)[-1] != "running":
            time.sleep(0.1)
    report = HERE.parents[1] / ".dev" / "demo"
    env = {
        **os.environ,
        **sim.environment(),
        **({"SERVERPRISM_STATUS_CACHE": "2"} if game else {}),
        "SERVERPRISM_LEDGER": ledger,
        "ANSIBLE_FORKS": str(len(fleet)),
    }
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    say(f"{'OpenTTD is' if game else f'{len(fleet)} simulated servers are'} up. $ ansible-playbook -i {inventory.name} {command[-1]}")
    done = subprocess.run([*command, "-e", f"maintenance_report_dir='{report}'"], env=env, cwd=HERE, check=False)
    say("What the players saw, by the clock of the servers")
    names = {server["id"]: server["name"] for server in fleet}
    rows = [(row["time"], row["server"], f"> {row['line']}") for row in sim.console_log()]
    rows += [(row["time"], i, f"  is {row['state']}") for i in names for row in sim.state_log(i)[1:]]
    for at, server, text in sorted(rows, key=lambda row: (row[1], row[0])):
        print(f"  {datetime.fromtimestamp(at):%H:%M:%S}  {names[server]:<16} {text}")
    if game:
        say("What the game printed, by its process")
        for row in sim.game_log(1007):
            if "Console: " in row["line"] or "aved" in row["line"] or "version" in row["line"] or "Shutting" in row["line"]:
                print(f"  {datetime.fromtimestamp(row['time']):%H:%M:%S}  process {row['pid']}  {row['line'].lstrip(chr(0x200E))}")
    refused = sum(1 for request in sim.requests() if request.get("status") == 429)
    say(f"{len(sim.requests('GET'))} reads, {len(sim.posts())} writes, {refused} refused by the quota (429)")
    print(f"The report is in {report / 'report.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the pictures of the documentation: ``make pictures``. It takes about eight minutes.

``report.png`` and ``report-dark.png`` are photographs of a real report: that of the maintenance of a simulated fleet, in real time.
``demo.svg`` is a recording of ``make demo``.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.serverprism.cloud.plugins.module_utils._report.page import page
from demo.png import with_palette
from demo.recording import Line, lines, svg
from functional.browser import Browser
from simulator.process import Simulator

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".dev" / "pictures"
IMAGES = ROOT / "docs" / "docsite" / "images"
PROGRAMS = Path(sys.executable).parent
COLUMNS, ROWS = 118, 32
# What the demo shows after the run is not part of the recording.
AFTER_THE_RUN = "=== What the players saw"
LARGEST = 200_000
FLEET: dict[str, dict[str, Any]] = {
    "survival": {"id": 1001, "name": "Fred's Survival", "product": "Minecraft 8 GB", "boot_seconds": 42.0, "stop_seconds": 9.0},
    "creative": {"id": 1002, "name": "Creative Plots", "product": "Minecraft 4 GB", "boot_seconds": 24.0, "stop_seconds": 5.0},
    "skyblock": {"id": 1003, "name": "SkyBlock Season 4", "product": "Minecraft 12 GB", "boot_seconds": 58.0, "stop_seconds": 14.0},
    "bedrock": {"id": 1004, "name": "Bedrock Realm", "product": "Minecraft Bedrock 4 GB", "boot_seconds": 16.0, "stop_seconds": 4.0},
    "pals": {"id": 1005, "name": "Pal Island", "product": "Palworld 16 GB", "boot_seconds": 47.0, "stop_seconds": 12.0},
    # It takes longer to start than the run waits for it.
    "rusty": {
        "id": 1006,
        "name": "Rusty Monthly",
        "product": "Rust 12 GB",
        "boot_seconds": 600.0,
        "stop_seconds": 20.0,
        "stuck_starting": True,
    },
    "ark": {"id": 1007, "name": "ARK: The Island", "product": "ARK 16 GB", "boot_seconds": 75.0, "stop_seconds": 22.0},
    "attic": {"id": 1008, "name": "The Attic", "product": "Terraria 2 GB", "state": "offline"},
    "zombies": {"id": 1009, "name": "Zombie Night", "product": "Project Zomboid 8 GB", "boot_seconds": 35.0, "stop_seconds": 10.0},
    "factory": {"id": 1010, "name": "Mega Base", "product": "Factorio 4 GB", "boot_seconds": 18.0, "stop_seconds": 6.0},
    "railways": {"id": 1011, "name": "Grand Railways", "product": "OpenTTD 2 GB", "boot_seconds": 12.0, "stop_seconds": 3.0},
    "tournament": {"id": 1012, "name": "Tournament", "product": "Minecraft 8 GB", "boot_seconds": 30.0, "stop_seconds": 8.0},
}
ZONE = "Europe/Berlin"
OPTIONS = {
    "maintenance_timezone": ZONE,
    "maintenance_announcements": [
        {"before": "2m", "text": "{action} in {remaining}, at {time}."},
        {"before": "30s", "text": "{action} in {remaining}. Find a safe place."},
        {"before": "10s", "text": "{action} in {remaining}!"},
    ],
    "maintenance_done_text": "{name} is back. Have fun!",
    "maintenance_wait_timeout": 150,
}


def environment(simulator: Simulator, ledger: str) -> dict[str, str]:
    """Return the environment of ansible-playbook for a simulated fleet."""
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    return {**os.environ, **simulator.environment(), "SERVERPRISM_LEDGER": ledger, "PATH": path}


def maintain(folder: Path) -> None:
    """Maintain the fleet. The report is left in ``RUN``."""
    hosts = {host: {"serverprism_id": one["id"], "serverprism_product": one["product"]} for host, one in FLEET.items()}
    # Its countdown does not fit before its deadline, so it is deferred.
    hosts["tournament"].update(
        maintenance_deadline=datetime.fromtimestamp(time.time() + 360, ZoneInfo(ZONE)).strftime("%H:%M"),
        maintenance_announcements=[{"before": "10m", "text": "{action} in {remaining}."}],
    )
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": OPTIONS}}))
    command = ["ansible-playbook", "-i", str(inventory), "serverprism.cloud.maintenance", "-e", "maintenance_canary=0"]
    with Simulator(list(FLEET.values())) as simulator:
        env = environment(simulator, str(folder / "ledger"))
        # It ends with the error of the servers that failed.
        subprocess.run([*command, "-e", f"maintenance_report_dir={RUN}"], env=env, cwd=folder, check=False)


def photograph(file: Path, home: Path) -> None:
    """Photograph a page in a window of 1200 pixels, light and dark."""
    browser = Browser(home)
    try:
        for scheme, name in (("light", "report.png"), ("dark", "report-dark.png")):
            browser.open(file, width=1200, scheme=scheme)
            browser.photograph(IMAGES / name)
            (IMAGES / name).write_bytes(with_palette((IMAGES / name).read_bytes()))
    finally:
        browser.close()


def recorded(command: list[str], env: dict[str, str]) -> list[Line]:
    """Run a command in a terminal, and return the lines that it printed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:
            # The last program that had the terminal has ended.
            break
        if not chunk:
            break
        chunks.append((time.monotonic(), chunk))
    os.close(ours)
    if process.wait():
        raise SystemExit(f"{command} has failed: {b''.join(chunk for _at, chunk in chunks).decode(errors='replace')}")
    return lines(chunks)


def of_the_run(given: list[Line]) -> list[Line]:
    """Return the lines without those after the run, and without blank lines at both ends."""
    texts = ["".join(run.text for run in line.runs) for line in given]
    end = next((index for index, text in enumerate(texts) if text.startswith(AFTER_THE_RUN)), len(texts))
    full = [index for index in range(end) if texts[index].strip()]
    return given[full[0] : full[-1] + 1] if full else []


def main() -> None:
    """Make all pictures, or those whose names are given: report, demo, or page for the report of the last run."""
    wanted = sys.argv[1:] or ["report", "demo"]
    if "demo" in wanted:
        shown = of_the_run(recorded([sys.executable, str(ROOT / "tests" / "demo" / "run.py")], {**os.environ, "TERM": "xterm"}))
        title = "make demo: maintenance of six simulated servers, at ten times the real speed"
        description = (
            "Each server announces its restart three times, saves and restarts. At the end a table shows the outcome of every server."
        )
        (IMAGES / "demo.svg").write_text(svg(shown, title=title, description=description, columns=COLUMNS, rows=ROWS))
    if "report" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            maintain(Path(folder))
    if "report" in wanted or "page" in wanted:
        # So it can be drawn again when only the page has changed.
        (RUN / "report.html").write_text(page(json.loads((RUN / "report.json").read_text())))
        with tempfile.TemporaryDirectory() as folder:
            photograph(RUN / "report.html", Path(folder))
    for image in (IMAGES / "demo.svg", IMAGES / "report.png", IMAGES / "report-dark.png"):
        size = image.stat().st_size
        print(f"{image.relative_to(ROOT)}: {size} bytes")
        if size >= LARGEST:
            raise SystemExit(f"{image.name} is larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()

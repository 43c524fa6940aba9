# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the published artifact, and install it where nothing else of the checkout is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from staging import stage

PROGRAMS = Path(sys.executable).parent


def environment(home: Path, programs: Path = PROGRAMS) -> dict[str, str]:
    """Return an environment with an empty home and nothing of this checkout but the programs."""
    return {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(home), "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "true"}


def call(env: dict[str, str], *command: Any, timeout: float = 110, **more: str) -> str:
    """Run a program at home and return its output. Raise if it fails."""
    run = subprocess.run(
        list(map(str, command)),
        env={**env, **more},
        cwd=env["HOME"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def build(env: dict[str, str], folder: Path) -> Path:
    """Build the published artifact."""
    call(env, "ansible-galaxy", "collection", "build", "--output-path", folder, stage(folder / "staged"))
    (path,) = folder.glob("*.tar.gz")
    return path


def install(env: dict[str, str], artifact: Path, path: Path) -> None:
    """Install the artifact into an empty collections path."""
    call(env, "ansible-galaxy", "collection", "install", "--offline", "--collections-path", path, artifact)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the functional tests on the newest ansible-core that a Python of this machine supports; all other tests use the oldest."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".dev" / "venv-newest"
TESTS = ["test_parity.py", "test_maintenance_playbook.py", "test_playbooks.py", "test_inventory.py", "test_report.py"]
# Style and types are checked once, on the oldest.
LEFT_OUT = re.compile(r"#|ansible-core|ansible-lint|antsibull|mypy|pre-commit|ruff|types-|trustme")


def newest_python() -> str | None:
    """Return the newest Python above this one that really runs, from the search path or from beside this one."""
    beside = Path(sys.base_prefix).parent.glob("3.*/bin/python3")
    named = (shutil.which(f"python3.{minor}") for minor in range(sys.version_info.minor + 1, 20))
    found = {}
    for path in [*map(str, beside), *filter(None, named)]:
        told = subprocess.run(
            [path, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
        )
        if told.returncode == 0:
            version = tuple(map(int, told.stdout.split()))
            if version > sys.version_info[:2]:
                found[version] = path
    return found[max(found)] if found else None


def install(python: str) -> None:
    """Create the environment unless it exists."""
    if (VENV / ".done").exists():
        return
    subprocess.run([python, "-m", "venv", "--clear", str(VENV)], check=True)
    wanted = [
        line for line in (ROOT / "tests" / "support" / "requirements.txt").read_text().split("\n") if line and not LEFT_OUT.match(line)
    ]
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "ansible-core", *wanted], check=True)
    (VENV / ".done").touch()


def main(*arguments: str) -> int:
    """Run pytest and return its exit code; with ``--install-only`` only create the environment."""
    python = newest_python()
    if python is None:
        print(f"NOT TESTED on a newer ansible-core: no Python newer than {sys.version_info.major}.{sys.version_info.minor} was found")
        return 0
    install(python)
    if "--install-only" in arguments:
        return 0
    subprocess.run([str(VENV / "bin" / "ansible"), "--version"], check=True)
    tests = [str(ROOT / "tests" / "functional" / name) for name in TESTS]
    pytest = [str(VENV / "bin" / "python"), "-m", "pytest", "-q", "-n", "4", "-p", "external.versions.first_cases"]
    return subprocess.run([*pytest, *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

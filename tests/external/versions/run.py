# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run what users do on versions of ansible-core, and print a table of it by feature.

Usage: run.py COMMAND [VERSION ...]. The commands are:

- ``all``: the functional tests of every feature. Without a version, on all supported ones.
- ``few``: a few of them for each feature. Without a version, on the oldest and on the newest release, as all further commands.
- ``sanity``, ``units``: ansible-test. Without a version, pylint runs only on the newest release, since it takes longest.
- ``install``: create the virtual environments only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEV = ROOT / ".dev"
sys.path.insert(0, str(ROOT / "tests"))

from external.versions.cores import CORES, NEWEST, OLDEST, TARGET_PYTHON, Core  # noqa: E402
from external.versions.features import FEATURES  # noqa: E402

# The sanity tests whose results differ between versions of ansible-core. The others look at style, so one version is enough.
DIFFERENT = ("ansible-doc", "compile", "import", "validate-modules", "yamllint")
# Style and types are checked once, in another environment.
LEFT_OUT = re.compile(r"#|ansible-core|ansible-lint|antsibull|bandit|mypy|pre-commit|ruff|types-")


class NotTried(Exception):
    """A version cannot be tried on this machine."""


def find_python(version: str) -> str:
    """Return a Python of this version that really runs, from the search path or from beside this one. Raise NotTried."""
    beside = Path(sys.base_prefix).parent.glob(f"{version}*/bin/python{version}")
    for path in filter(None, [sys.executable, shutil.which(f"python{version}"), *map(str, beside)]):
        program = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        told = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
        if told.returncode == 0 and told.stdout.strip() == version:
            return path
    raise NotTried(f"Python {version} was not found")


def environment(name: str, python: str, requirements: list[str]) -> Path:
    """Return the Python of a virtual environment; create it unless it exists. Raise NotTried."""
    folder = DEV / f"venv-{name}"
    if not (folder / ".done").exists():
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [find_python(python), "-m", "venv", "--clear", str(folder)],
            [str(folder / "bin" / "python"), *pip, *requirements],
        ):
            if subprocess.run(command, check=False).returncode:
                raise NotTried(f"this failed: {' '.join(command)}")
        (folder / ".done").touch()
    return folder / "bin" / "python"


def install(core: Core) -> Path:
    """Return the Python of the environment of a version. Raise NotTried."""
    lines = (ROOT / "tests" / "support" / "requirements.txt").read_text().split("\n")
    wanted = [core.requirement, *(line for line in lines if line and not LEFT_OUT.match(line))]
    return environment(f"core-{core.version}", core.python, wanted)


def target() -> Path:
    """Return the Python on which the modules run. Raise NotTried."""
    return environment("target", TARGET_PYTHON, ["requests"])


def settings() -> dict[str, str]:
    """Return the environment of all programs."""
    folders = [DEV / "collections", ROOT / "tests" / "support", ROOT / "tests"]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1"}


def try_features(core: Core, few: bool) -> tuple[str, dict[str, list[int]]]:
    """Run the functional tests. Return the full version, and the numbers of passed and of failed tests by feature. Raise NotTried."""
    python = install(core)
    told = subprocess.check_output([str(python), "-c", "from ansible.release import __version__; print(__version__)"], text=True)
    results = DEV / f"features-{core.version}.json"
    results.unlink(missing_ok=True)
    files = sorted({name for feature in columns(few) for name in FEATURES[feature].files})
    tests = [str(ROOT / "tests" / "functional" / name) for name in files]
    pytest = [str(python), "-m", "pytest", "-q", "-n", os.environ.get("WORKERS", "4"), "-p", "external.versions.features"]
    more = {"FEATURES_RESULTS": str(results), "FEATURES_FEW": "true" if few else "", "TARGET_PYTHON": str(target())}
    print(f"== ansible-core {told.strip()} on Python {core.python}", flush=True)
    subprocess.run([*pytest, *tests], cwd=ROOT, env={**settings(), **more}, check=False)
    found: dict[str, list[int]] = json.loads(results.read_text()) if results.exists() else {}
    return told.strip(), found


def columns(few: bool) -> list[str]:
    """Return the features that are tried."""
    return [name for name, feature in FEATURES.items() if feature.few or not few]


def cell(numbers: list[int] | None) -> str:
    """Return the text of a cell."""
    passed, failed = numbers or (0, 0)
    return f"{failed} of {passed + failed} FAILED" if failed else f"{passed} ok" if passed else "NONE RAN"


def table(features: list[str], rows: list[tuple[str, str, dict[str, list[int]] | str]]) -> str:
    """Return the results of versions as a text. A row with a text instead of numbers is a version that was not tried."""
    lines = [["ansible-core", "Python", *features]]
    for version, python, found in rows:
        lines.append([version, python, *([found] if isinstance(found, str) else [cell(found.get(name)) for name in features])])
    widths = [max(len(line[number]) for line in lines if len(line) == len(lines[0])) for number in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)


def show_features(cores: list[Core], few: bool) -> int:
    """Try the versions and print the table. Return 1 if a test failed, if no test of a feature ran, or if a version was not tried."""
    rows: list[tuple[str, str, dict[str, list[int]] | str]] = []
    for core in cores:
        try:
            version, found = try_features(core, few)
            rows.append((version, core.python, found))
        except NotTried as exc:
            rows.append((core.version, core.python, f"NOT TRIED: {exc}"))
    text = table(columns(few), rows)
    print(f"\n{text}\n\nThe modules ran on Python {TARGET_PYTHON}.", flush=True)
    return 1 if any(word in text for word in ("FAILED", "NONE RAN", "NOT TRIED")) else 0


def run_ansible_test(cores: list[Core], command: str, brief: Core | None) -> int:
    """Run ansible-test on each version, of the sanity tests of one only a part. Return 1 if one failed or was not tried."""
    failed = 0
    for core in cores:
        print(f"== ansible-test {command} on ansible-core {core.version} and Python {core.python}", flush=True)
        try:
            python = install(core)
            more = [word for name in DIFFERENT for word in ("--test", name)] if command == "sanity" and core == brief else []
            done = subprocess.run([str(python), "-m", "tools.ansible_test", command, *more], cwd=ROOT, env=settings(), check=False)
            failed |= int(done.returncode != 0)
        except NotTried as exc:
            print(f"NOT TRIED: {exc}")
            failed = 1
    return failed


def install_all(cores: list[Core]) -> int:
    """Create the environments. Return 1 if one cannot be created."""
    try:
        target()
        for core in cores:
            install(core)
    except NotTried as exc:
        print(f"NOT INSTALLED: {exc}")
        return 1
    return 0


def main(command: str = "all", *versions: str) -> int:
    """Run a command and return its exit code."""
    unknown = set(versions) - {core.version for core in CORES}
    if unknown:
        sys.exit(f"{', '.join(sorted(unknown))}: not one of {', '.join(core.version for core in CORES)}")
    cores = [core for core in CORES if core.version in versions] or (list(CORES) if command == "all" else [OLDEST, NEWEST])
    if command == "install":
        return install_all(cores)
    if command in ("sanity", "units"):
        return run_ansible_test(cores, command, None if versions else OLDEST)
    return show_features(cores, command == "few")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

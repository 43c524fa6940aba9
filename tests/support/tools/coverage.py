# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fail if the unit and integration tests of ansible-test cover too little of the plugins ("make gates GATES=coverage")."""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tools.ansible_test import PYTHON, AnsibleTest

LEAST = 95.0
HOST = ("--venv", "--python", PYTHON)


def lines_of(report: Path) -> dict[str, dict[int, bool]]:
    """Return the lines of code of each file under plugins/, each with true if it was run."""
    found: dict[str, dict[int, bool]] = {}
    for one in ET.parse(report).getroot().iter("class"):
        if one.attrib["filename"].startswith("plugins/"):
            lines = found.setdefault(one.attrib["filename"], {})
            lines.update({int(line.attrib["number"]): line.attrib["hits"] != "0" for line in one.iter("line")})
    return found


def table(files: dict[str, dict[int, bool]]) -> tuple[str, float]:
    """Return the files with the lines that were not run, and the percentage of all lines that was."""
    rows = []
    for name, lines in sorted(files.items()):
        missed = [str(number) for number, hit in sorted(lines.items()) if not hit]
        share = 100.0 * (len(lines) - len(missed)) / max(1, len(lines))
        rows.append(f"{name:55} {len(lines):5} {share:6.1f} %  {', '.join(missed)}".rstrip())
    count = sum(map(len, files.values()))
    share = 100.0 * sum(sum(lines.values()) for lines in files.values()) / max(1, count)
    return "\n".join([*rows, f"{'TOTAL':55} {count:5} {share:6.1f} %"]), share


def main() -> int:
    """Return the exit code of the first step that failed; 1 for too little coverage."""
    tests = AnsibleTest("tests")
    # "coverage erase" would fail if there is nothing yet.
    shutil.rmtree(tests.tree / "tests" / "output" / "coverage", ignore_errors=True)
    steps = (
        ("units", *HOST, "--coverage"),
        ("integration", *HOST, "--coverage"),
        ("coverage", "xml", *HOST, "--requirements"),
    )
    for step in steps:
        code = tests.run(*step)
        if code:
            return code
    (report,) = (tests.tree / "tests" / "output" / "reports").glob("coverage*.xml")
    files = lines_of(report)
    # The report omits files that no test imports, so the percentage would not count them.
    unseen = {str(path.relative_to(tests.tree)) for path in (tests.tree / "plugins").rglob("*.py")} - set(files)
    if unseen:
        print(f"No test runs any of {', '.join(sorted(unseen))}.")
        return 1
    text, share = table(files)
    print(text)
    if share < LEAST:
        print(f"The plugins are covered to {share:.1f} %; {LEAST:g} % are wanted.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

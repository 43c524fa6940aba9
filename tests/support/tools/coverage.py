# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fail where the unit and integration tests of ansible-test run too little of the plugins ("make gates GATES=coverage")."""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tools.ansible_test import PYTHON, AnsibleTest

LEAST = 95.0
HOST = ("--venv", "--python", PYTHON)


def lines_of(report: Path) -> dict[str, dict[int, bool]]:
    """Of each file under plugins/ its lines of code, and whether they were run."""
    found: dict[str, dict[int, bool]] = {}
    for one in ET.parse(report).getroot().iter("class"):
        if one.attrib["filename"].startswith("plugins/"):
            lines = found.setdefault(one.attrib["filename"], {})
            lines.update({int(line.attrib["number"]): line.attrib["hits"] != "0" for line in one.iter("line")})
    return found


def table(files: dict[str, dict[int, bool]]) -> tuple[str, float]:
    """The files with what was not run, and the share of all lines (percent) that was."""
    rows = []
    for name, lines in sorted(files.items()):
        missed = [str(number) for number, hit in sorted(lines.items()) if not hit]
        share = 100.0 * (len(lines) - len(missed)) / max(1, len(lines))
        rows.append(f"{name:55} {len(lines):5} {share:6.1f} %  {', '.join(missed)}".rstrip())
    count = sum(map(len, files.values()))
    share = 100.0 * sum(sum(lines.values()) for lines in files.values()) / max(1, count)
    return "\n".join([*rows, f"{'TOTAL':55} {count:5} {share:6.1f} %"]), share


def main() -> int:
    """The exit code of the first step that failed; 1 for too little coverage."""
    tests = AnsibleTest("tests")
    # Not with "coverage erase", which fails where there is nothing yet.
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
    # The report leaves out what no test so much as imports. Such a file has no place in a share.
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

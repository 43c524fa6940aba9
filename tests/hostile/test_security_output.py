# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that texts of the API are shown unchanged and never interpreted: as template, escape sequence, script or formula."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from functional.test_inventory import inventory
from hostile.tries import trying

__all__ = ["inventory"]

FAST = {"boot_seconds": 1.0, "stop_seconds": 1.0}
needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None and not os.environ.get("CI"), reason="chromium is not installed: this test did NOT run"
)
# Characters that a terminal or an editor obeys: C0 except line ends, DEL, C1, separators, overrides of the writing direction.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def texts(pwned) -> list[str]:
    """Return malicious names."""
    touch = f"touch {pwned}"
    return [
        f"{{{{ lookup('pipe', '{touch}') }}}}",
        f"{{% set x = lookup('pipe', '{touch}') %}}{{{{ x }}}}",
        f"{{# x #}}{{{{ query('ansible.builtin.pipe', '{touch}') }}}}",
        f'!unsafe \'{{{{ lookup("pipe", "{touch}") }}}}\'',
        f"!vault | $ANSIBLE_VAULT;1.1;AES256 {{{{ lookup('pipe','{touch}') }}}}",
        f"$({touch}) `{touch}` ; {touch} | {touch}",
        "\x1b[2J\x1b]0;pwned\x07\x1b]8;;http://evil.example\x07x",
        "\x9b31mred\x9d0;x\x9c \x90q\x9c",
        "a\rTASK [all is well]\nok: [fleet]\x0b\x0c\x08\x7f",
        "\u202eevil\u202c \u2066x\u2069 a\u2028b\u2029c",
        "nul \x00 here",
        "</title></script><script>document.title='pwned'</script>",
        "<img src=x onerror=document.title='pwned'>",
        "<svg onload=document.title='pwned'>",
        "\"'><b onmouseover=document.title='pwned'>",
        "</style><style>*{display:none}</style>",
        "</td></tr></table><!--",
        "<meta http-equiv=refresh content='0;url=http://evil.example'>",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "\t=1+1",
        "\r=1+1",
        "\uff1d1+1",
        "\uff0b1",
        'a",=1+1,"b',
        "a\n=1+1",
    ]


def fleet(simulator, tmp_path):
    servers = [
        {"id": 1 + number, "name": text, "product": text, "service_status": text if number % 2 else "active", "shown_state": text, **FAST}
        for number, text in enumerate(texts(tmp_path / "pwned"))
    ]
    return simulator(servers, read_limit=100000, write_limit=100000)


def hosts(ansible):
    """Return an inventory of the plugin that uses names in every way it offers."""
    path = ansible.folder / "fleet.serverprism.yml"
    options = {
        "plugin": "serverprism.cloud.servers",
        "details": True,
        "strict": True,
        "compose": {"said": "'it is ' ~ serverprism_name"},
        "keyed_groups": [{"key": "serverprism_name", "prefix": "name"}, {"key": "serverprism_product", "prefix": ""}],
        "groups": {"minecraft": "'Minecraft' in serverprism_product"},
    }
    path.write_text(json.dumps(options))
    return path


def check(run, tmp_path):
    assert not (tmp_path / "pwned").exists(), run.output
    assert "Traceback" not in run.output and run.stdout, run.output
    obeyed = OBEYED.search(run.output)
    assert not obeyed, ascii(run.output[max(0, obeyed.start() - 200) : obeyed.end() + 50])
    assert not re.search(r"^TASK \[all is well\]|^ok: \[fleet\]", run.output, re.MULTILINE)


def test_inventory_does_not_evaluate_hostile_names(simulator, ansible, inventory, tmp_path):
    sim = fleet(simulator, tmp_path)
    wanted = {"details": True, "hostname": ["serverprism_name"], "compose": {"said": "'it is ' ~ serverprism_name"}}
    with trying("names that want something", "inventory"):
        found = inventory(sim, keyed_groups=[{"key": "serverprism_name", "prefix": "name"}], strict=True, **wanted)
        assert isinstance(found, dict), found
        variables = found["_meta"]["hostvars"]
        assert len(variables) == len(texts("")) and not (tmp_path / "pwned").exists()
        assert not [name for name in variables if OBEYED.search(name) or re.search(r"[^\w.-]", name)], list(variables)
        assert not [one for one in variables.values() if OBEYED.search(one["serverprism_name"] + one["serverprism_product"])]
        assert texts(tmp_path / "pwned")[0] in [one["serverprism_name"] for one in variables.values()]
        assert all(one["said"] == f"it is {one['serverprism_name']}" for one in variables.values())


def test_status_does_not_evaluate_hostile_names(simulator, ansible, tmp_path):
    sim = fleet(simulator, tmp_path)
    path = hosts(ansible)
    file = tmp_path / "status.csv"
    with trying("names that want something", "status, screen and CSV"):
        run = ansible.run(sim, "serverprism.cloud.status", "-i", str(path), "-vvv", "-e", f"status_file={file}")
        assert run.rc == 0, run.output
        check(run, tmp_path)
        text = file.read_text()
        rows = list(csv.reader(text.splitlines()))
        assert len(rows) == 1 + len(texts("")) and {len(row) for row in rows} == {10}, text
        # Only fields with numbers may begin with a sign.
        assert not [cell for row in rows for cell in row if re.match(r"\s*[=+@\uff1d\uff0b\uff0d\uff20-]", cell)], text
        assert not OBEYED.search(text)


@needs_browser
def test_maintenance_does_not_evaluate_hostile_names(simulator, ansible, tmp_path):
    sim = fleet(simulator, tmp_path)
    for number in range(len(texts(""))):
        sim.patch(1 + number, service_status="active", shown_state="")
    sim.fault(path="/(7|8|9|10)/power", status=409, body=json.dumps({"message": texts(tmp_path / "pwned")[6] + texts("")[12]}))
    path, folder = hosts(ansible), tmp_path / "report"
    options = {
        "maintenance_announcements": [{"before": "0.2s", "text": "{name} restarts"}],
        "maintenance_command_wait": 0.1,
        "maintenance_canary": 0,
        "maintenance_poll_interval": 0.5,
        "maintenance_max_fail_percentage": 100,
        "maintenance_report_dir": str(folder),
        "maintenance_report_formats": ["html", "json", "markdown", "junit"],
    }
    env = {"SERVERPRISM_WRITE_LIMIT": "1000", "SERVERPRISM_READ_LIMIT": "1000"}
    args = ["-i", str(path), "--forks", "30", "-v", "--diff", "-e", json.dumps(options)]
    with trying("names that want something", "maintenance, screen and console"):
        run = ansible.run(sim, "serverprism.cloud.maintenance", *args, env=env)
        check(run, tmp_path)
        lines = sim.console()
        assert len(lines) >= len(texts("")) and not [line for line in lines if OBEYED.search(line)], ascii(lines)
    with trying("names that want something", "report.json"):
        report = json.loads((folder / "report.json").read_text())
        assert not OBEYED.search((folder / "report.json").read_text())
        assert {one["outcome"] for one in report["servers"]} == {"done", "failed"}, report["totals"]
        assert texts(tmp_path / "pwned")[0] in [one["name"] for one in report["servers"]]
    with trying("names that want something", "report.html in a browser"):
        shown = browse(folder / "report.html", tmp_path)
        assert re.search("<title>(.*?)</title>", shown)[1] == "Maintenance report|0|1|1", shown[:300]
        assert not OBEYED.search((folder / "report.html").read_text())
    with trying("names that want something", "report.md and junit.xml"):
        text, number = (folder / "report.md").read_text(), len(report["servers"])
        assert not OBEYED.search(text) and len([line for line in text.split("\n") if line.startswith("| `")]) == number
        cases = ElementTree.parse(folder / "junit.xml").getroot().findall("testsuite/testcase")
        assert not OBEYED.search((folder / "junit.xml").read_text()) and len(cases) == number


def browse(page, tmp_path) -> str:
    """Return the page as a browser renders it; the title counts pictures, scripts and styles, which no text may add."""
    probe = """<script>document.title = [document.title,
      document.images.length + document.querySelectorAll("meta[http-equiv=refresh]").length,
      document.scripts.length - 1, document.querySelectorAll("style").length].join("|")</script></body>"""
    file = tmp_path / "probe.html"
    file.write_text(page.read_text().replace("</body>", probe))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chromium'}"]
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = ["chromium", *flags, "--dump-dom", f"file://{file}"]
    return subprocess.run(command, env=home, capture_output=True, text=True, timeout=90, check=False).stdout

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test on a staged copy: ``python -m tools.ansible_test sanity``, ``units`` or ``integration``, then its arguments."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ansible.release import __version__ as ansible_version
from staging import ROOT, stage

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
FOLDER = ROOT / ".dev" / "ansible-test"
WANTED = re.compile(r"The bootstrap script can be manually downloaded and saved to: (\S+)")
PYTHON = ".".join(map(str, sys.version_info[:2]))
CORE = ".".join(ansible_version.split(".")[:2])


class AnsibleTest:
    """ansible-test with a separate copy and home for each name and version, so that several can run side by side."""

    def __init__(self, name: str) -> None:
        folder = FOLDER / f"{name}-{CORE}"
        self.home = folder / "home"
        self.tree = stage(folder)
        # ansible-test asks git for the files, and the repository around this ignores the folder.
        subprocess.check_call(["git", "init", "-q", self.tree])
        self._hand_on_pip_configuration()

    def _hand_on_pip_configuration(self) -> None:
        """Write the settings of pip to a file, since ansible-test keeps only a few variables and has another home."""
        listed = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
        parser = configparser.RawConfigParser()
        for line in listed.splitlines():
            name, value = line.split("=", 1)
            section, key = name.rsplit(".", 1)
            # Environment variables are listed last and take precedence.
            section = "global" if section == ":env:" else section
            if not parser.has_section(section):
                parser.add_section(section)
            parser.set(section, key, str(ast.literal_eval(value)))
        path = self.home / ".config" / "pip" / "pip.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("w") as file:
            parser.write(file)

    def run(self, *arguments: str) -> int:
        """Return the exit code. Runs again if only the bootstrap of pip failed, since that comes from the internet."""
        code, wanted = self._run(arguments)
        if code and wanted:
            print(f"Without the net: {BOOTSTRAP.name} takes the place of {wanted.name}", flush=True)
            shutil.copy(BOOTSTRAP, wanted)
            code, wanted = self._run(arguments)
        return code

    def _run(self, arguments: tuple[str, ...]) -> tuple[int, Path | None]:
        """Return the exit code, and the path of the script that could not be downloaded."""
        programs = Path(sys.executable).parent
        # The caller's collections and modules must not be visible.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        # ansible-test looks there for shellcheck and for its Python.
        env.update(HOME=str(self.home), PATH=f"{programs}:{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}")
        wanted = None
        with subprocess.Popen(
            [str(programs / "ansible-test"), *arguments],
            cwd=self.tree,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                wanted = WANTED.search(line) or wanted
        return process.returncode, Path(wanted[1]) if wanted else None


def main(command: str, *arguments: str) -> int:
    """Run the command and return its exit code."""
    return AnsibleTest("sanity" if command == "sanity" else "tests").run(command, "--venv", "--python", PYTHON, *arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

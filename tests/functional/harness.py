# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a real ansible-playbook, or operations without Ansible."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import re
import subprocess
import sys
import termios
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.release import __version__ as ansible_version
from functional.preloaded import PROGRAMS, Servers
from simulator.process import Simulator

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".dev" / "collections"
# Seconds that a run may take.
TIMEOUT = 120
OPERATIONS = {
    "server_info": "_info",
    "power": "_power.operation",
    "announce": "_announce",
    "command": "_command",
    "hold": "_maintenance.hold",
    "maintenance": "_maintenance.conductor",
    "run": "_maintenance.run",
}


# ansible-core 2.18 and older break the lines of warnings and errors.
BREAKS_LINES = tuple(map(int, ansible_version.split(".")[:2])) < (2, 19)


def unbroken(text: str) -> str:
    """Return a text in which each warning and each error is one line."""
    message = re.compile(r"^\[(?:WARNING|ERROR)\].*?(?=\n(?:\[|ERROR|\Z))", re.MULTILINE | re.DOTALL)
    return message.sub(lambda found: re.sub(r"(?<=\w-)\n", "", found[0]).replace("\n", " "), text)


@dataclass
class Run:
    """The result of a run."""

    rc: int
    stdout: str
    stderr: str
    report: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stderr = unbroken(self.stderr) if BREAKS_LINES else self.stderr

    @property
    def output(self) -> str:
        """Return everything that a user could read."""
        return self.stdout + self.stderr

    @property
    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each host, from the report."""
        return {one["host"]: one["outcome"] for one in self.report["servers"]}

    @property
    def reasons(self) -> dict[str, str]:
        """Return the reason of each host, from the report; empty for none."""
        return {one["host"]: one["reason"] or "" for one in self.report["servers"]}


class Ansible:
    """Ansible's programs with a separate home and ledger. With ``servers``, short runs are forks of a preloaded process."""

    def __init__(self, folder: Path, servers: Servers | None = None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.servers = servers

    def base(self) -> dict[str, str]:
        """Return the environment without the API, with nothing of the caller's but the paths."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "PWD": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_PYTHON_INTERPRETER": os.environ.get("TARGET_PYTHON", sys.executable),
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_ASYNC_DIR": str(self.folder / "async"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "tmp"),
            "SERVERPRISM_LEDGER": str(self.folder / "ledger"),
        }

    def environment(self, sim: Simulator) -> dict[str, str]:
        """Return the environment of a run."""
        return {**self.base(), **sim.environment()}

    def playbook(self, playbook: Any) -> str:
        """Return a playbook's argument; write plays that are given as data to a file."""
        if isinstance(playbook, str):
            return playbook
        path = self.folder / "play.yml"
        path.write_text(json.dumps(playbook))
        return str(path)

    def start(
        self, sim: Simulator, playbook: Any, *args: str, env: dict[str, str | None] | None = None, terminal: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a playbook: plays as data, or the name of one of the collection's. A variable that is None is unset.

        ``terminal`` is the file descriptor of a terminal from which it reads.
        """
        command = ["ansible-playbook", *args, self.playbook(playbook)]
        return self._start(command, self._environment(sim, env), terminal)

    def run(self, sim: Simulator, playbook: Any, *args: str, env: dict[str, str | None] | None = None) -> Run:
        """Run a playbook to its end."""
        return self.program(sim, "ansible-playbook", *args, self.playbook(playbook), env=env)

    def program(self, sim: Simulator, program: str, *args: str, env: dict[str, str | None] | None = None) -> Run:
        """Run one of Ansible's programs to its end."""
        command, whole = [program, *args], self._environment(sim, env)
        settings = {name: value or "" for name, value in (env or {}).items() if name.startswith("ANSIBLE_")}
        server = self.servers.server(settings, self.base()) if self.servers and program in PROGRAMS else None
        if server:
            done = server.run(command, whole, self.folder, TIMEOUT)
            run = Run(done.returncode, done.stdout, done.stderr)
        else:
            process = self._start(command, whole)
            stdout, stderr = process.communicate(timeout=TIMEOUT)
            run = Run(process.returncode, stdout, stderr)
        assert "DEPRECATION WARNING" not in run.output, run.output
        return run

    def _environment(self, sim: Simulator, env: dict[str, str | None] | None) -> dict[str, str]:
        return {name: value for name, value in {**self.environment(sim), **(env or {})}.items() if value is not None}

    def _start(self, command: list[str], env: dict[str, str], terminal: int | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            env=env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            start_new_session=terminal is not None,
            preexec_fn=None if terminal is None else lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            text=True,
        )

    def task(self, sim: Simulator, module: str, options: dict[str, Any], *args: str, **keywords: Any) -> dict[str, Any]:
        """Return the result of one task as registered, with the output of the run in ``_output``."""
        env = keywords.pop("env", None)
        play = {"hosts": "localhost", "gather_facts": False, "tasks": kept_task(module, options, **keywords)}
        output, results = kept(self.run(sim, [play], *args, env=env))
        assert results, output
        return {**results[0], "_output": output}


def kept_task(module: str, options: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    """Return tasks that run a module and print its result for ``kept``. They use debug, since writing a file would start another Python."""
    task = {f"serverprism.cloud.serverprism_{module}": options, "register": "it", "ignore_errors": True, **keywords}
    return [task, {"ansible.builtin.debug": {"msg": "KEPT {{ it | combine({'_host': inventory_hostname}) | to_json }}"}}]


def kept(run: Run) -> tuple[str, list[dict[str, Any]]]:
    """Return the output without the lines of ``kept_task``, and the results from them in order, each with the name of its host."""
    found = re.compile(r'^ok: .* => \{\s*"msg": ("KEPT .*")\s*\}$', re.MULTILINE)
    results = [json.loads(json.loads(text).removeprefix("KEPT ")) for text in found.findall(run.stdout)]
    return found.sub("", run.stdout) + run.stderr, results


def perform_here(sim: Simulator, folder: Path, name: str, **options: Any) -> dict[str, Any]:
    """Run an operation in this process, with the defaults of its argument spec, and return its result."""
    base = "ansible_collections.serverprism.cloud.plugins.module_utils."
    operation = importlib.import_module(base + OPERATIONS[name]).OPERATION
    perform = importlib.import_module(base + "_operation").perform
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    mode = {key: options.pop(key) for key in ("check_mode", "diff", "progress", "warn", "clock") if key in options}
    given = {
        "api_url": sim.url,
        "api_token": sim.token,
        "limit_window": sim.seconds(60),
        "status_cache": sim.seconds(20),
        "ledger": str(folder),
        "poll_interval": 0.1,
        **options,
    }
    if "poll_interval" not in operation.argument_spec:
        del given["poll_interval"]
    if name == "maintenance":
        # Without these, the product is read to learn the game, and the game's announcements and commands are sent.
        given = {"product": "Minecraft", "announcements": [], "commands": [], **given}
    checked = ArgumentSpecValidator(operation.argument_spec).validate(given)
    assert not checked.error_messages, checked.error_messages
    result: dict[str, Any] = perform(operation, checked.validated_parameters, **mode)
    return result

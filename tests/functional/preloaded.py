# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-playbook and ansible-inventory in forks of a process that has imported Ansible and this collection.

Most of the CPU time of a short run is spent on imports, which are the same each time. A fork gets a separate environment, folder, output
and temporary folder, and then calls the program's ``main``. Ansible reads its own settings while it is imported, so a run with other
``ANSIBLE_`` variables needs a real start. So does one that gets signals, or whose files are searched for secrets.
"""

from __future__ import annotations

import atexit
import importlib
import itertools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = {"ansible-playbook": "ansible.cli.playbook", "ansible-inventory": "ansible.cli.inventory"}
# Libraries that Ansible or the collection imports later.
OTHERS = ("requests", "ansible.executor.module_common", "ansible.plugins.action", "ansible.plugins.strategy.linear")
# Ansible reads the documentation of all plugins of these kinds in every run.
PLUGINS = ("become", "cache", "callback", "connection", "inventory", "shell")
# Settings of Ansible for which a server is kept. Any others need a real start.
SETTINGS: tuple[dict[str, str], ...] = ({}, {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"})
PROGRAM_FOLDER = Path(sys.executable).parent


@dataclass
class Done:
    """The result of a program."""

    returncode: int
    stdout: str
    stderr: str


class Server:
    """A process that has imported Ansible with the settings of ``env``; ``run`` runs a program in a fork of it."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.numbers = itertools.count()
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def run(self, command: list[str], env: dict[str, str], folder: Path, seconds: float) -> Done:
        """Run a program to its end. Raise TimeoutError if it takes longer than ``seconds``."""
        number = next(self.numbers)
        files = [self.folder / f"{name}-{number}" for name in ("stdout", "stderr")]
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            request = {"command": command, "env": env, "folder": str(folder), "files": [str(file) for file in files]}
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = connection.recv(100)
        stdout, stderr = (file.read_text() for file in files)
        for file in files:
            file.unlink()
        return Done(int(answer), stdout, stderr)

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Servers:
    """The servers of a test session: one for each of the SETTINGS, started when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: dict[int, Server] = {}

    def server(self, settings: dict[str, str], base: dict[str, str]) -> Server | None:
        """Return the server with these settings of Ansible in addition to ``base``, or None if they need a real start."""
        if settings not in SETTINGS:
            return None
        number = SETTINGS.index(settings)
        if number not in self.started:
            folder = self.folder / str(number)
            folder.mkdir()
            self.started[number] = Server(folder, {**base, **settings, "HOME": str(folder)})
        return self.started[number]

    def stop(self) -> None:
        """End all servers."""
        for server in self.started.values():
            server.stop()


def serve() -> None:
    """Import Ansible, print a port, and run a program for each connection to it until the standard input ends."""
    for name in (*PROGRAMS.values(), *OTHERS):
        importlib.import_module(name)
    load_plugins()
    # The temporary folder of this process, which its forks must not remove.
    atexit.unregister(importlib.import_module("ansible.utils.path").cleanup_tmp_file)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    pids: list[int] = []
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _peer = listener.accept()
        pids = [pid for pid in pids if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        pids.append(os.fork())
        if pids[-1] == 0:
            listener.close()
            answer(connection)
        connection.close()


def load_plugins() -> None:
    """Load the plugins of every run, and leave the search for collections to the runs."""
    loader: Any = importlib.import_module("ansible.plugins.loader")
    loader.init_plugin_loader()
    for kind in PLUGINS:
        assert list(getattr(loader, f"{kind}_loader").all(class_only=True)), kind
    assert loader.strategy_loader.get("linear", class_only=True)
    assert loader.action_loader.get("serverprism.cloud.serverprism_run", class_only=True)
    importlib.import_module("ansible.utils.collection_loader").AnsibleCollectionConfig.collection_finder._remove()


def answer(connection: socket.socket) -> None:
    """Run the program of a connection in a fork, and send its exit code."""
    with connection.makefile() as lines:
        request = json.loads(lines.readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        become(**request)
    _pid, status = os.waitpid(pid, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def become(command: list[str], env: dict[str, str], folder: str, files: list[str]) -> None:
    """Become a program: take its environment, folder and output, call its main, and end."""
    os.setsid()
    for number, file in enumerate([os.devnull, *files]):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    temporary_folder()
    # The collection stores this time when it is imported.
    for module in [one for name, one in sys.modules.items() if name.startswith("ansible_collections.serverprism.cloud.")]:
        if hasattr(module, "BEGAN"):
            module.BEGAN = time.time()  # type: ignore[attr-defined]
    sys.argv = [str(PROGRAM_FOLDER / command[0]), *command[1:]]
    main: Any = importlib.import_module(PROGRAMS[command[0]]).main
    code: Any = 250
    try:
        code = main()
    except SystemExit as exc:
        code = exc.code
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def temporary_folder() -> None:
    """Create the temporary folder that Ansible creates at its start."""
    constants: Any = importlib.import_module("ansible.constants")
    parent = Path.home() / ".ansible" / "tmp"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    constants.DEFAULT_LOCAL_TMP = tempfile.mkdtemp(prefix=f"ansible-local-{os.getpid()}", dir=parent)
    atexit.register(shutil.rmtree, constants.DEFAULT_LOCAL_TMP, ignore_errors=True)


if __name__ == "__main__":
    # As for Ansible's own programs.
    sys.path[0] = str(PROGRAM_FOLDER)
    serve()

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real redis-server for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress

import pytest

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None and not os.environ.get("CI"), reason="redis-server is not installed: these tests did NOT run"
)


class Server:
    """A redis-server on a free port, which can be stopped and started again with its data."""

    def __init__(self, folder, *args, tls=False):
        self.folder, self.args, self.tls = folder, args, tls
        for _try in range(5):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.port = listener.getsockname()[1]
            # Another process can take a free port first.
            if self.start():
                return
        raise AssertionError("redis-server ended five times: start it by hand to see why")

    def start(self):
        """Start the server. Return false if it has ended at once."""
        ports = ["--port", "0", "--tls-port", str(self.port)] if self.tls else ["--port", str(self.port)]
        command = ["redis-server", *ports, "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes"]
        self.process = subprocess.Popen([*command, *self.args], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while self.process.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            assert time.monotonic() < until
            time.sleep(0.02)
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def url(self, password="", database=0, **query):
        user = f":{password}@" if password else ""
        return f"redis://{user}127.0.0.1:{self.port}/{database}" + ("?prefix=" + query["prefix"] if query else "")


@contextmanager
def servers(folder):
    """Yield a function that starts redis-servers, each in a separate folder; all end with the block."""
    started = []

    def start(*args, **options):
        own = folder / f"redis{len(started)}"
        own.mkdir()
        started.append(Server(own, *args, **options))
        return started[-1]

    try:
        yield start
    finally:
        for one in started:
            one.stop()

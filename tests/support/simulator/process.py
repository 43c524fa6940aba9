# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulator in a separate process, for tests and the demo."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import signal
import ssl
import threading
import urllib.request
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Imported once; each simulator is a fork of this process, since tests start hundreds.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["simulator.__main__"])


def _serve(config: dict[str, Any], certificate: Path | None, user: Connection) -> None:
    """Run in the simulator's process, which ends itself when its user has ended, even if that was killed."""
    # Not imported at the top, since tests do not need the simulator's dependencies.
    from simulator.__main__ import serve
    from simulator.config import Config

    def watch() -> None:
        with suppress(EOFError, OSError):
            user.recv()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    serve(Config.load(config), user.send, certificate=certificate)


class Simulator:
    """A simulator on a free port of the loopback address; clients need its ``url`` and ``token``."""

    def __init__(
        self,
        servers: list[dict[str, Any]],
        *,
        tokens: list[dict[str, Any]] | None = None,
        certificate: Path | None = None,
        **switches: Any,
    ) -> None:
        self.token = secrets.token_hex(20)
        self.speed = float(switches.get("speed", 1.0))
        config = {"servers": servers, "tokens": [{"token": self.token}, *(tokens or [])], **switches}
        self._pipe, other = _CONTEXT.Pipe()
        # Only values that JSON has, as from a file.
        given = json.loads(json.dumps(config))
        self._process = _CONTEXT.Process(target=_serve, args=(given, certificate, other), daemon=True)
        self._process.start()
        other.close()
        try:
            self.url: str = self._pipe.recv()
        except EOFError:
            raise RuntimeError("the simulator did not start: what it printed says why") from None

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_args: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()
        self._pipe.close()

    def seconds(self, seconds: float) -> float:
        """Return the real seconds of a duration of the API's time."""
        return seconds / self.speed

    def environment(self) -> dict[str, str]:
        """Return the environment of a client, with its times scaled like the simulator's."""
        return {
            "SERVERPRISM_API_URL": self.url,
            "SERVERPRISM_API_TOKEN": self.token,
            "SERVERPRISM_LIMIT_WINDOW": str(self.seconds(60)),
            "SERVERPRISM_STATUS_CACHE": str(self.seconds(20)),
        }

    def _ask(self, path: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        context = ssl._create_unverified_context()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        with opener.open(urllib.request.Request(f"{self.url}/_sim/{path}", body), timeout=10) as answer:
            return json.loads(answer.read())

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Return every request so far: time, method, path, status, token's name, server, body, and ``done`` if the work was done."""
        return [row for row in self._ask("requests") if method in (None, row["method"])]

    def posts(self) -> list[dict[str, Any]]:
        """Return every write so far."""
        return self.requests("POST")

    def console(self, server: int | None = None) -> list[str]:
        """Return the lines that a console got, in order."""
        return [row["line"] for row in self.console_log(server)]

    def console_log(self, server: int | None = None) -> list[dict[str, Any]]:
        """Return the same with ``time`` (UTC epoch seconds) and ``server``."""
        return [row for row in self._ask("console") if server in (None, row["server"])]

    def states(self, server: int) -> list[str]:
        """Return the states that a server really went through."""
        return [row["state"] for row in self._ask("states") if row["server"] == server]

    def state_logs(self) -> list[dict[str, Any]]:
        """Return every change of state of every server, with ``time`` (UTC epoch seconds)."""
        rows: list[dict[str, Any]] = self._ask("states")
        return rows

    def state_log(self, server: int) -> list[dict[str, Any]]:
        """Return the same of one server."""
        return [row for row in self._ask("states") if row["server"] == server]

    def game_log(self, server: int) -> list[dict[str, Any]]:
        """Return the output of the real process behind a server: ``time`` (UTC epoch seconds), ``pid``, ``line``."""
        return [row for row in self._ask("games") if row["server"] == server]

    def patch(self, server: int, **switches: Any) -> None:
        """Change a server at run time: its switches, ``state``, ``crash=True``, ``signal``, ``delete=True``."""
        self._ask(f"servers/{server}", switches)

    def fault(self, **fault: Any) -> None:
        """Add a fault, see faults.py."""
        self._ask("change", {"fault": fault})

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._ask("change", {"clear_faults": True})

    def change(self, **what: Any) -> None:
        """Change the simulator: ``revoke="name of a token"`` or ``set={switch: value}``."""
        self._ask("change", what)

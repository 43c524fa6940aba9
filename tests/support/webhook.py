# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A webhook on this machine, which records the messages that it gets."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """A server on a free port, as a context manager. It gives the answers in turn, and then 204 for ever.

    An answer is a status, or a status with headers. None closes the connection without an answer.
    """

    def __init__(self, *answers: int | tuple[int, dict[str, str]] | None) -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        # Requests wait while this is not set.
        self.is_open = threading.Event()
        self.is_open.set()
        left = list(answers)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.bodies.append(body)
                hook.headers.append({name.lower(): value for name, value in self.headers.items()})
                hook.is_open.wait()
                answer = left.pop(0) if left else 204
                if answer is None:
                    self.close_connection = True
                    return
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/the-secret?key=other-secret"

    def __enter__(self) -> Webhook:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.is_open.set()
        self._server.shutdown()
        self._server.server_close()

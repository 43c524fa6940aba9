# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated API, and the control interface of the tests under /_sim/."""

from __future__ import annotations

import json
import math
import os
import time
from email.utils import formatdate
from signal import SIGTERM
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .config import Config, ServerConfig, TokenConfig
from .faults import Fault
from .game import Game
from .limiter import Limiter
from .node import Node

BASE = "/api/v1/client/servers"
SIGNALS = ("start", "stop", "restart", "kill")


def message(status: int, text: str, **more: Any) -> JSONResponse:
    """Return an error with the message of the API's framework."""
    return JSONResponse({"message": text, **more}, status)


class Api:
    """The customer-facing API and its log."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.born, self.born_epoch = time.monotonic(), time.time()
        self.nodes: dict[int, Node] = {server.id: self.node(server) for server in config.servers}
        self.limiters: dict[tuple[str, str], Limiter] = {}
        self.cache: dict[int, tuple[float, Any]] = {}
        self.faults: list[Fault] = []
        self.requests: list[dict[str, Any]] = []
        self.console: list[dict[str, Any]] = []

    def node(self, server: ServerConfig) -> Node:
        """Return a server: simulated, or with a real process."""
        return Game(server, self.now, self.config.speed) if server.exec else Node(server, self.now())

    def now(self) -> float:
        """Return the seconds of the API's time."""
        return (time.monotonic() - self.born) * self.config.speed

    def epoch(self, now: float) -> float:
        """Return the real time (UTC epoch seconds) of a time of the API."""
        return self.born_epoch + now / self.config.speed

    async def handle(self, request: Request) -> Response:
        """Answer any request of the API: fault, token, scope, quota, work, log."""
        entry: dict[str, Any] = {
            "time": time.time(),
            "method": request.method,
            "path": request.url.path,
            "user_agent": request.headers.get("user-agent", ""),
            "done": False,
            # The request is listed even before its body has arrived.
            **({"body": {}} if request.method == "POST" else {}),
        }
        self.requests.append(entry)
        token = self.token(request)
        name = entry["token"] = token.name if token else ""
        if request.method == "POST":
            entry["body"] = await body_of(request)
        fault = next((f for f in self.faults if f.takes(name, request.method, request.url.path)), None)
        if fault is not None and not fault.done and fault.replaces:
            response: Response | None = None
        else:
            response = await self.answer(request, entry)
            entry["done"] = response.status_code == 200
        if fault is not None:
            response = await fault.spoil(response)
        assert response is not None
        entry["status"] = response.status_code
        return response

    async def answer(self, request: Request, entry: dict[str, Any]) -> Response:
        """Return the answer of the API, faults aside."""
        wants_json = request.headers.get("accept", "").startswith("application/json")
        token = self.token(request)
        if token is None:
            return message(401, "Unauthenticated.") if wants_json else RedirectResponse("/login", 302)
        scope, bucket = ("servers:read", "read") if request.method == "GET" else ("servers:control", "write")
        if scope not in token.scopes:
            return message(403, "Invalid scope(s) provided.")
        limiter = self.limiter(token.customer, bucket)
        refused = limiter.hit(self.now())
        headers = {"x-ratelimit-limit": str(limiter.limit), "x-ratelimit-remaining": str(limiter.remaining())}
        if refused is not None:
            response: Response = message(429, "Too Many Attempts.")
            headers.update(self.retry_after(refused))
        else:
            response = await self.work(request, token, entry, wants_json)
        response.headers.update(headers)
        return response

    def token(self, request: Request) -> TokenConfig | None:
        """Return the token of the request, or None if it is not valid."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return next((t for t in self.config.tokens if t.token == given and not t.revoked), None)

    def limiter(self, customer: str, bucket: str) -> Limiter:
        """Return the rate limiter of a customer."""
        limit = self.config.read_limit if bucket == "read" else self.config.write_limit
        return self.limiters.setdefault((customer, bucket), Limiter(limit, self.config.window, self.config.sliding))

    def retry_after(self, refused: float) -> dict[str, str]:
        """Return the Retry-After header of a 429, in real seconds, rounded up."""
        seconds = math.ceil(refused / self.config.speed)
        kind = self.config.retry_after
        if kind == "missing":
            return {}
        if kind == "date":
            return {"retry-after": formatdate(time.time() + seconds, usegmt=True)}
        return {"retry-after": "0" if kind == "zero" else str(seconds)}

    async def work(self, request: Request, token: TokenConfig, entry: dict[str, Any], wants_json: bool) -> Response:
        """Answer a request that has passed token, scope and quota."""
        parts = request.url.path.removeprefix(BASE).strip("/").split("/")
        if parts == [""]:
            rows = [n.config for n in self.nodes.values() if n.config.customer == token.customer]
            keys = ("id", "product", "service_status")
            data = [{k: getattr(row, k) for k in keys} for row in rows]
            return JSONResponse({"data": data, **self.extra()})
        node = self.nodes.get(int(parts[0])) if parts[0].isdigit() else None
        if node is None or node.config.customer != token.customer:
            return message(404, "No query results for model [App\\Models\\Service].")
        entry["server"] = node.config.id
        if request.method == "GET" and len(parts) == 1:
            return self.details(node)
        if request.method != "POST" or parts[1:] not in (["power"], ["command"]):
            return message(404, "")
        body = entry["body"]
        if node.config.node_down:
            return message(503, "Service Unavailable")
        return self.power(node, body, wants_json) if parts[1] == "power" else self.command(node, body, wants_json)

    def close(self) -> None:
        """End the processes behind servers."""
        for node in self.nodes.values():
            node.close()

    def extra(self) -> dict[str, Any]:
        """Return fields that are not part of the contract."""
        return {"meta": {"new": [1, 2, 3]}} if self.config.extra_fields else {}

    def details(self, node: Node) -> Response:
        """Return one server; its live part comes from a cache that signals do not clear."""
        now, config = self.now(), node.config
        cached = self.cache.get(config.id)
        if cached is None or now - cached[0] >= self.config.status_cache:
            cached = self.cache[config.id] = (now, node.resources(now))
        limits = {"memory_mb": 4096, "disk_mb": 25600, "cpu_percent": 200, **self.extra()}
        data = {
            "id": config.id,
            "name": config.name,
            "service_status": config.service_status,
            "limits": limits,
            "resources": cached[1],
            **self.extra(),
        }
        return JSONResponse({"data": data, **self.extra()})

    def power(self, node: Node, body: Any, wants_json: bool) -> Response:
        """Send a signal. It is accepted in every state, even if the node drops it."""
        signal = body.get("signal") if isinstance(body, dict) else None
        if signal not in SIGNALS:
            return invalid("signal", "The selected signal is invalid.", wants_json)
        if node.config.conflict:
            return message(409, "This server is currently in an unsupported state, please try again later.")
        if node.config.service_status == "active":
            node.signal(signal, self.now())
        return JSONResponse({"data": {"signal": signal, "sent": True}})

    def command(self, node: Node, body: Any, wants_json: bool) -> Response:
        """Run a console command; blanks at both ends are cut before anything is checked."""
        command = body.get("command") if isinstance(body, dict) else None
        command = command.strip() if isinstance(command, str) else ""
        if not command or len(command) > 1024:
            why = "The command field is required." if not command else "The command field must not be greater than 1024 characters."
            return invalid("command", why, wants_json)
        now = self.now()
        node.advance(now)
        if not node.takes_commands(self.config.commands_while_starting):
            return message(self.config.not_running_status, "Server must be online in order to send commands.")
        self.console.append({"time": time.time(), "server": node.config.id, "line": command})
        if command == node.config.stop_command:
            node.signal("stop", now)
        else:
            node.write(command)
        return JSONResponse({"data": {"command": command, "sent": True}})


async def body_of(request: Request) -> Any:
    """Return the JSON of a request; an empty object if it is not valid."""
    try:
        return await request.json()
    except ValueError:
        return {}


def invalid(field: str, why: str, wants_json: bool) -> Response:
    """Return a 422, or a redirect for a client that did not ask for JSON."""
    return message(422, why, errors={field: [why]}) if wants_json else RedirectResponse("/", 302)


class Control:
    """The control interface of the tests; neither limited nor logged."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def get(self, request: Request) -> Response:
        """Return ``requests``, ``console``, ``states``, ``games`` (the output of real processes) or ``health``."""
        what = request.path_params["what"]
        if what == "games":
            return JSONResponse([line for node in self.api.nodes.values() if isinstance(node, Game) for line in node.output])
        if what == "states":
            now, rows = self.api.now(), []
            for node in self.api.nodes.values():
                node.advance(now)
                rows += [{"time": self.api.epoch(at), "server": node.config.id, "state": state} for at, state in node.history]
            return JSONResponse(rows)
        return JSONResponse({"requests": self.api.requests, "console": self.api.console, "health": "ok"}[what])

    async def patch(self, request: Request) -> Response:
        """Change a server's switches or its ``state``, or let it ``crash``; change a token with ``revoke``."""
        data = json.loads(await request.body())
        node = self.api.nodes[int(request.path_params["id"])]
        node.advance(self.api.now())
        actions = {key: data.pop(key, None) for key in ("crash", "state", "signal", "delete")}
        for key, value in data.items():
            getattr(node.config, key)
            setattr(node.config, key, value)
        if actions["crash"]:
            node.crash(self.api.now())
        if actions["state"]:
            node.plan, node.restarting = [], False
            node._enter(actions["state"], self.api.now())
        if actions["signal"]:
            node.signal(actions["signal"], self.api.now())
        if actions["delete"]:
            del self.api.nodes[node.config.id]
        return JSONResponse({})

    async def change(self, request: Request) -> Response:
        """Add a fault, clear all faults, revoke a token, set a global switch, or stop."""
        data = json.loads(await request.body())
        if "fault" in data:
            self.api.faults.append(Fault(**data["fault"]))
        if data.get("clear_faults"):
            self.api.faults.clear()
        for token in self.api.config.tokens:
            token.revoked = token.revoked or token.name == data.get("revoke")
        for key, value in data.get("set", {}).items():
            getattr(self.api.config, key)
            setattr(self.api.config, key, value)
        if data.get("stop"):
            # uvicorn answers the requests in progress, then ends.
            os.kill(os.getpid(), SIGTERM)
        return JSONResponse({})


def make_app(config: Config) -> tuple[Any, Api]:
    """Return the simulator as an ASGI application, and the API behind it."""
    api = Api(config)
    control = Control(api)

    async def login(request: Request) -> Response:
        return HTMLResponse("<html><body>Sign in</body></html>")

    app = Starlette(
        routes=[
            Route("/_sim/servers/{id:int}", control.patch, methods=["POST"]),
            Route("/_sim/change", control.change, methods=["POST"]),
            Route("/_sim/{what}", control.get),
            Route("/login", login),
            Route(BASE + "{rest:path}", api.handle, methods=["GET", "POST", "PUT", "DELETE"]),
        ]
    )

    async def with_cycle(scope: Any, receive: Any, send: Any) -> None:
        scope["cycle"] = getattr(send, "__self__", None)
        await app(scope, receive, send)

    return with_cycle, api

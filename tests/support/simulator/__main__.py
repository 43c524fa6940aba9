# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the simulator: ``python tests/support/simulator --port 0 --speed 20 --config FILE``."""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "simulator"

import uvicorn

from simulator.app import make_app
from simulator.config import Config, ServerConfig, TokenConfig

EXEC = {"--exec": "exec", "--exec-stop": "stop_command", "--exec-done": "exec_done", "--exec-folder": "exec_folder"}
HELP = {
    "exec": "put a real process behind a server: a command line, which no shell reads; its console is its standard input",
    "stop_command": "what is typed to stop it",
    "exec_done": "a regular expression for the line with which it is up",
    "exec_folder": "where it runs",
}


def attach(config: Config, args: argparse.Namespace) -> None:
    """Put the processes of the command line behind their servers; add servers that do not exist yet."""
    known = {server.id: server for server in config.servers}
    for flag, key in EXEC.items():
        for name, value in getattr(args, flag.strip("-").replace("-", "_")):
            if int(name) not in known:
                config.servers.append(known.setdefault(int(name), ServerConfig(int(name))))
            setattr(known[int(name)], key, value)


def tell(path: Path, url: str) -> None:
    """Write the address in one step, so that nobody reads half of it."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(url)
    part.replace(path)


def serve(config: Config, listening: Callable[[str], None], port: int = 0, certificate: Path | None = None) -> None:
    """Serve on the loopback address until stopped; ``listening`` gets the URL."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    listening(f"http{'s' if certificate else ''}://127.0.0.1:{listener.getsockname()[1]}")
    options: dict[str, Any] = {"ssl_certfile": certificate, "ssl_keyfile": certificate} if certificate else {}
    app, api = make_app(config)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", **options))
    try:
        server.run(sockets=[listener])
    finally:
        api.close()


def main() -> None:
    """Serve on a loopback address until stopped."""
    parser = argparse.ArgumentParser(description="A stand-in for the ServerPrism API")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--speed", type=float, help="divides every duration")
    parser.add_argument("--config", type=Path, help="a JSON file of switches")
    parser.add_argument("--certificate", type=Path, help="a PEM file with key and certificate: serve https")
    parser.add_argument("--ready", type=Path, help="a file that is there, with the address in it, once it listens")
    for flag, what in EXEC.items():
        parser.add_argument(flag, nargs=2, action="append", default=[], metavar=("ID", what.upper()), help=HELP[what])
    args = parser.parse_args()
    try:
        config = Config.load(json.loads(args.config.read_text())) if args.config else Config()
    except (OSError, TypeError, ValueError) as exc:
        parser.error(f"--config {args.config}: {exc}")
    if args.speed:
        config.speed = args.speed
    if not config.servers:
        config.servers = [ServerConfig(1234, "Fred's Minecraft"), ServerConfig(1290, "Palworld", "Palworld 8 GB")]
    attach(config, args)
    if not config.tokens:
        config.tokens = [TokenConfig(secrets.token_hex(16))]
        print(f"token {config.tokens[0].token}", flush=True)

    def listening(url: str) -> None:
        print(f"listening on {url}", flush=True)
        if args.ready:
            tell(args.ready, url)

    try:
        serve(config, listening, args.port, args.certificate)
    except OSError as exc:
        parser.error(f"--port {args.port}: {exc.strerror}")


if __name__ == "__main__":
    main()

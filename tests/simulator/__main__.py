# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the simulator: ``python tests/simulator --port 0 --speed 20 --config FILE``."""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
from pathlib import Path
from typing import Any

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "simulator"

import uvicorn

from simulator.app import make_app
from simulator.config import Config, ServerConfig, TokenConfig


def main() -> None:
    """Serve on a loopback address until told to stop."""
    parser = argparse.ArgumentParser(description="A stand-in for the ServerPrism API")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--speed", type=float, help="divides every duration")
    parser.add_argument("--config", type=Path, help="a JSON file of switches")
    parser.add_argument("--certificate", type=Path, help="a PEM file with key and certificate: serve https")
    args = parser.parse_args()
    config = Config.load(json.loads(args.config.read_text())) if args.config else Config()
    if args.speed:
        config.speed = args.speed
    if not config.servers:
        config.servers = [ServerConfig(1234, "Fred's Minecraft"), ServerConfig(1290, "Palworld", "Palworld 8 GB")]
    if not config.tokens:
        config.tokens = [TokenConfig(secrets.token_hex(16))]
        print(f"token {config.tokens[0].token}", flush=True)
    listener = socket.create_server(("127.0.0.1", args.port), backlog=512)
    print(f"listening on http{'s' if args.certificate else ''}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    options: dict[str, Any] = {"ssl_certfile": args.certificate, "ssl_keyfile": args.certificate} if args.certificate else {}
    server = uvicorn.Server(uvicorn.Config(make_app(config), log_level="critical", access_log=False, lifespan="off", **options))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()

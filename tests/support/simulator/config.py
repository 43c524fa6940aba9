# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of the simulator. Durations are seconds of the API's time; ``speed`` divides them all."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


@dataclass
class ServerConfig:
    """One server and its switches."""

    id: int
    name: str = "A server"
    product: str = "Minecraft 4 GB"
    service_status: str = "active"
    state: str = "running"
    customer: str = "customer"
    boot_seconds: float = 30.0
    early_boot_seconds: float = 0.0
    stop_seconds: float = 5.0
    stop_timeout: float = 600.0
    uptime: float = 86400.0
    bytes_per_second: float = 1000.0
    # Signals that are accepted and ignored.
    drop_signals: list[str] = field(default_factory=list)
    stuck_starting: bool = False
    failed_start: bool = False
    hanging_stop: bool = False
    offline_while_saving: bool = False
    auto_restart: bool = True
    null: bool = False
    # The node is unreachable: no resources, and every write is refused with 503.
    node_down: bool = False
    # A state to show instead of the real one, such as "missing".
    shown_state: str = ""
    conflict: bool = False
    stop_command: str = "stop"
    # A command line of a real process, its folder, and the line it prints once players can join.
    exec: str = ""
    exec_folder: str = ""
    exec_done: str = ""


@dataclass
class TokenConfig:
    """One token of a customer."""

    token: str
    name: str = "token"
    customer: str = "customer"
    scopes: list[str] = field(default_factory=lambda: ["servers:read", "servers:control"])
    revoked: bool = False


@dataclass
class Config:
    """The whole simulator."""

    servers: list[ServerConfig] = field(default_factory=list)
    tokens: list[TokenConfig] = field(default_factory=list)
    speed: float = 1.0
    read_limit: int = 60
    write_limit: int = 20
    window: float = 60.0
    sliding: bool = False
    status_cache: float = 20.0
    # 412 by the contract; the node's panel answers 502 with a message.
    not_running_status: int = 412
    commands_while_starting: bool = True
    # "seconds", "zero", "missing" or "date".
    retry_after: str = "seconds"
    extra_fields: bool = False

    @classmethod
    def load(cls, data: dict[str, Any]) -> Config:
        """Create it from plain JSON. An unknown switch is an error, so that a test cannot misspell one."""
        known = {f.name for f in fields(cls)}
        if unknown := set(data) - known:
            raise ValueError(f"unknown switches: {sorted(unknown)}")
        plain = {key: value for key, value in data.items() if key not in ("servers", "tokens")}
        return cls(
            servers=[ServerConfig(**server) for server in data.get("servers", [])],
            tokens=[TokenConfig(**token) for token in data.get("tokens", [])],
            **plain,
        )

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test cases: every fault on every request of every operation, each with a separate customer, token and server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hostile.faults import HOSTILE, TIMEOUT
from simulator.process import Simulator

SPEED = 20.0
FIRST_ID = 1000
WAIT, PATIENCE = 5.0, 2.0
ANNOUNCEMENTS = [{"before": "2s", "text": "Restart in {remaining}"}, {"before": "1s", "text": "Last call"}]
CANCEL, DONE = "It is cancelled", "It is over"


@dataclass(frozen=True)
class Hit:
    """The requests of an operation that the fault affects."""

    name: str
    method: str
    path: str = ""
    skip: int = 0
    count: int = 1_000_000


_READS = (Hit("the first read", "GET", count=1), Hit("every read", "GET"))
_SIGNALS = (Hit("the first signal", "POST", "power", count=1), Hit("every signal", "POST", "power"))


@dataclass(frozen=True)
class Verb:
    """An operation as users call it: its module, its options, the state of its server, and the requests that a fault can affect."""

    module: str
    hits: tuple[Hit, ...]
    options: dict[str, Any] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)


VERBS = {
    "list": Verb("server_info", _READS),
    "details": Verb("server_info", _READS),
    "start": Verb("power", _READS + _SIGNALS, {"state": "started"}, {"state": "offline"}),
    "stop": Verb("power", _READS + _SIGNALS, {"state": "stopped"}),
    "restart": Verb("power", (*_READS, Hit("the reads after the first", "GET", skip=1), *_SIGNALS), {"state": "restarted"}),
    "kill": Verb("power", _READS + _SIGNALS, {"state": "killed"}),
    "command": Verb("command", (Hit("the command", "POST", count=1), Hit("every command", "POST")), {"command": "say once"}),
    "maintenance": Verb(
        "maintenance",
        (
            Hit("the reads after the first", "GET", skip=1),
            Hit("the second read", "GET", skip=1, count=1),
            Hit("the first line", "POST", "command", count=1),
            Hit("the second line", "POST", "command", skip=1, count=1),
            Hit("the lines after the first", "POST", "command", skip=1),
            Hit("the first signal", "POST", "power", count=1),
            Hit("every signal", "POST", "power"),
        ),
        {
            "announcements": ANNOUNCEMENTS,
            "commands": ["save-all"],
            "command_wait": 0.2,
            "cancel_text": CANCEL,
            "done_text": DONE,
            "done_delay": 0.0,
        },
    ),
}


@dataclass(frozen=True)
class Case:
    """One run: a fault on some requests of an operation."""

    number: int
    fault: str
    verb: str
    hit: Hit

    @property
    def server_id(self) -> int:
        """Return the ID of the server of this case."""
        return FIRST_ID + self.number

    @property
    def token(self) -> str:
        """Return the token of this case, which is also its name."""
        return f"secret{self.number:06d}token"

    @property
    def wants_kill(self) -> bool:
        """Return true if the user asked for a kill."""
        return self.verb == "kill"

    def __str__(self) -> str:
        return f"{self.verb}: {self.fault} on {self.hit.name}"

    def options(self) -> dict[str, Any]:
        """Return the options of the module, without the address of the API."""
        verb = VERBS[self.verb]
        out = {"api_token": self.token, "timeout": TIMEOUT, "max_wait": PATIENCE, **verb.options}
        if self.verb != "list":
            out["server_id"] = self.server_id
        if verb.module in ("power", "maintenance"):
            out.update(wait_timeout=WAIT, poll_interval=0.2)
        return out


def _fits(fault: str, verb: str, hit: Hit) -> bool:
    hostile = HOSTILE[fault]
    of_list = fault.startswith("data.0")
    if hostile.family == "a field of another type" and (hit.count == 1) != (verb in ("list", "details", "maintenance")):
        # A wrong field is not read again, so "once" equals "always", except for the polls of a power operation.
        return False
    return hit.method in hostile.methods and not (of_list and verb != "list")


def cases() -> list[Case]:
    """Return all cases."""
    rows = [(f, v, hit) for f in HOSTILE for v, verb in VERBS.items() for hit in verb.hits if _fits(f, v, hit)]
    return [Case(number, *row) for number, row in enumerate(rows)]


def every_pair(rows: list[Case], keep: int = 1) -> list[Case]:
    """Return one case for each fault and operation, with varying requests; of those every ``keep``-th."""

    def choose() -> Iterator[Case]:
        pairs: dict[tuple[str, str], list[Case]] = {}
        for row in rows:
            pairs.setdefault((row.fault, row.verb), []).append(row)
        for index, (_pair, group) in enumerate(pairs.items()):
            if index % keep == 0:
                yield group[index % len(group)]

    return list(choose())


def simulator(rows: list[Case]) -> Simulator:
    """Start a simulator with the server, the token and the fault of each case."""
    servers = [
        {"id": row.server_id, "customer": row.token, "boot_seconds": 8.0, "stop_seconds": 4.0, **VERBS[row.verb].server} for row in rows
    ]
    tokens = [{"token": row.token, "name": row.token, "customer": row.token} for row in rows]
    sim = Simulator(servers, tokens=tokens, speed=SPEED)
    for row in rows:
        hit = {"method": row.hit.method, "path": row.hit.path, "skip": row.hit.skip, "count": row.hit.count}
        sim.fault(token=row.token, **hit, **HOSTILE[row.fault].fault)
    return sim

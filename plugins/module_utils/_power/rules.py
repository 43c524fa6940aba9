# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which signal, if any, brings a server from the state it is in to the state wanted. Pure. Private to this collection.

What the API does with a signal depends on the state, and it answers ``sent: true`` in every case:
``start`` is dropped unless the server is offline, every signal but ``kill`` is dropped while it is
stopping, and a ``restart`` *starts* a server that is off. So the state is read first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .evidence import UP, Sight, Watch

SEND, HOLD, WAIT, SKIP, REFUSE, LOOK = "send", "hold", "wait", "skip", "refuse", "look"


@dataclass(frozen=True)
class Decision:
    """What to do next: ``action`` is one of SEND, HOLD (already so), WAIT (a transition runs), SKIP, REFUSE, LOOK (unknown)."""

    action: str
    signal: Optional[str] = None


_TABLE = {
    "started": {"offline": Decision(SEND, "start"), "starting": Decision(HOLD), "running": Decision(HOLD), "stopping": Decision(WAIT)},
    "stopped": {
        "offline": Decision(HOLD),
        "starting": Decision(SEND, "stop"),
        "running": Decision(SEND, "stop"),
        "stopping": Decision(WAIT),
    },
    "killed": {
        "offline": Decision(HOLD),
        "starting": Decision(SEND, "kill"),
        "running": Decision(SEND, "kill"),
        "stopping": Decision(SEND, "kill"),
    },
    "restarted": {"starting": Decision(SEND, "restart"), "running": Decision(SEND, "restart"), "stopping": Decision(WAIT)},
}
_OFFLINE_RESTART = {"start": Decision(SEND, "start"), "skip": Decision(SKIP), "fail": Decision(REFUSE)}


def decide(wanted: str, state: Optional[str], if_offline: str = "start") -> Decision:
    """The next decision; an unknown state (None) never leads to a signal."""
    if state is None:
        return Decision(LOOK)
    if wanted == "restarted" and state == "offline":
        return _OFFLINE_RESTART[if_offline]
    return _TABLE[wanted][state]


@dataclass(frozen=True)
class Verdict:
    """``pending``, ``done``, ``again`` (it is proven that the signal was dropped: send it again), ``unconfirmed`` or ``failed``.

    ``start`` means that a killed server did not come back by itself and has to be started. Followed to its end it can also be
    ``timeout``, or ``offline``: it stays down after a kill and is not to be started.
    """

    status: str
    why: str = ""


PENDING = Verdict("pending")
DONE = Verdict("done")
# A crashed server is brought back by the node, which takes a moment: so long an "offline" after a start is no verdict.
GRACE_CACHES = 1.5


def judge(wanted: str, signal: str, watch: Watch, running_when: str, now: float) -> Verdict:
    """What the looks since the signal amount to. The status of a report may be worse than reality, never better."""
    sight = watch.last
    if sight is None:
        return PENDING
    ready = sight.state == "running" or (running_when == "starting" and sight.state == "starting")
    if signal in ("stop", "kill") and wanted != "restarted":
        return _judge_down(sight, watch)
    if watch.fell_back_at is not None:
        if now >= watch.fell_back_at + GRACE_CACHES * watch.cache:
            return Verdict("failed", "it began to start and went offline again: the start failed, or the game crashed")
        return PENDING
    if signal == "kill":
        # A restart hung in its stop and was killed, as asked: the node goes on with the start by itself.
        lost = sight.state == "offline" and sight.at >= watch.horizon
        return DONE if ready else Verdict("start") if lost else PENDING
    if signal == "start":
        if ready:
            return DONE
        # Content alone may change for other reasons; only past the cache does "offline" say that the start was dropped.
        return Verdict("again") if sight.state == "offline" and sight.at >= watch.horizon else PENDING
    if watch.restarted:
        return DONE if ready else PENDING
    return Verdict("unconfirmed") if ready and sight.at >= watch.horizon else PENDING


def _judge_down(sight: Sight, watch: Watch) -> Verdict:
    if sight.state == "offline":
        return DONE
    # A stop is dropped while a server boots, and a killed server that was restarting starts again.
    dropped = sight.at >= watch.horizon and sight.state in UP
    return Verdict("again") if dropped else PENDING

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that choose a signal for a state, and assess its outcome. Pure. Private to this collection.

The effect of a signal depends on the state, but the API returns ``sent: true`` in every case:
``start`` is ignored unless the server is offline, every signal but ``kill`` is ignored while it is
stopping, and a ``restart`` *starts* a server that is off. So the state is read first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .evidence import UP, Evidence, Observation

SEND, KEEP, WAIT, SKIP, REFUSE, LOOK = "send", "keep", "wait", "skip", "refuse", "look"


@dataclass(frozen=True)
class Decision:
    """The next thing to do with a server.

    ``action`` is SEND, KEEP (it is in the wanted state), WAIT (it is stopping), SKIP, REFUSE, or LOOK (read the unknown state again).
    """

    action: str
    signal: Optional[str] = None


_TABLE = {
    "started": {"offline": Decision(SEND, "start"), "starting": Decision(KEEP), "running": Decision(KEEP), "stopping": Decision(WAIT)},
    "stopped": {
        "offline": Decision(KEEP),
        "starting": Decision(SEND, "stop"),
        "running": Decision(SEND, "stop"),
        "stopping": Decision(WAIT),
    },
    "killed": {
        "offline": Decision(KEEP),
        "starting": Decision(SEND, "kill"),
        "running": Decision(SEND, "kill"),
        "stopping": Decision(SEND, "kill"),
    },
    "restarted": {"starting": Decision(SEND, "restart"), "running": Decision(SEND, "restart"), "stopping": Decision(WAIT)},
}
_OFFLINE_RESTART = {"start": Decision(SEND, "start"), "skip": Decision(SKIP), "fail": Decision(REFUSE)}


def decide(wanted: str, state: Optional[str], if_offline: str = "start") -> Decision:
    """Return the decision for a state. An unknown state (None) never leads to a signal."""
    if state is None:
        return Decision(LOOK)
    if wanted == "restarted" and state == "offline":
        return _OFFLINE_RESTART[if_offline]
    return _TABLE[wanted][state]


@dataclass(frozen=True)
class SignalOutcome:
    """The outcome of a signal, as far as it is known.

    ``status`` is ``pending``, ``done``, ``again`` (the signal was certainly dropped and must be sent again), ``start`` (a killed server
    did not come back and must be started), ``unconfirmed`` or ``failed``. ``Follow.until_done`` also returns ``timeout``, or ``offline``
    for a server that stays down after a kill and must not be started.
    """

    status: str
    why: str = ""


PENDING = SignalOutcome("pending")
DONE = SignalOutcome("done")
# The node restarts a crashed server after a moment. Until this number of cache times has passed, "offline" after a start is not a failure.
GRACE_CACHES = 1.5


def assess(wanted: str, signal: str, evidence: Evidence, running_when: str, now: float) -> SignalOutcome:
    """Return the outcome that the evidence supports. It may be worse than reality, but never better."""
    observation = evidence.last
    if observation is None:
        return PENDING
    ready = observation.state == "running" or (running_when == "starting" and observation.state == "starting")
    if signal in ("stop", "kill") and wanted != "restarted":
        return _assess_down(observation, evidence)
    if evidence.fell_back_at is not None:
        if now >= evidence.fell_back_at + GRACE_CACHES * evidence.cache:
            return SignalOutcome("failed", "it began to start and went offline again: the start failed, or the game crashed")
        return PENDING
    if signal == "kill":
        # The restart hung while stopping and was killed. The node then continues with the start.
        lost = observation.state == "offline" and observation.at >= evidence.stale_until
        return DONE if ready else SignalOutcome("start") if lost else PENDING
    if signal == "start":
        if ready:
            return DONE
        # The content can change for other reasons, so "offline" means a dropped start only after the cache has expired.
        return SignalOutcome("again") if observation.state == "offline" and observation.at >= evidence.stale_until else PENDING
    if evidence.restarted:
        return DONE if ready else PENDING
    return SignalOutcome("unconfirmed") if ready and observation.at >= evidence.stale_until else PENDING


def _assess_down(observation: Observation, evidence: Evidence) -> SignalOutcome:
    if observation.state == "offline":
        return DONE
    # A booting server ignores a stop, and a restarting server that is killed starts again.
    dropped = observation.at >= evidence.stale_until and observation.state in UP
    return SignalOutcome("again") if dropped else PENDING

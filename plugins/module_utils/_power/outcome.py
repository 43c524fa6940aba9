# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of a power change. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

from .._operation import OperationFailed, Result
from .follow import Follow
from .rules import SignalOutcome

# The state that a change leads to.
AFTER = {"started": "running", "stopped": "offline", "restarted": "running", "killed": "offline"}


@dataclass(frozen=True)
class PowerOutcome:
    """The outcome of a power change. ``elapsed`` and ``downtime`` are seconds. At first, only the server is known."""

    server_id: int
    changed: bool = False
    signal: Optional[str] = None
    reason: Optional[str] = None
    before: Optional[str] = None
    after: Optional[str] = None
    confirmed: bool = False
    evidence: str = "none"
    elapsed: float = 0.0
    downtime: Optional[float] = None

    def as_result(self) -> Result:
        """Return the result of the task."""
        return dict(vars(self))


def evidence_of(follow: Follow, outcome: SignalOutcome) -> Dict[str, Any]:
    """Return what is confirmed of a signal: ``confirmed``, ``evidence`` and ``downtime``, the upper bound in seconds."""
    evidence = follow.evidence.kind if follow.evidence else "none"
    done = outcome.status in ("done", "offline")
    return {
        "confirmed": done,
        "evidence": evidence if done or outcome.status in ("timeout", "failed") else "none",
        "downtime": follow.downtime if outcome.status == "done" and follow.wanted in ("restarted", "started") else None,
    }


def failure_of(follow: Follow, outcome: SignalOutcome) -> Optional[OperationFailed]:
    """Return the failure that an outcome means, None if it means none. An outcome that nothing confirms or disproves is none."""
    server_id, signal = follow.server_id, follow.signals[-1]
    if outcome.status in ("done", "offline"):
        return None
    last = follow.after or (f"not known, and {follow.shown} before" if follow.shown else "not known")
    if outcome.status == "timeout":
        hint = "If this game never reports running, set running_when to starting." if last == "starting" else "Look at its console."
        return OperationFailed(
            f"Server {server_id}: {signal} was sent, but after {follow.waiting.timeout:g} s it is not {AFTER[follow.wanted]} "
            f"(last state: {last}). {hint}"
        )
    if outcome.status == "failed":
        return OperationFailed(f"Server {server_id}: {signal} was sent, but {outcome.why}. Look at its console.")
    if follow.ambiguous is not None:
        seen = f"It is {follow.after} now, which does not show whether it was. " if follow.after else ""
        message = f"{follow.ambiguous} {seen}Look at its console before you send another signal."
        return OperationFailed(message)
    return OperationFailed(f"Server {server_id}: {outcome.why}. Look at its console.") if outcome.why else None

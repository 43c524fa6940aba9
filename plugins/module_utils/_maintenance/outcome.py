# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the result of a maintenance. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._operation import Result
from .._power.follow import Follow
from .._power.rules import SignalOutcome
from .countdown import Countdown
from .schedule import local_time
from .steps import ANNOUNCEMENT, PLANNED, SENT, SIGNAL, UNKNOWN, Step


@dataclass(frozen=True)
class MaintenanceOutcome:
    """The outcome of the maintenance of one server.

    ``outcome`` is done, unconfirmed, skipped, deferred, cancelled or failed, or in check mode planned. ``downtime`` and ``notice_error``
    are seconds. ``reason`` is set once nothing is left to do without a signal, or if the server went offline. ``not_warned`` is the reason
    why the players got no announcement. ``held_back`` is True if a hold or an exclusion prevented the action.
    """

    server_id: int
    changed: bool = False
    name: Optional[str] = None
    outcome: str = "failed"
    reason: Optional[str] = None
    signal: Optional[str] = None
    earlier: Optional[str] = None
    deadline_missed_by: Optional[int] = None
    held_back: bool = False
    before: Optional[str] = None
    after: Optional[str] = None
    timeline: Tuple[Mapping[str, Any], ...] = ()
    notice_error: Optional[float] = None
    not_warned: Optional[str] = None
    downtime: Optional[float] = None
    confirmed: bool = False
    evidence: str = "none"
    diff: Optional[Mapping[str, str]] = None

    def as_result(self) -> Result:
        """Return the result of the task."""
        result = {**vars(self), "timeline": [dict(step) for step in self.timeline]}
        if self.diff is None:
            del result["diff"]
        return result


def blank(server_id: int) -> Result:
    """Return the result of a maintenance that has not begun."""
    return MaintenanceOutcome(server_id).as_result()


def timeline(countdown: Countdown, follow: Optional[Follow]) -> List[Dict[str, Any]]:
    """Return all steps that were planned or sent: the countdown, repeated signals, then the cancel or done text."""
    more = follow.sent[1:] if follow is not None else []
    signals = [Step(SIGNAL, name, at).became(SENT if sure else UNKNOWN, at) for name, at, sure in more]
    return [step.as_dict() for step in [*countdown.steps, *signals, *countdown.extra]]


def diff(server_id: int, steps: Sequence[Mapping[str, Any]], tz: tzinfo) -> Dict[str, str]:
    """Return the timeline of a result in the form of an Ansible diff, with the times of a zone."""
    times = [datetime.fromisoformat(step["planned"].replace("Z", "+00:00")).timestamp() for step in steps]
    plan = "".join(f"{local_time(at, tz, with_day=True)} {step['kind']}: {step['text']}\n" for at, step in zip(times, steps))
    return {"before": "", "after": plan, "after_header": f"maintenance of server {server_id}"}


def outcome_of(signal_outcome: SignalOutcome, after: Optional[str]) -> str:
    """Return the outcome of a server after its signal: done, skipped, failed, or unconfirmed if nothing confirms or disproves the signal.

    ``after`` is the last state that is newer than the signal, None if there is none.
    """
    if signal_outcome.status == "done":
        return "done"
    if signal_outcome.status == "offline":
        return "skipped"
    # A reason is only given for a signal that had no effect.
    is_open = (signal_outcome.status == "unconfirmed" and not signal_outcome.why) or (signal_outcome.status == "timeout" and after is None)
    return "unconfirmed" if is_open else "failed"


def not_warned(steps: Sequence[Step], before: Optional[str], takes_commands: bool) -> Optional[str]:
    """Return the reason why nobody was warned before the signal. None if somebody was, or if the server had no players.

    ``before`` is the last state before the signal, None if it is unknown. ``takes_commands`` is True if the game has console commands.
    """
    announcements = [step for step in steps if step.kind == ANNOUNCEMENT]
    if before in ("offline", "stopping") or any(step.outcome in (SENT, PLANNED) for step in announcements):
        return None
    if announcements:
        return "no announcement is known to have reached the players"
    return "there were no announcements" if takes_commands else "the game takes no console commands"


def unconfirmed(server_id: int, signal: str, wanted: str) -> str:
    """Return the message for a signal that nothing confirms or disproves."""
    unseen = "it was not seen to go down, and its network counters did not fall" if wanted == "restarted" else "it was not seen offline"
    return f"Server {server_id}: {signal} was accepted, but not confirmed: {unseen}. Look at its console before you send another signal."

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that hold for every fault, checked by comparing the result of an operation with the simulator's log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hostile.cases import ANNOUNCEMENTS, CANCEL, PATIENCE, SPEED, VERBS, WAIT, Case
from hostile.faults import TIMEOUT
from simulator.process import Simulator

LONGEST_MESSAGE = 900
# A line counts from its arrival, and the time a process needs to send the signal after its slot is not the line's fault.
TOLERANCE = 0.02
# The maximum age of a status.
CACHE = 20.0 / SPEED
# Certainly not done: redirected, refused as a request, by the quota, or by the node.
REFUSED = {*range(300, 500), 503}


@dataclass
class Truth:
    """The requests, console lines and states of a case's server, from the simulator's log."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    console: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)

    @property
    def signals(self) -> list[dict[str, Any]]:
        """Return every power request."""
        return [row for row in self.requests if row["path"].endswith("/power")]

    @property
    def carried_out(self) -> list[dict[str, Any]]:
        """Return the power requests that were carried out."""
        return [row for row in self.signals if row["done"]]

    def starts(self) -> int:
        """Return how often the game was started."""
        return [row["state"] for row in self.states[1:]].count("starting")

    def was(self, state: str, since: float) -> bool:
        """Return true if the server was in this state at any time after ``since``."""
        last = [row for row in self.states if row["time"] <= since][-1:]
        return state in [row["state"] for row in [*last, *self.states] if row in last or row["time"] > since]


def truths(sim: Simulator, rows: list[Case]) -> dict[int, Truth]:
    """Return the truth by the number of the case."""
    by_token = {row.token: Truth() for row in rows}
    by_id = {row.server_id: by_token[row.token] for row in rows}
    for request in sim._ask("requests"):
        if request["token"] in by_token:
            by_token[request["token"]].requests.append(request)
    for line in sim.console_log():
        by_id[line["server"]].console.append(line)
    for state in sim.state_logs():
        by_id[state["server"]].states.append(state)
    return {row.number: by_token[row.token] for row in rows}


def faults_of(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    """Return the rules that a result breaks, as texts; empty if there are none."""
    laws = [_one_clear_error, _in_time, _commands_once, _signals, _changed]
    if VERBS[case.verb].module in ("power", "maintenance"):
        laws += [_confirmed]
    if case.verb == "maintenance":
        laws += [_notice, _told, _outcome]
    if case.verb == "command":
        laws += [_sent]
    return [f"{law.__name__.strip('_')}: {text}" for law in laws for text in law(case, result, truth)]


def _one_clear_error(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    out = []
    if "exception" in result or "Traceback" in str(result):
        out.append("a traceback")
    if case.token in str(result).replace(str(result.get("invocation", "")), ""):
        out.append("the token")
    if result.get("failed"):
        text = result.get("msg")
        if not isinstance(text, str) or not text or "\n" in text or "\x1b" in text or len(text) > LONGEST_MESSAGE:
            out.append(f"no clear message: {text!r}")
        elif VERBS[case.verb].module != "server_info" and str(case.server_id) not in text and truth.requests:
            out.append(f"it does not name the server: {text}")
    return out


def _in_time(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    if not truth.requests:
        return []
    last, first = truth.requests[-1]["time"], truth.requests[0]["time"]
    # The delays of a busy machine do not count as waiting.
    allowed = PATIENCE + 2 * TIMEOUT + 3.0
    if VERBS[case.verb].module in ("power", "maintenance"):
        # One read before and the wait after; for a maintenance also the countdown, two more reads and a last line.
        allowed += WAIT + PATIENCE
    if case.verb == "maintenance":
        allowed += 3.0 + 3 * PATIENCE + 2 * TIMEOUT
    return [f"{last - first:.1f} s, and {allowed:.1f} s are allowed"] if last - first > allowed else []


def _commands_once(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    out = [f"{count} x {line}" for line, count in Counter(row["line"] for row in truth.console).items() if count > 1]
    lines = [row["body"]["command"] for row in truth.requests if row.get("body", {}).get("command") and row["status"] not in REFUSED]
    return out + [f"asked for {count} x: {line}" for line, count in Counter(lines).items() if count > 1]


def _signals(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    sent = [row["body"]["signal"] for row in truth.signals if "body" in row]
    out = ["a kill that nobody asked for"] if "kill" in sent and not case.wants_kill else []
    if truth.starts() > 1:
        out.append(f"started {truth.starts()} times")
    return out


def _unclear(result: dict[str, Any]) -> bool:
    """Return true if a write got no answer in time, so that only the simulator knows whether it was done."""
    return "may have been carried out" in str([result.get("msg"), result.get("warnings")])


def _changed(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    changed, out = result.get("changed"), []
    delivered = bool(truth.console) if case.verb == "command" else len(truth.states) > 1
    if delivered and changed is not True:
        out.append("something changed, and it says otherwise")
    writes = [row for row in truth.requests if row["method"] == "POST" and (case.verb == "command" or row in truth.signals)]
    if changed and not _unclear(result) and not [row for row in writes if row["done"] or row["status"] not in REFUSED]:
        out.append("nothing was changed, and it says otherwise")
    return out


def _confirmed(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    if not result.get("confirmed"):
        if not result.get("failed") and result.get("outcome") in (None, "done") and not result.get("warnings"):
            return ["neither confirmed nor a failure nor a warning"]
        return []
    out = []
    if result.get("after") in ("running", "offline") and not truth.was(result["after"], truth.requests[0]["time"] - CACHE):
        out.append(f"it never was {result['after']}")
    if result.get("signal") in ("start", "restart") and not truth.starts():
        out.append("it never started")
    if result.get("signal") in ("stop", "kill") and not truth.was("offline", truth.requests[0]["time"]):
        out.append("it never was offline")
    return out


def _notice(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    if not truth.carried_out:
        return []
    action = truth.states[1]["time"] if len(truth.states) > 1 else truth.carried_out[0]["time"]
    out = []
    for line in truth.console:
        for announcement, words in zip(ANNOUNCEMENTS, ("Restart in", "Last call")):
            before = float(announcement["before"].rstrip("s"))
            notice = action - line["time"]
            if words in line["line"] and 0 < notice < before - TOLERANCE and not _delivered_late(line, result):
                out.append(f"{notice:.3f} s after {line['line']}")
    return out


def _delivered_late(line: dict[str, Any], result: dict[str, Any]) -> bool:
    """Return true if a line arrived after its request had timed out, so that the client cannot know its notice."""
    given_up = [entry["at"] for entry in result.get("timeline", []) if entry["text"] == line["line"] and entry["outcome"] == "unknown"]
    return any(line["time"] > datetime.fromisoformat(at).timestamp() for at in given_up)


def _told(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    """Check that players who were warned of a cancelled restart are told, or that the operator is told that they could not be."""
    warned = [row for row in truth.console if "Restart in" in row["line"] or "Last call" in row["line"]]
    # If the signal may have been sent, players must not be told that the restart is cancelled.
    may_be_out = _unclear(result) and result.get("changed")
    if not warned or may_be_out or [row for row in truth.signals if row["done"] or row["status"] not in REFUSED]:
        return []
    tried = [row for row in truth.requests if CANCEL in str(row.get("body", {}).get("command", ""))]
    # The callback removes the warnings from the result of an action; the failure message mentions it as well.
    unsure = "could not be told" in str([result.get("msg"), result.get("reason")])
    return [] if tried or unsure or result.get("reason") == "offline" else ["the players were left with a warning"]


def _outcome(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    out = []
    if result.get("outcome") == "done" and not truth.starts():
        out.append("done, and never restarted")
    if (result.get("outcome") in ("failed", "unconfirmed", "cancelled")) != bool(result.get("failed")):
        out.append(f"outcome {result.get('outcome')} and failed {result.get('failed')}")
    lines = [row["line"] for row in truth.console]
    for entry in result.get("timeline", []):
        if entry["outcome"] == "sent" and entry["kind"] != "signal" and entry["text"] not in lines:
            out.append(f"told as sent, and never arrived: {entry['text']}")
        if entry["outcome"] in ("failed", "dropped", "planned") and entry["text"] in lines:
            out.append(f"arrived, and told as {entry['outcome']}: {entry['text']}")
    return out


def _sent(case: Case, result: dict[str, Any], truth: Truth) -> list[str]:
    return ["told as sent, and never arrived"] if result.get("sent") and not truth.console else []

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait after the canary, and see whether its servers stay up. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._clock import Clock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import told_to_stop
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.durations import parse_duration
from ansible_collections.serverprism.cloud.plugins.module_utils._power.evidence import Observation, came_down

PAUSE, CONFIRM = "maintenance_canary_pause", "maintenance_canary_confirm"
# The longest pause, in seconds.
LONGEST_PAUSE = 86400.0
# Seconds between two checks whether the run was told to stop.
NAP = 0.5


def pause_of(value: Any) -> float:
    """Return the pause after the canary in seconds. Raise BadOption."""
    try:
        seconds = parse_duration(value or 0)
    except ValueError as exc:
        raise BadOption(PAUSE, str(exc)) from exc
    if seconds > LONGEST_PAUSE:
        raise BadOption(PAUSE, "must be 24 hours or less")
    return seconds


def check_terminal(confirms: Any) -> None:
    """Raise BadOption if a person is to be asked, and ansible-playbook has no terminal."""
    if str(confirms or "").lower() not in ("", "0", "false", "no", "off") and not _has_terminal():
        raise BadOption(CONFIRM, "asks a person, but this run has no terminal. Leave it out, or run the canary and the others separately")


def _has_terminal() -> bool:
    try:
        descriptor = os.open(f"/proc/{os.getppid()}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def watch(look: Mapping[str, Callable[[], Observation]], seconds: float, clock: Clock, cache: float = 0.0) -> dict[str, str]:
    """Look at servers, wait, and look again. Return the hosts whose server did not stay up, each with the reason.

    ``cache`` is the largest age of a status, in seconds.
    """
    before, bad = _seen(look)
    # A status can be this old, so that a shorter pause would show nothing new.
    seconds = max(seconds, cache)
    until = clock.now() + seconds
    while (left := until - clock.now()) > 0 and not told_to_stop():
        clock.sleep(min(NAP, left))
    after, lost = _seen({host: one for host, one in look.items() if host in before})
    bad.update(lost)
    for host, observation in after.items():
        reason = came_down(before[host], observation)
        if reason:
            bad[host] = f"after the canary's pause, {reason}"
    return bad


def _seen(look: Mapping[str, Callable[[], Observation]]) -> tuple[dict[str, Observation], dict[str, str]]:
    seen: dict[str, Observation] = {}
    failed: dict[str, str] = {}
    for host, one in look.items():
        try:
            seen[host] = one()
        except ServerPrismError as exc:
            failed[host] = f"the canary could not be looked at again: {exc}"
    return seen, failed

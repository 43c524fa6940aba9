# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find misspelt variables: Ansible ignores a variable that nothing reads. Pure. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError

PREFIXES = ("maintenance_", "power_", "announce_", "hold_", "status_", "progress_")
# The name under which Ansible stores words of -e that are not part of NAME=VALUE.
REST = "_raw_params"
# The share of equal letters from which a name counts as a misspelling of a known one. Below it, it may be a name of the user's own.
NEAR = 0.9
# The share from which a known name is worth suggesting.
SIMILAR = 0.75


def refuse_unknown(extra_vars: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse ``-e`` arguments without an effect: unknown names with a prefix of this collection, and words outside of NAME=VALUE."""
    if extra_vars.get(REST):
        # In "-e serverprism_api_token= SECRET" the word is the token, so it must not be shown.
        is_secret = any("token" in name.lower() or value == "" for name, value in extra_vars.items())
        words = "a word" if is_secret else repr(str(extra_vars[REST]))
        raise ServerPrismError(
            f"-e: {words} belongs to no variable, so it would be ignored. Quote a value with spaces twice: "
            "-e 'NAME=\"several words\"'. Nothing was sent."
        )
    for name in sorted(map(str, extra_vars)):
        if name not in known and (name.startswith(PREFIXES) or _nearest(name, known, NEAR)):
            nearest = _nearest(name, known, SIMILAR)
            raise BadOption(f"-e {name}", f"there is no such variable.{f' Did you mean {nearest}?' if nearest else ''} Nothing was sent")


def misspelt(names: Mapping[str, Iterable[str]], known: Collection[str]) -> list[str]:
    """Return a warning for each variable of hosts that looks like a misspelling. ``names`` are the names of variables by host."""
    hosts: dict[str, list[str]] = {}
    for host, given in names.items():
        for name in given:
            hosts.setdefault(name, []).append(host)
    warnings = []
    for name, having in sorted(hosts.items()):
        nearest = "" if name in known else _nearest(name, known, NEAR)
        if nearest:
            whose = f"host {having[0]}" if len(having) == 1 else f"{len(having)} hosts"
            warnings.append(f"{name}, which is set for {whose}, has no effect: there is no such variable. Did you mean {nearest}?")
    return warnings


def _nearest(name: str, known: Collection[str], share: float) -> str:
    return next(iter(get_close_matches(name, known, 1, share)), "")

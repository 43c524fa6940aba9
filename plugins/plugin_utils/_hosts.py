# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the variables of all hosts of a play from one action. Private to this collection.

An action that runs once gets the templated variables of one host only. ``hostvars`` holds those of the others, but without the
variables of the play, the task and the role. This file is the only one that uses Ansible's variable manager to read them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible import errors
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import Templar

# ansible-core 2.18 and older have no such error: there, an omitted value equals the variable "omit".
_OMITTED: Any = getattr(errors, "AnsibleValueOmittedError", ())


PLACEHOLDER = re.compile(r"\{\{\s*(action|remaining|time|name|reason)\s*\}\}")


@dataclass(frozen=True)
class HostVariables:
    """The variables of one host: values of those that are set, and errors of those that cannot be templated."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    # The values of module_defaults for this host.
    defaults: dict[str, Any] = field(default_factory=dict)
    # The names of all variables of this host.
    names: frozenset[str] = frozenset()


class Hosts:
    """The hosts of the play that an action belongs to."""

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any]) -> None:
        hostvars = task_vars["hostvars"]
        self._inventory = hostvars._inventory
        self._manager = hostvars._variable_manager
        self._loader = action._loader
        self._play_hosts = list(task_vars["ansible_play_hosts_all"])
        self._defaults = action._task.module_defaults or []
        self._context = {
            "play": action._task.get_play(),
            "task": action._task,
            # Without these two, Ansible computes them again for each host.
            "_hosts": list(task_vars["ansible_play_batch"]),
            "_hosts_all": self._play_hosts,
        }

    def matching(self, pattern: str | list[str]) -> list[str]:
        """Return the names of the play's hosts that match a pattern, in the order of the inventory. The play observes ``--limit``."""
        play_hosts = set(self._play_hosts)
        try:
            return [host.name for host in self._inventory.get_hosts(pattern) if host.name in play_hosts]
        except AnsibleError:
            # With HOST_PATTERN_MISMATCH a pattern that matches nothing is an error of Ansible. Here the caller refuses it.
            return []

    @property
    def extra_vars(self) -> dict[str, Any]:
        """Return the variables of the command line (``-e``)."""
        return dict(self._manager.extra_vars)

    def read(self, hostnames: Iterable[str], names: Iterable[str], defaults: Iterable[str] = ()) -> dict[str, HostVariables]:
        """Return these variables of these hosts, templated as in a task of each host. Variables that are not set are left out.

        The variable of a loop around the action is not available. ``defaults`` are keys of ``module_defaults``, such as
        ``group/serverprism.cloud.api``; a later one wins.
        """
        names = list(names)
        merged: dict[str, Any] = {}
        for key in defaults:
            for layer in self._defaults:
                merged.update(layer.get(key) or {})
        return {hostname: self._read_host(hostname, names, merged) for hostname in hostnames}

    def _read_host(self, hostname: str, names: list[str], defaults: Mapping[str, Any]) -> HostVariables:
        try:
            host = self._inventory.get_host(hostname)
            if host is None:
                raise AnsibleError(f"Host {hostname} is not in the inventory.")
            variables = self._manager.get_vars(host=host, **self._context)
        except AnsibleError as exc:
            return HostVariables(errors={name: _reason(exc) for name in names})
        found = HostVariables(names=frozenset(variables))
        templar = Templar(loader=self._loader, variables=variables)
        wanted = {name: variables[name] for name in names if name in variables}
        for given, out in ((wanted, found.values), (defaults, found.defaults)):
            for name, text in given.items():
                try:
                    value = templar.template(text)
                except _OMITTED:
                    continue
                except Exception as exc:
                    # ansible-core 2.18 and older let some errors of an expression through, such as a division by zero.
                    found.errors[name] = _reason(exc) + _hint(text)
                else:
                    if value != variables.get("omit", ...):
                        out[name] = value
        return found


def _hint(text: Any) -> str:
    """Return a hint for a value that cannot be templated, since texts to players have placeholders with single braces."""
    meant = PLACEHOLDER.search(str(text))
    return f". Write {{{meant[1]}}} with single braces. With double braces it is a variable of Ansible" if meant else ""


def _reason(exc: Exception) -> str:
    """Return the message of an error on one line, without the file excerpt that some versions of Ansible add."""
    return " ".join(str(exc).partition("\n\n")[0].split()).rstrip(".")

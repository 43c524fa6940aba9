# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import zone
from ansible_collections.serverprism.cloud.plugins.module_utils._report.status import OPERATION, as_table, read_status, same_for_all
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ControllerAction
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import Hosts, HostVariables
from ansible_collections.serverprism.cloud.plugins.plugin_utils._names import refuse_unknown
from ansible_collections.serverprism.cloud.plugins.plugin_utils._orders import TIMEZONE
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import KNOWN, report_timezone
from ansible_collections.serverprism.cloud.plugins.plugin_utils._servers import require_hosts, server_id_of

ID = "serverprism_id"
ACCESS = {"api_token": "serverprism_api_token", "api_url": "serverprism_api_url"}


class ActionModule(ControllerAction):
    """Read the servers of all hosts once, show a table, and write a file."""

    operation = OPERATION

    def _run_here(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        pattern = self._task.args.get("hosts", "all")
        hosts = Hosts(self, task_vars)
        try:
            refuse_unknown(hosts.extra_vars, KNOWN)
            found = hosts.read(hosts.matching(pattern), [ID, TIMEZONE, *ACCESS.values()])
            require_hosts(list(found), "status_hosts", pattern)
            self._use_access(found)
        except ServerPrismError as exc:
            return {"changed": False, "failed": True, "msg": str(exc)}
        ids = {host: server_id_of(one.values, [ID]) for host, one in found.items()}
        problems = {host: f"{ID}: {one.errors[ID]}" for host, one in found.items() if ID in one.errors}
        tz = zone(report_timezone(one.values for one in found.values()))
        # Its options are those of the module; only the controller knows the hosts.
        self.operation = replace(OPERATION, run=lambda ctx: read_status(ctx, ids, problems, tz))  # type: ignore[misc]
        result = super()._run_here(task_vars)
        if not result.get("failed"):
            self._show(as_table(result["servers"]))
        return result

    def _use_access(self, found: dict[str, HostVariables]) -> None:
        """Take token and address from the hosts that have a server. The others can belong to another customer."""
        known = {host: one for host, one in found.items() if ID in one.values}
        for option, name in ACCESS.items():
            for host, one in known.items():
                if name in one.errors:
                    raise BadOption(f"{name} of host {host}", one.errors[name])
            if value := same_for_all(name, (one.values.get(name) for one in known.values())):
                self._task.args.setdefault(option, value)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._report.progress import RUNNING
from ansible_collections.serverprism.cloud.plugins.module_utils._report.run_info import OPERATION
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ControllerAction
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import Hosts
from ansible_collections.serverprism.cloud.plugins.plugin_utils._names import refuse_unknown
from ansible_collections.serverprism.cloud.plugins.plugin_utils._report_files import ReportOptions, RunReport
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import KNOWN


class ActionModule(ControllerAction):
    """Show the state of a run, and write its report."""

    operation = OPERATION

    def _tell(self, host: str, text: str) -> None:
        # The lines name the servers.
        super()._tell("", text)

    def _run_here(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            refuse_unknown(Hosts(self, task_vars).extra_vars, KNOWN)
        except ServerPrismError as exc:
            return {"changed": False, "failed": True, "msg": str(exc)}
        result = super()._run_here(task_vars)
        if result.get("failed"):
            return result
        self._show(result["summary"])
        folder, problem = self._task.args.get("report_dir"), ""
        if folder and not self._task.check_mode:
            given = self._task.args.get("report_formats") or OPERATION.options["report_formats"]["default"]
            names = given.split(",") if isinstance(given, str) else given
            options = ReportOptions(folder, tuple(str(one).strip() for one in names), result["timezone"], result["reason"])
            lines = [f"The report is in {os.path.abspath(os.path.expanduser(folder))}."]
            problem = RunReport(result["servers"], options, False, running=result["state"] == RUNNING).write()
            self._show(lines if not problem else [])
        return {**result, "failed": True, "msg": problem} if problem else {**result, "changed": bool(folder)}

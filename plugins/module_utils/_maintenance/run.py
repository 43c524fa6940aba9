# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a run of many servers, which only the controller can conduct. Private to this collection."""

from __future__ import annotations

from .._errors import BadOption
from .._operation import Context, Operation, Result

STEPS = ("check", "prepared", "join", "conduct", "outcome", "canary", "failed", "report")
MAINTENANCE = "maintenance"
REPORT_FORMATS = ("html", "json", "markdown", "junit")


def run(ctx: Context) -> Result:
    """Raise BadOption: a module on a target knows no other hosts of the run."""
    raise BadOption("step", f"{ctx.params['step']} can run only on the controller")


OPERATION = Operation(
    name="serverprism_run",
    options={
        "step": {"type": "str", "required": True, "choices": list(STEPS)},
        "playbook": {"type": "str", "choices": ["announce", "hold", MAINTENANCE, "power", "release"], "default": MAINTENANCE},
        "hosts": {"type": "raw", "default": "all"},
        "joining": {"type": "bool", "default": True},
        "prepared": {"type": "bool", "default": False},
        "messages": {"type": "bool", "default": False},
        "pause": {"type": "str", "default": "0"},
        "error": {"type": "str"},
        "fails": {"type": "bool", "default": True},
        "report_dir": {"type": "str"},
        "report_formats": {"type": "list", "elements": "str", "choices": list(REPORT_FORMATS)},
    },
    run=run,
)

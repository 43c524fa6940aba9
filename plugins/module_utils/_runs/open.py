# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the log of a run in the ledger of the settings. Private to this collection."""

from __future__ import annotations

import os
import socket
import time
from typing import List

from .._quota.ledger import Ledger
from .._settings import API_ARGUMENT_SPEC, Settings
from .events import KEEP_RUNS
from .log import DAY, FileLog, RunLog, SharedLog, remove_old, runs_in


def make_id(began: float, pid: int) -> str:
    """Return the ID of a run without ``maintenance_id``, from its start (UTC seconds), its machine and its process."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(began))}-{socket.gethostname().partition('.')[0]}-{pid}"


def folder_of(settings: Settings) -> str:
    """Return the folder of the logs: that of the ledger, or the default one if there is no ledger."""
    folder = str(API_ARGUMENT_SPEC["ledger"]["default"]) if settings.ledger == "none" else settings.ledger
    return os.path.abspath(os.path.expanduser(folder))


def open_log(settings: Settings, ledger: Ledger, run: str, *, is_named: bool, keep_days: int = KEEP_RUNS) -> RunLog:
    """Return the log of a run. Without a ledger, only a run that was named by its user can be repeated and needs a file."""
    if ledger.keeps_logs:
        return SharedLog(ledger, run, keep_days * DAY)
    if settings.ledger == "none" and not is_named:
        return RunLog(run)
    return FileLog(folder_of(settings), run)


def known_runs(settings: Settings, ledger: Ledger) -> List[str]:
    """Return the IDs of the runs that have a log, the newest last."""
    return ledger.runs() if ledger.keeps_logs else runs_in(folder_of(settings))


def forget_old_runs(settings: Settings, ledger: Ledger) -> None:
    """Remove the logs of old runs. A shared ledger removes them by itself."""
    if not ledger.keeps_logs:
        remove_old(folder_of(settings))

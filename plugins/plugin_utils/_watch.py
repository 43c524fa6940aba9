# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watch a run: store the result of each host, send messages, and keep the report up to date. Private to this collection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import signals_for_the_main_thread, told_to_stop
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Result
from ansible_collections.serverprism.cloud.plugins.plugin_utils._conduct import Run
from ansible_collections.serverprism.cloud.plugins.plugin_utils._notify import Notifier
from ansible_collections.serverprism.cloud.plugins.plugin_utils._report_files import ReportOptions, RunReport
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_folder import PlayLog, RunFolder

# The formats of a report that are written while the run goes on. The others are for programs that read the end.
LIVE = ("html", "json")
# Seconds to wait for a report that is being written, such as into a folder of a server that hangs.
PATIENCE = 5.0


@dataclass
class Watch:
    """The listener of the run of a batch. ``begun`` is the number of hosts of earlier batches, ``waiting`` that of the others.

    ``tell`` and ``warn`` show a line of a host; the host is empty for the whole run.
    """

    folder: RunFolder
    play: PlayLog
    notifier: Notifier
    options: ReportOptions
    begun: int
    waiting: int
    tell: Callable[[str, str], None]
    warn: Callable[[str, str], None]
    _warnings: dict[str, list[str]] = field(default_factory=dict)
    _has_failed: bool = False
    _run: Run | None = None
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        show = self.warn

        def warn(host: str, text: str) -> None:
            self._warnings.setdefault(host, []).append(text)
            show(host, text)

        self.warn = warn
        self._has_failed = self.play.failures() > 0
        # Another reader, for the thread in the background.
        self._seen = self.play.reopened()

    def conduct(self, run: Run) -> str:
        """Conduct the run, and return the text of its plan. Earlier parts of the same maintenance become a part of its report."""
        self._run = run
        for row in run.known_rows().values():
            self.play.ended_earlier(row)
        return run.conduct()

    def planned(self, plan: str) -> None:
        """Tell that the run begins, unless it is a further batch."""
        if not self.begun:
            self.notifier.begin(plan)

    def ended(self, host: str, result: Result, row: Mapping[str, Any]) -> None:
        """Store the result of a host, and tell if it is the first that failed."""
        self.waiting -= 1
        if result.get("failed") and not self._has_failed and not told_to_stop():
            self._has_failed = True
            self.notifier.failed(row, self.waiting)
        self._store(host, lambda: self.play.ended(row))
        self._store(host, lambda: self.folder.put(host, {**result, "warnings": self._warnings[host]} if host in self._warnings else result))

    def _store(self, host: str, how: Callable[[], None]) -> None:
        try:
            how()
        except (OSError, ServerPrismError) as exc:
            # The countdowns of the other hosts go on.
            self.warn(host, f"The result of host {host} could not be stored: {exc}")

    def beat(self) -> None:
        """Write the present state into the report, in a thread of its own. If it still writes an earlier one, skip this one."""
        if self.options.folder and self._writing.acquire(blocking=False):
            with signals_for_the_main_thread():
                threading.Thread(target=self._write_state, daemon=True).start()

    def _write_state(self) -> None:
        try:
            states = self._run.present_state() if self._run is not None else {}
            present = {host: one.as_row(True, self.options.timezone) for host, one in states.items()}
            live = replace(self.options, formats=tuple(one for one in self.options.formats if one in LIVE))
            RunReport({**self._seen.rows(), **present, **self._seen.rows(own=True)}.values(), live, False, running=True).write()
        except ServerPrismError:
            # The report at the end will be complete.
            pass
        finally:
            self._writing.release()

    def close(self) -> None:
        """Wait for a report that is being written, and write no more. The final report must not be replaced by an older state."""
        self._writing.acquire(timeout=PATIENCE)

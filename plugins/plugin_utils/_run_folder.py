# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with which the tasks of one ansible-playbook share its hosts and their results. Private to this collection.

Each task of a host runs in a separate process. The files are in the temporary folder of this ansible-playbook, which removes it when it
ends. No file contains a token.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ansible import constants
from ansible_collections.serverprism.cloud.plugins.module_utils._process import ALIVE, fate_of, own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.events import BATCH, EARLIER, FAILED, READY, RESULT
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import failures, rows


class PlayLog:
    """The events of all batches of a play, from which its report is made. In check mode there are no others.

    ``key`` is the same for all tasks of the play, and for no others; ``part`` for all tasks of one inclusion of the role.
    """

    def __init__(self, key: str, part: str = "") -> None:
        self._key, self._part = key, part
        self._log = FileLog(_folder_of(key), "play")

    def reopened(self) -> PlayLog:
        """Return another reader of the same events, for another thread."""
        return PlayLog(self._key)

    def begin_batch(self, hosts: list[str]) -> list[str]:
        """Store the hosts of the batch that begins, and return the hosts of the batches before it."""
        # Another inclusion of the role in the same batch may lack hosts that have failed since.
        before = [batch for batch in self.batches() if not set(batch) & set(hosts)]
        self._log.add(BATCH, time.time(), hosts=hosts)
        return [host for batch in before for host in batch]

    def batches(self) -> list[list[str]]:
        """Return the hosts of each batch that has begun, the last one at the end."""
        out: list[list[str]] = []
        for event in self._log.events():
            if event["event"] == BATCH:
                out = [*(batch for batch in out if not set(batch) & set(event["hosts"])), event["hosts"]]
        return out

    def prepared(self, host: str) -> None:
        """Store that the tasks before the maintenance of a host have succeeded."""
        self._log.add(READY, time.time(), host=host)

    def prepared_hosts(self) -> set[str]:
        """Return the hosts whose tasks before the maintenance have succeeded."""
        return {event["host"] for event in self._log.events() if event["event"] == READY}

    def ended(self, row: Mapping[str, Any]) -> None:
        """Store the row of the report for a host."""
        self._log.add(RESULT, time.time(), row=row, part=self._part)

    def ended_earlier(self, row: Mapping[str, Any]) -> None:
        """Store the row that an earlier part of the maintenance has left for a host, which this play may have no row for."""
        self._log.add(EARLIER, time.time(), row=row)

    def failed(self, host: str, error: str) -> None:
        """Store that a task of a host failed."""
        self._log.add(FAILED, time.time(), host=host, error=error)

    def failed_hosts(self) -> set[str]:
        """Return the hosts that had a failed task."""
        return {event["host"] for event in self._log.events() if event["event"] == FAILED}

    def rows(self, own: bool = False) -> dict[str, dict[str, Any]]:
        """Return the rows of the report by host; with ``own``, without those of earlier parts of the maintenance."""
        return rows(event for event in self._log.events() if not own or event["event"] != EARLIER)

    def failures(self) -> int:
        """Return the number of hosts of this inclusion that count for ``maintenance_max_failures``."""
        return failures(event for event in self._log.events() if event.get("part") in (None, self._part))


class RunFolder:
    """The folder of a run. ``key`` is the same for all tasks of the run, and for no others."""

    def __init__(self, key: str) -> None:
        self._path = _folder_of(key)

    def join(self, host: str) -> None:
        """Store that a host takes part."""
        self._write("host", host, {})

    def joined(self, hosts: Iterable[str]) -> list[str]:
        """Return the hosts that take part, in their order, and store that this process conducts them."""
        out = []
        for host in hosts:
            with suppress(FileNotFoundError):
                # Renaming the file succeeds in one process only.
                os.replace(self._file("host", host), self._file("conducted", host))
                self._write("conducted", host, {"owner": own_name()})
                out.append(host)
        return out

    def take_all(self, hosts: Iterable[str]) -> list[str]:
        """Return those of these hosts that nobody has taken, without any having joined, and note that they are conducted now."""
        out = []
        os.makedirs(self._path, 0o700, exist_ok=True)
        for host in hosts:
            with suppress(FileExistsError), open(self._file("conducted", host), "x", encoding="utf-8") as stream:
                json.dump({"owner": own_name()}, stream)
                out.append(host)
        return out

    def is_conducted(self, host: str) -> bool:
        """Return whether the process that conducts the host is alive, so that it can still store the result."""
        taken = self._read("conducted", host)
        # The process may not have written its name yet.
        return taken is not None and ("owner" not in taken or fate_of(taken["owner"]) == ALIVE)

    def was_conducted(self, host: str) -> bool:
        """Return whether any process has conducted the host. If so, it must not be maintained again, even if its result is lost."""
        return self._read("conducted", host) is not None

    def put(self, host: str, result: dict[str, Any]) -> None:
        """Store the result of a host."""
        self._write("result", host, result)

    def has_result(self, host: str) -> bool:
        """Return whether the result of a host is stored."""
        return os.path.exists(self._file("result", host))

    def get(self, host: str) -> dict[str, Any] | None:
        """Return the result of a host and remove it. None if there is none."""
        result = self._read("result", host)
        if result is not None:
            for kind in ("result", "conducted"):
                with suppress(FileNotFoundError):
                    os.unlink(self._file(kind, host))
        return result

    def _read(self, kind: str, host: str) -> dict[str, Any] | None:
        try:
            with open(self._file(kind, host), encoding="utf-8") as stream:
                data: dict[str, Any] = json.load(stream)
        except FileNotFoundError:
            return None
        except ValueError:
            # The process that has just created the file has not filled it yet.
            return {}
        return data

    def _file(self, kind: str, host: str) -> str:
        return os.path.join(self._path, f"{_digest(host)}.{kind}")

    def _write(self, kind: str, host: str, data: dict[str, Any]) -> None:
        os.makedirs(self._path, 0o700, exist_ok=True)
        path = self._file(kind, host)
        # Under a strategy that ignores run_once, several processes can write the same file at once.
        new = f"{path}.{os.getpid()}.new"
        with open(new, "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        os.replace(new, path)


def _folder_of(key: str) -> str:
    return os.path.join(constants.DEFAULT_LOCAL_TMP, f"serverprism-{_digest(key)}")


def _digest(text: str) -> str:
    # The name of a host can be a path.
    return hashlib.sha256(text.encode()).hexdigest()[:24]

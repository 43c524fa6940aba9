# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the products of all servers once for all tasks of a run. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Callable

from ansible import constants
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import run
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._files import open_locked, replace_file
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.games import needs_product
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.product import read_products
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import open_client
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ServerPrismAction

Products = dict[int, str]


class GameAction(ServerPrismAction):
    """An action that needs the game of a server. The product comes from the inventory, or from one read for all hosts."""

    def _complete(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if not params["product"] and task_vars.get("serverprism_product"):
            params = {**params, "product": str(self._templar.template(task_vars["serverprism_product"]))}
        if not needs_product(params):
            return params
        # The operation meets the same error again and reports it.
        with suppress(ServerPrismError, OSError, ValueError):
            self.operation.check(params)
            return {**params, "product": (_shared(params, _read_quietly) or {}).get(params["server_id"])}
        return params


def products_of(params: Mapping[str, Any]) -> Products:
    """Return the products of all servers of a token. A failed read is repeated by the next task. Raises ServerPrismError."""
    known = None
    # Without the file that tasks share, each reads the list.
    with suppress(OSError):
        known = _shared(params, _read)
    return _read(params) if known is None else known


def _read(params: Mapping[str, Any]) -> Products:
    clock = SystemClock()
    return run(read_products(open_client(Settings.from_params(params), clock, lambda text: None)), clock)


def _read_quietly(params: Mapping[str, Any]) -> Products | None:
    """Return the products, or None if the read failed."""
    try:
        return _read(params)
    except ServerPrismError:
        return None


def _shared(params: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Products | None]) -> Products | None:
    """Return the products that a task of this ansible-playbook has read. The first task reads them, and others wait for it.

    None if a task could not read them.
    """
    settings = Settings.from_params(params)
    key = hashlib.sha256(f"{settings.api_url}\n{settings.api_token}".encode()).hexdigest()[:24]
    path = os.path.join(constants.DEFAULT_LOCAL_TMP, f"serverprism-products-{key}.json")
    lock = open_locked(f"{path}.lock", os.O_RDWR | os.O_CREAT, settings.max_wait)
    try:
        with suppress(FileNotFoundError, ValueError), open(path, encoding="utf-8") as stream:
            known = json.load(stream)
            return None if known is None else {int(server_id): product for server_id, product in known.items()}
        products = read(params)
        replace_file(path, json.dumps(products).encode())
        return products
    finally:
        os.close(lock)

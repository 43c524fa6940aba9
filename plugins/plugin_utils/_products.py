# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the product of a server for an action. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import Any

from ansible import constants
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import run
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._files import open_locked
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.games import needs_product
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.product import read_products
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import open_client
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ServerPrismAction


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
            return {**params, "product": _cached_products(params).get(params["server_id"])}
        return params


def _cached_products(params: dict[str, Any]) -> dict[int, str]:
    """Return the products of all servers of a token. The first task reads them, others wait for it. Empty if that failed."""
    settings = Settings.from_params(params)
    key = hashlib.sha256(f"{settings.api_url}\n{settings.api_token}".encode()).hexdigest()[:24]
    path = os.path.join(constants.DEFAULT_LOCAL_TMP, f"serverprism-products-{key}.json")
    lock = open_locked(f"{path}.lock", os.O_RDWR | os.O_CREAT, settings.max_wait)
    try:
        try:
            with open(path, encoding="utf-8") as stream:
                return {int(server_id): product for server_id, product in json.load(stream).items()}
        except FileNotFoundError:
            clock = SystemClock()
            try:
                products = run(read_products(open_client(settings, clock, lambda text: None)), clock)
            except ServerPrismError:
                # The operation of each host meets the same error again and reports it.
                products = {}
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(products, stream)
            return products
    finally:
        os.close(lock)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the list of servers once for all tasks of a run: to check the access, and for the products. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Callable

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import run
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import (
    BadOption,
    ServerPrismError,
    TlsError,
    Unauthenticated,
    Unreachable,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._files import open_locked, replace_file
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.games import needs_product
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.product import read_products
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import open_client, with_hint
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ServerPrismAction

Products = dict[int, str]
# Seconds for which the check of the access waits for the quota or a node. What takes longer is left to the tasks.
CHECK_PATIENCE = 30.0


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


def check_access(hosts: Iterable[Mapping[str, Any]]) -> None:
    """Raise the error that the tasks of all hosts would meet: a token that is not accepted, or an API that cannot be reached.

    ``hosts`` are the options of the API of each host. None is looked at after the first that works, since a token may come from a slow
    lookup. Each different access takes one read, whose products later tasks use.
    """
    errors: dict[str, str] = {}
    unreachable: set[Any] = set()
    for access in hosts:
        key = repr(sorted(access.items()))
        if key in errors or access.get("api_url") in unreachable:
            continue
        error = _access_error(access)
        if error is None:
            return
        errors[key] = str(error)
        if isinstance(error, (Unreachable, TlsError)):
            unreachable.add(access.get("api_url"))
    if errors:
        raise ServerPrismError(" ".join(dict.fromkeys(errors.values())))


def _access_error(access: Mapping[str, Any]) -> ServerPrismError | None:
    validated = ArgumentSpecValidator(API_ARGUMENT_SPEC).validate(dict(access))
    if validated.error_messages:
        return ServerPrismError(with_hint(str(validated.errors.msg)))
    params = validated.validated_parameters
    try:
        products_of({**params, "max_wait": min(params["max_wait"], CHECK_PATIENCE)})
    except (BadOption, Unauthenticated, Unreachable, TlsError) as exc:
        return exc
    except ServerPrismError:
        # Such as a token without the scope to read, or a quota that is used up: the tasks may work all the same.
        return None
    return None


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

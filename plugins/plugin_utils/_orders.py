# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a run and their options, from the variables of their hosts. Private to this collection."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.games import completed, needs_product
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.options import check, check_past
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.product import game_of_server
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import with_hint
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings
from ansible_collections.serverprism.cloud.plugins.plugin_utils._servers import duplicates, server_id_of

PREFIX = "maintenance_"
# The variables that are used for an option, in this order.
ID_VARIABLES = (f"{PREFIX}server_id", "serverprism_id")
PRODUCT_VARIABLES = (f"{PREFIX}product", "serverprism_product")
ACCESS = {"api_token": "serverprism_api_token", "api_url": "serverprism_api_url"}
VARIABLES = {name: f"{PREFIX}{name.removeprefix('maintenance_')}" for name in OPERATION.options}
MAX_FAILURES, VERIFY_TASKS = f"{PREFIX}max_failures", f"{PREFIX}verify_tasks"
REPORT_FOLDER, REPORT_FORMATS = f"{PREFIX}report_dir", f"{PREFIX}report_formats"
MAINTENANCE_ID, REASON, TIMEZONE = VARIABLES["maintenance_id"], VARIABLES["reason"], VARIABLES["timezone"]
# What a report needs, of the variables that hold for the whole run.
REPORT = (REPORT_FOLDER, REPORT_FORMATS, TIMEZONE, REASON)
# The variables of the messages, which hold for the whole run.
NOTIFY_URL, NOTIFY_FORMAT, NOTIFY_ON = f"{PREFIX}notify_url", f"{PREFIX}notify_format", f"{PREFIX}notify_on"
NOTIFY = (NOTIFY_URL, NOTIFY_FORMAT, NOTIFY_ON, MAINTENANCE_ID, REASON)
RUN_VARIABLES = (MAX_FAILURES, VERIFY_TASKS, REPORT_FOLDER, REPORT_FORMATS, NOTIFY_URL, NOTIFY_FORMAT, NOTIFY_ON)
NAMES = (*VARIABLES.values(), *ID_VARIABLES, *PRODUCT_VARIABLES, *ACCESS.values(), *RUN_VARIABLES)

# Ansible would read a text as the first element of these lists.
LISTS = {
    "announcements": '[{before: 5m, text: "{action} in {remaining}."}]',
    "exclusions": '[{name: finals, start: "18:00", end: "22:00"}]',
}


@dataclass
class Order:
    """One server of a run: its host and its options, or the reason why it is refused."""

    host: str
    params: dict[str, Any] = field(default_factory=dict, repr=False)
    refused: ServerPrismError | None = None
    notice: str = ""
    # The smallest one of all orders holds for the run.
    max_failures: int | None = None

    @property
    def server_id(self) -> int:
        """Return the ID of the server, 0 if the host has none."""
        return int(self.params.get("server_id") or 0)


def take(host: str, values: Mapping[str, Any], errors: Mapping[str, str], access: Mapping[str, Any], began: float) -> Order:
    """Return the order for a host. ``access`` are its options of the API; ``began`` is the start of the run, UTC seconds."""
    order = Order(host)
    try:
        for name, why in errors.items():
            raise BadOption(name, why)
        given = {option: plain(values[name]) for option, name in VARIABLES.items() if values.get(name) not in (None, "")}
        for option, example in LISTS.items():
            if isinstance(given.get(option), str):
                raise BadOption(VARIABLES[option], f"must be a list such as {example}. With -e, give the variable as JSON or in a file")
        given["server_id"] = server_id_of(values, ID_VARIABLES)
        given["product"] = next((str(values[name]) for name in PRODUCT_VARIABLES if values.get(name)), None)
        if "maintenance_id" in given:
            # YAML reads 20260504 as a number, and 2026-05-04 as a date.
            given["maintenance_id"] = str(given["maintenance_id"])
        if given["server_id"] < 1:
            raise BadOption(
                ID_VARIABLES[0],
                f"host {host} has no server. Set serverprism_id in the inventory (the number in the server's /services/ID address), or "
                "leave the host out with --limit",
            )
        given = {**access, **{option: values[name] for option, name in ACCESS.items() if values.get(name)}, **given}
        order.params = OPERATION.as_of(_validated(given), began)
        Settings.from_params(order.params)
        check(order.params)
        check_past(order.params, began)
        check_is_file(VERIFY_TASKS, values.get(VERIFY_TASKS))
        order.max_failures = max_failures(values.get(MAX_FAILURES))
    except ServerPrismError as exc:
        order.refused = _with_variable(exc)
    except (TypeError, ValueError, OverflowError) as exc:
        # Ansible's validation lets some values through or stumbles over them, such as a number of 400 digits.
        order.refused = ServerPrismError(f"Host {host}: its variables cannot be used: {exc}.")
    return order


def _with_variable(error: ServerPrismError) -> ServerPrismError:
    """Return the error of an option with the name of its variable, which is what the user has set."""
    option = re.match(r"\w+", error.option) if isinstance(error, BadOption) else None
    if option is None or option[0] not in VARIABLES or option[0].startswith(PREFIX):
        return error
    return ServerPrismError(str(error).replace(option[0], VARIABLES[option[0]], 1))


def _validated(given: Mapping[str, Any]) -> dict[str, Any]:
    # Validated under the names of the variables, so that messages name those.
    spec = {VARIABLES.get(option, option): what for option, what in OPERATION.argument_spec.items()}
    validated = ArgumentSpecValidator(spec).validate({VARIABLES.get(option, option): value for option, value in given.items()})
    if validated.error_messages:
        raise ServerPrismError(with_hint(str(validated.errors.msg)))
    return {option: validated.validated_parameters[VARIABLES.get(option, option)] for option in OPERATION.argument_spec}


def check_is_file(name: str, path: Any) -> None:
    """Raise BadOption if the path of a variable is set and not that of a file."""
    if path and not os.path.isfile(os.path.expanduser(str(path))):
        raise BadOption(name, f"{os.path.abspath(os.path.expanduser(str(path)))} is not a file")


def plain(value: Any) -> Any:
    """Return lists and dicts of Python's own in place of Ansible's lazy ones, which would template their elements again."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def refuse_duplicates(orders: Iterable[Order]) -> None:
    """Refuse the servers that belong to several hosts of a run."""
    by_host = {order.host: order for order in orders}
    for host, error in duplicates({host: order.server_id for host, order in by_host.items()}).items():
        by_host[host].refused = error


def complete(orders: Iterable[Order], products: Callable[[dict[str, Any]], Mapping[int, str]]) -> None:
    """Complete the options with the values of each server's game. ``products`` reads the products with the options of an order."""
    for order in orders:
        if order.refused:
            continue
        try:
            products_known = products(order.params) if needs_product(order.params) else {}
            game, notice = game_of_server(order.params, products_known)
            # Its last sentence names options.
            said, stop, advice = notice.rpartition(". ")
            order.notice = said + stop + re.sub(r"\b(announce_command|commands|game)\b", lambda name: VARIABLES[name[0]], advice)
            order.params = completed(order.params, game)
            check(order.params)
        except ServerPrismError as exc:
            order.refused = _with_variable(exc)


def max_failures(value: Any) -> int | None:
    """Return the number of failures after which no further server begins, or None for no limit. Raise BadOption."""
    if value in (None, "", 0, "0"):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if number < 1:
        raise BadOption(MAX_FAILURES, f"must be a number of servers, 1 or greater, got {value!r}")
    return number


def access_of(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the API among those of a task."""
    return {name: value for name, value in defaults.items() if name in API_ARGUMENT_SPEC and value not in (None, "")}

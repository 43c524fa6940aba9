# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the access to the API before a run: the token, and the address. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import (
    BadOption,
    ServerPrismError,
    TlsError,
    Unauthenticated,
    Unreachable,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import with_hint
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC
from ansible_collections.serverprism.cloud.plugins.plugin_utils._products import products_of

# Seconds for which the check waits for the quota or a node. What takes longer is left to the tasks.
CHECK_PATIENCE = 30.0


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
        # Such as a token without the scope to read, or a quota that is used up: the tasks may still work.
        return None
    return None

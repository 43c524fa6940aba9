# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations, and the function that runs them for modules and for in-process actions. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional

from ._api.client import Client, Usage
from ._clock import Clock, SystemClock
from ._errors import ServerPrismError
from ._quota.open import open_ledger
from ._settings import API_ARGUMENT_SPEC, Settings

Result = Dict[str, Any]

_MISSING = "missing required arguments: "
NO_TOKEN = (
    "No API token is set. Set the environment variable SERVERPRISM_API_TOKEN, the variable serverprism_api_token of the playbooks, or the "
    "option api_token of the modules."
)


def _nothing() -> None:
    """Do nothing. This is the default if nothing can interrupt the operation."""


def _silent(_text: str) -> None:
    """Ignore a line. This is the default for progress and warnings."""


def with_hint(message: str) -> str:
    """Return Ansible's message about bad options. If the token is missing, the message says where it can be set."""
    before, said, names = message.partition(_MISSING)
    others = [name for name in names.split(", ") if name != "api_token"]
    if not said or others == names.split(", "):
        return message
    return f"{before}{said}{', '.join(others)}. {NO_TOKEN}" if others else NO_TOKEN


class OperationFailed(ServerPrismError):
    """A failed operation. ``result`` contains what is known anyway, such as ``changed``, the states and the timeline."""

    def __init__(self, message: str, result: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.result = dict(result or {})


def is_interruption(exc: BaseException) -> bool:
    """Return whether an exception interrupts the operation from outside, like the timeout of a task. The result is still reported then.

    Such an exception is not derived from Exception, so no handler for ordinary errors catches it. Exceptions that end the process are
    excluded.
    """
    return not isinstance(exc, (Exception, KeyboardInterrupt, SystemExit, GeneratorExit))


def name_of_interruption(exc: BaseException) -> str:
    """Return the text of an interruption, or its type: up to ansible-core 2.18 the timeout of a task has no text."""
    return str(exc).rstrip(".") or type(exc).__name__


@dataclass
class Context:
    """The input of an operation: options, a client, a clock, and the functions that take progress lines and warnings."""

    # Not in the repr, because it contains the token.
    params: Dict[str, Any] = field(repr=False)
    client: Client
    clock: Clock
    settings: Settings
    check_mode: bool = False
    diff: bool = False
    progress: Callable[[str], None] = _silent
    warn: Callable[[str], None] = _silent
    # Called when the operation must no longer be interrupted.
    shield: Callable[[], None] = _nothing
    # Raises Interrupted if the run was told to stop.
    check_stop: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Operation:
    """An operation: the name of its module, its own options, the function that runs it, and the function that checks the options.

    ``writes`` is True if it changes servers, and ``needs_token`` if it sends requests to the API.
    """

    name: str
    options: Mapping[str, Mapping[str, Any]]
    run: Callable[[Context], Result]
    check: Callable[[Dict[str, Any]], None] = field(default=lambda params: None)
    writes: bool = True
    needs_token: bool = True
    # Returns the options with relative times resolved as of a time, UTC seconds.
    as_of: Callable[[Dict[str, Any], float], Dict[str, Any]] = field(default=lambda params, at: params)

    @property
    def argument_spec(self) -> Dict[str, Any]:
        """Return the complete argument spec for AnsibleModule."""
        return {**API_ARGUMENT_SPEC, **self.options}


def open_client(settings: Settings, clock: Clock, warn: Callable[[str], None], progress: Callable[[str], None] = _silent) -> Client:
    """Return a client with the ledger of the settings."""
    return Client(settings, clock, open_ledger(settings, clock, warn), warn=warn, progress=progress)


def perform(
    operation: Operation,
    params: Dict[str, Any],
    *,
    check_mode: bool = False,
    diff: bool = False,
    progress: Callable[[str], None] = _silent,
    warn: Callable[[str], None] = _silent,
    clock: Optional[Clock] = None,
) -> Result:
    """Run the operation and return its result. Each ServerPrismError becomes a result with ``failed`` and ``msg``."""
    clock = clock or SystemClock()
    client: Optional[Client] = None
    try:
        settings = Settings.from_params(params, operation.needs_token)
        operation.check(params)
        client = open_client(settings, clock, warn, progress)
        context = Context(params, client, clock, settings, check_mode, diff, progress, warn)
        result = operation.run(context)
    except ServerPrismError as exc:
        result = failure(exc)
    return with_usage(result, client)


def failure(exc: ServerPrismError) -> Result:
    """Return the result of an operation that failed."""
    known = exc.result if isinstance(exc, OperationFailed) else {}
    return {"changed": False, **known, "failed": True, "msg": str(exc)}


def with_usage(result: Result, client: Optional[Client]) -> Result:
    """Return the result with the number of requests in ``api``."""
    return {"changed": False, **result, "api": (client.usage if client else Usage()).as_dict()}

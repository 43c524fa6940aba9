# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operation is, and the one way to run it, for modules and in-process actions alike. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional

from ._api.client import Client, Usage
from ._clock import Clock, SystemClock
from ._errors import ServerPrismError
from ._quota.open import open_ledger
from ._settings import API_ARGUMENT_SPEC, Settings

Result = Dict[str, Any]


def _nothing() -> None:
    """Do nothing: the default where nobody can interrupt."""


def _silent(_text: str) -> None:
    """Nobody listens: the default for progress and warnings."""


def with_hint(message: str) -> str:
    """Ansible's message on a missing option, with where the token can come from."""
    return f"{message} (or set SERVERPRISM_API_TOKEN)" if message.endswith("missing required arguments: api_token") else message


class OperationFailed(ServerPrismError):
    """An operation that ended badly; ``result`` holds what is known all the same (``changed``, states, timeline)."""

    def __init__(self, message: str, result: Optional[Mapping[str, Any]] = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.result = dict(result or {})


def is_interruption(exc: BaseException) -> bool:
    """Whether somebody else ended the operation, as the time-out of a task does: what is done by then has to be told all the same.

    Such an exception is no Exception, so that nothing takes it for a failure of its own; those that end the process go on.
    """
    return not isinstance(exc, (Exception, KeyboardInterrupt, SystemExit, GeneratorExit))


@dataclass
class Context:
    """All that an operation gets: options, a client, a clock, and where its progress lines and warnings go."""

    # The token is one of them.
    params: Dict[str, Any] = field(repr=False)
    client: Client
    clock: Clock
    settings: Settings
    check_mode: bool = False
    diff: bool = False
    progress: Callable[[str], None] = _silent
    warn: Callable[[str], None] = _silent
    # Called where the operation takes no interruption any more.
    shield: Callable[[], None] = _nothing
    # Raises Interrupted where the run was told to stop.
    check_stop: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Operation:
    """One operation: its module's name, its options beside those of the API, what it does, a check of them, and what they mean when.

    ``writes`` says whether it changes servers.
    """

    name: str
    options: Mapping[str, Mapping[str, Any]]
    run: Callable[[Context], Result]
    check: Callable[[Dict[str, Any]], None] = field(default=lambda params: None)
    writes: bool = True
    # The options as they are meant by somebody who said them at a time, UTC seconds.
    as_of: Callable[[Dict[str, Any], float], Dict[str, Any]] = field(default=lambda params, at: params)

    @property
    def argument_spec(self) -> Dict[str, Any]:
        """The whole argument spec, in the form of AnsibleModule."""
        return {**API_ARGUMENT_SPEC, **self.options}


def open_client(settings: Settings, clock: Clock, warn: Callable[[str], None], progress: Callable[[str], None] = _silent) -> Client:
    """A client on the ledger that the settings name."""
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
    """Run the operation and return its result; what the world can do to us becomes ``failed`` and ``msg``, never an exception."""
    clock = clock or SystemClock()
    client: Optional[Client] = None
    try:
        settings = Settings.from_params(params)
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
    """Return the result with what the operation took of the quota."""
    return {"changed": False, **result, "api": (client.usage if client else Usage()).as_dict()}

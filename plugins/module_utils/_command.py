# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send one console command, at most once. Private to this collection."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator

from ._api.coroutines import blocking
from ._errors import Ambiguous, NotRunning, ServerPrismError
from ._operation import (
    Context,
    Operation,
    OperationFailed,
    Result,
    is_interruption,
    name_of_interruption,
)
from ._power.follow import look
from ._power.options import check_server_id
from ._text import check_line


def check(params: Dict[str, Any]) -> None:
    """Check the options before the first request. Raises BadOption."""
    check_server_id(params)
    check_line("command", params["command"])


async def run(ctx: Context) -> Result:
    """Send the command unless the server is offline. Return the result of ``serverprism_command``."""
    server_id, command = ctx.params["server_id"], ctx.params["command"]
    skip = ctx.params["if_offline"] == "skip"
    result: Result = {"changed": False, "server_id": server_id, "command": command, "sent": False}
    with failing_with(result, ctx):
        if ctx.check_mode or skip:
            # If the state is unknown, the command is sent: the API refuses it if the game is not running.
            _server, observation = await look(ctx, server_id)
            if observation.state == "offline":
                return _offline(result, skip)
        if ctx.check_mode:
            return {**result, "changed": True}
        try:
            await ctx.client.send_command(server_id, lambda: command)
        except NotRunning:
            if not skip:
                raise
            return result
    return {**result, "sent": True, "changed": True}


@contextmanager
def failing_with(result: Result, ctx: Context) -> Iterator[None]:
    """Raise each error as OperationFailed with the result. ``changed`` is True if the command may have reached the game."""
    try:
        yield
    except OperationFailed:
        raise
    except ServerPrismError as exc:
        changed = isinstance(exc, Ambiguous)
        raise OperationFailed(str(exc), {**result, "changed": changed}) from exc
    except BaseException as exc:
        if not is_interruption(exc) or not ctx.client.usage.writes:
            raise
        why = f"Interrupted ({name_of_interruption(exc)}) while the console command was sent to server {result['server_id']}"
        raise OperationFailed(f"{why}: it may have been delivered.", {**result, "changed": True}) from exc


def _offline(result: Result, skip: bool) -> Result:
    if skip:
        return result
    raise OperationFailed(f"Server {result['server_id']} is offline: a console command needs a running game.", result)


OPERATION = Operation(
    name="serverprism_command",
    options={
        "server_id": {"type": "int", "required": True},
        "command": {"type": "str", "required": True},
        "if_offline": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    },
    run=blocking(run),
    check=check,
)

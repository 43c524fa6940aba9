# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Announce a text to the players of one server, at most once. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict

from ._api.coroutines import blocking
from ._command import failing_with
from ._errors import NotRunning
from ._maintenance.options import OPTIONS
from ._maintenance.product import choose_game
from ._maintenance.steps import (
    check_announce_command,
    check_braces,
    fill,
    safe_name,
    text_line,
)
from ._operation import Context, Operation, Result
from ._power.follow import look
from ._power.options import check_server_id
from ._text import check_line


def check(params: Dict[str, Any]) -> None:
    """Check the options before the first request. Raises BadOption."""
    check_server_id(params)
    check_line("text", params["text"])
    check_braces("text", params["text"], ("name",))
    check_announce_command(params["announce_command"])


async def run(ctx: Context) -> Result:
    """Send the text unless the server is offline or its game takes no commands. Return the result of ``serverprism_announce``."""
    params, server_id = ctx.params, ctx.params["server_id"]
    result: Result = {"changed": False, "server_id": server_id, "command": None, "sent": False, "reason": None}
    with failing_with(result, ctx):
        server, observation = await look(ctx, server_id)
        if observation.state == "offline":
            return {**result, "reason": "offline"}
        game, remark = await choose_game(ctx)
        command = params["announce_command"] or game.announce_command
        if command is None:
            reason = f"{game.name} takes no console commands: players are not told. If a mod adds a console, set announce_command."
            ctx.progress(reason)
            return {**result, "reason": reason}
        if remark:
            ctx.progress(remark)
        line = text_line(command, fill(params["text"], {"name": safe_name(server.name)}))
        result["command"] = line
        sent: Result = {**result, "changed": True, "sent": not ctx.check_mode}
        if ctx.diff:
            sent["diff"] = {"before": "", "after": f"{line}\n"}
        if not ctx.check_mode:
            try:
                await ctx.client.send_command(server_id, lambda: line)
            except NotRunning:
                return {**result, "reason": "offline"}
        ctx.progress(f"{'would send' if ctx.check_mode else 'sent'}: {line}")
    return sent


OPERATION = Operation(
    name="serverprism_announce",
    options={
        "text": {"type": "str", "required": True},
        **{name: OPTIONS[name] for name in ("server_id", "announce_command", "game", "product")},
    },
    run=blocking(run),
    check=check,
)

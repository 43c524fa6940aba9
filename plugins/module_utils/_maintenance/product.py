# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The product of a server, and the game that it stands for. Private to this collection."""

from __future__ import annotations

from typing import Dict, Tuple

from .._api.client import Client
from .._errors import ServerNotFound
from .._operation import Context
from .games import Game, named, needs_product, notice


async def read_products(client: Client) -> Dict[int, str]:
    """Return the product of every server that the token may see: one read."""
    return {one.id: one.product for one in await client.list_servers()}


async def choose_game(ctx: Context) -> Tuple[Game, str]:
    """Return the game of a server, and what the operator must know about its commands. Reads the list of servers if it has to."""
    product = ctx.params["product"] or ""
    if needs_product(ctx.params):
        product = (await read_products(ctx.client)).get(ctx.params["server_id"], "")
        if not product:
            raise _not_listed(ctx.params["server_id"])
    game = named(ctx.params["game"], product)
    return game, notice(game, product, ctx.params)


def _not_listed(server_id: int) -> ServerNotFound:
    return ServerNotFound(
        f"Server {server_id}: not found, or not owned by the customer of this token. Check serverprism_id, the number in the server's "
        "/services/ID address.",
        server_id=server_id,
        status=404,
    )

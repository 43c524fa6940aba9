# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the game of a server from its product. Private to this collection."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from .._api.client import Client
from .._errors import ServerNotFound
from .._operation import Context
from .games import Game, named, needs_product, notice


async def read_products(client: Client) -> Dict[int, str]:
    """Return the product of every server that the token may see. This takes one read."""
    return {one.id: one.product for one in await client.list_servers()}


async def choose_game(ctx: Context) -> Tuple[Game, str]:
    """Return the game of a server, and a notice about its commands for the operator. Read the list of servers only if it is needed."""
    return game_of_server(ctx.params, await read_products(ctx.client) if needs_product(ctx.params) else {})


def game_of_server(params: Mapping[str, Any], products: Mapping[int, str]) -> Tuple[Game, str]:
    """Return the game of a server, and a notice about its commands for the operator. Raise ServerNotFound.

    ``products`` are the products of all servers, if the game depends on them.
    """
    server_id = params["server_id"]
    product = products.get(server_id, "") if needs_product(params) else params["product"] or ""
    if needs_product(params) and not product:
        raise ServerNotFound(
            f"Server {server_id}: not found, or not owned by the customer of this token. Check serverprism_id, the number in the server's "
            "/services/ID address, or leave the host out with --limit."
        )
    game = named(params["game"], product)
    return game, notice(game, product, params)

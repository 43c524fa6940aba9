# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read responses of the API: their JSON or the matching error. Pure. Private to this collection."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional
from urllib.parse import urlsplit

from .. import _errors as errors
from .._errors import ServerPrismError
from .._text import one_line, storable

LONGEST_MESSAGE = 200


@dataclass(frozen=True)
class Reply:
    """A complete response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def decode(reply: Reply) -> Any:
    """Return the JSON of a body, or None if it is not JSON, as in a page of a proxy."""
    try:
        return json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def message(reply: Reply, clean: Callable[[str], str] = str) -> str:
    """Return the API's own message as one line, without secrets and control characters, or an empty string."""
    payload = decode(reply)
    if not isinstance(payload, dict):
        return ""
    parts = [payload.get("message")]
    if isinstance(payload.get("errors"), dict):
        parts += [text for texts in payload["errors"].values() if isinstance(texts, list) for text in texts]
    words = [part for part in dict.fromkeys(p for p in parts if isinstance(p, str)) if part]
    # Secrets are removed before the message is cut, because a part of a token would not be recognized.
    return clean(storable(one_line(" ".join(words))))[:LONGEST_MESSAGE]


def says_not_running(reply: Reply) -> bool:
    """Return whether the 502 for a command means that the server is not running: the API passes on the refusal of the node.

    A 502 whose message is about the connection between the panel and its daemon is a real failure.
    """
    said = message(reply).lower()
    return reply.status == 502 and bool(said) and not re.search(r"communicat|daemon|exception|timed? ?out|gateway", said)


def check_sent(payload: Any, what: str) -> None:
    """Raise Ambiguous unless the response says that the write was sent."""
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, dict) or data.get("sent") is not True:
        raise errors.Ambiguous(
            f"The response to {what} does not say that it was sent: it may have been carried out, so it is not repeated."
        )


def error(
    reply: Reply, what: str, server_id: Optional[int], is_command: bool, clean: Callable[[str], str], token_source: str = "api_token"
) -> ServerPrismError:
    """Return the error for a final response. ``token_source`` is where the token comes from."""
    status, said = reply.status, message(reply, clean)
    quoted = f' It says: "{said}".' if said else ""
    kind, text = _cause(reply, status, said, is_command)
    if status == 409 and server_id is None:
        text = "The API refuses {what} now."
    if status == 404 and server_id is None:
        # Every customer has a list, although it may be empty.
        text = "Not found: {what}. api_url is not the address of the API. Check it."
    # The API's message is added after formatting, because it may contain braces.
    told = (text or "Unexpected response to {what}.").format(what=what).replace("Check api_token.", f"Check {token_source}.")
    if not text or kind in (errors.Conflict, errors.InvalidRequest):
        told += quoted
    out: ServerPrismError = kind(clean(f"{told} (HTTP {status})"))
    return out


def _cause(reply: Reply, status: int, said: str, is_command: bool) -> Any:
    """Return the error class and the message for a status. ``{what}`` is the placeholder for the request."""
    if 300 <= status < 400:
        host = re.sub(r"[^\w.:-]", "?", urlsplit(reply.headers.get("location", "")).netloc) or "another page"
        return errors.Redirected, (
            f"The API redirects {{what}} to {host}. Redirects are not followed, because the other host would get the token. Check api_url."
        )
    if is_command and status in (412, 502):
        return errors.NotRunning, "The game is not running, so {what} was not delivered."
    if status == 403 and "scope" not in said.lower():
        return errors.Forbidden, (
            "Access to {what} was refused by a proxy or firewall in front of the API, not because of a missing scope. "
            "Check this machine's address and proxy."
        )
    return {
        401: (
            errors.Unauthenticated,
            "The token is not accepted for {what}: it is wrong, expired or revoked. Check api_token.",
        ),
        403: (
            errors.MissingScope,
            "The token lacks the scope for {what}. Reading needs servers:read, signals and commands need servers:control. "
            "Create a token with that scope.",
        ),
        404: (
            errors.ServerNotFound,
            "Not found: {what}. It does not exist or belongs to another customer. Check the number in its /services/ID address.",
        ),
        409: (
            errors.Conflict,
            "The API refuses {what} now, because the server is suspended, being installed, restored or transferred. Nothing was done.",
        ),
        422: (errors.InvalidRequest, "The API does not accept {what}. Nothing was done."),
    }.get(status, (errors.UnexpectedStatus, ""))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer of the API says: its JSON, or the error it is. Pure. Private to this collection."""

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
    """An answer that arrived whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def decode(reply: Reply) -> Any:
    """The JSON of a body, or None where it is none (a proxy's page, a truncated answer)."""
    try:
        return json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def message(reply: Reply, clean: Callable[[str], str] = str) -> str:
    """The API's own message, as data: one line, no control characters, cleaned, cut; empty where there is none."""
    payload = decode(reply)
    if not isinstance(payload, dict):
        return ""
    parts = [payload.get("message")]
    if isinstance(payload.get("errors"), dict):
        parts += [text for texts in payload["errors"].values() if isinstance(texts, list) for text in texts]
    words = [part for part in dict.fromkeys(p for p in parts if isinstance(p, str)) if part]
    # Cleaned while it is whole: half of a token would not be known for one.
    return clean(storable(one_line(" ".join(words))))[:LONGEST_MESSAGE]


def says_not_running(reply: Reply) -> bool:
    """Whether a command's 502 means "the server is not running": the API passes its node's refusal on with a message.

    The same status with the panel's words about communicating with its daemon is a real breakdown.
    """
    said = message(reply).lower()
    return reply.status == 502 and bool(said) and not re.search(r"communicat|daemon|exception|timed? ?out|gateway", said)


def check_sent(payload: Any, what: str, server_id: int) -> None:
    """A write is accepted when its answer says so; anything else leaves it open."""
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, dict) or data.get("sent") is not True:
        raise errors.Ambiguous(
            f"The answer to {what} does not say that it was sent: it may have been carried out, so it is not repeated.",
            server_id=server_id,
        )


def error(reply: Reply, what: str, server_id: Optional[int], is_command: bool, clean: Callable[[str], str]) -> ServerPrismError:
    """The error that a final answer is."""
    status, said = reply.status, message(reply, clean)
    quoted = f' It says: "{said}".' if said else ""
    kind, text = _cause(reply, status, said, is_command)
    if status == 409 and server_id is None:
        text = "The API refuses {what} now."
    if status == 404 and server_id is None:
        # Every customer has a list, if an empty one.
        text = "Not found: {what}. So api_url is not the address of the API: check it."
    # What the API says is added last: it is data, and braces in it are no places to fill.
    told = (text or "Unexpected answer for {what}.").format(what=what)
    if not text or kind in (errors.Conflict, errors.InvalidRequest):
        told += quoted
    out: ServerPrismError = kind(clean(f"{told} (HTTP {status})"), server_id=server_id, status=status)
    return out


def _cause(reply: Reply, status: int, said: str, is_command: bool) -> Any:
    """The class and the sentence for a status; ``{what}`` stands for the request."""
    if 300 <= status < 400:
        host = re.sub(r"[^\w.:-]", "?", urlsplit(reply.headers.get("location", "")).netloc) or "another page"
        return errors.Redirected, (
            f"The API redirects {{what}} to {host}; that is not followed, since the token would go along. Check api_url."
        )
    if is_command and status in (412, 502):
        return errors.NotRunning, "The game is not running, so {what} was not delivered."
    if status == 403 and "scope" not in said.lower():
        return errors.Forbidden, (
            "Access for {what} was refused, and not for a missing scope: a proxy or firewall in front of the API blocks it. "
            "Check this machine's address and proxy."
        )
    return {
        401: (
            errors.Unauthenticated,
            "The token is not accepted for {what}: it is wrong, expired or revoked. Check api_token.",
        ),
        403: (
            errors.MissingScope,
            "The token lacks the scope for {what}: reading needs servers:read, signals and commands need servers:control. "
            "Create a token with it.",
        ),
        404: (
            errors.ServerNotFound,
            "Not found: {what}. It does not exist or belongs to another customer; check the number in its /services/ID address.",
        ),
        409: (
            errors.Conflict,
            "The API refuses {what} now: the server is suspended, being installed, restored or transferred. Nothing was done.",
        ),
        422: (errors.InvalidRequest, "The API does not accept {what}. Nothing was done."),
    }.get(status, (errors.UnexpectedStatus, ""))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by route: their effect, how often they occur, and if the work is done before."""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response, StreamingResponse

MISSING = "(missing)"


@dataclass
class Fault:
    """The name of a ``token``, ``method`` and ``path`` (a regular expression) choose the requests, all of them where nothing is said;
    ``skip`` of them pass, then ``count`` are hit.

    ``status``, ``body``, ``headers`` replace the answer. ``done`` says whether the work is done all the same. ``drop`` closes the
    connection without an answer; ``truncate`` sends half of the body; ``delay`` real seconds pass before the answer, and
    ``drip`` real seconds while its body is sent byte by byte. ``raw`` (Latin-1) goes out instead of any HTTP, in ``raw_seconds``
    real seconds, and then the connection ends. ``bomb`` bytes of blanks stand before the body, compressed to almost nothing.
    ``fields`` changes what the true answer says: ``{"data.resources.memory_bytes": "x"}``; MISSING leaves it out.
    """

    token: str = ""
    method: str = ""
    path: str = ""
    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    drop: bool = False
    truncate: bool = False
    delay: float = 0.0
    drip: float = 0.0
    raw: str = ""
    raw_seconds: float = 0.0
    bomb: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    skip: int = 0
    count: int = 1_000_000

    def takes(self, token: str, method: str, path: str) -> bool:
        """Return true if this request is affected, and count it."""
        if self.token not in ("", token) or self.method not in ("", method) or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if not self.count:
            return False
        self.count -= 1
        return True

    @property
    def replaces(self) -> bool:
        """Return true if the fault provides the answer."""
        return bool(self.status or self.drop or self.raw)

    async def spoil(self, response: Response | None) -> Response:
        """Return the answer as the fault leaves it; None if the work was not done, so there is no answer."""
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.raw:
            return Raw(self.raw.encode("latin-1"), self.raw_seconds)
        if self.drop:
            return Raw(b"", 0.0)
        if self.status:
            kind = "application/json" if self.body[:1] in "{[" else "text/html"
            response = Response(self.body, self.status, {"content-type": kind, **self.headers})
        assert response is not None
        body = bytes(response.body)
        if self.fields and response.status_code == 200:
            response = Response(changed(body, self.fields), response.status_code, media_type="application/json")
        if self.bomb:
            packed = blanks(self.bomb) + gzip.compress(body)
            response = Response(packed, response.status_code, {"content-encoding": "gzip", "content-type": "application/json"})
        if self.drip:
            return dripping(response, self.drip)
        return Truncated(body) if self.truncate else response


@functools.cache
def blanks(size: int) -> bytes:
    """Return ``count`` compressed blanks; cached, since creating them takes long."""
    return gzip.compress(b" " * size)


def changed(body: bytes, fields: dict[str, Any]) -> bytes:
    """Return a JSON body with changed values; a number in a path is an index of a list. Paths that do not exist are ignored."""
    payload = json.loads(body)
    for path, value in fields.items():
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        where = payload
        try:
            for step in way:
                where = where[step]
            if value == MISSING:
                del where[last]
            else:
                where[last] = value
        except (KeyError, TypeError, IndexError):
            continue
    return json.dumps(payload).encode()


def dripping(response: Response, seconds: float) -> Response:
    """Return the same answer with its body sent byte by byte."""
    body = bytes(response.body)

    async def drops() -> AsyncIterator[bytes]:
        for index in range(len(body)):
            yield body[index : index + 1]
            await asyncio.sleep(seconds / len(body))

    return StreamingResponse(drops(), response.status_code, dict(response.headers))


class Raw(Response):
    """Bytes that need not be HTTP, sent over time; then the connection ends."""

    def __init__(self, raw: bytes, seconds: float) -> None:
        super().__init__()
        self.raw, self.seconds = raw, seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # An exception would become a 500; only uvicorn itself can close the connection.
        transport = scope["cycle"].transport
        step = 1 if self.seconds else max(1, len(self.raw))
        for at in range(0, len(self.raw), step):
            if transport.is_closing():
                break
            transport.write(self.raw[at : at + step])
            await asyncio.sleep(self.seconds / len(self.raw))
        if self.raw:
            transport.close()
            # Until the end is sent, uvicorn would send an answer of its own.
            while not scope["cycle"].disconnected:
                await asyncio.sleep(0.001)
        else:
            transport.abort()


class Truncated(Response):
    """Half of the body; then the connection ends."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytes(self.body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        raise ConnectionAbortedError("truncated by a fault")

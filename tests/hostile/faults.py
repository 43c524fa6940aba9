# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A table of the ways in which an API, a proxy or a network can spoil a request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

# Used by the whole suite: a read fails after it, and the result of a write is unknown after it.
TIMEOUT = 0.6
OK_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = '{"data": {"sent": true}}'
ONLY_READS, ONLY_WRITES, BOTH = ("GET",), ("POST",), ("GET", "POST")


@dataclass(frozen=True)
class Hostile:
    """One fault: its family in the table of results, the simulator's settings, and the methods it applies to."""

    family: str
    fault: dict[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = BOTH


def _answer(status: int, body: str = "", **headers: str) -> dict[str, Any]:
    return {"status": status, "body": body, "headers": {name.replace("_", "-"): value for name, value in headers.items()}}


def _message(status: int, text: str, **headers: str) -> dict[str, Any]:
    return _answer(status, json.dumps({"message": text}), **headers)


def _raw(head: str, body: str = "", seconds: float = 0.0) -> dict[str, Any]:
    # The body says that the work was done, so it is done.
    return {"raw": f"{head}\r\n{body}", "raw_seconds": seconds, "done": True}


NETWORK = {
    "dropped, nothing done": {"drop": True},
    "dropped, work done": {"drop": True, "done": True},
    "truncated body": {"truncate": True},
    "headers late": {"delay": 2 * TIMEOUT},
    # The bytes come more often than any read timeout.
    "headers byte by byte": _raw(OK_HEAD + "X-Slow: " + "x" * 100 + "\r\n", BODY, 10 * TIMEOUT),
    "body byte by byte": {"drip": 10 * TIMEOUT},
    "body byte by byte, no length": _raw(OK_HEAD, " " * 100 + BODY, 10 * TIMEOUT),
}
GARBAGE = {
    "not HTTP": {"raw": "SSH-2.0-OpenSSH_9.2\r\n", "done": True},
    "empty status line": {"raw": "\r\n\r\n", "done": True},
    "a thousand headers": _raw(OK_HEAD + "X-H: 1\r\n" * 1000, BODY),
    "one header of a megabyte": _raw(OK_HEAD + f"X-H: {'x' * 1_000_000}\r\n", BODY),
    "negative length": _raw(OK_HEAD + "Content-Length: -5\r\n", BODY),
    "two lengths": _raw(OK_HEAD + "Content-Length: 5\r\nContent-Length: 6\r\n", BODY),
    "length that is no number": _raw(OK_HEAD + "Content-Length: many\r\n", BODY),
    "broken chunks": _raw(OK_HEAD + "Transfer-Encoding: chunked\r\n", "zz\r\nnot a chunk\r\n"),
    "gzip that is none": _raw(OK_HEAD + "Content-Encoding: gzip\r\n", BODY),
    "gzip bomb": {"bomb": 100 * 1024 * 1024},
    "five megabytes": _answer(200, " " * 5_000_000),
}
PAGES = {
    "200 HTML": _answer(200, "<html>Sign in</html>"),
    "200 empty": _answer(200),
    "204": _answer(204),
    "502 page": _answer(502, "<html>Bad gateway</html>"),
    "challenge page": _answer(403, "error code: 1010"),
    "redirect to another host": _answer(302, Location="http://192.0.2.1/login"),
    "permanent redirect that keeps the method": _answer(308, Location="//192.0.2.1/"),
    "redirect to nowhere": _answer(301),
}
STATUSES = {
    f"{status}": _message(status, "An error with <b>HTML</b>, {{ 7 * 7 }}, {no} {0} {what.__class__} %s and \u001b[31mcolour\u001b[0m.")
    for status in (400, 401, 403, 404, 405, 409, 412, 413, 418, 422, 500, 501, 502, 504, 520, 524, 599)
}
RETRY = {
    "429": _message(429, "Too Many Attempts.", Retry_After="1"),
    "429 without Retry-After": _message(429, "Too Many Attempts."),
    **{
        f"429, Retry-After: {value[:24]}": _message(429, "Too Many Attempts.", Retry_After=value)
        for value in ("0", "-1", "-999999999999", "1e9", "9" * 40, "soon", "Thu, 99 Foo", "Wed, 21 Oct 2099 07:28:00 GMT", "0x10", "NaN")
    },
    "503": _message(503, "Service Unavailable"),
    "503, Retry-After: 9999999": _message(503, "Service Unavailable", Retry_After="9999999"),
}
_DEEP = "[" * 100_000
_WRONG = {"null": None, "a text": "x", "a list": [], "an object": {}, "true": True, "1e400": 1e400, "NaN": float("nan"), "huge": 10**400}
_LIST_FIELDS = ("data.0", "data.0.id", "data.0.product", "data.0.service_status")
_FIELDS = (
    "data",
    "data.id",
    "data.name",
    "data.service_status",
    "data.limits",
    "data.limits.memory_mb",
    "data.resources",
    "data.resources.current_state",
    "data.resources.memory_bytes",
    "data.resources.network_rx_bytes",
)
SHAPES = {
    **{f"{path} is {name}": {"fields": {path: value}} for path in (*_FIELDS, *_LIST_FIELDS) for name, value in _WRONG.items()},
    **{f"{path} is missing": {"fields": {path: "(missing)"}} for path in (*_FIELDS, *_LIST_FIELDS)},
    "a state that nobody knows": {"fields": {"data.resources.current_state": "hibernating"}},
    "half a character in the name": {"fields": {"data.name": "\ud800"}},
    "a name like a template": {"fields": {"data.name": "{{ lookup('pipe', 'id') }} \u202e\u001b]0;x\u0007<script>"}},
    "another server's id": {"fields": {"data.id": 999_999}},
}
JSON_BODIES = {
    f"200 with {name}": _answer(200, text)
    for name, text in {
        "null": "null",
        "a number": "7",
        "an empty object": "{}",
        "a deep list": _DEEP,
        "NaN": '{"data": NaN}',
        "broken UTF-8 names": '{"data": [{"id": 1, "product": "\\ud800", "service_status": "active"}]}',
        "duplicate ids": '{"data": [' + ",".join(['{"id": 5, "product": "p", "service_status": "active"}'] * 2) + "]}",
        "sent: false": '{"data": {"sent": false}}',
        "sent: a text": '{"data": {"sent": "true"}}',
    }.items()
}
HOSTILE: dict[str, Hostile] = {
    **{name: Hostile("network", fault) for name, fault in NETWORK.items()},
    **{name: Hostile("what is no HTTP", fault) for name, fault in GARBAGE.items()},
    **{name: Hostile("pages and redirects", fault) for name, fault in PAGES.items()},
    **{name: Hostile("statuses", fault) for name, fault in STATUSES.items()},
    **{name: Hostile("429 and 503", fault) for name, fault in RETRY.items()},
    **{name: Hostile("JSON of another shape", fault) for name, fault in JSON_BODIES.items()},
    **{name: Hostile("a field of another type", fault, ONLY_READS) for name, fault in SHAPES.items()},
}

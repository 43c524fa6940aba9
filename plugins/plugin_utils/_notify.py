# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send messages about a run to a webhook, without delaying the run. Private to this collection."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.serverprism.cloud.plugins.module_utils._api.retry import backoff, parse_retry_after
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import VERSION
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import signals_for_the_main_thread
from ansible_collections.serverprism.cloud.plugins.module_utils._redact import register_secrets
from ansible_collections.serverprism.cloud.plugins.module_utils._report.message import (
    DISCORD,
    END,
    EVENTS,
    FAILED,
    FORMATS,
    JSON,
    SLACK,
    START,
    Messages,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._text import is_visible_ascii
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _orders as orders
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import common_text

# Without this library, the check of the run has already failed.
with suppress(ImportError):
    import requests

# Sends a body to an address, and returns a warning.
Sender = Callable[[str, Mapping[str, Any]], str]
# Seconds for which a message is tried, and those of one attempt.
PATIENCE, TIMEOUT = 10.0, 5.0
DEFAULT_EVENTS = (FAILED, END)
# The format of each service with an address of its own. All others get JSON.
SERVICES = {"discord.com": DISCORD, "discordapp.com": DISCORD, "hooks.slack.com": SLACK}
# What to do about a status that repeating does not change. For any other status, the address is wrong.
BAD_BODY = (400, 415, 422)
MOVED = "redirects are not followed. Set maintenance_notify_url to the new address"


@dataclass(frozen=True)
class Webhook:
    """A webhook: its address, which is a secret, its format, and the events that it gets."""

    url: str = field(repr=False)
    format: str
    events: tuple[str, ...] = DEFAULT_EVENTS


def webhook_of(hosts: Iterable[Mapping[str, Any]]) -> Webhook | None:
    """Return the webhook of a run, from the variables of its hosts, or None. Raise BadOption, which never shows the address."""
    values = [{name: orders.plain(one[name]) for name in orders.NOTIFY if one.get(name) not in (None, "")} for one in hosts]
    urls = {str(one[orders.NOTIFY_URL]).strip() for one in values if orders.NOTIFY_URL in one}
    register_secrets(*urls)
    for url in urls:
        _check_url(url)
    if len(urls) > 1:
        places = ", ".join(sorted(map(_place, urls)))
        raise BadOption(
            orders.NOTIFY_URL,
            f"the hosts of this run have different addresses ({places}). A run sends its messages to one, so give all hosts the same",
        )
    formats = {str(one[orders.NOTIFY_FORMAT]) for one in values if orders.NOTIFY_FORMAT in one}
    for wrong in sorted(formats - set(FORMATS)):
        raise BadOption(orders.NOTIFY_FORMAT, f"must be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, got {wrong!r}")
    events = {_events_of(one[orders.NOTIFY_ON]) for one in values if orders.NOTIFY_ON in one} or {DEFAULT_EVENTS}
    for name, found in ((orders.NOTIFY_FORMAT, formats), (orders.NOTIFY_ON, events)):
        if len(found) > 1:
            raise BadOption(name, "the hosts of this run have different values. Give all hosts the same")
    if not urls:
        return None
    (url,), (chosen,) = urls, events
    return Webhook(url, formats.pop() if formats else _format_of(url), chosen)


def notifier_of(hosts: Iterable[Mapping[str, Any]], warn: Callable[[str], None], send_one: Sender | None = None) -> Notifier:
    """Return the notifier of a run, from the variables ``orders.NOTIFY`` of its hosts. Without a webhook, it sends nothing.

    ``warn`` is called by another thread. Raises BadOption.
    """
    hosts = list(hosts)
    webhook = webhook_of(hosts)
    identity, reason = (common_text(name, hosts) for name in (orders.MAINTENANCE_ID, orders.REASON))
    return Notifier(webhook, Messages(webhook.format if webhook else JSON, identity, reason), warn, send_one or send)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if not is_address or not is_visible_ascii(url):
        raise BadOption(orders.NOTIFY_URL, "must be an address that begins with https:// or http://. Copy the whole address again")


def _events_of(value: Any) -> tuple[str, ...]:
    """Return the events in their order. A text may name several, with commas between them."""
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    names = [str(one).strip() for one in given]
    for wrong in names:
        if wrong not in EVENTS:
            raise BadOption(orders.NOTIFY_ON, f"must be a list of {', '.join(EVENTS[:-1])} and {EVENTS[-1]}, got {wrong!r}")
    return tuple(event for event in EVENTS if event in names)


def _format_of(url: str) -> str:
    host = f".{urlsplit(url).hostname}"
    return next((form for name, form in SERVICES.items() if host.endswith(f".{name}")), JSON)


def _place(url: str) -> str:
    """Return the part of an address that is no secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"


@dataclass(frozen=True)
class Failure:
    """A failed attempt: the reason, and the seconds after which it may be repeated. None if repeating is of no use."""

    why: str
    again_after: float | None = None


def send(
    url: str,
    body: Mapping[str, Any],
    session: Any = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Send a message, and return a warning, empty on success. Repeat failures that may pass, for up to PATIENCE seconds.

    If a response is lost, the message may arrive twice.
    """
    until, tries = clock() + PATIENCE, 0
    with session or requests.Session() as opened:
        while True:
            tries += 1
            failure = _attempt(opened, url, body, min(TIMEOUT, max(0.1, until - clock())))
            if failure is None:
                return ""
            pause = None if failure.again_after is None else max(failure.again_after, backoff(tries))
            if pause is None or clock() + pause >= until:
                return f"A message about the run could not be sent to {_place(url)}: {failure.why}."
            sleep(pause)


def _attempt(session: Any, url: str, body: Mapping[str, Any], timeout: float) -> Failure | None:
    headers = {"User-Agent": f"serverprism.cloud/{VERSION}"}
    try:
        # Only the status matters, so the body of the response is not read.
        with session.post(url, json=body, headers=headers, timeout=timeout, allow_redirects=False, stream=True) as answer:
            status = answer.status_code
            asked = parse_retry_after(answer.headers.get("Retry-After"), time.time())
    except requests.exceptions.SSLError as exc:
        return Failure(f"the TLS connection failed{_cause(exc)}")
    except ValueError:
        return Failure("the address is not valid; check maintenance_notify_url")
    except requests.exceptions.Timeout:
        return Failure(f"it does not respond within {timeout:g} s", 0.0)
    except (requests.exceptions.ConnectionError, OSError) as exc:
        return Failure(f"the connection failed{_cause(exc)}", 0.0)
    if 200 <= status < 300:
        return None
    if status == 429 or status >= 500:
        return Failure(f"it responds with HTTP {status}", asked or 0.0)
    advice = f"check maintenance_notify_{'format' if status in BAD_BODY else 'url'}"
    return Failure(f"it responds with HTTP {status}; {MOVED if 300 <= status < 400 else advice}")


def _cause(exc: BaseException) -> str:
    """Return the text of the system error behind an exception. Texts of the libraries contain the address."""
    inner: BaseException | None = exc
    found = ""
    while inner is not None:
        if isinstance(inner, OSError) and not isinstance(inner, requests.exceptions.RequestException) and inner.strerror:
            found = f" ({inner.strerror})"
        inner = inner.__cause__ or inner.__context__
    return found


class Notifier:
    """The messages about one run. A separate thread sends them, so that ``begin`` and ``failed`` return at once.

    Without a webhook, nothing is sent. ``warn`` is called by the thread, and once for each different warning.
    """

    def __init__(
        self,
        webhook: Webhook | None,
        messages: Messages,
        warn: Callable[[str], None],
        send_one: Sender = send,
        patience: float = PATIENCE,
    ) -> None:
        self._webhook = webhook
        self._messages = messages
        self._warn = warn
        self._send = send_one
        self._patience = patience
        self._bodies: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._said: set[str] = set()
        self._has_failed = False

    def begin(self, plan: str) -> None:
        """Send the message for the start of the run, with its plan."""
        if self._wants(START):
            self._put(self._messages.started(plan))

    def failed(self, row: Mapping[str, Any], left: int) -> None:
        """Send the message for the first failed server (a row of the report). Send nothing for later ones, or if no others are left."""
        if self._wants(FAILED) and left > 0 and not self._has_failed:
            self._has_failed = True
            self._put(self._messages.failed(row, left))

    def end(self, report: Mapping[str, Any], interrupted: bool = False) -> None:
        """Send the message for the end of the run, with its report, and close."""
        if self._wants(END):
            self._put(self._messages.ended(report, interrupted))
        self.close()

    def close(self) -> None:
        """Wait until all messages are sent, for a limited time. Call this before the process ends."""
        thread, self._thread = self._thread, None
        if thread is None or self._webhook is None:
            return
        self._bodies.put(None)
        thread.join(self._patience)
        if thread.is_alive():
            self._say(f"A message about the run may not have been sent to {_place(self._webhook.url)}: it does not respond in time.")

    def _wants(self, event: str) -> bool:
        return self._webhook is not None and event in self._webhook.events

    def _put(self, body: Mapping[str, Any]) -> None:
        self._bodies.put(body)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            with signals_for_the_main_thread():
                self._thread.start()

    def _run(self) -> None:
        if self._webhook is None:
            return
        while (body := self._bodies.get()) is not None:
            try:
                warning = self._send(self._webhook.url, body)
            except Exception as exc:
                # Its text could contain the address.
                warning = f"A message about the run could not be sent: a bug in serverprism.cloud ({type(exc).__name__})."
            if warning:
                self._say(warning)

    def _say(self, warning: str) -> None:
        if warning not in self._said:
            self._said.add(warning)
            self._warn(warning)

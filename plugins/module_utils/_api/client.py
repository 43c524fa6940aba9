# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of the API: it keeps to the quota and repeats a request only if that is safe. Private to this collection."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from .._clock import Clock
from .._errors import (
    Ambiguous,
    BadAnswer,
    LedgerLost,
    MalformedServer,
    NodeUnavailable,
    RateLimited,
    ServerPrismError,
    SlotTooLate,
    TlsError,
    Unreachable,
)
from .._quota.ledger import Ledger
from .._quota.reservations import READ, WRITE, Quota
from .._redact import Redaction
from .._settings import Settings
from .._text import iso, one_line
from . import responses, retry
from .coroutines import Exchange, sleep
from .models import (
    Server,
    ServerSummary,
    parse_server,
    parse_servers,
)
from .responses import Reply
from .transport import Lost, NotSent, TlsFailure, Transport

BASE = "/api/v1/client/servers"
_SPENT_ON = {
    "slot": "waiting for a slot in the quota",
    "throttled": "on HTTP 429",
    "unavailable": "on HTTP 503",
    "retry": "repeating failed requests",
}
# Progress shows waits of at least MIN_SHOWN_WAIT seconds, and at most one line every PROGRESS_INTERVAL seconds.
MIN_SHOWN_WAIT, PROGRESS_INTERVAL = 4.0, 30.0


# Seconds after which a request is given up if the API has never been reached. Waiting rarely helps against a wrong address or no network.
FIRST_CONTACT = 30.0


class Patience:
    """A limit in seconds on the waits of one call, and the seconds spent by cause. Concurrent threads need one each.

    Without ``waits_for_node``, HTTP 503 is an error at once.
    """

    def __init__(self, limit: float, waits_for_node: bool = True) -> None:
        self.limit = limit
        self._waits_for_node = waits_for_node
        self._spent: Dict[str, float] = {}
        self._lock = threading.Lock()

    def remaining(self, kind: str = "slot") -> float:
        """Return the seconds that may still be spent on this kind of wait."""
        if kind == "unavailable" and not self._waits_for_node:
            return 0.0
        with self._lock:
            return max(0.0, self.limit - sum(self._spent.values()))

    def spend(self, kind: str, seconds: float) -> None:
        """Count seconds that were spent on a wait of the kind ``slot``, ``throttled``, ``unavailable`` or ``retry``."""
        with self._lock:
            self._spent[kind] = self._spent.get(kind, 0.0) + seconds

    def report(self) -> str:
        """Return a text such as ``120 s waiting for a slot in the quota, 3 s on HTTP 429``."""
        with self._lock:
            parts = [f"{seconds:.1f} s {_SPENT_ON[kind]}" for kind, seconds in self._spent.items() if seconds >= 0.05]
        return ", ".join(parts) or "no time spent waiting yet"


@dataclass
class Usage:
    """The number of requests, counting every attempt, and the seconds spent waiting for slots and retries."""

    reads: int = 0
    writes: int = 0
    waited_seconds: float = 0.0
    lock: Any = field(default_factory=threading.Lock, repr=False)

    def as_dict(self) -> Dict[str, Any]:
        """Return the value of ``api`` in a result."""
        return {"reads": self.reads, "writes": self.writes, "waited_seconds": round(self.waited_seconds, 3)}


@dataclass(frozen=True)
class _Call:
    """One API request. ``what`` names it in messages."""

    method: str
    path: str
    bucket: str
    what: str
    server_id: Optional[int] = None
    # Called before every attempt, because a text that names a time, or a check, must be current when the request is sent.
    body: Callable[[], Optional[Mapping[str, str]]] = lambda: None
    is_command: bool = False


class Client:
    """A client of the ServerPrism API. Its methods raise the subclass of ServerPrismError that matches the cause."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        transport: Optional[Any] = None,
        warn: Callable[[str], None] = lambda text: None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.ledger = ledger
        self.usage = Usage()
        # The time of the last attempt of the last write, UTC seconds.
        self.written_at = 0.0
        self.patience = Patience(settings.max_wait)
        self._transport = transport if transport is not None else Transport(settings)
        self._warn = warn
        self._progress = progress
        self._shown_at = -math.inf
        self._redaction = Redaction(settings.api_token, replacement="(token)")

    async def list_servers(self, *, slot: Optional[float] = None, patience: Optional[Patience] = None) -> List[ServerSummary]:
        """Return all active and suspended services of the customer. This is one read, whatever their number."""
        payload = await self._request(_Call("GET", BASE, READ, "the list of servers"), slot, patience)
        return parse_servers(payload)

    async def get_server(self, server_id: int, *, slot: Optional[float] = None, patience: Optional[Patience] = None) -> Server:
        """Return one server with its details. Raises MalformedServer if its record is not as documented."""
        call = _Call("GET", f"{BASE}/{server_id:d}", READ, f"server {server_id}", server_id)
        payload = await self._request(call, slot, patience)
        try:
            return parse_server(payload, server_id)
        except BadAnswer as exc:
            raise MalformedServer(f"Server {server_id}: {exc}") from exc

    async def send_signal(
        self,
        server_id: int,
        signal: str,
        *,
        slot: Optional[float] = None,
        patience: Optional[Patience] = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Send a power signal, and return when the API has accepted it. The server has not carried it out by then.

        ``check`` is called right before every attempt. If it raises an error, nothing is sent.
        """

        def body() -> Mapping[str, str]:
            check()
            return {"signal": signal}

        call = _Call("POST", f"{BASE}/{server_id:d}/power", WRITE, f"{signal} of server {server_id}", server_id, body)
        responses.check_sent(await self._request(call, slot, patience), call.what)

    async def send_command(
        self, server_id: int, line: Callable[[], str], *, slot: Optional[float] = None, patience: Optional[Patience] = None
    ) -> None:
        """Send one console command, at most once. Raises NotRunning if the game is not running.

        ``line`` is called for every attempt, because a refused attempt may wait for minutes and a text that names a time would be wrong.
        """
        what = f"the console command for server {server_id}"
        call = _Call("POST", f"{BASE}/{server_id:d}/command", WRITE, what, server_id, lambda: {"command": line()}, True)
        responses.check_sent(await self._request(call, slot, patience), what)

    async def pause(self, seconds: float, why: str) -> None:
        """Wait between two calls. The wait is shown and counted like the waits within a call."""
        self._show_wait(seconds, why)
        await sleep(self.clock, seconds)
        with self.usage.lock:
            self.usage.waited_seconds += seconds

    async def await_slot(
        self, bucket: str, slot: Optional[float] = None, *, patience: Optional[Patience] = None, is_urgent: bool = False
    ) -> float:
        """Wait for a reserved slot, or reserve one and wait for it. Return the slot that is now used.

        Waiting for a slot of the caller does not count against ``patience``. The slot moves if this process is late, if a 429 blocks
        the quota, or if earlier requests are late. An urgent request waits only for the requests reserved before it.
        """
        patience = patience or self.patience
        own = slot is None
        at = slot if slot is not None else self._new_slot(bucket, is_urgent)
        while True:
            wait = at - self.clock.now()
            if own and wait > patience.remaining():
                self.ledger.release(bucket, (at,))
                raise SlotTooLate(self._too_late(bucket, wait, patience))
            if wait > 0:
                if own:
                    self._show_wait(wait, f"waiting {wait:.0f} s for a slot in the quota of {bucket}s")
                try:
                    await self._sleep(wait, patience if own else None, "slot")
                except BaseException:
                    # In an interrupted run, other timelines need the quota to tell their players. A caller releases only the slot
                    # that it knows, so a slot that has moved is released here.
                    if at != slot:
                        with suppress(LedgerLost):
                            self.ledger.release(bucket, (at,))
                    raise
            if wait > 0 or not own:
                at = self.ledger.due(bucket, at)
            if at <= self.clock.now():
                return at

    def _new_slot(self, bucket: str, is_urgent: bool) -> float:
        return self.ledger.reschedule(bucket, (), (0.0,))[0] if is_urgent else self.ledger.reserve(bucket)[0]

    def _too_late(self, bucket: str, wait: float, patience: Patience) -> str:
        blocked = self.ledger.blocked_until(bucket)
        left = f"but max_wait leaves {patience.remaining():.0f} s ({patience.report()})"
        if blocked > self.clock.now() + patience.remaining():
            return (
                f"The API answered a {bucket} with HTTP 429 and asked to wait until {iso(blocked)[:19]}Z. All tasks that share this ledger "
                f"wait until then. This call would have to wait {wait:.0f} s, {left}. Run it again after that time."
            )
        return (
            f"The next free slot in the quota of {bucket}s is in {wait:.0f} s, {left}. Raise max_wait, or run fewer tasks at the same time."
        )

    def _correct(self, bucket: str, reserved: float) -> None:
        """Correct the ledger after a request that took longer than the quota's tolerance.

        The API counts a request when it arrives. That is when the response was sent at the latest, so the time of the response is noted.
        """
        quota = self._quota(bucket)
        spent = self.clock.now() - (quota.sent_window - quota.window)
        if spent <= reserved:
            return
        try:
            self.ledger.correct(bucket, reserved, spent)
        except LedgerLost:
            # The response of this request matters more. The next request meets the same error and reports it.
            return

    def _quota(self, bucket: str) -> Quota:
        limit = self.settings.read_limit if bucket == READ else self.settings.write_limit
        return Quota(limit, self.settings.limit_window)

    def _show_wait(self, wait: float, text: str) -> None:
        """Show the reason for a long wait as progress."""
        if wait >= MIN_SHOWN_WAIT and self.clock.now() >= self._shown_at + PROGRESS_INTERVAL:
            self._shown_at = self.clock.now()
            self._progress(text)

    async def _sleep(self, seconds: float, patience: Optional[Patience], kind: str) -> None:
        await sleep(self.clock, seconds)
        # A slot that was reserved in advance is part of the plan, so it is not counted as a wait.
        if patience is None:
            return
        patience.spend(kind, seconds)
        with self.usage.lock:
            self.usage.waited_seconds += seconds

    async def _request(self, call: _Call, slot: Optional[float], patience: Optional[Patience]) -> Any:
        patience = patience or self.patience
        attempt, began = 0, self.clock.now()
        # A request with a slot in a timeline must not go to the end of the queue when the API refuses it.
        is_urgent = slot is not None
        while True:
            attempt += 1
            if slot is None or not self._is_now(call.bucket, slot):
                slot = await self.await_slot(call.bucket, slot, patience=patience, is_urgent=is_urgent)
            sent = self.clock.now()
            began = sent if attempt == 1 else began
            kind, reply, reason = await self._attempt(call)
            if kind == retry.UNSENT and not getattr(self._transport, "has_responded", True):
                self._check_first_contact(call, reason, began, self.clock.now() - sent, retry.backoff(attempt))
            self._correct(call.bucket, slot)
            slot = None
            if reply is not None and kind == retry.OK:
                payload = self._redaction.payload(responses.decode(reply))
                if payload is not None:
                    return payload
                kind, reason = retry.UNCLEAR, "the response is not JSON"
            if kind == retry.FINAL and reply is not None:
                raise responses.error(reply, call.what, call.server_id, call.is_command, self._clean, self.settings.token_source)
            if kind == retry.UNCLEAR and reply is not None and call.is_command and responses.says_not_running(reply):
                raise responses.error(reply, call.what, call.server_id, True, self._clean)
            await self._pause(call, kind, reply, reason, attempt, patience)

    def _check_first_contact(self, call: _Call, reason: str, began: float, took: float, wait: float) -> None:
        """Raise Unreachable if another attempt, which takes as long as the last one, would end later than FIRST_CONTACT allows."""
        tried = self.clock.now() - began
        if tried + wait + took > FIRST_CONTACT:
            text = (
                f"{self.settings.api_url} cannot be reached for {call.what} ({reason}), and nothing was sent. "
                f"It was tried for {tried:.0f} s. Check the network, the proxy and api_url."
            )
            raise Unreachable(self._clean(text))

    def _is_now(self, bucket: str, slot: float) -> bool:
        """Return whether the caller has just waited for this slot."""
        return 0 <= self.clock.now() - slot <= self._quota(bucket).tolerance

    async def _attempt(self, call: _Call) -> Tuple[str, Optional[Reply], str]:
        """Make one attempt. Return its kind (see retry), the response or None, and a short reason for messages."""
        body = call.body()
        with self.usage.lock:
            if call.bucket == READ:
                self.usage.reads += 1
            else:
                self.usage.writes += 1
                self.written_at = self.clock.now()
        try:
            reply: Reply = await Exchange(self._transport, call.method, call.path, body)
        except TlsFailure as exc:
            raise TlsError(
                self._clean(
                    f"The certificate of {self.settings.api_url} was not accepted: {exc}. Nothing was sent. For a private "
                    "certificate authority, set ca_path to its file."
                )
            ) from exc
        except NotSent as exc:
            return retry.UNSENT, None, str(exc)
        except Lost as exc:
            return retry.UNCLEAR, None, str(exc)
        reply = replace(reply, headers={name: self._redaction.text(value) for name, value in reply.headers.items()})
        return retry.classify(reply.status), reply, f"HTTP {reply.status}"

    async def _pause(self, call: _Call, kind: str, reply: Optional[Reply], reason: str, attempt: int, patience: Patience) -> None:
        """Wait before the next attempt. Raise the final error if the request must not be repeated or cannot wait."""
        if not retry.may_repeat(kind, call.bucket == WRITE):
            text = f"No clear response to {call.what} ({reason}): it may have been carried out, so it is not repeated."
            raise Ambiguous(self._clean(text))
        asked = retry.parse_retry_after(reply.headers.get("retry-after"), self.clock.now()) if reply else None
        if kind == retry.THROTTLED:
            # Even with a Retry-After of 0, the requests must slow down.
            wait = self.settings.limit_window if asked is None else max(asked, retry.backoff(attempt) / 2)
            # Without the ledger the caller must still learn that the request was refused.
            with suppress(LedgerLost):
                self.ledger.block(call.bucket, self.clock.now() + wait)
        else:
            wait = retry.backoff(attempt) if asked is None else max(asked, 0.25)
        spent = {retry.THROTTLED: "throttled", retry.UNAVAILABLE: "unavailable"}.get(kind, "retry")
        if wait > patience.remaining(spent):
            raise self._waited_too_long(call, kind, reason, wait, patience)
        self._show_wait(wait, self._clean(f"no response to {call.what} yet ({reason}): trying again in {wait:.0f} s"))
        await self._sleep(wait, patience, spent)

    def _waited_too_long(self, call: _Call, kind: str, reason: str, wait: float, patience: Patience) -> ServerPrismError:
        # A caller with a limit of 0 repeats requests itself, so max_wait has no meaning for it.
        late = f" The next attempt is due in {wait:.{0 if wait >= 10 else 1}f} s, which exceeds max_wait ({patience.limit:g} s): "
        late += f"{patience.report()}."
        end = late if patience.limit else ""
        if kind == retry.THROTTLED:
            text = (
                f"The quota of {call.bucket}s is used up by other programs of this customer: {call.what} was refused, "
                f"and nothing was done.{end} (HTTP 429)"
            )
            return RateLimited(self._clean(text), retry_after=wait)
        if kind == retry.UNAVAILABLE:
            text = f"The node is unavailable for {call.what}, and nothing was done.{end} (HTTP 503)"
            return NodeUnavailable(self._clean(text), retry_after=wait)
        if kind == retry.UNSENT:
            text = f"{self.settings.api_url} cannot be reached for {call.what} ({reason}), and nothing was sent.{end}"
            return Unreachable(self._clean(text), retry_after=wait)
        return BadAnswer(self._clean(f"No usable response to {call.what} ({reason}).{end}"), retry_after=wait)

    def _clean(self, text: str) -> str:
        """Remove the token and control characters from a message, which may quote a response or a library."""
        return one_line(self._redaction.text(text))

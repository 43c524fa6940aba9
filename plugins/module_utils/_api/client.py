# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API as calls: paced by the ledger, repeated only where that is safe. Private to this collection."""

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
    NodeUnavailable,
    OddServer,
    RateLimited,
    ServerPrismError,
    TlsError,
    TurnTooLate,
    Unreachable,
)
from .._quota.ledger import Ledger
from .._quota.reservations import READ, WRITE, Quota
from .._redact import Redaction
from .._settings import Settings
from .._text import iso, one_line
from . import responses as answers
from . import retry
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
    "turn": "waiting for its turn in the quota",
    "throttled": "on HTTP 429",
    "unavailable": "on HTTP 503",
    "retry": "on repeating failed requests",
}


# Seconds: of shorter waits nothing is said, and of others one line in so long.
QUIET, TELL_EVERY = 4.0, 30.0


class Patience:
    """The seconds a call may wait in all, and on what they went. Threads that wait at the same time need one each.

    ``at_most`` bounds kinds of waiting further: ``{"unavailable": 0.0}`` takes HTTP 503 for an answer.
    """

    def __init__(self, limit: float, clock: Clock, at_most: Optional[Mapping[str, float]] = None) -> None:
        self.limit = limit
        self._clock = clock
        self._at_most = dict(at_most or {})
        self._spent: Dict[str, float] = {}
        self._lock = threading.Lock()

    def remaining(self, kind: str = "turn") -> float:
        """Seconds left for waiting of this kind."""
        with self._lock:
            left = self.limit - sum(self._spent.values())
            if kind in self._at_most:
                left = min(left, self._at_most[kind] - self._spent.get(kind, 0.0))
            return max(0.0, left)

    def spend(self, kind: str, seconds: float) -> None:
        """Note seconds spent waiting for ``turn``, ``throttled``, ``unavailable`` or ``retry``."""
        with self._lock:
            self._spent[kind] = self._spent.get(kind, 0.0) + seconds

    def report(self) -> str:
        """``120 s waiting for its turn in the quota, 3 s on HTTP 429``."""
        with self._lock:
            parts = [f"{seconds:.1f} s {_SPENT_ON[kind]}" for kind, seconds in self._spent.items() if seconds >= 0.05]
        return ", ".join(parts) or "no time spent waiting yet"


@dataclass
class Usage:
    """Requests made, every attempt counted, and the seconds spent waiting for turns and retries."""

    reads: int = 0
    writes: int = 0
    waited_seconds: float = 0.0
    lock: Any = field(default_factory=threading.Lock, repr=False)

    def as_dict(self) -> Dict[str, Any]:
        """As a result shows it."""
        return {"reads": self.reads, "writes": self.writes, "waited_seconds": round(self.waited_seconds, 3)}


@dataclass(frozen=True)
class _Call:
    """One request of the API: its words for messages, and what it may do."""

    method: str
    path: str
    bucket: str
    what: str
    server_id: Optional[int] = None
    # Called before every attempt: what it says must be true when it goes out, and a check in it must be of that moment.
    body: Callable[[], Optional[Mapping[str, str]]] = lambda: None
    is_command: bool = False


class Client:
    """What operations may ask of ServerPrism. Every method raises ServerPrismError of the class of its cause."""

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
        # When the last write went out: its last attempt, should the ones before have been refused. UTC seconds.
        self.written_at = 0.0
        self.patience = Patience(settings.max_wait, clock)
        self._transport = transport if transport is not None else Transport(settings)
        self._warn = warn
        self._progress = progress
        self._told_at = -math.inf
        self._redaction = Redaction(settings.api_token, replacement="(token)")

    async def list_servers(self, *, turn: Optional[float] = None, patience: Optional[Patience] = None) -> List[ServerSummary]:
        """Every active or suspended service of the customer: one read, however many there are."""
        payload = await self._request(_Call("GET", BASE, READ, "the list of servers"), turn, patience)
        return parse_servers(payload)

    async def get_server(self, server_id: int, *, turn: Optional[float] = None, patience: Optional[Patience] = None) -> Server:
        """One server with details."""
        call = _Call("GET", f"{BASE}/{server_id:d}", READ, f"server {server_id}", server_id)
        payload = await self._request(call, turn, patience)
        try:
            return parse_server(payload, server_id)
        except BadAnswer as exc:
            raise OddServer(f"Server {server_id}: {exc}", server_id=server_id) from exc

    async def send_signal(
        self,
        server_id: int,
        signal: str,
        *,
        turn: Optional[float] = None,
        patience: Optional[Patience] = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Send a power signal. It returns when the signal was accepted, which is not done.

        ``check`` is called right before every attempt; what it raises ends the call, and nothing was sent.
        """

        def body() -> Mapping[str, str]:
            check()
            return {"signal": signal}

        call = _Call("POST", f"{BASE}/{server_id:d}/power", WRITE, f"{signal} of server {server_id}", server_id, body)
        answers.check_sent(await self._request(call, turn, patience), call.what, server_id)

    async def send_command(
        self, server_id: int, line: Callable[[], str], *, turn: Optional[float] = None, patience: Optional[Patience] = None
    ) -> None:
        """Send one console command, at most once. Raises NotRunning where the game does not run.

        ``line`` is called for every attempt: a refused one may wait for minutes, and a text that names a time would be wrong by then.
        """
        what = f"the console command for server {server_id}"
        call = _Call("POST", f"{BASE}/{server_id:d}/command", WRITE, what, server_id, lambda: {"command": line()}, True)
        answers.check_sent(await self._request(call, turn, patience), what, server_id)

    async def pause(self, seconds: float, why: str) -> None:
        """Wait between two calls; told and counted as the waits within one are."""
        self._tell(seconds, why)
        await sleep(self.clock, seconds)
        with self.usage.lock:
            self.usage.waited_seconds += seconds

    async def await_turn(
        self, bucket: str, turn: Optional[float] = None, *, patience: Optional[Patience] = None, is_urgent: bool = False
    ) -> float:
        """Sleep until a reserved instant, or reserve one; returns the instant that is now spent.

        A turn of the caller's does not count against the patience. One that comes late (the machine stalled), or that a 429 has
        blocked meanwhile, or before which others were late, moves. What is urgent waits only for what lies before it.
        """
        patience = patience or self.patience
        own = turn is None
        at = turn if turn is not None else self._new_turn(bucket, is_urgent)
        while True:
            wait = at - self.clock.now()
            if own and wait > patience.remaining():
                self.ledger.release(bucket, (at,))
                raise TurnTooLate(self._too_late(bucket, wait, patience))
            if wait > 0:
                if own:
                    self._tell(wait, f"waits {wait:.0f} s for its turn in the quota of {bucket}s")
                try:
                    await self._sleep(wait, patience if own else None, "turn")
                except BaseException:
                    # Others of a run that was interrupted tell their players meanwhile, and need the quota. A caller gives back only
                    # the time that it knows of.
                    if at != turn:
                        with suppress(LedgerLost):
                            self.ledger.release(bucket, (at,))
                    raise
            if wait > 0 or not own:
                at = self.ledger.due(bucket, at)
            if at <= self.clock.now():
                return at

    def _new_turn(self, bucket: str, is_urgent: bool) -> float:
        return self.ledger.rebook(bucket, (), (0.0,))[0] if is_urgent else self.ledger.reserve(bucket)[0]

    def _too_late(self, bucket: str, wait: float, patience: Patience) -> str:
        blocked = self.ledger.blocked_until(bucket)
        left = f"it may wait {patience.remaining():.0f} s more ({patience.report()})"
        if blocked > self.clock.now() + patience.remaining():
            return (
                f"The API answered a {bucket} with HTTP 429 and asked to wait until {iso(blocked)[:19]}Z, which everyone with this ledger "
                f"does. This call would have to wait {wait:.0f} s, and {left}: run it again after that."
            )
        return f"The quota of {bucket}s gives this call its turn in {wait:.0f} s, and {left}: raise max_wait or run fewer at once."

    def _correct(self, bucket: str, reserved: float) -> None:
        """Note a request that took longer than the guard of the quota allows for.

        The API counts it when it arrives, which was at its answer at the latest; where in between nobody can know.
        """
        quota = self._quota(bucket)
        spent = self.clock.now() - (quota.least - quota.window)
        if spent <= reserved:
            return
        try:
            self.ledger.correct(bucket, reserved, spent)
        except LedgerLost:
            # What came of the request is worth more; the next one meets the same, and says so.
            return

    def _quota(self, bucket: str) -> Quota:
        limit = self.settings.read_limit if bucket == READ else self.settings.write_limit
        return Quota(limit, self.settings.limit_window)

    def _tell(self, wait: float, text: str) -> None:
        """Say why nothing happens; not of short waits, and not all the time."""
        if wait >= QUIET and self.clock.now() >= self._told_at + TELL_EVERY:
            self._told_at = self.clock.now()
            self._progress(text)

    async def _sleep(self, seconds: float, patience: Optional[Patience], kind: str) -> None:
        await sleep(self.clock, seconds)
        # A turn that was reserved ahead is the plan, and no wait.
        if patience is None:
            return
        patience.spend(kind, seconds)
        with self.usage.lock:
            self.usage.waited_seconds += seconds

    async def _request(self, call: _Call, turn: Optional[float], patience: Optional[Patience]) -> Any:
        patience = patience or self.patience
        attempt = 0
        # What had its place in a timeline is not to lose it by a refusal.
        is_urgent = turn is not None
        while True:
            attempt += 1
            if turn is None or not self._is_now(call.bucket, turn):
                turn = await self.await_turn(call.bucket, turn, patience=patience, is_urgent=is_urgent)
            kind, reply, reason = await self._attempt(call)
            self._correct(call.bucket, turn)
            turn = None
            if reply is not None and kind == retry.OK:
                payload = self._redaction.payload(answers.decode(reply))
                if payload is not None:
                    return payload
                kind, reason = retry.UNCLEAR, "an answer that is not JSON"
            if kind == retry.FINAL and reply is not None:
                raise answers.error(reply, call.what, call.server_id, call.is_command, self._clean)
            if kind == retry.UNCLEAR and reply is not None and call.is_command and answers.says_not_running(reply):
                raise answers.error(reply, call.what, call.server_id, True, self._clean)
            await self._pause(call, kind, reply, reason, attempt, patience)

    def _is_now(self, bucket: str, turn: float) -> bool:
        """Whether a turn was awaited a moment ago."""
        return 0 <= self.clock.now() - turn <= self._quota(bucket).slack

    async def _attempt(self, call: _Call) -> Tuple[str, Optional[Reply], str]:
        """One attempt: its kind, the answer if there is one, and the reason in words if there is none."""
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
                    "authority name its file in ca_path."
                )
            ) from exc
        except NotSent as exc:
            return retry.UNSENT, None, str(exc)
        except Lost as exc:
            return retry.UNCLEAR, None, str(exc)
        reply = replace(reply, headers={name: self._redaction.text(value) for name, value in reply.headers.items()})
        return retry.classify(reply.status), reply, f"HTTP {reply.status}"

    async def _pause(self, call: _Call, kind: str, reply: Optional[Reply], reason: str, attempt: int, patience: Patience) -> None:
        """Wait before the next attempt, or raise what the failure finally is."""
        if not retry.may_repeat(kind, call.bucket == WRITE):
            raise Ambiguous(
                self._clean(f"No clear answer to {call.what} ({reason}): it may have been carried out, so it is not repeated."),
                server_id=call.server_id,
                status=reply.status if reply else None,
            )
        asked = retry.parse_retry_after(reply.headers.get("retry-after"), self.clock.now()) if reply else None
        if kind == retry.THROTTLED:
            # A Retry-After of 0 is no invitation to ask without end.
            wait = self.settings.limit_window if asked is None else max(asked, retry.backoff(attempt) / 2)
            self.ledger.block(call.bucket, self.clock.now() + wait)
        else:
            wait = retry.backoff(attempt) if asked is None else max(asked, 0.25)
        spent = {retry.THROTTLED: "throttled", retry.UNAVAILABLE: "unavailable"}.get(kind, "retry")
        if wait > patience.remaining(spent):
            raise self._out_of_patience(call, kind, reply, reason, wait, patience)
        self._tell(wait, self._clean(f"no answer yet to {call.what} ({reason}): once more in {wait:.0f} s"))
        await self._sleep(wait, patience, spent)

    def _out_of_patience(
        self, call: _Call, kind: str, reply: Optional[Reply], reason: str, wait: float, patience: Patience
    ) -> ServerPrismError:
        more: Dict[str, Any] = {"server_id": call.server_id, "status": reply.status if reply else None, "retry_after": wait}
        # Who has no patience at all makes the next try itself.
        late = f" The next try would be in {wait:.{0 if wait >= 10 else 1}f} s, past max_wait ({patience.limit:g} s): {patience.report()}."
        end = late if patience.limit else ""
        if kind == retry.THROTTLED:
            text = (
                f"The quota of {call.bucket}s is spent by others of this customer; {call.what} was refused, "
                f"nothing was done.{end} (HTTP 429)"
            )
            return RateLimited(self._clean(text), **more)
        if kind == retry.UNAVAILABLE:
            text = f"The node is unavailable for {call.what}; nothing was done.{end} (HTTP 503)"
            return NodeUnavailable(self._clean(text), **more)
        if kind == retry.UNSENT:
            text = f"{self.settings.api_url} cannot be reached for {call.what} ({reason}); nothing was sent.{end}"
            return Unreachable(self._clean(text), **more)
        return BadAnswer(self._clean(f"No usable answer for {call.what} ({reason}).{end}"), **more)

    def _clean(self, text: str) -> str:
        """Whatever an answer or a library said, the token does not leave with it."""
        return one_line(self._redaction.text(text))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking at a server and following a signal until it is proven what came of it. Private to this collection."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Callable, List, Optional, Tuple

from .._api.client import Patience
from .._api.coroutines import sleep
from .._api.models import Server
from .._errors import Ambiguous, LedgerLost, ServerPrismError
from .._operation import Context, OperationFailed
from .._quota.reservations import READ, WRITE
from .evidence import Sight, Watch
from .options import Waiting
from .rules import (
    LOOK,
    SEND,
    WAIT,
    Decision,
    Verdict,
    decide,
    judge,
)

# So often a signal is sent again after it is proven that the server dropped it.
MAX_SIGNALS = 3


async def look(ctx: Context, server_id: int, patience: Optional[Patience] = None, turn: Optional[float] = None) -> Tuple[Server, Sight]:
    """Read the server once, at a reserved turn or the next. The sight carries the time of asking: it is as new as that, less the cache."""
    reserved = turn
    try:
        turn = await ctx.client.await_turn(READ, reserved, patience=patience)
    except BaseException:
        if reserved is not None and reserved > ctx.clock.now():
            with suppress(LedgerLost):
                ctx.client.ledger.release(READ, (reserved,))
        raise
    asked = ctx.clock.now()
    server = await ctx.client.get_server(server_id, turn=turn, patience=patience)
    return server, Sight.of(server, asked)


async def await_news(ctx: Context, server_id: int) -> None:
    """Wait out the cache after a signal of which nobody saw what came: until then a status can be the one before it."""
    # Whatever a clock that was set has made of it: no status is older than that.
    wait = min(ctx.settings.status_cache, ctx.client.ledger.stale_until(server_id) - ctx.clock.now())
    if wait > 0:
        ctx.progress(f"had a signal a moment ago: its status is new in {wait:.0f} s")
        await sleep(ctx.clock, wait)


async def look_until_known(ctx: Context, server_id: int, turn: Optional[float] = None) -> Tuple[Server, Sight]:
    """Read until the state is known; an unknown state never leads to a signal, so after two cache times it is an error."""
    limit = min(ctx.settings.max_wait, 2 * ctx.settings.status_cache)
    until = ctx.clock.now() + limit
    while True:
        server, sight = await look(ctx, server_id, turn=turn)
        turn = None
        if sight.state is not None:
            return server, sight
        now = ctx.clock.now()
        if now >= until:
            raise OperationFailed(
                f"The state of server {server_id} is unknown (its node does not tell): nothing was sent. "
                f"Asked for {limit:g} s; look at the panel, or try again later.",
                {"before": None, "after": None},
                server_id=server_id,
            )
        await sleep(ctx.clock, max(0.05, min(until - now, ctx.params.get("poll_interval") or 5.0)))


async def settle(
    ctx: Context, server_id: int, wanted: str, if_offline: str, waiting: Waiting, turn: Optional[float] = None, wait: bool = True
) -> Tuple[Server, Sight, Decision]:
    """Read the state and decide; a transition already under way is waited out first, since signals in it are dropped.

    One that was already hanging at the first look is to be killed ``kill_after`` seconds after that look.
    Without ``wait`` a stop under way is the answer where a stop is wanted: then nothing is to be sent after it.
    """
    until = ctx.clock.now() + waiting.timeout
    kill_at = math.inf
    await await_news(ctx, server_id)
    server, sight = await look_until_known(ctx, server_id, turn)
    decision = decide(wanted, sight.state, if_offline)
    told = False
    while decision.action in (WAIT, LOOK) and not ctx.check_mode:
        if decision.action == WAIT and wanted == "stopped" and not wait:
            break
        now = ctx.clock.now()
        if decision.action == WAIT and waiting.kill_after is not None and wanted in ("stopped", "restarted"):
            kill_at = min(kill_at, sight.at + waiting.kill_after)
            if now >= kill_at:
                ctx.progress(f"{sight.state} for {waiting.kill_after:g} s: kill, as asked")
                return server, sight, Decision(SEND, "kill")
        if now >= until:
            raise OperationFailed(
                f"Server {server_id} is still {sight.state or 'in an unknown state'} after {waiting.timeout:g} s: "
                "nothing was sent. Look at its console.",
                {"before": sight.state, "after": sight.state},
                server_id=server_id,
            )
        if not told:
            ctx.progress(f"{sight.state}: waiting until that is over")
            told = True
        pause = max(waiting.interval, ctx.settings.status_cache) or 0.05
        await sleep(ctx.clock, min(until - now, max(0.01, kill_at - now), pause))
        server, sight = await look(ctx, server_id)
        decision = decide(wanted, sight.state, if_offline)
    return server, sight, decision


class Follow:
    """Sends one signal and follows it until it is proven, disproven, or the time is up.

    ``check`` is called right before every attempt to send; what it raises keeps the signal back. ``starts_killed`` says whether a
    server that was to be restarted, had to be killed, and stays offline is started.
    """

    def __init__(
        self,
        ctx: Context,
        server_id: int,
        wanted: str,
        waiting: Waiting,
        *,
        check: Callable[[], None] = lambda: None,
        starts_killed: bool = True,
    ) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.wanted = wanted
        self.waiting = waiting
        self._check = check
        self._starts_killed = starts_killed
        # From here on kill_after is counted, UTC seconds.
        self._stopping_since = 0.0
        self.signals: List[str] = []
        # Each signal that went out, when (UTC seconds), and whether the API said so.
        self.sent: List[Tuple[str, float, bool]] = []
        self.ambiguous: Optional[Ambiguous] = None
        self.watch: Optional[Watch] = None
        self.first_sent_at = 0.0
        self.shown: Optional[str] = None

    async def send(self, signal: str, before: Sight, turn: Optional[float] = None, patience: Optional[Patience] = None) -> float:
        """Send the signal; an answer that never came leaves it open whether it was carried out. Returns when it was sent."""
        # A kill is decided on a state that must not grow old.
        spent = await self.ctx.client.await_turn(WRITE, turn, is_urgent=signal == "kill")
        count = len(self.signals)

        def last_check() -> None:
            self._check()
            # From here on an interruption must say that the signal may be out, and before it that it is not.
            self.signals[count:] = [signal]

        try:
            await self.ctx.client.send_signal(self.server_id, signal, turn=spent, patience=patience, check=last_check)
            self.ambiguous = None
        except Ambiguous as exc:
            self.ambiguous = exc
            self.ctx.warn(f"{exc} Its state will show whether it was.")
        except ServerPrismError:
            del self.signals[count:]
            raise
        # Not when it was tried first: what was refused was not done.
        at, answered = self.ctx.client.written_at, self.ctx.clock.now()
        self.sent.append((signal, at, self.ambiguous is None))
        self._mark_stale(answered + self.ctx.settings.status_cache)
        if not self.first_sent_at:
            self.first_sent_at = self._stopping_since = at
        self.watch = Watch(before, answered, self.ctx.settings.status_cache)
        self.shown = before.state
        self.ctx.progress(f"{signal} sent" if self.ambiguous is None else f"{signal} may have been sent")
        return at

    def _mark_stale(self, until: Optional[float]) -> None:
        try:
            self.ctx.client.ledger.mark_stale(self.server_id, until)
        except LedgerLost as exc:
            # The signal is out, whatever is known of it later.
            self.ctx.warn(str(exc))

    @property
    def _watching(self) -> Watch:
        if self.watch is None:
            raise RuntimeError("no signal was sent yet")
        return self.watch

    async def until_done(self) -> Verdict:
        """Look until there is a verdict other than pending; ``timeout`` in its status means the time is up."""
        until = self.first_sent_at + self.waiting.timeout
        while True:
            await self._sleep_until_news(until)
            has_seen = await self._see(until)
            now = self.ctx.clock.now()
            verdict = judge(self.wanted, self.signals[-1], self._watching, self.waiting.running_when, now)
            if verdict.status == "again":
                verdict = await self._send_again()
            elif verdict.status == "start" and not self._starts_killed:
                verdict = Verdict("offline")
            elif verdict.status == "start":
                self.ctx.progress("was killed and stays offline: start")
                await self.send("start", self._watching.newest)
                verdict = Verdict("pending")
            elif verdict.status == "pending" and has_seen and self._kill_is_due(now):
                self.ctx.progress(f"not down {self.waiting.kill_after:g} s after the {self.signals[-1]}: kill, as asked")
                await self.send("kill", self._watching.newest)
            if verdict.status in ("done", "offline"):
                self._mark_stale(None)
            if verdict.status != "pending":
                return verdict
            if now >= until:
                return Verdict("timeout")

    async def _see(self, until: float) -> bool:
        """Look once. Return whether that told a state; a kill is never decided on an older one."""
        try:
            left = max(self.ctx.settings.timeout, until - self.ctx.clock.now())
            _server, sight = await look(self.ctx, self.server_id, Patience(left, self.ctx.clock))
        except ServerPrismError as exc:
            if exc.status in (401, 403, 404):
                raise
            # A look that fails is only a look less: the signal is out, so go on until the time is up.
            self.ctx.progress(f"could not look: {exc}")
            return False
        self.watch = self._watching.see(sight)
        if sight.state is not None and sight.state != self.shown and self._watching.fresh(sight):
            self.shown = sight.state
            self.ctx.progress(f"is {sight.state}")
        return sight.state is not None

    async def _sleep_until_news(self, until: float) -> None:
        """Sleep until a look can show something new: the cache of the last look must have run out."""
        now = self.ctx.clock.now()
        cache = self._watching.cache * 1.01 + 0.01 if self._watching.cache else 0.0
        due = now + max(self.waiting.interval, cache)
        if self._watching.last is None:
            due = max(now + min(self.waiting.interval, cache or self.waiting.interval), self._watching.sent_at + cache)
        kill_at = self._kill_at()
        if kill_at is not None and kill_at > now:
            due = min(due, kill_at)
        await sleep(self.ctx.clock, max(0.01, min(due, max(until, now)) - now))

    def _kill_at(self) -> Optional[float]:
        if self.waiting.kill_after is None or self.signals[-1] not in ("stop", "restart") or self.watch is None:
            return None
        return self._stopping_since + self.waiting.kill_after

    def _kill_is_due(self, now: float) -> bool:
        kill_at = self._kill_at()
        if kill_at is None or now < kill_at or self.watch is None:
            return False
        if self.signals[-1] == "restart":
            # "running" may be the new process already: only a stop that is seen to hang is killed.
            return self._watching.last is not None and self._watching.last.state == "stopping"
        # Never a signal on an unknown state: the newest look that told a state decides.
        sight = self._watching.newest
        return sight.state in ("starting", "running", "stopping")

    async def _send_again(self) -> Verdict:
        tries = self.signals.count(self.signals[-1])
        if tries >= MAX_SIGNALS:
            state = self._watching.newest.state
            times = f"{self.signals[-1]} was accepted {tries} times, and the server is {state} all the same"
            more = ": the start fails, or is dropped" if self.signals[-1] == "start" else ": it is dropped"
            return Verdict("unconfirmed", times + more)
        what = "was dropped, or failed" if self.signals[-1] == "start" else "did nothing"
        signal = self.signals[-1]
        if signal == "kill" and self.wanted == "stopped":
            # What hung was a restart, and the node has started the server again: this one is stopped in good order.
            signal = "stop"
            self.ctx.progress(f"was killed and is {self._watching.newest.state} again: stop")
        else:
            self.ctx.progress(f"still {self._watching.newest.state}, {signal} {what}: sending it again")
        await self.send(signal, self._watching.newest)
        if signal != self.signals[-2]:
            self._stopping_since = self.sent[-1][1]
        return Verdict("pending")

    @property
    def after(self) -> Optional[str]:
        """The state last seen that is certainly not older than the signal; None where nothing is known."""
        return self.watch.last.state if self.watch is not None and self.watch.last is not None else None

    @property
    def downtime(self) -> Optional[float]:
        """Seconds from the first signal to the first look that showed the server up again; None where it is not up."""
        if self.watch is None or self.watch.last is None or self.watch.up_at is None or self.after not in ("starting", "running"):
            return None
        return round(self.watch.last.at - self.first_sent_at, 3)

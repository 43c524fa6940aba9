# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a server's state, send a signal, and follow it until its outcome is known. Private to this collection."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Callable, List, Optional, Tuple

from .._api.client import Patience
from .._api.coroutines import sleep
from .._api.models import Server
from .._errors import Ambiguous, Forbidden, LedgerLost, MissingScope, ServerNotFound, ServerPrismError, Unauthenticated
from .._operation import Context, OperationFailed
from .._quota.reservations import READ, WRITE
from .evidence import Evidence, Observation
from .options import Waiting
from .rules import (
    LOOK,
    SEND,
    WAIT,
    Decision,
    SignalOutcome,
    assess,
    decide,
)

# A signal that the server certainly dropped is sent this number of times at most.
MAX_SIGNALS = 3


async def look(
    ctx: Context, server_id: int, patience: Optional[Patience] = None, slot: Optional[float] = None
) -> Tuple[Server, Observation]:
    """Read the server once, in a reserved slot or the next free one. The observation has the time at which the request was sent."""
    reserved = slot
    try:
        slot = await ctx.client.await_slot(READ, reserved, patience=patience)
    except BaseException:
        if reserved is not None and reserved > ctx.clock.now():
            with suppress(LedgerLost):
                ctx.client.ledger.release(READ, (reserved,))
        raise
    asked = ctx.clock.now()
    server = await ctx.client.get_server(server_id, slot=slot, patience=patience)
    return server, Observation.of(server, asked)


async def await_news(ctx: Context, server_id: int) -> None:
    """Wait until the status of a server is newer than its last signal, if nobody saw the outcome of that signal."""
    # A changed clock can put the time in the ledger far ahead, but no status is older than status_cache.
    wait = min(ctx.settings.status_cache, ctx.client.ledger.stale_until(server_id) - ctx.clock.now())
    if wait > 0:
        ctx.progress(f"status may be older than its last signal: waiting {wait:.0f} s")
        await sleep(ctx.clock, wait)


async def look_until_known(ctx: Context, server_id: int, slot: Optional[float] = None) -> Tuple[Server, Observation]:
    """Read until the state is known. Raise OperationFailed after two cache times: an unknown state never leads to a signal."""
    limit = min(ctx.settings.max_wait, 2 * ctx.settings.status_cache)
    until = ctx.clock.now() + limit
    while True:
        server, observation = await look(ctx, server_id, slot=slot)
        slot = None
        if observation.state is not None:
            return server, observation
        now = ctx.clock.now()
        if now >= until:
            raise OperationFailed(
                f"The state of server {server_id} is unknown (its node does not report it): nothing was sent. "
                f"It was read for {limit:g} s. Look at the panel, or try again later.",
                {"before": None, "after": None},
            )
        await sleep(ctx.clock, max(0.05, min(until - now, ctx.params.get("poll_interval") or 5.0)))


async def settle(
    ctx: Context, server_id: int, wanted: str, if_offline: str, waiting: Waiting, slot: Optional[float] = None, wait: bool = True
) -> Tuple[Server, Observation, Decision]:
    """Read the state and decide. If the server is stopping, wait until it has stopped first, since it ignores signals until then.

    A server that is already stopping at the first read is killed ``kill_after`` seconds after that read. Without ``wait``, return WAIT
    at once if a stop is wanted and the server is stopping, since nothing is sent afterwards. Raise OperationFailed after
    ``waiting.timeout`` seconds.
    """
    until = ctx.clock.now() + waiting.timeout
    kill_at = math.inf
    await await_news(ctx, server_id)
    server, observation = await look_until_known(ctx, server_id, slot)
    decision = decide(wanted, observation.state, if_offline)
    told = False
    while decision.action in (WAIT, LOOK) and not ctx.check_mode:
        if decision.action == WAIT and wanted == "stopped" and not wait:
            break
        now = ctx.clock.now()
        if decision.action == WAIT and waiting.kill_after is not None and wanted in ("stopped", "restarted"):
            kill_at = min(kill_at, observation.at + waiting.kill_after)
            if now >= kill_at:
                ctx.progress(f"{observation.state} for {waiting.kill_after:g} s: sending kill (kill_after)")
                return server, observation, Decision(SEND, "kill")
        if now >= until:
            raise OperationFailed(
                f"Server {server_id} is still {observation.state or 'in an unknown state'} after {waiting.timeout:g} s: "
                "nothing was sent. Look at its console.",
                {"before": observation.state, "after": observation.state},
            )
        if not told:
            ctx.progress(f"{observation.state or 'state unknown'}: waiting for this to end")
            told = True
        pause = max(waiting.interval, ctx.settings.status_cache) or 0.05
        await sleep(ctx.clock, min(until - now, max(0.01, kill_at - now), pause))
        server, observation = await look(ctx, server_id)
        decision = decide(wanted, observation.state, if_offline)
    return server, observation, decision


class Follow:
    """One signal to a server, followed until it is confirmed, disproved, or the time is up.

    ``check`` is called right before each attempt to send; if it raises, nothing is sent. With ``starts_killed`` a server that was killed
    during a restart and stays offline is started.
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
        shows_states: bool = True,
    ) -> None:
        self.ctx = ctx
        self.server_id = server_id
        self.wanted = wanted
        self.waiting = waiting
        self._check = check
        self._starts_killed = starts_killed
        self._shows_states = shows_states
        # The time from which kill_after counts, UTC seconds.
        self._stopping_since = 0.0
        self.signals: List[str] = []
        # Each signal sent, its time (UTC seconds), and whether the API confirmed it.
        self.sent: List[Tuple[str, float, bool]] = []
        self.ambiguous: Optional[Ambiguous] = None
        self.evidence: Optional[Evidence] = None
        self.first_sent_at = 0.0
        self.shown: Optional[str] = None

    async def send(self, signal: str, before: Observation, slot: Optional[float] = None, patience: Optional[Patience] = None) -> float:
        """Send a signal and return the time at which it was sent, UTC seconds. If no reply came, ``ambiguous`` is set."""
        # A kill is urgent: the state that it was decided on must not get old.
        spent = await self.ctx.client.await_slot(WRITE, slot, is_urgent=signal == "kill")
        count = len(self.signals)

        def last_check() -> None:
            self._check()
            # If the task is interrupted from here on, its message must say that the signal may have been sent.
            self.signals[count:] = [signal]

        try:
            await self.ctx.client.send_signal(self.server_id, signal, slot=spent, patience=patience, check=last_check)
            self.ambiguous = None
        except Ambiguous as exc:
            self.ambiguous = exc
            self.ctx.warn(f"{exc} The state of the server will show whether it was.")
        except ServerPrismError:
            del self.signals[count:]
            raise
        # The time of the attempt that was accepted: refused attempts had no effect.
        at, answered = self.ctx.client.written_at, self.ctx.clock.now()
        self.sent.append((signal, at, self.ambiguous is None))
        self._mark_stale(answered + self.ctx.settings.status_cache)
        if not self.first_sent_at:
            self.first_sent_at = self._stopping_since = at
        self.evidence = Evidence(before, answered, self.ctx.settings.status_cache)
        self.shown = before.state
        self.ctx.progress(f"{signal} sent" if self.ambiguous is None else f"{signal} may have been sent")
        return at

    def _mark_stale(self, until: Optional[float]) -> None:
        try:
            self.ctx.client.ledger.mark_stale(self.server_id, until)
        except LedgerLost as exc:
            # The signal has been sent, so the outcome must still be followed.
            self.ctx.warn(str(exc))

    @property
    def _evidence(self) -> Evidence:
        if self.evidence is None:
            raise RuntimeError("no signal was sent yet")
        return self.evidence

    async def until_done(self) -> SignalOutcome:
        """Read the state until the outcome is no longer pending, and return it. Its status is ``timeout`` if the time is up."""
        until = self.first_sent_at + self.waiting.timeout
        while True:
            await self._sleep_until_news(until)
            has_seen = await self._see(until)
            now = self.ctx.clock.now()
            outcome = assess(self.wanted, self.signals[-1], self._evidence, self.waiting.running_when, now)
            if has_seen and self._shows_states:
                self._show_state()
            if outcome.status == "again":
                outcome = await self._send_again()
            elif outcome.status == "start" and not self._starts_killed:
                outcome = SignalOutcome("offline")
            elif outcome.status == "start":
                self.ctx.progress("was killed and stays offline: sending start")
                await self.send("start", self._evidence.newest)
                outcome = SignalOutcome("pending")
            elif outcome.status == "pending" and has_seen and self._kill_is_due(now):
                self.ctx.progress(f"not down {self.waiting.kill_after:g} s after the {self.signals[-1]}: sending kill (kill_after)")
                await self.send("kill", self._evidence.newest)
            if outcome.status in ("done", "offline"):
                self._mark_stale(None)
            if outcome.status != "pending":
                return outcome
            if now >= until:
                return SignalOutcome("timeout")

    async def _see(self, until: float) -> bool:
        """Read once. Return whether the state is known, since a kill is never decided on an older one."""
        try:
            left = max(self.ctx.settings.timeout, until - self.ctx.clock.now())
            _server, observation = await look(self.ctx, self.server_id, Patience(left))
        except (Unauthenticated, MissingScope, Forbidden, ServerNotFound):
            raise
        except ServerPrismError as exc:
            # The signal has been sent, so one failed read must not end the task before the time is up.
            self.ctx.progress(f"reading the state failed: {exc}")
            return False
        self.evidence = self._evidence.with_observation(observation)
        return observation.state is not None

    def _show_state(self) -> None:
        """Show a state that is new."""
        observation = self._evidence.newest
        if observation.state is not None and observation.state != self.shown and self._evidence.is_fresh(observation):
            self.shown = observation.state
            self.ctx.progress(f"is {observation.state}")

    async def _sleep_until_news(self, until: float) -> None:
        """Sleep until a read can show something new, which is when the cache of the last one has expired."""
        now = self.ctx.clock.now()
        cache = self._evidence.cache * 1.01 + 0.01 if self._evidence.cache else 0.0
        due = now + max(self.waiting.interval, cache)
        if self._evidence.last is None:
            due = max(now + min(self.waiting.interval, cache or self.waiting.interval), self._evidence.sent_at + cache)
        kill_at = self._kill_at()
        if kill_at is not None and kill_at > now:
            due = min(due, kill_at)
        await sleep(self.ctx.clock, max(0.01, min(due, max(until, now)) - now))

    def _kill_at(self) -> Optional[float]:
        if self.waiting.kill_after is None or self.signals[-1] not in ("stop", "restart") or self.evidence is None:
            return None
        return self._stopping_since + self.waiting.kill_after

    def _kill_is_due(self, now: float) -> bool:
        kill_at = self._kill_at()
        if kill_at is None or now < kill_at or self.evidence is None:
            return False
        if self.signals[-1] == "restart":
            # "running" can be the new process, so only a server that is seen stopping is killed.
            return self._evidence.last is not None and self._evidence.last.state == "stopping"
        # An unknown state never leads to a signal, so the newest observation with a state decides.
        observation = self._evidence.newest
        return observation.state in ("starting", "running", "stopping")

    async def _send_again(self) -> SignalOutcome:
        tries = self.signals.count(self.signals[-1])
        if tries >= MAX_SIGNALS:
            state = self._evidence.newest.state
            times = f"{self.signals[-1]} was accepted {tries} times, but the server is still {state}"
            more = ": the start failed or was ignored" if self.signals[-1] == "start" else ": the signal was ignored"
            return SignalOutcome("unconfirmed", times + more)
        what = "failed or was ignored" if self.signals[-1] == "start" else "was ignored"
        signal = self.signals[-1]
        if signal == "kill" and self.wanted == "stopped":
            # A restart hung, and the node has started the server again. The new process can be stopped gracefully.
            signal = "stop"
            self.ctx.progress(f"was killed and is {self._evidence.newest.state} again: sending stop")
        else:
            self.ctx.progress(f"still {self._evidence.newest.state}, {signal} {what}: sending it again")
        await self.send(signal, self._evidence.newest)
        if signal != self.signals[-2]:
            self._stopping_since = self.sent[-1][1]
        return SignalOutcome("pending")

    @property
    def after(self) -> Optional[str]:
        """Return the last state that is newer than the signal, or None if none is known."""
        return self.evidence.last.state if self.evidence is not None and self.evidence.last is not None else None

    @property
    def downtime(self) -> Optional[float]:
        """Return the seconds from the first signal to the first read that showed the server up again, or None if it is not up."""
        if self.evidence is None or self.evidence.last is None or self.evidence.up_at is None or self.after not in ("starting", "running"):
            return None
        return round(self.evidence.last.at - self.first_sent_at, 3)

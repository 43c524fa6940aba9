# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger in Redis or Valkey, for several machines such as CI runners or controller nodes. Private to this collection.

A change is a transaction that is repeated if another process made a change first. There is no lock, so a killed process blocks nobody. The
times in Redis are those of its own clock, so the clocks of the machines may differ.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .._clock import Clock
from .._errors import LedgerLost, MissingLibrary
from .._redact import Redaction
from .._settings import ledger_passwords, shown_ledger
from . import reservations as _reservations
from .codec import NOT_A_LEDGER, VERSION, Calendars, dump_calendars, is_newer, parse_calendars
from .file_ledger import LOCK_PATIENCE
from .ledger import Ledger
from .reservations import WRITE, Calendar, Quota

try:
    import redis
except ImportError as exc:
    HAS_REDIS = False
    _WHY = str(exc)
else:
    HAS_REDIS = True
    _WHY = ""
    _PASSING = (
        redis.exceptions.ConnectionError,
        redis.exceptions.TimeoutError,
        redis.exceptions.ReadOnlyError,
        redis.exceptions.WatchError,
    )

PREFIX = "serverprism"
# The limit for one operation on a connection, in seconds. Failed operations are repeated for LOCK_PATIENCE seconds in all.
SOCKET_TIMEOUT = 3.0
# The number of comparisons with the clock of the server. The comparison with the fastest response counts.
CLOCK_SAMPLES = 3
WHAT_TO_DO = "check the Redis server, or set ledger to a folder."
T = TypeVar("T")


def split_url(url: str) -> Tuple[str, str]:
    """Return the address for redis-py and the prefix of the keys (``?prefix=NAME``)."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    prefix = query.pop("prefix", PREFIX)
    return urlunsplit(parts._replace(query=urlencode(query))), prefix


def _said(exc: Exception) -> str:
    """Return the message of an exception for use within a sentence: without the command that failed and without a final period."""
    return str(exc).rpartition("of pipeline caused error: ")[2].rstrip(".")


class RedisLedger(Ledger):
    """A ledger in Redis or Valkey. Its methods raise LedgerLost if the server cannot be reached for LOCK_PATIENCE seconds.

    For as long after that they raise it at once. A run whose servers each waited again could not tell their players in time.
    """

    def __init__(
        self,
        url: str,
        key: str,
        quotas: Mapping[str, Quota],
        clock: Clock,
        warn: Callable[[str], None] = lambda text: None,
        ca_path: str = "",
    ) -> None:
        super().__init__(quotas, clock)
        if not HAS_REDIS:
            raise MissingLibrary(
                f"The Python library redis is missing for {sys.executable} ({_WHY}): install it there with pip install redis, "
                "or set ledger to a folder."
            )
        address, self._prefix = split_url(url)
        self.shown = shown_ledger(url)
        self.key = f"{self._prefix}:ledger:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._redaction = Redaction(*ledger_passwords(url), replacement="***")
        self._warn = warn
        self._lock = threading.Lock()
        self._ahead: Optional[float] = None
        # The last failure, and the time, in seconds of time.monotonic, until which it is raised again.
        self._lost, self._lost_until = "", 0.0
        options: Dict[str, Any] = {"socket_timeout": SOCKET_TIMEOUT, "socket_connect_timeout": SOCKET_TIMEOUT}
        if ca_path and address.startswith("rediss:"):
            options["ssl_ca_certs"] = ca_path
        try:
            self._redis = redis.Redis.from_url(address, **options)
            # redis-py refuses unknown options only when it makes a connection object. This one is not opened.
            pool = self._redis.connection_pool
            pool.connection_class(**pool.connection_kwargs)
        except (ValueError, TypeError) as exc:
            raise LedgerLost(self._clean(f"ledger: {self.shown} is not a valid Redis address: {_said(exc)}.")) from exc

    def _change(self, step: Callable[[Calendars], T], commit: bool = True) -> T:
        return self._patiently(lambda: self._transaction(step, commit))

    keeps_logs = True

    def append(self, run: str, text: str, keep: float) -> None:
        """See Ledger."""

        def write() -> Tuple[bool, None]:
            with self._redis.pipeline() as pipe:
                pipe.xadd(self._run_key(run), {"line": text})
                pipe.expire(self._run_key(run), int(keep))
                pipe.zadd(self._runs_key, {run: self.clock.now()})
                pipe.execute()
            return True, None

        self._patiently(write)

    def entries(self, run: str, after: str) -> List[Tuple[str, str]]:
        """See Ledger."""
        key = self._run_key(run)
        found = self._patiently(lambda: (True, self._redis.xread({key: after or "0-0"})))
        return [
            (bytes(position).decode(), bytes(fields.get(b"line", b"")).decode(errors="replace"))
            for _key, entries in found or []
            for position, fields in entries
        ]

    def runs(self) -> List[str]:
        """See Ledger."""

        def read() -> Tuple[bool, List[str]]:
            known = [bytes(run).decode(errors="replace") for run in self._redis.zrange(self._runs_key, 0, -1)]
            with self._redis.pipeline() as pipe:
                for run in known:
                    pipe.exists(self._run_key(run))
                # A log expires, and its entry here is removed later.
                return True, [run for run, is_kept in zip(known, pipe.execute()) if is_kept]

        return self._patiently(read)

    def _run_key(self, run: str) -> str:
        return f"{self._prefix}:run:{run}"

    @property
    def _runs_key(self) -> str:
        return f"{self._prefix}:runs"

    def _patiently(self, attempt: Callable[[], Tuple[bool, T]]) -> T:
        """Repeat an attempt until it succeeds, for at most LOCK_PATIENCE seconds. Raises LedgerLost."""
        if time.monotonic() < self._lost_until:
            raise LedgerLost(self._lost)
        until = time.monotonic() + LOCK_PATIENCE
        pause = 0.001
        while True:
            try:
                with self._lock:
                    done, out = self._attempt(attempt)
                if done:
                    return out
                # Another process changed the ledger first. A short random pause keeps processes from colliding again.
                why, pause = "other processes changed it all the time", min(0.02, pause * 1.5)
            except redis.exceptions.AuthenticationError as exc:
                # Without a password, Redis names the first command that redis-py sends, which does not help the user.
                why = "a password is required" if "HELLO" in str(exc) else _said(exc)
                text = f"The ledger {self.shown} refuses the password: {why}. Correct the option ledger."
                raise LedgerLost(self._clean(text)) from exc
            except _PASSING as exc:
                # During a failover, a replica refuses writes for a moment, and the next connection may reach the new master. redis-py
                # reports a connection that ends between WATCH and GET as a WatchError.
                self._ahead = None
                if "CERTIFICATE_VERIFY_FAILED" in str(exc):
                    text = (
                        f"The certificate of the ledger {self.shown} was not accepted ({_said(exc)}). Set ca_path to the file of its "
                        "certificate authority."
                    )
                    raise LedgerLost(self._clean(text)) from exc
                why, pause = _said(exc), min(1.0, max(0.1, pause * 2))
            except redis.exceptions.RedisError as exc:
                raise LedgerLost(self._clean(f"The ledger {self.shown} cannot be used ({_said(exc)}): {WHAT_TO_DO}")) from exc
            if time.monotonic() + pause > until:
                text = f"The ledger {self.shown} could not be changed for {LOCK_PATIENCE:g} s ({why})"
                self._lost, self._lost_until = self._clean(f"{text}: {WHAT_TO_DO}"), time.monotonic() + LOCK_PATIENCE
                raise LedgerLost(self._lost)
            time.sleep(random.uniform(pause / 2, pause))

    def _attempt(self, attempt: Callable[[], Tuple[bool, T]]) -> Tuple[bool, T]:
        """Make one attempt. After any exception, such as Ctrl-C, disconnect, so that the next attempt does not read an old response."""
        try:
            return attempt()
        except BaseException:
            self._redis.connection_pool.disconnect()
            raise

    def _transaction(self, step: Callable[[Calendars], T], commit: bool) -> Tuple[bool, T]:
        """Make one attempt. Return whether it succeeded, and the result of the step."""
        ahead = self._server_ahead()
        with self._redis.pipeline() as pipe:
            pipe.watch(self.key)
            calendars = self._parse(pipe.get(self.key), ahead)
            out = step(calendars)
            self.seen_holds = calendars[WRITE].holds
            return not commit or self._write(pipe, self._pruned(calendars), ahead), out

    def _write(self, pipe: Any, calendars: Calendars, ahead: float) -> bool:
        """Store the calendars. Return False if another process changed them first."""
        # The key may expire some time after the last reservation, the last lock and the last hold have ended.
        ends = [at for one in calendars.values() for at in (*one.slots, one.blocked_until)]
        ends += [lock.until for one in calendars.values() for lock in one.locks]
        ends += [hold.until for one in calendars.values() for hold in one.holds]
        keep = max([0.0, *ends]) - self.clock.now() + 4 * max(quota.window for quota in self.quotas.values())
        shifted = {bucket: _reservations.shift(calendar, ahead) for bucket, calendar in calendars.items()}
        pipe.multi()
        pipe.set(self.key, json.dumps({"version": VERSION, "buckets": dump_calendars(shifted)}), ex=max(60, int(keep)))
        try:
            pipe.execute()
        except redis.exceptions.WatchError:
            return False
        return True

    def _server_ahead(self) -> float:
        """Return the seconds by which the server's clock is ahead of this process. It is measured once for each connection."""
        if self._ahead is None:
            samples = []
            for _each in range(CLOCK_SAMPLES):
                before = self.clock.now()
                seconds, micros = self._redis.time()
                after = self.clock.now()
                samples.append((after - before, seconds + micros / 1e6 - (before + after) / 2))
            self._ahead = min(samples)[1]
        return self._ahead

    def _parse(self, raw: Optional[bytes], ahead: float) -> Calendars:
        """Return the calendars in the time of this process."""
        if raw is not None:
            try:
                data = json.loads(raw)
                if is_newer(data):
                    raise LedgerLost(f"A newer release of this collection wrote the ledger {self.shown}. Update the collection here.")
                return parse_calendars(data["buckets"], self.quotas, -ahead, self.clock.now())
            except NOT_A_LEDGER:
                self._warn(f"The ledger {self.shown} was not readable and starts again empty. Requests of the last minute are not counted.")
        return {bucket: Calendar() for bucket in self.quotas}

    def _clean(self, text: str) -> str:
        return self._redaction.text(text)

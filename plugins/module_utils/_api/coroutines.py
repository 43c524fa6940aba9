# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run operations as coroutines that wait for a time or for a reply. Private to this collection.

An operation knows neither threads nor sockets. The code that runs it decides how to wait: ``run`` runs one operation in the calling thread,
the conductor runs the timelines of a fleet beside each other, and tests run both in virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Coroutine, Generator, Mapping, Optional, TypeVar

from .._clock import Clock

T = TypeVar("T")


@dataclass(frozen=True)
class Sleep:
    """Wait until a time, UTC seconds of the clock."""

    until: float

    def __await__(self) -> Generator[Any, Any, None]:
        yield self

    def block(self, clock: Clock) -> None:
        """Wait in this thread."""
        clock.sleep(max(0.0, self.until - clock.now()))


@dataclass(frozen=True)
class Exchange:
    """Make one request and wait for its reply."""

    # Its method ``attempt`` returns the reply, or raises NotSent, TlsFailure or Lost.
    transport: Any
    method: str
    path: str
    body: Optional[Mapping[str, str]] = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self)

    def block(self, clock: Clock) -> Any:
        """Make the request in this thread."""
        del clock
        return self.transport.attempt(self.method, self.path, self.body)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait for the given number of seconds."""
    await Sleep(clock.now() + max(0.0, seconds))


def run(operation: Coroutine[Any, Any, T], clock: Clock) -> T:
    """Run a coroutine to its end in this thread and return its result.

    What interrupts a wait, such as the exception of a signal handler, is raised inside the coroutine.
    """
    resume, value = operation.send, None
    while True:
        try:
            wait = resume(value)
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            resume, value = operation.send, wait.block(clock)
        except BaseException as exc:
            resume, value = operation.throw, exc


def blocking(operation: Callable[[Any], Coroutine[Any, Any, T]]) -> Callable[[Any], T]:
    """Return an operation that runs in the thread of its caller."""

    def operate(ctx: Any) -> T:
        return run(operation(ctx), ctx.clock)

    return operate

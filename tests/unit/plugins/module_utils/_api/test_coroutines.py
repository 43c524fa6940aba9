# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations as coroutines, run one at a time in the calling thread."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import Exchange, Sleep, blocking, run, sleep


class Transport:
    """A transport that returns its arguments or raises its error."""

    def __init__(self, error=None):
        self.error = error

    def attempt(self, method, path, body=None):
        if self.error:
            raise self.error
        return method, path, body


class InterruptedClock(virtual.VirtualClock):
    """A clock whose sleep raises KeyboardInterrupt."""

    def sleep(self, seconds):
        raise KeyboardInterrupt


def test_run_returns_the_result_and_lets_time_pass():
    clock = virtual.VirtualClock()

    async def operation():
        await sleep(clock, 5.0)
        await Sleep(clock.now() + 2.0)
        return "result"

    assert run(operation(), clock) == "result" and clock.now() == 1_000_007.0


def test_sleep_until_a_past_time_returns_at_once():
    clock = virtual.VirtualClock()

    async def operation():
        await sleep(clock, -1.0)
        await Sleep(clock.now() - 60.0)

    run(operation(), clock)
    assert clock.now() == 1_000_000.0


def test_exchange_returns_the_reply():
    async def operation():
        return await Exchange(Transport(), "POST", "/path", {"signal": "stop"})

    assert run(operation(), virtual.VirtualClock()) == ("POST", "/path", {"signal": "stop"})


def test_error_of_a_request_is_raised_in_the_operation():
    async def operation():
        try:
            await Exchange(Transport(OSError("gone")), "GET", "/")
        except OSError as exc:
            return str(exc)

    assert run(operation(), virtual.VirtualClock()) == "gone"


def test_interrupted_sleep_raises_in_the_operation():
    cancelled = []

    async def operation(clock):
        try:
            await sleep(clock, 60.0)
        except KeyboardInterrupt:
            cancelled.append(await Exchange(Transport(), "POST", "/cancel"))
            raise

    clock = InterruptedClock()
    with pytest.raises(KeyboardInterrupt):
        run(operation(clock), clock)
    assert cancelled == [("POST", "/cancel", None)]


def test_failure_of_an_operation_is_raised():
    async def operation():
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        run(operation(), virtual.VirtualClock())


def test_blocking_operation_uses_the_clock_of_its_context():
    async def operation(ctx):
        await sleep(ctx.clock, 3.0)
        return ctx.clock.now()

    assert blocking(operation)(SimpleNamespace(clock=virtual.VirtualClock())) == 1_000_003.0

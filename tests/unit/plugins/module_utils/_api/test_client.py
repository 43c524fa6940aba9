# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of each verb on each failure: it is repeated if nothing was done, and not if something may have been done."""

from __future__ import annotations

import json

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _errors as errors
from ansible_collections.serverprism.cloud.plugins.module_utils._api.client import Client
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import run
from ansible_collections.serverprism.cloud.plugins.module_utils._api.responses import Reply
from ansible_collections.serverprism.cloud.plugins.module_utils._api.transport import Lost, NotSent, TlsFailure
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Calendar, Quota
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings
from hypothesis import example, given
from hypothesis import strategies as st
from virtual import VirtualClock

TOKEN = "the-token"


class FakeTransport:
    """A transport with a list of responses, of which it repeats the last. Exceptions are raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def attempt(self, method, path, body=None):
        self.asked.append((method, path, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def reply(status, body=None, **headers):
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def client(*answers, progress=print, **options):
    defaults = {name: spec.get("default") for name, spec in API_ARGUMENT_SPEC.items()}
    settings = Settings.from_params({**defaults, "api_token": TOKEN, "ledger": "none", **options})
    clock = VirtualClock()
    quotas = {READ: Quota(settings.read_limit, settings.limit_window), WRITE: Quota(settings.write_limit, settings.limit_window)}
    return Client(settings, clock, MemoryLedger(quotas, clock), FakeTransport(*answers), progress=progress)


SERVER = {
    "id": 7,
    "name": "n",
    "service_status": "active",
    "limits": {"memory_mb": 1, "disk_mb": 1, "cpu_percent": 1},
    "resources": None,
}
HTML = b"<html>Sign in</html>"
VERBS = {
    "get": (lambda c: c.get_server(7), reply(200, {"data": SERVER})),
    "signal": (lambda c: c.send_signal(7, "stop"), reply(200, {"data": {"signal": "stop", "sent": True}})),
    "command": (lambda c: c.send_command(7, lambda: "say hi"), reply(200, {"data": {"command": "say hi", "sent": True}})),
}
NOTHING_WAS_DONE = {
    "429": reply(429, {"message": "Too Many Attempts."}, retry_after="2"),
    "429 without a header": reply(429),
    "503": reply(503, {"message": "Service Unavailable"}),
    "no connection": NotSent("refused"),
}
UNCLEAR = {
    "lost": Lost("timed out"),
    "500": reply(500),
    "502 HTML": reply(502, HTML),
    "502 of a daemon": reply(502, {"message": "There was an error communicating with the machine."}),
    "504": reply(504),
    "520": reply(520, HTML),
    "526": reply(526, HTML),
    "200 HTML": reply(200, HTML),
    "200 truncated": reply(200, b'{"data": {"id"'),
}
FINAL = {
    "302": (reply(302, HTML, location="https://evil.example/login"), errors.Redirected, "evil.example"),
    "401": (reply(401, {"message": "Unauthenticated."}), errors.Unauthenticated, "api_token"),
    "403": (reply(403, {"message": "Invalid scope(s) provided."}), errors.MissingScope, "servers:control"),
    "403 of a firewall": (reply(403, b"error code: 1010"), errors.Forbidden, "firewall"),
    "404": (reply(404, {"message": ""}), errors.ServerNotFound, "/services/ID"),
    "409": (reply(409, {"message": "busy"}), errors.Conflict, 'It says: "busy"'),
    "422": (reply(422, {"message": "bad", "errors": {"signal": ["no such"]}}), errors.InvalidRequest, "no such"),
    "418": (reply(418, {"message": "teapot"}), errors.UnexpectedStatus, "teapot"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("failure", NOTHING_WAS_DONE)
def test_request_is_repeated_if_nothing_was_done(verb, failure):
    call, good = VERBS[verb]
    c = client(NOTHING_WAS_DONE[failure], good)
    run(call(c), c.clock)
    assert len(c._transport.asked) == 2 and c.usage.waited_seconds > 0


@pytest.mark.parametrize("failure", UNCLEAR)
def test_read_without_a_clear_response_is_repeated(failure):
    call, good = VERBS["get"]
    c = client(UNCLEAR[failure], good)
    run(call(c), c.clock)
    assert len(c._transport.asked) == 2


@pytest.mark.parametrize("verb", ["signal", "command"])
@pytest.mark.parametrize("failure", UNCLEAR)
def test_write_without_a_clear_response_is_not_repeated(verb, failure):
    call, good = VERBS[verb]
    c = client(UNCLEAR[failure], good)
    with pytest.raises(errors.Ambiguous, match="may have been carried out"):
        run(call(c), c.clock)
    assert len(c._transport.asked) == 1


@pytest.mark.parametrize("answer", [{"data": {"sent": False}}, {"data": None}, [], {"sent": True}])
def test_write_is_accepted_only_if_its_response_says_sent(answer):
    with pytest.raises(errors.Ambiguous):
        one = client(reply(200, answer))
        run(one.send_signal(7, "stop"), one.clock)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("failure", FINAL)
def test_final_response_raises_its_error_and_is_not_repeated(verb, failure):
    answer, kind, words = FINAL[failure]
    c = client(answer)
    with pytest.raises(kind) as caught:
        run(VERBS[verb][0](c), c.clock)
    text = str(caught.value)
    assert caught.type is kind and words in text and f"(HTTP {answer.status})" in text and "7" in text
    assert len(c._transport.asked) == 1


@pytest.mark.parametrize("answer", [reply(412, {"message": "off"}), reply(502, {"message": "Server must be online."})])
def test_command_for_a_stopped_game_raises_not_running(answer):
    with pytest.raises(errors.NotRunning, match="not running"):
        one = client(answer)
        run(one.send_command(7, lambda: "say hi"), one.clock)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (reply(429, None, retry_after="3"), errors.RateLimited, "on HTTP 429"),
        (reply(503), errors.NodeUnavailable, "on HTTP 503"),
        (NotSent("refused"), errors.Unreachable, "nothing was sent"),
    ],
)
def test_error_after_max_wait_names_the_cause_of_the_waits(verb, answer, kind, words):
    c = client(answer, max_wait=20.0)
    with pytest.raises(kind) as caught:
        run(VERBS[verb][0](c), c.clock)
    assert words in str(caught.value) and "max_wait (20 s)" in str(caught.value)
    assert c.usage.waited_seconds <= 20


@pytest.mark.parametrize(
    ("header", "least"), [("0", 0.25), ("7", 7.0), (None, 60.0), ("soon", 60.0), ("-5", 60.0), ("99999999999999999", 60.0)]
)
def test_429_blocks_the_quota_for_all_tasks(header, least):
    answer = reply(429, None, **({} if header is None else {"retry_after": header}))
    c = client(answer, VERBS["get"][1], max_wait=100000.0)
    begun = c.clock.now()
    run(c.get_server(7), c.clock)
    assert c.clock.now() - begun >= least
    assert c.ledger.blocked_until(READ) >= begun + least


def test_only_long_waits_are_shown():
    told = []
    c = client(*[reply(200, HTML)] * 20, VERBS["get"][1], progress=told.append)
    run(c.get_server(7), c.clock)
    # The first line comes after 3.5 s of short waits, and then at most one every 30 s.
    assert c.usage.waited_seconds > 120 and len(told) == 4, told
    assert told[0] == "no response to server 7 yet (the response is not JSON): trying again in 4 s"


def test_long_wait_for_the_quota_is_shown():
    told = []
    c = client(VERBS["signal"][1], progress=told.append, write_limit=1, write_headroom=0)
    for _each in range(2):
        run(c.send_signal(7, "stop"), c.clock)
    assert len(told) == 1 and told[0].endswith("for a slot in the quota of writes"), told


def test_refusal_of_the_list_names_no_server():
    with pytest.raises(errors.Conflict) as caught:
        one = client(reply(409, {"message": "busy"}))
        run(one.list_servers(), one.clock)
    assert str(caught.value) == 'The API refuses the list of servers now. It says: "busy". (HTTP 409)'


def test_retry_after_of_0_limits_the_number_of_requests():
    c = client(reply(429, None, retry_after="0"), max_wait=60.0)
    with pytest.raises(errors.RateLimited):
        run(c.get_server(7), c.clock)
    assert len(c._transport.asked) < 22, len(c._transport.asked)


def test_blocked_quota_is_named_if_a_call_cannot_wait_for_its_end():
    c = client(reply(429, None, retry_after="1800"))
    with pytest.raises(errors.RateLimited):
        run(c.send_signal(7, "stop"), c.clock)
    with pytest.raises(errors.SlotTooLate, match="HTTP 429 and asked to wait until 1970-01-12T14:16:40Z"):
        run(c.send_signal(7, "stop"), c.clock)


def test_retry_after_longer_than_max_wait_fails_at_once():
    c = client(reply(429, None, retry_after="3600"))
    with pytest.raises(errors.RateLimited, match="3600 s"):
        run(c.get_server(7), c.clock)
    assert c.usage.waited_seconds == 0


def test_certificate_that_is_not_accepted_fails_at_once():
    c = client(TlsFailure("self-signed certificate"))
    with pytest.raises(errors.TlsError, match="ca_path"):
        run(c.get_server(7), c.clock)
    assert len(c._transport.asked) == 1


def test_quota_is_kept_and_a_slot_after_max_wait_is_refused():
    c = client(VERBS["signal"][1], write_limit=3, write_headroom=0)
    begun = c.clock.now()
    for _each in range(4):
        run(c.send_signal(7, "stop"), c.clock)
    assert c.clock.now() - begun >= 60
    hurried = client(VERBS["signal"][1], write_limit=1, write_headroom=0, max_wait=5.0)
    run(hurried.send_signal(7, "stop"), hurried.clock)
    with pytest.raises(errors.SlotTooLate, match="max_wait"):
        run(hurried.send_signal(7, "stop"), hurried.clock)
    assert len(hurried._transport.asked) == 1


class SlowTransport(FakeTransport):
    """A transport whose first response takes three seconds, as with a slow connection."""

    clock = None

    def attempt(self, method, path, body=None):
        if not self.asked:
            self.clock.sleep(3.0)
        return super().attempt(method, path, body)


@pytest.mark.parametrize("is_reserved", [False, True])
def test_slow_request_counts_from_the_time_of_its_response(is_reserved):
    c = client(VERBS["get"][1], read_limit=2)
    c._transport = SlowTransport(VERBS["get"][1])
    c._transport.clock = c.clock
    run(c.get_server(7, slot=c.ledger.reserve(READ)[0] if is_reserved else None), c.clock)
    answered = c.clock.now()
    run(c.get_server(7), c.clock)
    run(c.get_server(7), c.clock)
    assert 60.0 <= c.clock.now() - answered < 61.0


class WildTransport(FakeTransport):
    """A transport with a different latency for each request, in both directions."""

    def __init__(self, clock, waits):
        super().__init__(VERBS["signal"][1])
        self.clock, self.waits, self.arrived = clock, list(waits), []

    def attempt(self, method, path, body=None):
        there, back = self.waits.pop(0) if self.waits else (0.0, 0.0)
        self.clock.sleep(there)
        self.arrived.append(self.clock.now())
        self.clock.sleep(back)
        return super().attempt(method, path, body)


WAITS = st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 5.0)), max_size=12)


@given(WAITS)
@example([(0.0, 1.5), (1.4, 0.0)])
def test_no_window_has_too_many_requests_with_any_latency(waits):
    c = client(VERBS["signal"][1], write_limit=2, write_headroom=0, max_wait=9000.0)
    c._transport = WildTransport(c.clock, waits)
    for _each in range(len(waits) + 3):
        run(c.send_signal(7, "stop"), c.clock)
    arrived = c._transport.arrived
    assert all(later - earlier >= 60.0 for earlier, later in zip(arrived, arrived[2:])), arrived


def test_lost_ledger_after_a_slow_request_does_not_hide_the_response(monkeypatch):
    def lost(*_args):
        raise errors.LedgerLost("gone")

    c = client(VERBS["signal"][1])
    c._transport = SlowTransport(VERBS["signal"][1])
    c._transport.clock = c.clock
    monkeypatch.setattr(c.ledger, "correct", lost)
    run(c.send_signal(7, "stop"), c.clock)
    assert len(c._transport.asked) == 1


def test_message_contains_no_token_and_no_control_characters():
    c = client(reply(422, {"message": f"bad {TOKEN}\x1b[31m\nx"}))
    with pytest.raises(errors.InvalidRequest) as caught:
        run(c.get_server(7), c.clock)
    assert TOKEN not in str(caught.value) and str(caught.value).isprintable()


def test_response_about_another_server_is_refused():
    with pytest.raises(errors.BadAnswer, match="another server"):
        one = client(reply(200, {"data": {**SERVER, "id": 8}}))
        run(one.get_server(7), one.clock)


class Stopped(BaseException):
    """The exception of a run that is stopped."""


def test_interrupted_wait_releases_its_slot():
    one = client(VERBS["command"][1], write_limit=2, write_headroom=0)
    for _each in range(2):
        run(VERBS["command"][0](one), one.clock)
    waiting = one.await_slot(WRITE)
    waiting.send(None)
    assert len(one.ledger.calendar(WRITE).slots) == 3
    with pytest.raises(Stopped):
        waiting.throw(Stopped())
    assert len(one.ledger.calendar(WRITE).slots) == 2


def test_interrupted_wait_keeps_the_slot_of_its_caller():
    one = client(reply(200, {}))
    (slot,) = one.ledger.reserve(WRITE, not_before=one.clock.now() + 60.0)
    waiting = one.await_slot(WRITE, slot)
    waiting.send(None)
    with pytest.raises(Stopped):
        waiting.throw(Stopped())
    assert one.ledger.calendar(WRITE).slots == (slot,)


def test_interrupted_wait_releases_a_slot_that_has_moved():
    one = client(reply(200, {}))
    slot = one.clock.now()
    # Another request is late and goes first.
    calendar = Calendar(slots=(slot, slot + 30.0), late=(slot + 30.0,))
    one.ledger._change(lambda calendars: calendars.update({WRITE: calendar}))
    waiting = one.await_slot(WRITE, slot)
    waiting.send(None)
    assert one.ledger.calendar(WRITE).slots == (slot + 30.0, slot + 30.0)
    with pytest.raises(Stopped):
        waiting.throw(Stopped())
    assert one.ledger.calendar(WRITE).slots == (slot + 30.0,)


@pytest.mark.parametrize("takes", [0.0, 5.0, 20.0])
@pytest.mark.parametrize("verb", VERBS)
def test_api_that_was_never_reached_is_given_up_after_half_a_minute(verb, takes):
    call, _good = VERBS[verb]
    one = client(NotSent("Name or service not known"))
    transport = one._transport
    transport.has_responded, attempt, begun = False, transport.attempt, one.clock.now()

    def slow(*request):
        one.clock.sleep(takes)
        return attempt(*request)

    transport.attempt = slow
    with pytest.raises(
        errors.Unreachable, match="cannot be reached .*Name or service not known.* Check the network, the proxy and api_url"
    ):
        run(call(one), one.clock)
    assert 15.0 < one.clock.now() - begun <= 30.0


def test_api_that_was_reached_before_is_waited_for():
    call, good = VERBS["get"]
    one = client(*[NotSent("Name or service not known")] * 10, good)
    one._transport.has_responded = True
    run(call(one), one.clock)
    assert one.usage.waited_seconds > 30.0


@pytest.mark.parametrize(("variable", "source"), [(TOKEN, "the environment variable SERVERPRISM_API_TOKEN"), ("another", "api_token")])
def test_token_that_is_not_accepted_is_named_by_its_source(monkeypatch, variable, source):
    monkeypatch.setenv("SERVERPRISM_API_TOKEN", variable)
    one = client(reply(401, {"message": "Unauthenticated."}))
    with pytest.raises(errors.Unauthenticated, match=rf"Check {source}\."):
        run(one.get_server(7), one.clock)

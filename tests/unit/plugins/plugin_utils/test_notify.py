# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages to a webhook: their variables are checked, failures that may pass are repeated, and nothing waits for them."""

from __future__ import annotations

import functools
import threading

import pytest
import requests
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import build
from ansible_collections.serverprism.cloud.plugins.module_utils._report.message import EVENTS, Messages
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.plugin_utils._notify import PATIENCE, Notifier, Webhook, notifier_of, send, webhook_of
from webhook import Webhook as Server

URL = "https://discord.com/api/webhooks/1234/the-secret?wait=other-secret"
REPORT = build([], "2026-05-04T04:00:00Z", False)
FAILED = {"server_id": 7, "name": "n", "outcome": "failed", "failed": True, "msg": "it hangs"}


def variables(url=URL, **more):
    return {"maintenance_notify_url": url, **{f"maintenance_notify_{name}": value for name, value in more.items()}}


@pytest.mark.parametrize(
    ("hosts", "form", "events"),
    [
        ([variables()], "discord", ("failed", "end")),
        ([variables("https://ptb.discord.com/api")], "discord", ("failed", "end")),
        ([variables("https://discordapp.com/api")], "discord", ("failed", "end")),
        ([variables("https://hooks.slack.com/services/T/B/x")], "slack", ("failed", "end")),
        ([variables("https://notdiscord.com/x")], "json", ("failed", "end")),
        ([variables("http://chat.example.org:8065/hooks/x", format="slack")], "slack", ("failed", "end")),
        ([variables(format="json")], "json", ("failed", "end")),
        ([variables(format="", on=None)], "discord", ("failed", "end")),
        ([variables(on=["end", "start", "end"])], "discord", ("start", "end")),
        ([variables(on="start, failed,end")], "discord", EVENTS),
        ([variables(on=[])], "discord", ()),
        ([{}, variables(), variables(f" {URL}\n")], "discord", ("failed", "end")),
    ],
)
def test_webhook_of_the_hosts(hosts, form, events):
    webhook = webhook_of(hosts)
    assert (webhook.format, webhook.events) == (form, events) and "secret" not in repr(webhook)


@pytest.mark.parametrize("hosts", [[], [{}], [variables("")], [variables(None, format="json", on=["start"])]])
def test_hosts_without_an_address_have_no_webhook(hosts):
    assert webhook_of(hosts) is None


@pytest.mark.parametrize(
    "url",
    [
        "the-secret",
        "ftp://host/the-secret",
        "https:///the-secret",
        "https://host:port/the-secret",
        "https://[::1/the-secret",
        "https://host/the secret",
        "https://host/the-sécret",
        ["https://host/the-secret"],
    ],
)
def test_bad_address_is_refused_without_showing_it(url):
    with pytest.raises(BadOption) as refused:
        webhook_of([variables(url)])
    assert str(refused.value) == (
        "maintenance_notify_url: must be an address that begins with https:// or http://. Copy the whole address again."
    )


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([variables(format="teams")], "maintenance_notify_format: must be discord, slack or json, got 'teams'."),
        ([variables("", format="teams")], "maintenance_notify_format: must be discord, slack or json, got 'teams'."),
        ([variables(on=["begin"])], "maintenance_notify_on: must be a list of start, failed and end, got 'begin'."),
        ([variables(on="end;start")], "maintenance_notify_on: must be a list of start, failed and end, got 'end;start'."),
        ([variables(on={"end": True})], "maintenance_notify_on: must be a list of start, failed and end, got \"{'end': True}\"."),
        ([variables(format="json"), variables(format="slack")], "maintenance_notify_format: the hosts of this run have different values."),
        ([variables(on=["end"]), variables(on=["start"])], "maintenance_notify_on: the hosts of this run have different values."),
        (
            [variables(), variables("https://chat.example.org/the-secret"), variables(f"{URL}2")],
            "maintenance_notify_url: the hosts of this run have different addresses (https://chat.example.org, https://discord.com, https",
        ),
    ],
)
def test_bad_variables_are_refused(hosts, words):
    with pytest.raises(BadOption) as refused:
        webhook_of(hosts)
    assert str(refused.value).startswith(words) and "secret" not in str(refused.value)


class Session:
    """A session that gives answers in turn on a virtual clock: a status, a status with Retry-After, or an exception."""

    def __init__(self, *answers, takes=0.1):
        self.answers = list(answers)
        self.time = 0.0
        self.takes = takes
        self.sent = []

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        pass

    def post(self, url, **options):
        assert options["allow_redirects"] is False and options["timeout"] > 0
        self.time += min(self.takes, options["timeout"])
        self.sent.append((round(self.time, 1), url, options["json"]))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        self.status_code, self.headers = answer if isinstance(answer, tuple) else (answer, {})
        return self

    def sleep(self, seconds):
        self.time += seconds


def sent(*answers, **more):
    session = Session(*answers, **more)
    warning = send(URL, {"text": "x"}, session, lambda: session.time, session.sleep)
    assert {(url, str(body)) for _at, url, body in session.sent} == {(URL, "{'text': 'x'}")}
    return warning, [at for at, _url, _body in session.sent]


@pytest.mark.parametrize(
    ("answers", "times"),
    [
        ([204], [0.1]),
        ([(429, {"Retry-After": "2"}), 200], [0.1, 2.2]),
        ([(429, {"Retry-After": "0.7"}), 200], [0.1, 0.9]),
        ([429, 429, 200], [0.1, 0.7, 1.8]),
        ([(429, {"Retry-After": "soon"}), 200], [0.1, 0.7]),
        ([500, 502, 503, 204], [0.1, 0.7, 1.8, 3.9]),
        ([requests.ConnectionError(), requests.ReadTimeout(), ConnectionResetError(), 204], [0.1, 0.7, 1.8, 3.9]),
    ],
)
def test_failure_that_may_pass_is_repeated(answers, times):
    assert sent(*answers) == ("", times)


REFUSED = requests.ConnectionError(f"Max retries exceeded with url: {URL}")
REFUSED.__context__ = ConnectionRefusedError(111, "Connection refused")


@pytest.mark.parametrize(
    ("answer", "why", "tries"),
    [
        (404, "it responds with HTTP 404; check maintenance_notify_url", 1),
        (400, "it responds with HTTP 400; check maintenance_notify_format", 1),
        ((302, {"Location": URL}), "it responds with HTTP 302; redirects are not followed. Set maintenance_notify_url to the new", 1),
        (requests.exceptions.SSLError(URL), "the TLS connection failed", 1),
        (requests.exceptions.InvalidURL(URL), "the address is not valid; check maintenance_notify_url", 1),
        ((429, {"Retry-After": "60"}), "it responds with HTTP 429", 1),
        (503, "it responds with HTTP 503", 5),
        (requests.ConnectTimeout(URL), "it does not respond within", 5),
        (REFUSED, "the connection failed (Connection refused)", 5),
        (requests.ConnectionError(URL), "the connection failed", 5),
    ],
)
def test_lasting_failure_is_one_warning_without_the_secret(answer, why, tries):
    warning, times = sent(answer)
    assert warning.startswith(f"A message about the run could not be sent to https://discord.com: {why}"), warning
    assert len(times) == tries and times[-1] < PATIENCE and "secret" not in warning and warning.endswith(".")


def test_slow_webhook_is_not_tried_for_longer_than_the_patience():
    warning, times = sent(requests.ReadTimeout(), takes=60.0)
    assert "it does not respond within" in warning and times[-1] <= PATIENCE


def broken():
    """Fail as a bug does, with the address in the text."""
    raise KeyError(URL)


class Sender:
    """A sender that records messages, and returns warnings in turn. It waits while it is held."""

    def __init__(self, *warnings):
        self.texts = []
        self.is_free = threading.Event()
        self.is_free.set()
        # Each is a text to return, or a function to call.
        self._warnings = list(warnings)

    def __call__(self, _url, body):
        self.is_free.wait()
        self.texts.append(body["text"].splitlines()[0])
        warning = self._warnings.pop(0) if self._warnings else ""
        return warning() if callable(warning) else warning


def notifier(sender, *events, warned=None, patience=60.0):
    webhook = Webhook(URL, "slack", events or EVENTS)
    return Notifier(webhook, Messages("slack"), [].append if warned is None else warned.append, sender, patience)


def test_each_event_is_one_message_in_its_order():
    sender = Sender()
    one = notifier(sender)
    one.begin("2 servers.")
    one.failed(server("a", FAILED), 1)
    one.failed(server("b", FAILED), 1)
    one.end(REPORT, interrupted=True)
    assert sender.texts == [
        "Maintenance started. 2 servers.",
        "Maintenance: a server failed. 1 server has no outcome yet.",
        "Maintenance was interrupted. No servers. Nothing needs attention.",
    ]


@pytest.mark.parametrize("event", EVENTS)
def test_only_wanted_events_are_sent(event):
    sender = Sender()
    one = notifier(sender, event)
    one.begin("")
    one.failed(server("a", FAILED), 1)
    one.end(REPORT)
    assert len(sender.texts) == 1 and {"start": "started", "failed": "failed", "end": "ended"}[event] in sender.texts[0]


def test_failure_of_the_last_server_is_left_to_the_message_at_the_end():
    sender = Sender()
    one = notifier(sender)
    one.failed(server("a", FAILED), 0)
    one.close()
    assert sender.texts == []


def test_run_does_not_wait_for_a_message():
    sender = Sender()
    sender.is_free.clear()
    one = notifier(sender)
    one.begin("")
    one.failed(server("a", FAILED), 1)
    assert sender.texts == []
    sender.is_free.set()
    one.close()
    assert len(sender.texts) == 2


def test_end_waits_for_a_limited_time():
    sender, warned = Sender(), []
    sender.is_free.clear()
    notifier(sender, warned=warned, patience=0.05).end(REPORT)
    assert warned == ["A message about the run may not have been sent to https://discord.com: it does not respond in time."]
    sender.is_free.set()


def test_equal_warnings_are_given_once():
    warned = []
    one = notifier(Sender("it fails", "it fails", "it fails otherwise"), warned=warned)
    one.begin("")
    one.failed(server("a", FAILED), 1)
    one.end(REPORT)
    assert warned == ["it fails", "it fails otherwise"]


def test_bug_in_the_sender_is_a_warning_and_later_messages_are_sent():
    warned, sender = [], Sender(broken)
    one = notifier(sender, warned=warned)
    one.begin("")
    one.end(REPORT)
    assert warned == ["A message about the run could not be sent: a bug in serverprism.cloud (KeyError)."] and len(sender.texts) == 2


def test_notifier_can_be_used_again_after_close():
    sender = Sender()
    one = notifier(sender)
    one.begin("")
    one.close()
    one.close()
    one.end(REPORT)
    assert len(sender.texts) == 2


def test_run_without_a_webhook_sends_nothing():
    one = notifier_of([{"maintenance_id": "CHG-7"}], pytest.fail)
    one.begin("")
    one.failed(server("a", FAILED), 1)
    one.end(REPORT)


@pytest.fixture
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_webhook_gets_the_messages_of_a_run(no_proxy):
    with Server(500, 204, (429, {"Retry-After": "0"}), None) as server:
        hosts = [variables(server.url, on=["start", "end"]), {"maintenance_id": 7, "maintenance_reason": "update"}]
        one = notifier_of(hosts, pytest.fail, functools.partial(send, clock=lambda: 0.0, sleep=lambda _seconds: None))
        one.begin("1 server.")
        one.end(REPORT)
    assert [body["event"] for body in server.bodies] == ["start", "start", "end", "end", "end"]
    last = server.bodies[-1]
    assert (last["maintenance_id"], last["reason"], last["totals"]) == ("7", "update", REPORT["totals"])
    assert server.headers[0]["content-type"] == "application/json" and server.headers[0]["user-agent"].startswith("serverprism.cloud/")


def test_redirect_is_not_followed(no_proxy):
    with Server() as other, Server((307, {"Location": other.url})) as server:
        warning = send(server.url, {})
    assert "HTTP 307" in warning and "secret" not in warning and other.bodies == []


def test_refused_connection_is_a_warning_without_the_secret(no_proxy, monkeypatch):
    with Server() as server:
        pass
    times = iter(range(1000))
    warning = send(server.url, {}, clock=lambda: float(next(times)), sleep=lambda _seconds: None)
    assert warning == "A message about the run could not be sent to http://127.0.0.1: the connection failed (Connection refused)."


def test_server_without_tls_is_a_warning_without_the_secret(no_proxy):
    with Server() as server:
        times = iter(range(1000))
        warning = send(server.url.replace("http:", "https:"), {}, clock=lambda: float(next(times)), sleep=lambda _seconds: None)
    assert "https://127.0.0.1: the TLS connection failed (" in warning and "secret" not in warning and server.bodies == []

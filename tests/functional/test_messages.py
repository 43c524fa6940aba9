# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about a run of the playbook to a webhook."""

from __future__ import annotations

import json
import signal

import pytest
from functional.conftest import QUICK
from waiting import until
from webhook import Webhook

FAST = {"boot_seconds": 3.0, "stop_seconds": 2.0}
EVERY = ["start", "failed", "end"]
# The environment of the test may have a proxy.
NO_PROXY = {"NO_PROXY": "127.0.0.1"}


def hosts(*ids):
    return {f"h{number}": {"serverprism_id": number} for number in ids}


@pytest.fixture
def webhook():
    with Webhook() as one:
        yield one


def test_run_sends_one_message_an_event(simulator, maintain, webhook):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "conflict": True}, {"id": 3, "conflict": True}, {"id": 4, **FAST}])
    about = {"maintenance_reason": "update to 1.21", "maintenance_id": "CHG-7", "maintenance_notify_on": EVERY}
    run = maintain(sim, hosts(1, 2, 3, 4), maintenance_notify_url=webhook.url, env=NO_PROXY, **about)
    assert run.rc == 2 and [body["event"] for body in webhook.bodies] == EVERY, run.output
    start, failed, end = webhook.bodies
    assert {(body["maintenance_id"], body["reason"]) for body in webhook.bodies} == {("CHG-7", "update to 1.21")}
    assert start["sentence"] in run.stdout and start["sentence"].startswith("4 servers, ")
    assert [one["outcome"] for one in failed["servers"]] == ["failed"] and failed["sentence"].endswith(" no outcome yet.")
    assert [one["host"] for one in end["servers"]] == ["h2", "h3"] and end["sentence"].startswith("2 restarted, 2 failed.")
    assert end["totals"] == run.report["totals"] and run.report["reason"] == "update to 1.21"
    assert "the-secret" not in run.output


def test_message_is_sent_if_every_server_fails(simulator, maintain, webhook):
    sim = simulator([{"id": 1, "conflict": True}, {"id": 2, "conflict": True}])
    run = maintain(sim, hosts(1, 2), maintenance_notify_url=webhook.url, maintenance_notify_on="end", env=NO_PROXY)
    assert run.rc == 2 and [(body["event"], body["sentence"]) for body in webhook.bodies] == [
        ("end", "2 failed. 2 servers need attention.")
    ], run.output


def test_failed_canary_ends_the_run_with_one_message(simulator, maintain, webhook):
    sim = simulator([{"id": 1, "conflict": True}, {"id": 2, **FAST}, {"id": 3, **FAST}])
    run = maintain(sim, hosts(1, 2, 3), "-e", "maintenance_canary=1", maintenance_notify_url=webhook.url, env=NO_PROXY)
    assert run.rc == 2 and [(body["event"], body["sentence"]) for body in webhook.bodies] == [
        ("failed", "2 servers have no outcome yet."),
        ("end", "1 failed, 2 deferred. 3 servers need attention."),
    ], run.output


def test_run_with_a_canary_has_one_start_and_one_end(simulator, maintain, webhook):
    sim = simulator([{"id": number, **FAST} for number in (1, 2)])
    about = {"maintenance_notify_url": webhook.url, "maintenance_notify_on": EVERY}
    run = maintain(sim, hosts(1, 2), "-e", "maintenance_canary=1", env=NO_PROXY, **about)
    assert run.rc == 0 and [body["event"] for body in webhook.bodies] == ["start", "end"], run.output
    assert webhook.bodies[1]["totals"]["done"] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_says_so(simulator, ansible, webhook, number):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    words = [{"before": "100s", "text": "x"}]
    options = {**QUICK, "maintenance_announcements": words, "maintenance_notify_url": webhook.url}
    inventory = ansible.folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts(1, 2), "vars": options}}))
    process = ansible.start(sim, "serverprism.cloud.maintenance", "-i", str(inventory), env=NO_PROXY)
    until(lambda: len(sim.console_log()) == 2)
    process.send_signal(number)
    output = "".join(process.communicate(timeout=60))
    assert [(body["event"], body["interrupted"], body["totals"]["cancelled"]) for body in webhook.bodies] == [("end", True, 2)], output


def test_variables_of_one_host_hold_for_the_run(simulator, maintain, webhook):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, "state": "offline"}])
    one, other = hosts(1, 2).items()
    own = {"maintenance_notify_url": webhook.url, "maintenance_notify_on": ["start"], "maintenance_notify_format": "slack"}
    run = maintain(sim, {one[0]: {**one[1], **own}, other[0]: other[1]}, env=NO_PROXY)
    assert run.rc == 0 and [body["text"].startswith("Maintenance started. 2 servers") for body in webhook.bodies] == [True], run.output


def test_check_mode_sends_no_message(simulator, maintain, webhook):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, hosts(1), "--check", maintenance_notify_url=webhook.url, maintenance_notify_on=EVERY, env=NO_PROXY)
    assert run.rc == 0 and webhook.bodies == [], run.output


def test_webhook_that_fails_is_a_warning(simulator, maintain):
    sim = simulator([{"id": 1, **FAST}])
    with Webhook(404, 404) as webhook:
        about = {"maintenance_notify_url": webhook.url, "maintenance_notify_on": EVERY}
        run = maintain(sim, hosts(1), env=NO_PROXY, **about)
    assert run.rc == 0 and run.outcomes == {"h1": "done"}, run.output
    warning = "A message about the run could not be sent to http://127.0.0.1: it responds with HTTP 404; check maintenance_notify_url."
    assert warning in run.stderr and "the-secret" not in run.output, run.output


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"maintenance_notify_url": "discord.com/the-secret"}, "maintenance_notify_url: must be an address that begins with https://"),
        ({"maintenance_notify_format": "teams"}, "maintenance_notify_format: must be discord, slack or json, got 'teams'."),
        ({"maintenance_notify_on": "begin"}, "maintenance_notify_on: must be a list of start, failed and end, got 'begin'."),
    ],
)
def test_bad_variables_are_refused_before_the_first_request(simulator, maintain, variables, words):
    sim = simulator([{"id": 1, **FAST}])
    run = maintain(sim, hosts(1), **variables)
    assert run.rc == 2 and words in run.output and "the-secret" not in run.output, run.output
    assert not sim.requests()

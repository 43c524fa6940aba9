# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the simulator over plain HTTP against the API's documentation and the known behaviour of its framework."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest
import requests
from functional.harness import ROOT
from waiting import until

JSON = "application/json"


@pytest.fixture
def api(simulator):
    """Ask a simulator without the collection: ``api(sim, "GET", "/1234")``."""

    def ask(sim, method="GET", path="", body=None, token=None, accept=JSON):
        headers = {"Authorization": f"Bearer {token or sim.token}", "Accept": accept}
        url = f"{sim.url}/api/v1/client/servers{path}"
        return requests.request(method, url, json=body, headers=headers, allow_redirects=False, timeout=10)

    return ask


def test_list_has_ids_products_and_billing(simulator, api):
    sim = simulator([{"id": 1234}, {"id": 1290, "service_status": "suspended"}, {"id": 5, "customer": "other"}])
    assert api(sim).json() == {
        "data": [
            {"id": 1234, "product": "Minecraft 4 GB", "service_status": "active"},
            {"id": 1290, "product": "Minecraft 4 GB", "service_status": "suspended"},
        ]
    }


def test_one_server_has_limits_and_resources(simulator, api):
    data = api(simulator([{"id": 1234, "name": "Fred's Minecraft"}]), "GET", "/1234").json()["data"]
    assert set(data) == {"id", "name", "service_status", "limits", "resources"}
    assert set(data["limits"]) == {"memory_mb", "disk_mb", "cpu_percent"}
    assert set(data["resources"]) == {
        "current_state",
        "memory_bytes",
        "cpu_absolute",
        "disk_bytes",
        "network_rx_bytes",
        "network_tx_bytes",
    }


def test_writes_answer_that_they_were_sent(simulator, api):
    sim = simulator()
    assert api(sim, "POST", "/1234/power", {"signal": "restart"}).json() == {"data": {"signal": "restart", "sent": True}}
    sim.patch(1234, state="running")
    assert api(sim, "POST", "/1234/command", {"command": " say hi "}).json() == {"data": {"command": "say hi", "sent": True}}
    assert sim.console(1234) == ["say hi"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/999", None, 404, "No query results for model"),
        ("GET", "/5", None, 404, "No query results for model"),
        ("GET", "/abc", None, 404, "No query results for model"),
        ("POST", "/1234/power", {"signal": "reboot"}, 422, "signal"),
        ("POST", "/1234/power", {}, 422, "signal"),
        ("POST", "/1234/command", {"command": "   "}, 422, "required"),
        ("POST", "/1234/command", {"command": "x" * 1025}, 422, "1024"),
        ("POST", "/1290/command", {"command": "say hi"}, 412, ""),
        ("POST", "/6/power", {"signal": "start"}, 409, ""),
        ("POST", "/7/power", {"signal": "start"}, 503, "Service Unavailable"),
    ],
)
def test_errors_have_the_status_and_text_of_the_api(simulator, api, method, path, body, status, words):
    servers = [{"id": 1234}, {"id": 1290, "state": "offline"}, {"id": 5, "customer": "other"}]
    sim = simulator([*servers, {"id": 6, "conflict": True}, {"id": 7, "node_down": True}])
    answer = api(sim, method, path, body)
    assert answer.status_code == status and words in answer.json()["message"]
    if status == 422:
        assert answer.json()["errors"]
    assert int(answer.headers["X-RateLimit-Remaining"]) == (59 if method == "GET" else 19)


def test_command_to_an_offline_game_may_answer_502(simulator, api):
    sim = simulator([{"id": 1234, "state": "offline"}], not_running_status=502)
    answer = api(sim, "POST", "/1234/command", {"command": "say hi"})
    assert answer.status_code == 502 and answer.json()["message"]


@pytest.mark.parametrize(("state", "switch", "status"), [("starting", True, 200), ("starting", False, 412), ("stopping", True, 200)])
def test_commands_while_starting_and_stopping(simulator, api, state, switch, status):
    sim = simulator([{"id": 1234}], commands_while_starting=switch)
    sim.patch(1234, state=state)
    assert api(sim, "POST", "/1234/command", {"command": "say hi"}).status_code == status


def test_stop_command_of_the_game_stops_it(simulator, api):
    sim = simulator([{"id": 1234, "stop_seconds": 0.0}])
    api(sim, "POST", "/1234/command", {"command": "stop"})
    assert sim.states(1234)[1:] == ["stopping", "offline"]


def test_tokens_and_scopes(simulator, api):
    tokens = [{"token": "reader", "scopes": ["servers:read"]}, {"token": "gone", "revoked": True}, {"token": "theirs", "customer": "other"}]
    sim = simulator(tokens=tokens)
    refused = api(sim, "POST", "/1234/power", {"signal": "stop"}, token="reader")
    assert (refused.status_code, refused.json()) == (403, {"message": "Invalid scope(s) provided."})
    assert api(sim, "GET", "/1234", token="reader").status_code == 200
    gone = api(sim, token="gone")
    assert (gone.status_code, gone.json()) == (401, {"message": "Unauthenticated."})
    assert api(sim, "GET", "/1234", token="theirs").status_code == 404
    sim.change(revoke="token")
    assert api(sim).status_code == 401


def test_errors_without_an_accept_header_are_redirects(simulator, api):
    sim = simulator()
    assert api(sim, token="wrong", accept="*/*").status_code == 302
    assert api(sim, "POST", "/1234/power", {}, accept="*/*").status_code == 302
    page = requests.get(sim.url + api(sim, token="wrong", accept="*/*").headers["Location"], timeout=10)
    assert page.status_code == 200 and "<html>" in page.text


@pytest.mark.parametrize(
    ("kind", "header"), [("seconds", r"\d+"), ("zero", "0"), ("missing", ""), ("date", r"\w{3}, \d\d \w{3} \d{4} .* GMT")]
)
def test_quota_belongs_to_the_customer_and_429_has_retry_after(simulator, api, kind, header):
    import re

    sim = simulator(tokens=[{"token": "second"}, {"token": "theirs", "customer": "other"}], write_limit=2, retry_after=kind, speed=1.0)
    body = {"signal": "kill"}
    assert [api(sim, "POST", "/1234/power", body, token=t).status_code for t in (None, "second")] == [200, 200]
    refused = api(sim, "POST", "/1234/power", body)
    assert refused.status_code == 429 and refused.json() == {"message": "Too Many Attempts."}
    assert re.fullmatch(header, refused.headers.get("Retry-After", ""))
    assert api(sim).status_code == 200
    assert api(sim, token="theirs").status_code == 200


def test_refused_tokens_do_not_count_against_the_quota(simulator, api):
    sim = simulator(read_limit=1)
    assert [api(sim, token="wrong").status_code for _each in range(3)] == [401] * 3
    assert api(sim).headers["X-RateLimit-Remaining"] == "0"


def test_window_ends_and_speed_divides_it(simulator, api):
    sim = simulator(read_limit=1, speed=20.0)
    assert [api(sim).status_code for _each in range(2)] == [200, 429]
    until = time.monotonic() + 50
    while api(sim).status_code != 200:
        assert time.monotonic() < until


def test_status_is_cached_and_a_signal_does_not_clear_it(simulator, api):
    sim = simulator([{"id": 1234, "stop_seconds": 1.0}], speed=1.0)
    assert api(sim, "GET", "/1234").json()["data"]["resources"]["current_state"] == "running"
    api(sim, "POST", "/1234/power", {"signal": "kill"})
    assert sim.states(1234)[-1] == "offline"
    assert api(sim, "GET", "/1234").json()["data"]["resources"]["current_state"] == "running"
    sim.change(set={"status_cache": 0.0})
    assert api(sim, "GET", "/1234").json()["data"]["resources"]["current_state"] == "offline"


def test_new_fields_can_appear(simulator, api):
    sim = simulator(extra_fields=True)
    assert "meta" in api(sim).json() and "meta" in api(sim, "GET", "/1234").json()["data"]


@pytest.mark.parametrize(("done", "console"), [(False, []), (True, ["say hi"])])
def test_connection_can_end_before_or_after_the_work(simulator, api, done, console):
    sim = simulator()
    sim.fault(method="POST", drop=True, done=done, count=1)
    with pytest.raises(requests.ConnectionError):
        api(sim, "POST", "/1234/command", {"command": "say hi"})
    assert sim.console(1234) == console


def test_answers_can_be_replaced_truncated_and_slow(simulator, api):
    sim = simulator()
    sim.fault(path="1234$", status=200, body="<html>challenge</html>", count=1)
    assert "challenge" in api(sim, "GET", "/1234").text
    sim.fault(path="1234$", truncate=True, count=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api(sim, "GET", "/1234")
    sim.fault(path="1234$", drip=0.5, count=1)
    begun = time.monotonic()
    assert api(sim, "GET", "/1234").json()["data"]["id"] == 1234 and time.monotonic() - begun >= 0.5
    sim.fault(path="1234$", status=302, headers={"Location": "https://elsewhere.example/"}, count=1)
    assert api(sim, "GET", "/1234").headers["Location"] == "https://elsewhere.example/"
    assert api(sim, "GET", "/1234").status_code == 200


def test_every_request_and_line_is_logged_with_its_time(simulator, api):
    sim = simulator()
    begun = time.time()
    api(sim, "POST", "/1234/command", {"command": "say hi"})
    (row,) = sim.posts()
    (line,) = sim.console_log(1234)
    assert begun <= row["time"] <= line["time"] <= time.time() and row["status"] == 200 and row["token"] == "token"


def test_configuration_file_of_the_readme_runs(tmp_path):
    folder = ROOT / "tests" / "support" / "simulator"
    text = re.search("```json\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    (tmp_path / "fleet.json").write_text(text)
    ready = tmp_path / "ready"
    command = [sys.executable, str(folder), "--config", str(tmp_path / "fleet.json"), "--ready", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: ready.exists() or process.poll() is not None)
            url, tokens = ready.read_text(), [one["token"] for one in json.loads(text)["tokens"]]
            servers = f"{url}/api/v1/client/servers"
            control, read = ({"Authorization": f"Bearer {token}", "Accept": JSON} for token in tokens)
            listed = requests.get(servers, headers=read, timeout=10).json()["data"]
            assert [one["id"] for one in listed] == [1234, 1290, 1301, 1302]
            state = requests.get(f"{servers}/1301", headers=read, timeout=10).json()["data"]["resources"]["current_state"]
            restart = {"url": f"{servers}/1234/power", "json": {"signal": "restart"}, "timeout": 10}
            assert state == "offline" and [requests.post(headers=one, **restart).status_code for one in (control, read)] == [200, 403]
            requests.post(f"{url}/_sim/change", json={"stop": True}, timeout=10)
            process.wait(20)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("{", "Expecting property name"),
        ('{"servers": [{"id": 1, "sate": "offline"}]}', "'sate'"),
        ('{"sped": 2}', "unknown switches: ['sped']"),
    ],
)
def test_bad_configuration_file_is_refused_without_a_traceback(tmp_path, text, words):
    file = tmp_path / "fleet.json"
    if text is not None:
        file.write_text(text)
    command = [sys.executable, str(ROOT / "tests" / "support" / "simulator"), "--config", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 2 and f"--config {file}: " in run.stderr and words in run.stderr and "Traceback" not in run.stderr, run.stderr


def test_port_in_use_is_refused_without_a_traceback(simulator):
    port = simulator([]).url.rpartition(":")[2]
    command = [sys.executable, str(ROOT / "tests" / "support" / "simulator"), "--port", port]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 2 and f"--port {port}: Address already in use" in run.stderr and "Traceback" not in run.stderr, run.stderr

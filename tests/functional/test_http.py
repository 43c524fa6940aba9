# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the client over real HTTP: addresses, certificates, bad networks and bad answers."""

from __future__ import annotations

import re
import socket
import threading

import pytest
import trustme
from ansible_collections.serverprism.cloud.plugins.module_utils._api import transport as _transport
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings


@pytest.fixture
def certificate(tmp_path):
    """Return a server certificate with its key, and the authority that signed it."""
    authority = trustme.CA()
    server, ca = tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(server)
    authority.cert_pem.write_to_path(ca)
    return server, ca


def test_netrc_does_not_replace_the_token(simulator, operate, tmp_path, monkeypatch):
    sim = simulator()
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    result = operate(sim, "server_info")
    assert not result.get("failed") and sim.requests()[0]["token"] == "token", result


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(simulator, operate, method, status):
    sim, other = simulator(), simulator()
    sim.fault(method=method, status=status, headers={"Location": f"{other.url}/api/v1/client/servers"})
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert result["failed"] and "redirect" in result["msg"] and other.url.removeprefix("http://") in result["msg"], result
    assert not other.requests()


def test_user_agent_names_the_versions(simulator, operate):
    sim = simulator()
    operate(sim, "server_info")
    agent = sim.requests()[0]["user_agent"]
    assert re.fullmatch(r"serverprism\.cloud/\d+\.\d+\.\d+ requests/\S+ Python/\S+", agent)


def test_unknown_certificate_is_refused_with_a_hint(simulator, operate, certificate):
    sim = simulator(certificate=certificate[0])
    result = operate(sim, "server_info", max_wait=1)
    assert result["failed"] and "ca_path" in result["msg"] and "ertificate" in result["msg"] and not sim.requests(), result


@pytest.mark.parametrize("way", ["ca_path", "validate_certs"])
def test_private_authority_is_accepted_and_checks_can_be_disabled(simulator, operate, certificate, way, monkeypatch):
    # requests' own setting must neither replace the option nor switch the checks on again.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    sim = simulator(certificate=certificate[0])
    result = operate(sim, "server_info", **({"ca_path": str(certificate[1])} if way == "ca_path" else {"validate_certs": False}))
    assert not result.get("failed"), result


@pytest.mark.parametrize("fault", [{"delay": 1.5}, {"drip": 3.0}], ids=["slow headers", "slow body"])
def test_timeout_covers_the_whole_answer(simulator, operate, fault):
    sim = simulator()
    sim.fault(method="GET", **fault)
    result = operate(sim, "server_info", timeout=0.5, max_wait=1.0)
    assert result["failed"] and "max_wait" in result["msg"], result


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 200, "body": "<html>Sign in</html>"},
        {"truncate": True},
        {"drop": True},
        {"status": 200, "body": "[" * 5_000},
        {"status": 200, "body": " " * 5_000_000},
        {"status": 502, "body": "<html>Bad gateway</html>"},
    ],
    ids=["html", "truncated", "dropped", "nested", "huge", "gateway"],
)
def test_bad_answer_is_one_clear_error(simulator, operate, fault):
    sim = simulator()
    sim.fault(method="GET", **fault)
    result = operate(sim, "server_info", max_wait=1.0)
    assert result["failed"] and "the list of servers" in result["msg"] and "\n" not in result["msg"], result
    assert len(result["msg"]) < 500
    sim.clear_faults()
    assert not operate(sim, "server_info").get("failed")


@pytest.mark.parametrize("data", [{"data": None}, {"data": [{"id": "7"}]}, {"servers": []}, []])
def test_answer_with_wrong_types_is_refused(simulator, operate, data):
    import json

    sim = simulator()
    sim.fault(method="GET", status=200, body=json.dumps(data))
    result = operate(sim, "server_info")
    assert result["failed"] and "response is invalid" in result["msg"], result


@pytest.mark.parametrize(("fault", "reads"), [({"status": 503}, 3), ({"drop": True}, 3), ({"status": 520}, 3)])
def test_temporary_error_is_retried(simulator, operate, fault, reads):
    sim = simulator()
    sim.fault(method="GET", count=2, **fault)
    result = operate(sim, "server_info")
    assert not result.get("failed") and result["api"]["reads"] == reads and result["api"]["waited_seconds"] > 0, result


def test_quota_spent_by_another_client_is_waited_for(simulator, operate):
    sim = simulator(write_limit=3)
    import requests

    for _each in range(3):
        url = f"{sim.url}/api/v1/client/servers/1234/command"
        headers = {"Authorization": f"Bearer {sim.token}", "Accept": "application/json"}
        assert requests.post(url, json={"command": "x"}, headers=headers, timeout=5).status_code == 200
    result = operate(sim, "command", server_id=1234, command="say hi")
    assert result["sent"] and sim.console(1234).count("say hi") == 1, result
    assert [post["status"] for post in sim.posts()].count(429) == 1


def test_token_revoked_during_a_task_is_an_error(simulator, operate):
    sim = simulator(tokens=[{"token": "reader", "name": "reader", "scopes": ["servers:read"]}])
    result = operate(sim, "power", server_id=1234, state="restarted", api_token="reader")
    assert result["failed"] and not result["changed"] and "servers:control" in result["msg"], result
    sim.change(revoke="token")
    result = operate(sim, "power", server_id=1234, state="restarted")
    assert result["failed"] and not result["changed"] and "api_token" in result["msg"] and "(HTTP 401)" in result["msg"], result


def test_refused_connection_names_the_address(simulator, operate):
    result = operate(simulator(), "server_info", api_url="http://127.0.0.1:1", max_wait=1.0)
    assert result["failed"] and "http://127.0.0.1:1 cannot be reached" in result["msg"] and "nothing was sent" in result["msg"], result


def test_unreachable_proxy_is_named(simulator, operate, certificate, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://me:open-sesame@127.0.0.1:1")
    sim = simulator(certificate=certificate[0])
    result = operate(sim, "command", server_id=1234, command="say hi", max_wait=1.0, ca_path=str(certificate[1]))
    assert "open-sesame" not in str(result)
    assert result["failed"] and "nothing was sent" in result["msg"] and not sim.console(1234), result


@pytest.mark.parametrize("header", ["-1", "1e9", "999999999999", "\u00bd", "Thu, 99 Foo", "0"])
def test_invalid_retry_after_does_not_hang(simulator, operate, header):
    sim = simulator()
    sim.fault(method="GET", status=429, headers={"Retry-After": header.encode("utf-8").decode("latin-1")}, count=1)
    result = operate(sim, "server_info", max_wait=4.0)
    assert result.get("failed", False) == (header == "999999999999"), result
    assert result["api"]["waited_seconds"] <= 4.0


def test_twenty_processes_share_the_quota_without_one_429(simulator, ansible):
    """Real processes, a real clock and a sliding window, which forgives less than a fixed one."""
    sim = simulator([{"id": 1234}], speed=5.0, read_limit=20, sliding=True)
    tasks = [{"serverprism.cloud.serverprism_server_info": {}}] * 3
    hosts = {f"h{i}": {} for i in range(20)}
    inventory = ansible.folder / "hosts.json"
    import json

    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}}))
    play = [{"hosts": "all", "gather_facts": False, "strategy": "free", "tasks": tasks}]
    run = ansible.run(sim, play, "-i", str(inventory), "--forks", "20", env={"SERVERPRISM_READ_LIMIT": "20"})
    assert run.rc == 0, run.output
    assert [request["status"] for request in sim.requests()] == [200] * 60


@pytest.fixture
def impatient():
    """Start a server that promises to keep a connection and closes it on its next use, as when both happen at the same time."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(65536):
                    connection.sendall(answer)
                    # Read to its end: unread data would turn the end into a reset.
                    request = connection.recv(65536)
                    while request and not request.endswith(b"}"):
                        request += connection.recv(65536)

    threading.Thread(target=serve, daemon=True).start()
    given = {name: entry.get("default") for name, entry in API_ARGUMENT_SPEC.items()}
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield _transport.Transport(Settings.from_params({**given, "api_token": "x", "api_url": url, "timeout": 5.0}))
    # accept() in another thread does not end with close() alone.
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_write_does_not_use_an_idle_connection(impatient, monkeypatch):
    monkeypatch.setattr(_transport, "IDLE_CAP", 0.0)
    for _time in range(3):
        assert impatient.attempt("POST", "/", {"command": "say hello"}).status == 200


def test_lost_answer_is_explained(impatient):
    impatient.attempt("GET", "/")
    with pytest.raises(_transport.Lost, match="^Remote end closed connection without response$"):
        impatient.attempt("POST", "/", {"command": "say hello"})

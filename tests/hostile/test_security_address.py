# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the addresses that get a token: https with a checked certificate, or this machine."""

from __future__ import annotations

import datetime
import importlib
import socket
import threading

import pytest
import trustme
from functional.harness import perform_here
from hostile.tries import found, trying
from simulator.process import Simulator

# Imported before the first test, since it replaces the system's name resolution.
importlib.import_module("ansible.module_utils.basic")

DOTS = "\u3002\uff0e\uff61"
NOT_THIS_MACHINE = [
    "http://evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1.nip.io",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "http://127.0.0.1:80@evil.example",
    "http://127.0.0.1\\@evil.example",
    "http://evil.example\\@127.0.0.1",
    "http://evil.example#@127.0.0.1",
    "http://evil.example?@127.0.0.1",
    "http://evil.example/@127.0.0.1",
    "http://127.0.0.1%00.evil.example",
    "http://127.0.0.1%2eevil.example",
    "http://user:pass@127.0.0.1",
    "http://@127.0.0.1",
    "http://[::1]@evil.example",
    "http://[::1].evil.example",
    "http://[::ffff:192.0.2.1]",
    "http://[::]",
    "http://0.0.0.0",
    "http://192.0.2.1",
    "http://169.254.169.254",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://0177.0.0.1",
    "http://localhost.",
    "http://loc\u0430lhost",
    "http://l\u24ddcalhost.evil.example",
    f"http://127{DOTS[0]}0{DOTS[1]}0{DOTS[2]}1.evil.example",
    "http://\uff11\uff12\uff17.0.0.1",
    "http://127.0.0.1\uff0fevil.example",
    "http://127.0.0.1 .evil.example",
    "http://evil.example\t/",
    "http:///127.0.0.1",
    "http:127.0.0.1",
    "http://",
    "HTTP://EVIL.EXAMPLE",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "//127.0.0.1",
    "127.0.0.1",
    "javascript://127.0.0.1",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:port",
    "http://[::1",
    "https://user:pass@serverprism.com",
    "https://serverprism.com/other",
    "https://serverprism.com?x",
    "https://serverprism.com#x",
    "https://",
    "https://serverprism.com\u2044evil.example@x",
    "",
    " ",
]


@pytest.fixture
def no_network(monkeypatch):
    """Block and record every name lookup and every connection."""
    tries: list[object] = []

    def caught(*args, **_kwargs):
        tries.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", caught)
    monkeypatch.setattr(socket.socket, "connect", caught)
    return tries


@pytest.mark.parametrize("url", NOT_THIS_MACHINE, ids=ascii)
def test_token_is_not_sent_to_any_other_address(no_network, tmp_path, url):
    sim = type("Nobody", (), {"url": url, "token": "0123456789abcdef0123456789", "seconds": lambda self, s: s})()
    with trying("plain http, userinfo and strange addresses", "operation") as one:
        result = perform_here(sim, tmp_path, "server_info", max_wait=0.0)
        one.failed = bool(result.get("failed"))
        assert one.failed and "api_url" in result["msg"] and not no_network, (result, no_network)
        assert result["api"]["reads"] == 0 and "pass" not in result["msg"], result


def test_plain_http_is_allowed_to_this_machine(simulator, operate):
    sim = simulator()
    port = sim.url.rpartition(":")[2]
    for url in ("http://127.0.0.1", "http://localhost", "HTTP://LOCALHOST", " http://127.0.0.1"):
        with trying("plain http to this machine", "operation"):
            assert not operate(sim, "server_info", api_url=f"{url}:{port}").get("failed"), url


def test_plain_http_is_allowed_to_the_ipv6_loopback_address(tmp_path):
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("there is no IPv6 here: this test did NOT run")
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"data": []}'
    seen = []

    def serve():
        connection, _peer = listener.accept()
        seen.append(connection.recv(65536))
        connection.sendall(answer)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    sim = type("Six", (), {"url": f"http://[::1]:{listener.getsockname()[1]}", "token": "t" * 20, "seconds": lambda self, s: s})()
    with trying("plain http to this machine", "operation"):
        result = perform_here(sim, tmp_path, "server_info", max_wait=0.0)
        thread.join()
        listener.close()
        assert not result.get("failed") and b"Bearer ttt" in seen[0], result


def test_plain_http_does_not_use_a_proxy(simulator, operate, monkeypatch):
    sim = simulator()
    with socket.create_server(("127.0.0.1", 0)) as proxy, trying("plain http by a proxy", "operation"):
        proxy.settimeout(0)
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        result = operate(sim, "server_info", max_wait=0.0, timeout=2.0)
        with pytest.raises(BlockingIOError):
            # Nobody has connected.
            proxy.accept()
        assert not result.get("failed") and len(sim.requests()) == 1, result


def _certificate(folder, kind):
    """Return a server certificate of this kind, and the certificate authority that the user configured."""
    authority, other = trustme.CA(), trustme.CA()
    now = datetime.datetime.now(datetime.timezone.utc)
    hosts = ["elsewhere.example"] if kind == "of another host" else ["127.0.0.1"]
    past = {"not_after": now - datetime.timedelta(days=1)} if kind == "expired" else {}
    future = {"not_before": now + datetime.timedelta(days=1)} if kind == "not valid yet" else {}
    signer = other if kind == "of another authority" else authority
    server, ca = folder / "server.pem", folder / "ca.pem"
    signer.issue_cert(*hosts, **past, **future).private_key_and_cert_chain_pem.write_to_path(server)
    authority.cert_pem.write_to_path(ca)
    return server, ca


REFUSED = ["expired", "not valid yet", "of another host", "of another authority", "of an authority nobody named"]
CALLS = {
    "server_info": {},
    "power": {"server_id": 1234, "state": "stopped"},
    "command": {"server_id": 1234, "command": "say hi"},
    "maintenance": {"server_id": 1234},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_nothing_is_sent_to_a_server_with_an_invalid_certificate(simulator, operate, tmp_path, kind, monkeypatch):
    server, ca = _certificate(tmp_path, kind)
    named = {} if kind == "of an authority nobody named" else {"ca_path": str(ca)}
    sim = simulator(certificate=server)
    # Other programs take these for "do not check"; this collection does not.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    for module, more in CALLS.items():
        with trying(f"a certificate that is {kind}", "operation") as one:
            result = operate(sim, module, max_wait=1.0, **named, **more)
            one.failed = bool(result.get("failed"))
            assert one.failed and not result["changed"] and not sim.requests(), result
            assert "ertificate" in result["msg"] and "ca_path" in result["msg"] and "Nothing was sent" in result["msg"], result
            assert not found(sim.token, str(result))
    with trying(f"a certificate that is {kind}", "operation, validate_certs: false"):
        assert not operate(sim, "server_info", validate_certs=False).get("failed")


def test_certificate_of_a_configured_authority_is_accepted(tmp_path, operate, simulator):
    server, ca = _certificate(tmp_path, "right")
    with trying("a private authority named by ca_path", "operation"):
        assert not operate(simulator(certificate=server), "server_info", ca_path=str(ca)).get("failed")


def test_nothing_is_sent_to_a_plain_http_server_at_an_https_address(simulator, operate):
    sim: Simulator = simulator()
    with trying("plain http where https was asked for", "operation") as one:
        result = operate(sim, "server_info", api_url=sim.url.replace("http:", "https:"), max_wait=0.5)
        one.failed = bool(result.get("failed"))
        assert one.failed and not sim.requests() and "ot" in result["msg"], result

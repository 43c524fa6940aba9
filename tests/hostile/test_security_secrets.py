# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that no run leaves the token or a Redis password anywhere: echoing APIs, wrong tokens, crashes, every way to run a task."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _settings
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Context
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import redis_ledger as _redis
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import Settings, shown_ledger
from hostile.tries import found, leaks, open_to_others, trying
from redis_server import Server, needs_redis

CALLS: dict[str, dict[str, Any]] = {
    "server_info": {"server_ids": [1, 2], "missing": "report"},
    "power": {"server_id": 1, "state": "restarted", "poll_interval": 0.2},
    "command": {"server_id": 1, "command": "say hi"},
    "maintenance": {"server_id": 2, "announcements": [{"before": "0.2s", "text": "{name}"}], "poll_interval": 0.2},
}
FAST = {"boot_seconds": 1.0, "stop_seconds": 1.0}
# Raises an unexpected exception if the environment of the task says so, in the worker as in the module's process.
CRASH = """
import os, socket
connect = socket.socket.connect
def crash(self, address):
    if os.environ.get("CRASH_HERE"):
        raise RuntimeError("a crash")
    return connect(self, address)
socket.socket.connect = crash
"""


def echoes(token: str) -> dict[str, dict[str, Any]]:
    """Return answers that contain parts of their request."""
    header = f"Bearer {token}"
    said = {"message": f"Bad header Authorization: {header}", "errors": {"authorization": [header]}}
    out = {
        f"{status}": {"status": status, "body": json.dumps(said)} for status in (400, 401, 403, 404, 409, 412, 418, 422, 429, 500, 502, 503)
    }
    out["redirect"] = {"status": 302, "headers": {"Location": f"https://{token}.example/?t={token}"}}
    out["redirect, userinfo"] = {"status": 302, "headers": {"Location": f"https://a:{token}@b.example/"}}
    out["Retry-After"] = {"status": 429, "headers": {"Retry-After": header, "X-Echo": header}}
    out["status line"] = {"raw": f"HTTP/1.1 {token} {header}\r\n\r\n"}
    out["no HTTP"] = {"raw": f"{header}\r\n\r\n"}
    out["broken chunk"] = {"raw": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{token}\r\n"}
    out["length"] = {"raw": f"HTTP/1.1 200 OK\r\nContent-Length: {token}\r\n\r\n"}
    out["encoding"] = {"raw": f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n{token}"}
    fields = ("data.name", "data.resources.current_state", "data.service_status", "data.id", "data.0.product", "data.0.id", "data.command")
    out["fields"] = {"fields": dict.fromkeys(fields, f"an {header}")}
    # Wherever a message is cut, no half is left.
    for ahead in range(160, 205, 4):
        out[f"{ahead} characters ahead"] = {"status": 422, "body": json.dumps({"message": "x" * ahead + token})}
    return out


def test_token_echoed_by_the_api_is_in_no_result(simulator, operate):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}], read_limit=100000, write_limit=100000)

    def operation(name, module):
        told: list[str] = []
        more = {"progress": told.append, "warn": told.append}
        with trying("an API that echoes the token", f"{module}, operation") as one:
            result = operate(sim, module, diff=True, max_wait=0.3, timeout=2.0, ledger="none", **CALLS[module], **more)
            one.failed = bool(result.get("failed"))
            assert not found(sim.token, json.dumps(result) + "\n".join(told)), (name, module, result, told)

    with ThreadPoolExecutor(len(CALLS)) as pool:
        for name, fault in echoes(sim.token).items():
            sim.clear_faults()
            sim.fault(**fault)
            list(pool.map(operation, [name] * len(CALLS), CALLS))


def test_objects_that_hold_the_token_do_not_show_it():
    params = {name: spec.get("default") for name, spec in _settings.API_ARGUMENT_SPEC.items()}
    params.update(api_token="open-sesame-1234", ca_path=None)
    checked = Settings.from_params(params)
    with trying("repr of what holds the token", "operation"):
        assert not found("open-sesame-1234", repr(checked) + repr(Context(params, None, None, checked)))  # type: ignore[arg-type]


def test_texts_of_the_api_are_not_format_strings(simulator, operate):
    sim = simulator([{"id": 1}])
    for message in ("{x}", "{what.__class__}", "{", "{0}", "{what!r}", "%s %(x)s", "{{ 7 * 7 }}"):
        for status in (418, 409, 422):
            sim.clear_faults()
            sim.fault(status=status, body=json.dumps({"message": message}))
            with trying("braces in an error message", "operation") as one:
                result = operate(sim, "server_info", ledger="none")
                one.failed = bool(result.get("failed"))
                assert one.failed and message in result["msg"], result


class Watch:
    """A thread that searches all processes for a secret on a command line, or in an environment that should not have it."""

    def __init__(self, secret: str, environment: bool) -> None:
        self.seen: set[str] = set()
        self._secret, self._files = secret, ["cmdline"] + (["environ"] if environment else [])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in self._files:
                    try:
                        content = (process / name).read_bytes()
                    except OSError:
                        continue
                    if self._secret.encode() in content:
                        self.seen.add(f"{name}: {content[:300]!r}")


# A module takes a second, so each module and each failure occurs once, but not every combination.
BY_MODULE = ("server_info fine", "command fine", "power wrong", "maintenance crash", "server_info without TLS", "maintenance refused")
ASYNC = {"async": 60, "poll": 1}


def tasks(sim, extra: dict[str, Any]) -> list[dict[str, Any]]:
    """Return tasks for every module: successful, with a wrong token, without TLS on an https port, crashing, and refused by Ansible."""
    out = []
    for module, options in CALLS.items():
        plans: dict[str, dict[str, Any]] = {
            "fine": extra,
            "wrong": {"api_token": sim.token[::-1]},
            "without TLS": {**extra, "api_url": sim.url.replace("http:", "https:"), "max_wait": 0.1},
            "crash": extra,
            "refused": {**extra, "timeout": "many"},
        }
        for plan, given in plans.items():
            task = {f"serverprism.cloud.serverprism_{module}": {**options, **given}, "ignore_errors": True, "register": "it"}
            if plan == "crash":
                task["environment"] = {"CRASH_HERE": "1"}
            out += [task] + ([{**task, **ASYNC}] if f"{module} {plan}" in BY_MODULE else [])
    kept = {"ansible.builtin.set_fact": {"kept": "{{ it }}", "cacheable": True}}
    return [*out, kept, {"ansible.builtin.debug": {"var": "hostvars['localhost'].it"}}]


def run(ansible, sim, secret: str, play: Any, *args: str, environment: bool, env: dict[str, str | None]) -> str:
    """Run ansible-playbook with full verbosity; check that it did its work and that the secret is nowhere."""
    more: dict[str, str | None] = {
        "ANSIBLE_LOG_PATH": str(ansible.folder / "log.txt"),
        "ANSIBLE_CALLBACKS_ENABLED": "tree",
        "ANSIBLE_CALLBACK_TREE_DIR": str(ansible.folder / "tree"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(ansible.folder / "facts"),
        "PYTHONPATH": str(ansible.folder / "site"),
        **env,
    }
    (ansible.folder / "site").mkdir(exist_ok=True)
    (ansible.folder / "site" / "sitecustomize.py").write_text(CRASH)
    with Watch(secret, environment) as watch:
        process = ansible.start(sim, play, "-vvvv", "--diff", *args, env=more)
        stdout, stderr = process.communicate(timeout=300)
    # Ansible's async wrapper of the last task may clean up after the playbook has ended.
    until = time.monotonic() + 20
    while list((ansible.folder / "tmp").glob("ansible-tmp-*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not watch.seen, watch.seen
    assert not found(secret, stdout + stderr), [line[:400] for line in (stdout + stderr).splitlines() if found(secret, line)]
    assert not leaks(secret, ansible.folder), leaks(secret, ansible.folder)
    assert not (ansible.folder / "ledger").exists() or not open_to_others(ansible.folder / "ledger")
    return stdout


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["variable", "environment", "environment of the task"])
def test_run_leaves_no_trace_of_the_token(simulator, ansible, tmp_path_factory, way):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}], read_limit=100000, write_limit=100000)
    for server in (1, 2):
        sim.patch(server, name=f"Mine {sim.token}", product=f"Minecraft {sim.token}")
    given = tmp_path_factory.mktemp("vault") / "token.yml"
    given.write_text(json.dumps({"vault_token": sim.token}))
    extra = {"api_token": "{{ vault_token }}"} if way == "variable" else {}
    listed = tasks(sim, extra)
    play: dict[str, Any] = {"hosts": "localhost", "gather_facts": False, "vars_files": [str(given)], "tasks": listed}
    env: dict[str, str | None] = {}
    if way != "environment":
        env["SERVERPRISM_API_TOKEN"] = None
    if way == "environment of the task":
        play["environment"] = {"SERVERPRISM_API_TOKEN": "{{ vault_token }}"}
    if way != "variable":
        play["tasks"] = listed[:2] + [task for task in listed if "environment" in task][-1:] + listed[-2:]
    with trying("all that a run leaves", f"ansible-playbook -vvvv, token by {way}"):
        stdout = run(ansible, sim, sim.token, [play], environment=way != "environment", env=env)
        assert "a crash" in stdout and sim.requests("GET"), stdout[-3000:]
        assert "AnsiballZ" in stdout or "async_wrapper" in stdout


def test_run_with_inventory_cache_log_and_report_leaves_no_trace_of_the_token(simulator, ansible, tmp_path_factory):
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}, {"id": 3, **FAST}], read_limit=100000, write_limit=100000)
    for server in (1, 2, 3):
        sim.patch(server, name=f"Mine {sim.token}", product=f"Minecraft {sim.token}")
    sim.fault(path="/3/power", status=409, body=json.dumps({"message": f"Not with Bearer {sim.token}"}))
    given = tmp_path_factory.mktemp("vault") / "token.yml"
    given.write_text(json.dumps({"serverprism_api_token": sim.token}))
    (ansible.folder / "fleet.serverprism.yml").write_text(
        json.dumps(
            {
                "plugin": "serverprism.cloud.servers",
                "details": True,
                "api_token": f"{{{{ (lookup('ansible.builtin.file', '{given}') | from_json).serverprism_api_token }}}}",
                "keyed_groups": [{"key": "serverprism_product", "prefix": "game"}],
                "cache": True,
                "cache_plugin": "ansible.builtin.jsonfile",
                "cache_connection": str(ansible.folder / "cache"),
            }
        )
    )
    options = {
        "maintenance_announcements": [{"before": "0.3s", "text": "{name} restarts"}],
        "maintenance_command_wait": 0.1,
        "maintenance_poll_interval": 0.2,
        "maintenance_id": "T-1",
        "maintenance_report_dir": str(ansible.folder / "report"),
    }
    args = ["-i", str(ansible.folder / "fleet.serverprism.yml"), "-e", json.dumps(options), "-e", f"@{given}"]
    with trying("all that a run leaves", "inventory with cache, role with run log and report"):
        stdout = run(ansible, sim, sim.token, "serverprism.cloud.maintenance", *args, environment=True, env={"SERVERPRISM_API_TOKEN": None})
        assert (ansible.folder / "report" / "report.json").exists() and list((ansible.folder / "cache").iterdir()), stdout[-3000:]
        assert list((ansible.folder / "ledger" / "runs").iterdir()) and "(token)" in stdout


@pytest.mark.parametrize(
    "ledger",
    [
        "redis://:{}@127.0.0.1:1/0",
        "rediss://me:{}@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?password={}",
        "redis://:{}@127.0.0.1:port/0",
        "redis://:{}@",
        "redis:/:{}@127.0.0.1:1",
        "redis::{}@127.0.0.1:1",
        "REDIS://:{}@127.0.0.1:1",
        " redis://:{}@127.0.0.1:1",
        "http://:{}@127.0.0.1:1",
        "redis://:{}@127.0.0.1:1/0?nonsense=1",
        "redis://:{}@127.0.0.1:1/0?socket_timeout=many",
        "redis://:{}@127.0.0.1:1/name",
    ],
)
def test_mistyped_ledger_address_does_not_show_its_password(simulator, operate, tmp_path, ledger, monkeypatch):
    monkeypatch.setattr(_redis, "LOCK_PATIENCE", 0.1)
    monkeypatch.chdir(tmp_path)
    sim = simulator()
    for password in ("open-sesame-1234", quote("open sesame@1234", safe=""), "open-sesa?me-1234", "open-sesa/me-1234", "open-sesa#me-1234"):
        with trying("a slip in the address of a ledger", "operation") as one:
            url = ledger.format(password)
            result = operate(sim, "server_info", ledger=url, max_wait=0.1)
            one.failed = bool(result.get("failed"))
            shown = result["msg"] + shown_ledger(url)
            assert one.failed and "ledger" in shown.lower() and "open-sesa" not in shown and "open%20" not in shown, (url, shown)
            assert not list(tmp_path.glob("redis*")) and not sim.requests()


@pytest.mark.timeout(300)
@needs_redis
def test_run_leaves_no_trace_of_the_password(simulator, ansible, tmp_path_factory):
    password = "open-sesame-0123456789"
    folder = tmp_path_factory.mktemp("redis")
    redis = Server(folder, "--requirepass", password)
    sim = simulator([{"id": 1, **FAST}, {"id": 2, **FAST}])
    given = tmp_path_factory.mktemp("vault") / "ledger.yml"
    given.write_text(json.dumps({"good": redis.url(password), "wrong": redis.url(password[::-1])}))
    info, power = "serverprism.cloud.serverprism_server_info", "serverprism.cloud.serverprism_power"
    ways: list[dict[str, Any]] = [
        {info: {"ledger": "{{ good }}"}},
        {info: {}, "environment": {"SERVERPRISM_LEDGER": "{{ good }}"}},
        {info: {"ledger": "{{ wrong }}"}},
        {info: {"ledger": "{{ good }}"}, "environment": {"CRASH_HERE": "1"}},
        # Ansible refuses it before any code of the collection runs.
        {power: {"server_id": 1, "state": "exploded", "ledger": "{{ good }}"}},
    ]
    listed = [{**task, "ignore_errors": True, **way} for task in ways for way in ({}, ASYNC)]
    play = [{"hosts": "localhost", "gather_facts": False, "vars_files": [str(given)], "tasks": listed}]
    try:
        with trying("all that a run leaves", "ansible-playbook -vvvv, password of Redis"):
            stdout = run(ansible, sim, password, play, environment=True, env={"SERVERPRISM_LEDGER": None})
            assert "***@127.0.0.1" in stdout and "refuses the password" in stdout and len(sim.requests()) >= 4, stdout[-3000:]
    finally:
        redis.stop()
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"serverprism" in kept and not found(sim.token, kept)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of hard cases: refused lines, hidden or sleeping lock owners, stopped containers, timeouts, closed pipes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from hostile.interruption import CANCEL, FIRST, LONG, start
from hostile.table import note
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(300)
CANCELLED = "say Maintenance cancelled: no restart now."
GAME = {"boot_seconds": 20.0, "stop_seconds": 5.0}
LEASE = 3.0


def kept(row, way, failed, *laws):
    """Record a try for the table, and fail if a rule is broken."""
    broken = [text for holds, text in laws if not holds]
    note("promises", row, way, failed=failed, broken=bool(broken))
    assert not broken, broken


class Lone:
    """One maintenance of server 1 in a separate process."""

    def __init__(self, sim, folder, *wrapper, **options):
        given = {
            "api": {"url": sim.url, "token": sim.token, "speed": sim.speed},
            "ledger": str(folder),
            "lease": LEASE,
            "options": {"server_id": 1, "maintenance_id": "CHG-1", "command_wait": 0.1, **options},
        }
        command = [*wrapper, sys.executable, "-m", "hostile.one_run", json.dumps(given)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **pipes)

    def end(self):
        """Wait for its end; return its result and its output."""
        output = self.process.communicate(timeout=LONG)[0]
        lines = output.strip().splitlines()
        return (json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}), output

    def kill(self, number=signal.SIGKILL):
        """Send a signal to its process group."""
        os.killpg(self.process.pid, number)


def words(*befores):
    return [{"before": f"{before}s", "text": "Restart in {remaining}"} for before in befores]


def needs_namespaces():
    """Skip if this user may not create namespaces."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-m", "-p", "-f", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this needs unshare (util-linux) and the right to make namespaces")


def hide(path, inside):
    """Return a wrapper in whose mount namespace ``path`` shows something else."""
    return ("unshare", "-m", "sh", "-c", f'mount --bind {inside} {path} && exec "$@"', "sh")


@pytest.mark.parametrize("status", [503, 429])
def test_refused_line_names_the_time_that_is_left(simulator, operate, status):
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    # The first answer is late, so that the next line names more than its 4 seconds; that line is refused for a while.
    sim.fault(method="POST", path="command", delay=2.0, done=True, count=1)
    sim.fault(method="POST", path="command", status=status, headers={"Retry-After": "1"}, skip=1, count=2)
    result = operate(sim, "maintenance", server_id=1, announcements=words(8, 4), poll_interval=0.2)
    down = next(row["time"] for row in sim.state_logs() if row["state"] == "stopping")
    notices = [(float(re.search(r"(\d+) second", row["line"])[1]), down - row["time"]) for row in sim.console_log()]
    kept(
        "a line that is refused",
        f"HTTP {status}",
        False,
        (result["outcome"] == "done", result),
        (all(said <= had for said, had in notices), f"players had less than they read: {notices}"),
        (
            0 <= result["notice_error"] <= max(had - said for said, had in notices) + 0.2,
            f"notice_error {result['notice_error']}, {notices}",
        ),
    )


def test_owner_that_proc_hides_is_alive(simulator, tmp_path):
    needs_namespaces()
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    (tmp_path / "nothing").mkdir()
    first = Lone(sim, tmp_path / "ledger", announcements=words(6))
    until(lambda: sim.console(1))
    second, output = Lone(sim, tmp_path / "ledger", *hide(f"/proc/{first.process.pid}", tmp_path / "nothing"), announcements=words(6)).end()
    result, _output = first.end()
    kept(
        "an owner that /proc hides",
        "another process",
        True,
        (second.get("failed") and "Another run is maintaining server 1" in second["msg"], output),
        (result["outcome"] == "done" and len(sim.console(1)) == 1, sim.console(1)),
    )


def test_run_that_slept_past_its_lock_does_not_restart_what_another_has_restarted(simulator, tmp_path):
    needs_namespaces()
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    # In a separate container, so that the other run cannot see that it is only stopped.
    first = Lone(sim, tmp_path / "ledger", "unshare", "-p", "-f", "--mount-proc", announcements=words(9))
    until(lambda: sim.console(1))
    first.kill(signal.SIGSTOP)
    time.sleep(LEASE)
    second, output = Lone(sim, tmp_path / "ledger", announcements=words(1)).end()
    first.kill(signal.SIGCONT)
    result, told = first.end()
    signals = [row for row in sim.posts() if row["path"].endswith("/power")]
    kept(
        "a run that sleeps past its lock",
        "two containers",
        True,
        (second.get("outcome") == "done", output),
        (result.get("outcome") == "cancelled", told),
        (len(signals) == 1, f"{len(signals)} signals"),
        (sim.console(1)[-1] == CANCELLED, sim.console(1)),
    )


def test_killed_run_is_finished_at_once_after_the_machine_has_booted_again(simulator, tmp_path):
    needs_namespaces()
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    first = Lone(sim, tmp_path / "ledger", announcements=words(30))
    until(lambda: sim.console(1))
    first.kill()
    (tmp_path / "boot").write_text("11111111-2222-3333-4444-555555555555\n")
    second, output = Lone(
        sim, tmp_path / "ledger", *hide("/proc/sys/kernel/random/boot_id", tmp_path / "boot"), announcements=words(1)
    ).end()
    kept("a machine that lost its power", "the same command", False, (second.get("outcome") == "done", output))


def test_killed_container_is_waited_for_until_its_lock_is_over(simulator, tmp_path):
    needs_namespaces()
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    first = Lone(sim, tmp_path / "ledger", "unshare", "-p", "-f", "--kill-child", "--mount-proc", announcements=words(30))
    until(lambda: sim.console(1))
    first.kill()
    killed = time.monotonic()
    refused, output = Lone(sim, tmp_path / "ledger", announcements=words(1)).end()
    until(lambda: time.monotonic() > killed + LEASE)
    second, again = Lone(sim, tmp_path / "ledger", announcements=words(1)).end()
    kept(
        "a container that was killed",
        "the same command",
        True,
        (refused.get("failed") and "Another run is maintaining server 1" in refused["msg"], output),
        (second.get("outcome") == "done", again),
    )


def test_task_timeout_does_not_prevent_the_cancellation_line(simulator, ansible):
    sim = simulator([{"id": 1, "conflict": True, **GAME}], speed=20.0, write_limit=1000)
    scarce = {"SERVERPRISM_WRITE_LIMIT": "2", "SERVERPRISM_WRITE_HEADROOM": "0", "SERVERPRISM_LIMIT_WINDOW": "12"}
    # The restart is refused after two seconds and the quota is used up: players can be told after twelve seconds, the timeout is six.
    result = ansible.task(sim, "maintenance", {"server_id": 1, "announcements": words(2), "game": "generic"}, env=scarce, timeout=6)
    kept(
        "a task whose timeout comes while it cancels",
        "action",
        True,
        (sim.console(1)[-1] == CANCELLED, sim.console(1)),
        ("(HTTP 409)" in result.get("msg", "") and result["timeline"][-1]["kind"] == "cancel", result),
    )


@pytest.mark.parametrize("init", ["tini", "dumb-init", "none"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_container_tells_every_player(simulator, tmp_path, init, number):
    """``docker stop`` signals the first process; when that ends, the kernel kills all others of the container."""
    needs_namespaces()
    if init != "none" and not shutil.which(init):
        pytest.skip(f"this needs the Debian package {init}")
    ids = range(1, 9)
    sim = simulator([{"id": i, **GAME} for i in ids], speed=20.0, write_limit=1000)
    hosts = {f"h{i}": {"serverprism_id": i, "serverprism_product": "Minecraft 4 GB"} for i in ids}
    # The last lines need more than the ten seconds that ansible-playbook waits for its workers.
    scarce = {"SERVERPRISM_WRITE_LIMIT": "8", "SERVERPRISM_WRITE_HEADROOM": "0", "SERVERPRISM_LIMIT_WINDOW": "15"}
    wrapper = ["unshare", "-p", "-f", "--mount-proc", "--kill-child", *([] if init == "none" else [init, "--"])]
    early = [{"before": "50s", "text": "First call"}]
    process = start(sim, tmp_path, "run", hosts, more=scarce, wrapper=wrapper, maintenance_announcements=early, maintenance_commands=[])
    until(lambda: {row["server"] for row in sim.console_log() if row["line"] == FIRST} == set(ids))
    first = until(lambda: Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())[0]
    stopped = time.monotonic()
    os.kill(int(first), number)
    output = process.communicate(timeout=LONG)[0]
    cancelled = {row["server"] for row in sim.console_log() if row["line"] == CANCEL}
    kept(
        "a container that is stopped",
        f"{signal.Signals(number).name}, {'no init' if init == 'none' else init}",
        True,
        (cancelled == set(ids), f"told: {sorted(cancelled)}\n{output}"),
        (time.monotonic() - stopped > 10.0, "the quota was not used up: this test tests nothing"),
        (not [row for row in sim.posts() if row["path"].endswith("/power")], output),
    )


@pytest.mark.parametrize(("module", "options"), [("maintenance", {"announcements": words(2)}), ("power", {"state": "restarted"})])
def test_timeout_that_cannot_reach_the_target_is_refused(simulator, ansible, module, options):
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    plugins = ROOT / "tests/integration/targets/setup_simulator/connection_plugins"
    faraway = {"ansible_connection": "faraway"}
    env = {"ANSIBLE_CONNECTION_PLUGINS": str(plugins)}
    result = ansible.task(sim, module, {"server_id": 1, **options}, timeout=30, vars=faraway, env=env)
    kept(
        "a timeout over ssh",
        module,
        True,
        (result["failed"] and result["msg"].startswith("timeout cannot be used with this connection"), result),
        (not sim.requests(), "something was sent"),
    )


def test_closed_pipe_ends_the_run_and_not_the_countdowns(simulator, ansible):
    """``ansible-playbook ... | head -n 1`` does this."""
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    options = {"server_id": 1, "announcements": words(3, 1), "poll_interval": 0.2}
    task = {"serverprism.cloud.serverprism_maintenance": options}
    reader, writer = os.pipe()
    play = ansible.folder / "play.yml"
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task, task]}]))
    env = {**ansible.environment(sim), "PYTHONUNBUFFERED": "1"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(play)]
    with subprocess.Popen(command, env=env, cwd=ansible.folder, stdout=writer, stderr=subprocess.PIPE, text=True) as process:
        os.close(writer)
        with os.fdopen(reader) as lines:
            next(line for line in lines if "sent: say" in line)
        try:
            process.communicate(timeout=LONG)
        finally:
            process.kill()
    told = sim.console(1)
    restarted = [row for row in sim.posts() if row["path"].endswith("/power")]
    kept(
        "a closed output pipe",
        "action",
        True,
        (process.returncode is not None and process.returncode != -signal.SIGKILL, "the run did not end"),
        (bool(restarted) or told[-1] == CANCELLED, told),
    )


def test_every_spelling_of_the_address_shares_one_ledger(simulator, operate, tmp_path):
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    for url in (sim.url, sim.url + "/", sim.url.replace("http://", "HTTP://"), sim.url.replace("127.0.0.1", "127.0.0.1.")):
        operate(sim, "server_info", api_url=url)
    ledgers = list((tmp_path / "ledger").glob("ledger-*.json"))
    kept("another spelling of the address", "operation", False, (len(ledgers) == 1, ledgers))


def test_varying_latency_does_not_exceed_the_quota(simulator, operate):
    sim = simulator([{"id": 1, **GAME}], speed=20.0, write_limit=3, sliding=True)
    delays = [0.5, 0.0, 0.4, 0.0, 0.0, 0.6, 0.3, 0.0, 0.5, 0.0]
    for skip, delay in enumerate(delays):
        if delay:
            sim.fault(method="POST", path="command", delay=delay, done=True, skip=skip, count=1)
    limits = {"write_limit": 3, "write_headroom": 0}
    results = [operate(sim, "command", server_id=1, command=f"say {number}", **limits) for number in range(len(delays))]
    refused = [row for row in sim.posts() if row["status"] == 429]
    kept("wild latency", "command", False, (not refused, f"{len(refused)} x 429"), (all(one["changed"] for one in results), results))


def test_deadline_follows_a_clock_that_is_set(simulator, operate):
    sim = simulator([{"id": 1, **GAME}], speed=20.0)

    class Set(SystemClock):
        """A wall clock that is put forward an hour once players have been warned."""

        def wall(self):
            return super().wall() + (3600.0 if sim.console(1) else 0.0)

    deadline = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    result = operate(sim, "maintenance", server_id=1, announcements=words(2), deadline=deadline, clock=Set())
    kept(
        "a clock that is set",
        "operation",
        False,
        (result["outcome"] == "deferred", result),
        (sim.console(1)[-1] == CANCELLED, sim.console(1)),
    )


@pytest.mark.parametrize("module", ["power", "maintenance"])
def test_server_that_already_hangs_is_killed_after_kill_after(simulator, operate, module):
    sim = simulator([{"id": 1, "hanging_stop": True, "stop_timeout": 6000.0, **GAME}], speed=20.0)
    sim.patch(1, signal="restart")
    begun = time.time()
    result = operate(sim, module, server_id=1, state="restarted", kill_after=2.0)
    kill = [row["time"] for row in sim.posts() if row["path"].endswith("/power")]
    kept(
        "a server that hangs already",
        module,
        False,
        (result["changed"] and result["signal"] == "kill" and result["confirmed"], result),
        (len(kill) == 1 and 2.0 <= kill[0] - begun < 8.0, f"{kill} after {begun}"),
    )


def test_done_text_waits_for_the_players(simulator, operate):
    sim = simulator([{"id": 1, **GAME}], speed=20.0)
    result = operate(sim, "maintenance", server_id=1, announcements=words(1), done_text="Back", done_delay=2.0, poll_interval=0.2)
    up = [row["time"] for row in sim.state_logs() if row["state"] == "running"][-1]
    said = sim.console_log()[-1]
    laws = ((result["outcome"] == "done", result), (said["line"] == "say Back" and said["time"] - up >= 2.0, said))
    kept("the done text", "operation", False, *laws)


def test_crash_during_a_countdown_is_a_failure(simulator, operate):
    sim = simulator([{"id": 1, "auto_restart": False, **GAME}], speed=20.0)
    sim.fault(method="POST", path="command", delay=0.3, done=True, count=1)
    told = []

    def tell(text):
        if text.startswith("sent: ") and not told:
            told.append(text)
            sim.patch(1, crash=True)

    result = operate(sim, "maintenance", server_id=1, announcements=words(3), progress=tell)
    laws = (
        (result["outcome"] == "failed" and result.get("failed") and "went offline during its countdown" in result["msg"], result),
        (not [row for row in sim.posts() if row["path"].endswith("/power")], "a signal was sent"),
    )
    kept("a crash during a countdown", "operation", True, *laws)


def test_restart_without_evidence_is_unconfirmed(simulator, operate):
    sim = simulator([{"id": 1, "drop_signals": ["restart"], **GAME}], speed=20.0)
    result = operate(sim, "maintenance", server_id=1, announcements=words(1), poll_interval=0.2)
    laws = (
        (result["outcome"] == "unconfirmed" and result.get("failed") and result["changed"], result),
        ("was not seen to go down" in result["msg"], result["msg"]),
    )
    kept("a restart that nobody can confirm", "operation", True, *laws)

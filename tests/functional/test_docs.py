# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run every example of the documentation in check mode against the simulator."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import documents
import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from documents import EXAMPLES, PAGES, Block

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
# These playbooks look at all hosts of a run.
OF_A_RUN = ("serverprism_run", "serverprism_status")
FLEET = [{"id": 1234}, {"id": 1290, "product": "Palworld 8 GB"}]
HOSTS = {"survival": {"serverprism_id": 1234}, "pals": {"serverprism_id": 1290}}
GROUPS = {"game_servers": HOSTS, "event": ["pals"], "proxies": ["pals"], "backends": ["survival"], "creative": ["pals"]}
INVENTORY = {"all": {"hosts": HOSTS, "children": {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in GROUPS.items()}}}
BLOCKS = [block for page in PAGES for block in documents.blocks(page)]
SOURCE = [block for block in BLOCKS if block.is_yaml and "plugin: serverprism.cloud.servers" in block.text][0]
# These files belong to the project; a reader creates all others.
RUNS = ("ansible-playbook ", "ansible-inventory ", "ansible-doc ")
WHITELIST = [block for block in BLOCKS if 'command: "whitelist add' in block.text][0]


def of_yaml():
    """Return every block that has to run, with its place."""
    return [pytest.param(block, id=block.where) for block in BLOCKS if block.is_yaml]


def of_console():
    """Return every different Ansible command, with the place where it is first."""
    found = {}
    for block in BLOCKS:
        for command in documents.commands(block):
            if command.startswith(RUNS):
                found.setdefault(command, f"{block.where}:{command}")
    return [pytest.param(command, id=where) for command, where in found.items()]


def prepare(ansible):
    """Create the files that the pages mention."""
    folder = ansible.folder
    (folder / "inventory.yml").write_text(json.dumps(INVENTORY))
    (folder / "fleet.serverprism.yml").write_text(SOURCE.text)
    shutil.copy(EXAMPLES / "verify.yml", folder)
    (folder / "backup.yml").write_text("[]")
    log = FileLog(str(folder / "ledger"), "CHG-4711")
    log.add("begun", 0.0, owner="", servers=[], plan="", timezone="UTC")
    log.add("ended", 0.0, owner="", interrupted="")
    (folder / "whitelist.yml").write_text(WHITELIST.text)
    return folder


def shell(ansible, sim, command, **env):
    """Run a script in a shell, except that every ansible-playbook runs in check mode."""
    programs = ansible.folder / "programs"
    programs.mkdir(exist_ok=True)
    real = shutil.which("ansible-playbook", path=ansible.environment(sim)["PATH"])
    (programs / "ansible-playbook").write_text(f'#!/bin/sh\nexec {real} "$@" --check\n')
    (programs / "ansible-playbook").chmod(0o755)
    whole = {**ansible.environment(sim), **env}
    whole["PATH"] = f"{programs}:{whole['PATH']}"
    return subprocess.run(
        ["bash", "-euc", command], cwd=ansible.folder, env=whole, capture_output=True, text=True, timeout=110, check=False
    )


def run_yaml(ansible, sim, block: Block):
    """Run a block according to its kind. An unknown kind is an error: mark a block that cannot run as another language."""
    data = yaml.safe_load(block.text)
    kind = documents.kind(data)
    assert kind, f"{block.where}: neither plays, tasks, an inventory nor variables of the maintenance: mark it as text, or teach the test"
    folder = prepare(ansible)
    extra = ["--check", "-e", json.dumps({"vault_serverprism_token": sim.token})]
    inventory, playbook = folder / "inventory.yml", "serverprism.cloud.maintenance"
    if kind == "inventory source":
        inventory = folder / "other.serverprism.yml"
        inventory.write_text(block.text)
    elif kind == "inventory":
        inventory = folder / "other.yml"
        inventory.write_text(block.text)
    elif kind == "variables":
        extra += ["-e", json.dumps(data)]
    elif kind == "plays":
        playbook = data
    elif kind == "tasks":
        playbook = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": data}]
    return ansible.run(sim, playbook, "-i", str(inventory), *extra)


@pytest.mark.parametrize("block", of_yaml())
def test_examples_of_the_pages_run(simulator, ansible, block):
    data = yaml.safe_load(block.text)
    if documents.kind(data) == "rulebook":
        assert_rulebook(data)
        return
    sim = simulator(FLEET)
    run = run_yaml(ansible, sim, block)
    assert run.rc == 0 and "failed=0" in run.stdout and not sim.posts(), run.output


def assert_rulebook(rulebook):
    """Check a rulebook without ansible-rulebook: its event sources and playbooks must exist."""
    for ruleset in rulebook:
        for source in ruleset["sources"]:
            for name in [key for key in source if key.startswith("serverprism.cloud.")]:
                assert (ROOT / "extensions" / "eda" / "plugins" / "event_source" / f"{name.split('.')[2]}.py").exists(), name
        named = re.findall(r"serverprism\.cloud\.(\w+)", json.dumps(ruleset["rules"]))
        assert set(named) <= set(documents.PLAYBOOKS) | set(MODULES), named


@pytest.mark.parametrize("command", of_console())
def test_commands_of_the_pages_run(simulator, ansible, command):
    sim = simulator(FLEET)
    prepare(ansible)
    assert not re.search(r"[$`|;&<>*]", command), f"{command}: this needs a shell"
    program, *args = shlex.split(command)
    if program == "ansible-playbook":
        args.append("--check")
    run = ansible.program(sim, program, *args, env={"PAGER": "cat"})
    assert run.rc == 0 and not sim.posts(), f"{command}\n{run.output}"
    if program == "ansible-playbook":
        assert "failed=0" in run.stdout, run.stdout


def scripts():
    """Return the script of each CI example that runs Ansible, with the environment from its file."""
    job = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())["jobs"]["maintenance"]
    steps = [step for step in job["steps"] if "ansible-playbook" in step.get("run", "")]
    github = {**job["env"], **steps[0]["env"]}
    job = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["maintenance"]
    yield pytest.param("\n".join(step["run"] for step in steps), github, id="github")
    yield pytest.param("\n".join(job["script"]), job["variables"], id="gitlab")


@pytest.mark.parametrize(("script", "stated"), list(scripts()))
def test_scripts_of_the_ci_examples_run(simulator, ansible, script, stated):
    sim = simulator(FLEET)
    folder = prepare(ansible)
    env = {name: value for name, value in stated.items() if "${{" not in value}
    # The start and the deadline of today may be over.
    check = "--diff -e maintenance_start=03:00 -e maintenance_deadline=04:00"
    here = {"CHECK": check, "CI_PROJECT_DIR": str(folder), "SERVERPRISM_LEDGER": str(folder / ".serverprism"), "TODAY": "2099-01-01"}
    run = shell(ansible, sim, script, **{**env, **here})
    assert run.returncode == 0 and "failed=0" in run.stdout and not sim.posts(), run.stdout + run.stderr
    assert (folder / "report" / "report.html").exists()


def nightly(ansible, sim, command):
    """Run the nightly script as cron does, on a quick fleet."""
    folder = prepare(ansible)
    words = [{"before": "1s", "text": "x"}]
    quick = {"maintenance_announcements": words, "maintenance_command_wait": 0.1, "maintenance_poll_interval": 0.2}
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "group_vars" / "all.yml").write_text(json.dumps(quick))
    shutil.copy(EXAMPLES / "nightly-maintenance.sh", folder)
    env = {**ansible.environment(sim), "REPORT_DIR": str(folder / "all reports")}
    return subprocess.run(["/bin/sh", "-c", command], cwd="/", env=env, capture_output=True, text=True, timeout=110, check=False)


def test_second_call_of_the_nightly_script_does_nothing(simulator, ansible):
    sim = simulator([{**server, "boot_seconds": 3.0, "stop_seconds": 20.0} for server in FLEET])
    # The maintenance window is open at whatever time the test runs.
    command = f"{ansible.folder}/nightly-maintenance.sh -e maintenance_at= -e maintenance_deadline=2099-01-01"
    for time in ("first", "second"):
        run = nightly(ansible, sim, command)
        assert run.returncode == 0, run.stdout + run.stderr
        assert len([post for post in sim.posts() if "signal" in post["body"]]) == 2, time
    # The second report has not replaced the first.
    reports = sorted((ansible.folder / "all reports").glob("*/report.json"))
    assert "done already" in run.stdout and [json.loads(one.read_text())["totals"]["done"] for one in reports] == [2, 2], run.stdout


def test_late_call_of_the_nightly_script_defers_every_server(simulator, ansible):
    sim = simulator(FLEET)
    times = "-e maintenance_at=$(date -d '-2 hours' +%FT%T%:z) -e maintenance_deadline=$(date -d '-1 hour' +%FT%T%:z)"
    run = nightly(ansible, sim, f"{ansible.folder}/nightly-maintenance.sh {times}")
    assert run.returncode == 2 and "the deadline leaves out every server" in run.stdout and not sim.posts(), run.stdout + run.stderr


def test_crontab_line_runs(simulator, ansible):
    sim = simulator(FLEET)
    line = (EXAMPLES / "serverprism.cron").read_text().splitlines()[-1]
    (ansible.folder / "token.env").write_text(f"SERVERPRISM_API_TOKEN={sim.token}\n")
    command = re.sub(r"^(\S+ ){5}serverprism ", "", line)
    command = command.replace("/etc/serverprism", str(ansible.folder)).replace("/opt/serverprism", str(ansible.folder))
    command += " --check -e maintenance_at=04:00 -e maintenance_deadline=05:00"
    run = nightly(ansible, sim, "unset SERVERPRISM_API_TOKEN; " + command)
    assert run.returncode == 0 and not sim.posts(), run.stdout + run.stderr


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_the_modules_run(simulator, ansible, module):
    sim = simulator(FLEET)
    tasks = yaml.safe_load(importlib.import_module(f"ansible_collections.serverprism.cloud.plugins.modules.{module}").EXAMPLES)
    folder = prepare(ansible)
    inventory = ["-i", str(folder / "inventory.yml"), "-e", "power_state=stopped"] if module in OF_A_RUN else []
    play = {"hosts": "all" if module in OF_A_RUN else "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    run = ansible.run(sim, [play], "--check", "--diff", *inventory)
    assert run.rc == 0 and not sim.posts(), run.output


def test_example_of_the_inventory_lists_the_fleet(simulator, ansible):
    sim = simulator(FLEET)
    path = ansible.folder / "example.serverprism.yml"
    path.write_text(importlib.import_module("ansible_collections.serverprism.cloud.plugins.inventory.servers").EXAMPLES)
    tasks = [{"ansible.builtin.assert": {"that": "ansible_play_hosts | length == 2"}}]
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    run = ansible.run(sim, play, "-i", str(path), env={"COMMUNITY_TOKEN": sim.token})
    assert run.rc == 0 and "failed=0" in run.stdout, run.output


def test_nightly_script_skips_a_date_of_its_file(simulator, ansible):
    sim = simulator(FLEET)
    skip = "TZ=Europe/Berlin date +%F >>skip-dates"
    run = nightly(ansible, sim, f"cd {ansible.folder}; {skip}; ./nightly-maintenance.sh")
    assert run.returncode == 0 and "No maintenance today" in run.stdout and not sim.requests(), run.stdout + run.stderr


@pytest.mark.parametrize(("body", "status", "output"), [("echo fine", 0, ""), ("echo broken; exit 2", 2, "broken\n")])
def test_cron_wrapper_is_silent_unless_the_run_fails(tmp_path, body, status, output):
    (wrapper,) = (block.text for block in BLOCKS if block.language == "sh" and "nightly-maintenance.sh" in block.text)
    script = tmp_path / "nightly-maintenance.sh"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    command = wrapper.replace("/opt/serverprism", str(tmp_path))
    run = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (status, output)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the inventory plugin with the real ansible-inventory."""

from __future__ import annotations

import json
import sys

import pytest
from ansible.release import __version__

TRAP = "{{ lookup('pipe', 'touch %s') }}"
FLEET = [
    {"id": 1234, "name": "Fred's Minecraft"},
    {"id": 1290, "product": "Palworld 8 GB", "service_status": "suspended", "state": "offline"},
    {"id": 1300, "product": "Palworld 4 GB", "null": True},
]


@pytest.fixture
def inventory(ansible):
    """Run ansible-inventory: ``inventory(sim, option=value, ...)``; an error is returned as text."""

    def run(sim, *args, env=None, name="fleet.serverprism.yml", **options):
        path = ansible.folder / name
        path.write_text(json.dumps({"plugin": "serverprism.cloud.servers", **options}))
        environment = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", **(env or {})}
        done = ansible.program(sim, "ansible-inventory", "-i", str(path), "--list", *args, env=environment)
        assert sim.token not in done.output and "Traceback" not in done.stderr
        return plain(json.loads(done.stdout)) if done.rc == 0 else done.stderr

    return run


def plain(value):
    """Return values without Ansible's mark of untrusted texts."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def hosts(listing):
    return listing["_meta"]["hostvars"]


def test_every_server_becomes_a_host_with_one_read(simulator, inventory):
    sim = simulator(FLEET)
    found = hosts(inventory(sim))
    assert sorted(found) == ["minecraft-4-gb-1234", "palworld-4-gb-1300", "palworld-8-gb-1290"]
    assert found["palworld-8-gb-1290"] == {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "serverprism_id": 1290,
        "serverprism_product": "Palworld 8 GB",
        "serverprism_service_status": "suspended",
    }
    assert len(sim.requests()) == 1


def test_details_add_names_limits_and_states_with_one_read_a_server(simulator, inventory):
    sim = simulator(FLEET)
    found = hosts(inventory(sim, details=True, connection_local=False))
    fred = found["minecraft-4-gb-1234"]
    assert (fred["serverprism_name"], fred["serverprism_state"]) == ("Fred's Minecraft", "running")
    assert fred["serverprism_limits"]["memory_mb"] == 4096 and fred["serverprism_resources"]["memory_bytes"] > 0
    assert found["palworld-4-gb-1300"]["serverprism_state"] is None and "ansible_connection" not in fred
    assert len(sim.requests()) == 4


def test_filters_come_before_details(simulator, inventory):
    sim = simulator(FLEET)
    assert list(hosts(inventory(sim, details=True, product="^Pal", service_status="active"))) == ["palworld-4-gb-1300"]
    assert len(sim.requests()) == 2


def test_groups_and_variables_can_be_constructed(simulator, inventory):
    listing = inventory(
        simulator(FLEET),
        compose={"maintenance_server_id": "serverprism_id + 0"},
        groups={"unpaid": "serverprism_service_status == 'suspended'"},
        keyed_groups=[{"key": "serverprism_product | split | first | lower", "prefix": "game"}],
    )
    assert listing["unpaid"]["hosts"] == ["palworld-8-gb-1290"]
    assert sorted(listing["game_palworld"]["hosts"]) == ["palworld-4-gb-1300", "palworld-8-gb-1290"]
    assert hosts(listing)["palworld-4-gb-1300"]["maintenance_server_id"] in (1300, "1300")


@pytest.mark.parametrize(
    ("hostname", "names"),
    [
        (["serverprism_name | lower"], ["freds", "pals", "a-b-c"]),
        (["srv-{{ serverprism_id }}"], ["srv-1", "srv-2", "srv-3"]),
        (["nothing_such", "serverprism_id"], ["1", "2", "3"]),
        (["''"], ["minecraft-4-gb-1", "minecraft-4-gb-2", "minecraft-4-gb-3"]),
        (["'same'"], ["same-1", "same-2", "same-3"]),
    ],
)
def test_host_names_are_configurable_and_unique(simulator, inventory, hostname, names):
    fleet = [{"id": 1, "name": "Freds"}, {"id": 2, "name": "Pals"}, {"id": 3, "name": "a:b,&!\n[c]"}]
    assert sorted(hosts(inventory(simulator(fleet), details=True, hostname=hostname))) == sorted(names)


def test_server_named_like_localhost_or_all_is_a_separate_host(simulator, inventory):
    fleet = [{"id": number, "name": name} for number, name in enumerate(["All", "localhost", "lobby"], 1)]
    listing = inventory(simulator(fleet), details=True, hostname="serverprism_name")
    assert sorted(hosts(listing)) == ["All-1", "lobby", "localhost-2"]


@pytest.mark.parametrize(
    "option", [{"compose": {"memory": "serverprism_resources.memory_bytes"}}, {"groups": {"busy": "serverprism_state > 1"}}]
)
def test_failing_strict_expression_returns_no_partial_fleet(simulator, inventory, ansible, option):
    (ansible.folder / "static.yml").write_text("all: {hosts: {other: {}}}")
    options = {"details": True, "strict": True, "env": {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "false"}}
    listing = inventory(simulator(FLEET), "-i", str(ansible.folder / "static.yml"), **options, **option)
    assert list(listing["all"]["children"]) == ["ungrouped"] and listing["ungrouped"]["hosts"] == ["other"], listing


def test_inventory_emptied_by_its_filters_is_warned_about(simulator, ansible):
    (ansible.folder / "fleet.serverprism.yml").write_text('{"plugin": "serverprism.cloud.servers", "service_status": "actve"}')
    run = ansible.run(simulator(FLEET), [{"hosts": "all", "tasks": []}], "-i", str(ansible.folder / "fleet.serverprism.yml"))
    assert "No server matches product and service_status" in run.stderr, run.output


def test_host_name_may_come_from_the_command_line(simulator, inventory):
    options = {"hostname": "{{ pre }}-{{ serverprism_id }}", "use_extra_vars": True}
    assert list(hosts(inventory(simulator([{"id": 1}]), "-e", "pre=eu", **options))) == ["eu-1"]


def test_name_that_was_not_read_is_warned_about(simulator, inventory, ansible):
    sim = simulator(FLEET)
    inventory(sim, hostname="serverprism_name")
    run = ansible.run(sim, [{"hosts": "all", "gather_facts": False, "tasks": []}], "-i", str(ansible.folder / "fleet.serverprism.yml"))
    assert run.rc == 0 and "details: true" in run.stderr and "'serverprism_name' is undefined" in run.stderr, run.output


def test_strict_reports_a_failing_expression(simulator, inventory):
    assert "hostname" in inventory(simulator(FLEET), hostname=["nothing_such"], strict=True)


def test_texts_of_the_api_are_never_templates(simulator, inventory, ansible, tmp_path):
    trap = TRAP % (tmp_path / "pwned")
    sim = simulator([{"id": 1, "name": trap, "product": trap}])
    found = inventory(sim, details=True, hostname=["serverprism_name"], keyed_groups=[{"key": "serverprism_product"}])
    (host,) = hosts(found).values()
    assert host["serverprism_name"] == trap
    tasks = [{"ansible.builtin.debug": {"msg": "{{ serverprism_name }} {{ serverprism_product }}"}}]
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    run = ansible.run(sim, play, "-i", str(ansible.folder / "fleet.serverprism.yml"))
    assert run.rc == 0 and not (tmp_path / "pwned").exists(), run.output


def test_token_may_be_a_template_and_is_not_cached(simulator, inventory, ansible):
    sim = simulator(FLEET)
    env = {"SERVERPRISM_API_TOKEN": "", "HIDDEN": sim.token}
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(ansible.folder / "cache")}
    options = {"api_token": "{{ lookup('ansible.builtin.env', 'HIDDEN') }}", **cache}
    first, again = inventory(sim, env=env, **options), inventory(sim, env=env, **options)
    assert hosts(first) == hosts(again) and len(sim.requests()) == 1
    kept = "".join(path.read_text() for path in (ansible.folder / "cache").iterdir())
    assert "Palworld 8 GB" in kept and sim.token not in kept
    assert len(hosts(inventory(sim, env=env, details=True, **options))) == 3 and len(sim.requests()) == 5
    # ansible-inventory has no such option before ansible-core 2.19.
    play, source = [{"hosts": "all", "gather_facts": False}], str(ansible.folder / "fleet.serverprism.yml")
    ansible.run(sim, play, "-i", source, "--flush-cache", env=env)
    assert len(sim.requests()) == 9


def test_cache_is_ignored_after_options_change(simulator, inventory, ansible):
    sim = simulator(FLEET)
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(ansible.folder / "cache")}
    assert len(hosts(inventory(sim, **cache))) == 3
    for changed in ({"product": "^Pal"}, {"product": "^Pal", "service_status": "active"}):
        assert len(hosts(inventory(sim, **cache, **changed))) < 3
    asked = len(sim.requests())
    inventory(sim, **cache, **changed)
    assert len(sim.requests()) == asked
    assert "SERVERPRISM_API_TOKEN" in inventory(sim, env={"SERVERPRISM_API_TOKEN": "anotherone"}, **cache, **changed)


@pytest.mark.parametrize(
    "fault", [{"fields": {"data.limits": None}, "count": 1}, {"status": 503, "headers": {"Retry-After": "60"}, "count": 1}]
)
def test_unreadable_server_hides_no_other_and_is_not_cached(simulator, inventory, ansible, fault):
    sim = simulator(FLEET)
    sim.fault(path="/1300$", **fault)
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(ansible.folder / "cache")}
    found = hosts(inventory(sim, details=True, **cache))
    assert len(found) == 3 and found["palworld-4-gb-1300"]["serverprism_limits"] is None
    assert len(sim.requests()) == 4
    found = hosts(inventory(sim, details=True, **cache))
    assert len(sim.requests()) == 8 and found["palworld-4-gb-1300"]["serverprism_limits"]


def test_missing_token_error_names_its_sources(simulator, inventory):
    assert "Set SERVERPRISM_API_TOKEN" in inventory(simulator(FLEET), env={"SERVERPRISM_API_TOKEN": None})


def test_failing_token_template_does_not_show_its_content(simulator, inventory):
    said = inventory(simulator(FLEET), api_token="{{ 'secret-words' | nothing_such }}", env={"SERVERPRISM_API_TOKEN": ""})
    assert "api_token" in said and "the template cannot be evaluated" in said


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 401, "body": '{"message": "Unauthenticated."}'}, "SERVERPRISM_API_TOKEN"),
        ({"status": 403, "body": '{"message": "Invalid scope(s) provided."}'}, "servers:read"),
        ({"status": 403, "body": "error code: 1010"}, "firewall"),
        ({"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, "redirects"),
        ({"status": 404, "body": "{}"}, "Not found: the list of servers. api_url is not the address of the API. Check it. (HTTP 404)"),
        ({"status": 429, "headers": {"Retry-After": "500"}}, "HTTP 429"),
        ({"status": 503}, "HTTP 503"),
        ({"status": 200, "body": "<html>"}, "not JSON"),
        ({"status": 200, "body": '{"data": {}}'}, "data is not a list"),
        ({"drop": True}, "No usable response"),
    ],
)
def test_failure_of_the_api_is_one_clear_error_without_a_partial_fleet(simulator, inventory, fault, words):
    sim = simulator(FLEET)
    sim.fault(**fault)
    assert words in inventory(sim, max_wait=1)


def test_late_failure_returns_no_partial_fleet(simulator, inventory):
    sim = simulator(FLEET)
    sim.fault(path="/1300$", status=401, body="{}")
    assert "SERVERPRISM_API_TOKEN" in inventory(sim, details=True)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"product": "("}, "product"),
        ({"timeout": 0}, "timeout"),
        ({"api_url": "http://example.com"}, "api_url"),
        ({"detail": True}, "detail: there is no such option (did you mean details?)"),
        ({"servicestatus": "active"}, "servicestatus: there is no such option (did you mean service_status?)"),
        ({"details": "perhaps"}, "details: must be true or false, got 'perhaps'"),
        ({"api_tokn": "x", "env": {"SERVERPRISM_API_TOKEN": None}}, "api_tokn: there is no such option (did you mean api_token?)"),
        ({"hostname": "{{ serverprism_id"}, "hostname: the template '{{ serverprism_id' has a syntax error"),
    ],
)
def test_bad_options_are_refused_by_name(simulator, inventory, options, named):
    sim = simulator(FLEET)
    assert named in inventory(sim, **options) and not sim.requests()


def test_every_documented_option_is_accepted(simulator, inventory, ansible):
    """The options of the plugin, of the API, of the cache and of constructed groups."""
    sim = simulator(FLEET)
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(ansible.folder / "cache")}
    api = {
        "validate_certs": "yes",
        "timeout": 5,
        "max_wait": 20,
        "read_limit": 60,
        "write_limit": 20,
        "limit_window": 3,
        "write_headroom": 1,
    }
    constructed = {"compose": {"x": "1"}, "groups": {"y": "true"}, "keyed_groups": [], "strict": True, "use_extra_vars": "no"}
    more = {
        "cache_timeout": 9,
        "cache_prefix": "sp",
        "leading_separator": False,
        "connection_local": "off",
        "product": "",
        "service_status": "",
    }
    options = {
        "details": "no",
        "hostname": ["serverprism_id"],
        "ledger": "none",
        "status_cache": 1,
        "api_url": sim.url,
        "api_token": sim.token,
    }
    assert len(hosts(inventory(sim, **cache, **api, **constructed, **more, **options))) == 3


def test_only_files_with_the_plugin_ending_are_read(simulator, inventory):
    said = " ".join(inventory(simulator(FLEET), name="hosts.yml").split())
    assert "hosts.yml must end in .serverprism.yml or .serverprism.yaml. Rename the file." in said
    assert hosts(inventory(simulator(FLEET), name="serverprism.yaml"))


def test_fleet_of_the_plugin_is_maintained(simulator, inventory, ansible):
    sim = simulator([{"id": 1, "state": "offline"}, {"id": 2, "product": "Palworld 8 GB", "boot_seconds": 3.0, "stop_seconds": 2.0}])
    inventory(sim)
    options = {
        "maintenance_announcements": [{"before": 1, "text": "Soon"}],
        "maintenance_command_wait": 0.2,
        "maintenance_poll_interval": 0.2,
    }
    path = str(ansible.folder / "fleet.serverprism.yml")
    run = ansible.run(sim, "serverprism.cloud.maintenance", "-i", path, "-e", json.dumps(options))
    assert run.rc == 0 and sim.console(2) == ["Broadcast Soon", "Save"], run.output


def test_token_of_the_inventory_is_hidden_by_ansible_if_it_can(simulator, ansible):
    sim = simulator(FLEET)
    secret = ansible.folder / "token"
    secret.write_text(sim.token)
    source = ansible.folder / "fleet.serverprism.yml"
    token = f"{{{{ lookup('ansible.builtin.file', '{secret}') }}}}"
    source.write_text(json.dumps({"plugin": "serverprism.cloud.servers", "api_token": token}))
    shows = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": f"It is {token}."}, "run_once": True}]}]
    done = ansible.run(sim, shows, "-i", str(source), env={"SERVERPRISM_API_TOKEN": None})
    # Since ansible-core 2.22. Before that, a playbook that prints the token shows it.
    shown = "$REDACTED$" if tuple(map(int, __version__.split(".")[:2])) >= (2, 22) else sim.token
    assert done.rc == 0 and f"It is {shown}." in done.stdout, done.output

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of all hosts are read as a task of each host would get them. These tests use Ansible's own inventory and plays."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml
from ansible import constants
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import Hosts


@pytest.fixture(scope="module")
def plugins():
    """Let Ansible find its plugins, as ansible-playbook does when it starts. ansible-test has done so already."""
    if AnsibleCollectionConfig.collection_finder is not None:
        yield
        return
    init_plugin_loader()
    yield
    # Other tests import the collection as Python does.
    type(AnsibleCollectionConfig.collection_finder)._remove()


@pytest.fixture
def play(plugins, tmp_path):
    """Return the Hosts of the last task of a play: ``play(inventory, extra_vars={...}, limit="b", **keywords of the play)``."""

    def load(inventory, extra_vars=None, limit=None, **keywords):
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
        tasks = {"hosts": "all", "gather_facts": False, "tasks": [{"ping": {}}]}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([{**tasks, **keywords}]))
        loader = DataLoader()
        loader.set_basedir(str(tmp_path))
        hosts = InventoryManager(loader=loader, sources=[str(tmp_path / "inventory.yml")])
        hosts.subset(limit)
        manager = VariableManager(loader=loader, inventory=hosts)
        manager.extra_vars.update(extra_vars or {})
        playbook = Playbook.load(str(tmp_path / "play.yml"), variable_manager=manager, loader=loader)
        task = [task for block in playbook.get_plays()[0].compile() for task in tasks_of(block) if task.action != "meta"][-1]
        names = [host.name for host in hosts.get_hosts("all")]
        action = SimpleNamespace(_task=task, _loader=loader)
        task_vars = {"hostvars": HostVars(hosts, manager, loader), "ansible_play_hosts_all": names, "ansible_play_batch": names}
        return Hosts(action, task_vars)

    return load


def tasks_of(block):
    """Return all tasks of a block and of the blocks in it."""
    return [task for one in block.block for task in (tasks_of(one) if isinstance(one, Block) else [one])]


def inventory(hosts, **variables):
    return {"all": {"hosts": hosts, "vars": variables}}


def values(hosts, *names):
    read = hosts.read(hosts.matching("all"), names)
    assert not any(one.errors for one in read.values()), read
    return {name: one.values for name, one in read.items()}


def test_variable_is_templated_with_the_variables_of_its_host(play):
    hosts = play(inventory({"a": {"number": 1}, "b": {"number": 2}}, server="1{{ number }}", named="{{ inventory_hostname }}"))
    assert values(hosts, "server", "named") == {"a": {"server": "11", "named": "a"}, "b": {"server": "12", "named": "b"}}


def test_template_can_use_hostvars_and_the_hosts_of_the_play(play):
    hosts = play(inventory({"a": {"token": "t"}, "b": {}}, shared="{{ hostvars['a'].token }}", first="{{ ansible_play_hosts_all[0] }}"))
    assert values(hosts, "shared", "first") == {name: {"shared": "t", "first": "a"} for name in "ab"}


def test_variables_that_are_not_set_or_omitted_are_left_out(play):
    hosts = play(inventory({"a": {"x": "{{ missing | default(omit) }}"}, "b": {"x": None}, "c": {"x": 0}}))
    assert values(hosts, "x", "y") == {"a": {}, "b": {"x": None}, "c": {"x": 0}}


def test_nested_values_are_templated(play):
    hosts = play(inventory({"a": {"steps": [{"text": "{{ inventory_hostname }}", "before": "5m"}]}}))
    assert values(hosts, "steps") == {"a": {"steps": [{"text": "a", "before": "5m"}]}}


def test_files_of_host_and_group_variables_are_read(play, tmp_path):
    for folder, name, text in (("host_vars", "a", "x: 1"), ("group_vars", "all", "x: 2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yml").write_text(text)
    assert values(play(inventory({"a": {}, "b": {}})), "x") == {"a": {"x": 1}, "b": {"x": 2}}


def test_precedence_is_that_of_a_task(play):
    given = inventory({"a": {"of_host": "host", "of_play": "host", "of_task": "host", "of_run": "host"}})
    over = {"of_play": "play", "of_task": "play", "of_run": "play"}
    task = {"ping": {}, "vars": {"of_task": "task", "of_run": "task"}}
    hosts = play(given, {"of_run": "run"}, vars=over, tasks=[task])
    assert values(hosts, *given["all"]["hosts"]["a"]) == {"a": {"of_host": "host", "of_play": "play", "of_task": "task", "of_run": "run"}}


def test_defaults_and_variables_of_the_role_are_read(play, tmp_path):
    role = tmp_path / "roles" / "demo"
    parts = {"defaults": {"wait": 5, "id": "{{ server | default('none') }}"}, "vars": {"fixed": 1}, "tasks": [{"ping": {}}]}
    for part, content in parts.items():
        (role / part).mkdir(parents=True)
        (role / part / "main.yml").write_text(yaml.safe_dump(content))
    hosts = play(inventory({"a": {"server": "seven"}, "b": {"wait": 9}}), tasks=[{"import_role": {"name": "demo"}}])
    assert values(hosts, "wait", "id", "fixed") == {"a": {"wait": 5, "id": "seven", "fixed": 1}, "b": {"wait": 9, "id": "none", "fixed": 1}}


@pytest.mark.parametrize(
    ("broken", "named"),
    [("{{ missing }}", "missing"), ("{{ x }}", ""), ("{{ 1 / 0 }}", "zero"), ("{{ 1 +", ""), ("{{ 'a' | int('b', 'c', 'd') }}", "")],
)
def test_variable_that_cannot_be_templated_is_an_error_of_its_host_only(play, broken, named):
    hosts = play(inventory({"a": {"x": broken, "y": 1}, "b": {"x": 2, "y": 2}}))
    read = hosts.read(["a", "b"], ["x", "y"])
    assert read["a"].values == {"y": 1} and list(read["a"].errors) == ["x"], read
    reason = read["a"].errors["x"]
    assert reason and named in reason and "\n" not in reason and not reason.endswith("."), read
    assert read["b"].values == {"x": 2, "y": 2} and not read["b"].errors


def test_placeholder_with_double_braces_gets_a_hint(play):
    steps = [{"before": "5m", "text": "Restart in {{ remaining }}"}]
    reason = play(inventory({"a": {"x": steps}})).read(["a"], ["x"])["a"].errors["x"]
    assert "'remaining' is undefined" in reason and ". Write {remaining} with single braces" in reason, reason


def test_host_that_is_not_in_the_inventory_is_an_error(play):
    read = play(inventory({"a": {}})).read(["zz"], ["x"])
    assert read["zz"].errors == {"x": "Host zz is not in the inventory"}


def test_hosts_of_a_pattern_come_in_the_order_of_the_inventory_and_within_the_limit(play):
    given = {"all": {"hosts": {"z": {}, "a": {}, "m": {}}, "children": {"games": {"hosts": {"z": {}, "m": {}}}}}}
    assert play(given).matching("all") == ["z", "a", "m"]
    assert play(given).matching("games:a:!z") == ["m", "a"]
    assert play(given, limit="a").matching("all") == ["a"]
    assert play(given, limit="a").matching("games") == []
    assert play(given).matching("nobody") == []


def test_pattern_without_hosts_matches_nothing_even_if_the_user_makes_it_an_error(play, monkeypatch):
    monkeypatch.setattr(constants, "HOST_PATTERN_MISMATCH", "error")
    assert play(inventory({"a": {}})).matching("nobody") == []


def test_values_of_200_hosts_are_read_at_once(play):
    hosts = play(inventory({f"h{number}": {"number": number} for number in range(200)}, serverprism_id="s{{ number }}"))
    read = hosts.read(hosts.matching("all"), ["serverprism_id", "serverprism_api_token"])
    assert len(read) == 200 and read["h199"].values == {"serverprism_id": "s199"}

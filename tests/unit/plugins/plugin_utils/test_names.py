# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Misspelt variables are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import ServerPrismError
from ansible_collections.serverprism.cloud.plugins.plugin_utils._names import PREFIXES, misspelt, refuse_unknown
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import KNOWN

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("maintenance_announcement", "maintenance_announcements"),
        ("maintenance_startt", "maintenance_start"),
        ("maintenence_start", "maintenance_start"),
        ("power_stat", "power_state"),
        ("announce_txt", "announce_text"),
        ("status_flie", "status_file"),
        ("serverprism_idd", "serverprism_id"),
        ("maintenance_zzzzzzzzzzzzzz", ""),
    ],
)
def test_unknown_variable_of_the_command_line_is_refused(name, suggestion):
    with pytest.raises(ServerPrismError) as refused:
        refuse_unknown({"maintenance_start": "03:00", name: "x"}, KNOWN)
    said = f" Did you mean {suggestion}?" if suggestion else ""
    assert str(refused.value) == f"-e {name}: there is no such variable.{said} Nothing was sent."


@pytest.mark.parametrize("name", ["ansible_user", "discord_url", "my_maintenance_note", "region", "maintenances"])
def test_variables_of_the_user_are_accepted(name):
    refuse_unknown({name: "x", "maintenance_state": "stopped"}, KNOWN)


def test_words_outside_of_a_value_are_refused():
    # This is what Ansible makes of: -e announce_text=Hello big world
    with pytest.raises(ServerPrismError, match="^-e: 'big world' belongs to no variable, so it would be ignored."):
        refuse_unknown({"announce_text": "Hello", "_raw_params": "big world"}, KNOWN)


@pytest.mark.parametrize("given", [{"serverprism_api_token": ""}, {"vault_token": "half"}, {"announce_text": ""}])
def test_word_that_may_be_a_secret_is_not_shown(given):
    with pytest.raises(ServerPrismError) as refused:
        refuse_unknown({**given, "_raw_params": "the-secret"}, KNOWN)
    assert "the-secret" not in str(refused.value) and str(refused.value).startswith("-e: a word belongs to no variable")


def test_misspelt_variable_of_hosts_causes_one_warning():
    names = {"a": ["maintenance_dead_line", "serverprism_id", "maintenance_note"], "b": ["maintenance_dead_line", "power_statee"]}
    assert misspelt(names, KNOWN) == [
        "maintenance_dead_line, which is set for 2 hosts, has no effect: there is no such variable. Did you mean maintenance_deadline?",
        "power_statee, which is set for host b, has no effect: there is no such variable. Did you mean power_state?",
    ]


def test_known_variables_are_those_of_role_and_playbooks():
    spec = yaml.safe_load((ROOT / "roles" / "maintenance" / "meta" / "argument_specs.yml").read_text())
    playbooks = " ".join(path.read_text() for path in (ROOT / "playbooks").glob("*.yml"))
    # These two are facts that a run sets.
    used = set(re.findall(rf"\b(?:{'|'.join(PREFIXES)})[a-z_]+", playbooks)) - {"maintenance_report", "maintenance_result"}
    assert set(spec["argument_specs"]["main"]["options"]) | used <= KNOWN
    documented = [*spec["argument_specs"]["main"]["options"], *used, "serverprism_id", "serverprism_product"]
    assert KNOWN - {"serverprism_api_token", "serverprism_api_url"} <= set(documented) | {f"power_{name}" for name in ("server_id",)}

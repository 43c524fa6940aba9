# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redaction of secrets in texts, API responses and the output of Ansible."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._redact import Redaction, register_secrets
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings

SECRET = "12|Ab/cd+efgh"


@pytest.mark.parametrize("form", [SECRET, SECRET.upper(), "12%7CAb%2Fcd%2Befgh"])
def test_each_form_of_a_secret_is_replaced(form):
    assert Redaction(SECRET, replacement="***").text(f"Bearer {form}, {form}.") == "Bearer ***, ***."


def test_longer_of_two_secrets_is_replaced_first():
    assert Redaction("abcdefgh", "abcdefghij", replacement="***").text("abcdefghij") == "***"


def test_empty_secret_replaces_nothing():
    assert Redaction("", replacement="***").text("a text") == "a text"


def test_strings_of_a_payload_are_redacted_at_any_depth():
    payload = node = {}
    for _each in range(5000):
        node["inner"] = {"name": SECRET}
        node = node["inner"]
    node = Redaction(SECRET, replacement="***").payload(payload)
    while "inner" in node:
        node = node["inner"]
        assert node["name"] == "***"
    assert Redaction(SECRET, replacement="***").payload([{"a": [SECRET]}]) == [{"a": ["***"]}]


def test_short_secret_is_not_redacted_in_a_payload():
    redaction = Redaction("run", replacement="***")
    assert redaction.payload({"state": "running"}) == {"state": "running"} and redaction.text("run") == "***"


DEFAULTS = {name: spec.get("default") for name, spec in API_ARGUMENT_SPEC.items()}


@pytest.fixture
def registered(monkeypatch):
    """Return the list that the registry of ansible-core 2.22 fills."""
    found: list[str] = []
    registry = ModuleType("ansible.module_utils.secrets")
    registry.register_secret = found.append
    monkeypatch.setitem(sys.modules, registry.__name__, registry)
    return found


def test_token_and_ledger_password_are_registered(registered):
    address = "redis://:pass%3Aword@localhost:6379/0?password=other-password"
    Settings.from_params({**DEFAULTS, "api_token": "a-long-token", "ledger": address})
    assert registered == ["a-long-token", "pass%3Aword", "pass:word", "other-password"]


def test_folder_of_a_ledger_is_not_registered(registered):
    Settings.from_params({**DEFAULTS, "api_token": "a-long-token", "ledger": "/var/lib/serverprism"})
    assert registered == ["a-long-token"]


def test_short_secret_is_not_registered(registered):
    register_secrets("restart", "", "a-long-token")
    assert registered == ["a-long-token"]


def test_older_ansible_core_has_no_registry(monkeypatch):
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", None)
    register_secrets("a-long-token")

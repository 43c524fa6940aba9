# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redaction of secrets in texts and API responses."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._redact import Redaction

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

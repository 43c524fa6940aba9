# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shared options: defaults and invalid values."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings, shown_ledger

DEFAULTS = {**{name: spec.get("default") for name, spec in API_ARGUMENT_SPEC.items()}, "api_token": "abc"}


def settings(**options):
    return Settings.from_params({**DEFAULTS, **options})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://serverprism.com", "https://serverprism.com"),
        ("https://serverprism.com/", "https://serverprism.com"),
        (" https://serverprism.com ", "https://serverprism.com"),
        ("HTTPS://ServerPrism.com:8443", "https://serverprism.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost", "http://localhost"),
        # The address is the key of the quota, so all spellings are equal.
        ("https://serverprism.com:443", "https://serverprism.com"),
        ("https://serverprism.com./", "https://serverprism.com"),
        ("https://SERVERPRISM.com.:443/", "https://serverprism.com"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://serverprism.com:80", "https://serverprism.com:80"),
    ],
)
def test_address_is_normalized(given, url):
    assert settings(api_url=given).api_url == url


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("api_url", "http://serverprism.com"),
        ("api_url", "http://127.0.0.1.evil.example"),
        ("api_url", "http://localhost.evil.example"),
        ("api_url", "ftp://serverprism.com"),
        ("api_url", "serverprism.com"),
        ("api_url", ""),
        ("api_url", "https://user:pass@serverprism.com"),
        ("api_url", "https://serverprism.com/api/v1"),
        ("api_url", "https://serverprism.com?x=1"),
        ("api_url", "https://serverprism.com:port"),
        ("api_token", ""),
        ("api_token", "a b"),
        ("api_token", "a\nX-Evil: 1"),
        ("api_token", "t\u00f6ken"),
        ("ca_path", "/no/such/file"),
        ("timeout", 0.0),
        ("timeout", float("nan")),
        ("max_wait", -1.0),
        ("max_wait", float("inf")),
        ("limit_window", 0.0),
        ("status_cache", -1.0),
        ("read_limit", 0),
        ("write_limit", -3),
        ("write_headroom", -1),
        ("write_headroom", 20),
        ("ledger", ""),
        ("ledger", "http://localhost"),
        ("ledger", "redis:/host"),
        ("ledger", "redis://"),
        ("ledger", "redis://localhost:port"),
        ("ledger", "redis://localhost/db"),
    ],
)
def test_invalid_value_is_refused_by_name(option, value):
    with pytest.raises(BadOption) as caught:
        settings(**{option: value})
    text = str(caught.value)
    assert text.startswith(f"{option} (or SERVERPRISM_{option.upper()}): ") and "\n" not in text


def test_error_for_a_folder_with_a_colon_names_the_reason():
    with pytest.raises(BadOption, match="a folder without a colon"):
        settings(ledger="/data/2026-05-04T03:00")


def test_settings_do_not_show_the_token():
    assert "abc" not in repr(settings()) and "abc" not in str(settings())


def test_error_for_a_token_does_not_show_it():
    with pytest.raises(BadOption) as caught:
        settings(api_token="secret words")
    assert "secret" not in str(caught.value)


def test_ledger_in_the_home_folder_is_expanded():
    assert settings().ledger.endswith("/.ansible/serverprism") and "~" not in settings().ledger
    assert settings(ledger="none").ledger == "none"


@pytest.mark.parametrize(
    ("ledger", "shown"),
    [
        ("/var/lib/ledger", "/var/lib/ledger"),
        ("none", "none"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("rediss://:secret@host/1?prefix=x", "rediss://***@host/1"),
        ("redis://user:se@cret@host", "redis://***@host"),
        ("redis:/user:secret@host", "***"),
        ("redis://user:se/cret@host", "***"),
    ],
)
def test_password_of_a_ledger_is_not_shown(ledger, shown):
    assert shown_ledger(ledger) == shown

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the options of the inventory plugin."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from ansible_collections.serverprism.cloud.plugins.plugin_utils._options import check_options, check_template

DEFINITIONS: dict[str, Any] = {
    "details": {"type": "bool"},
    "service_status": {"type": "str"},
    "validate_certs": {"type": "bool", "env": [{"name": "SERVERPRISM_VALIDATE_CERTS"}]},
    "cache": {"type": "bool", "env": [{"name": "ANSIBLE_INVENTORY_CACHE"}], "aliases": ["keep"]},
}


@pytest.mark.parametrize(
    ("given", "environment", "words"),
    [
        ({"detail": True}, {}, "detail: there is no such option (did you mean details?)."),
        ({"servicestatus": "active"}, {}, "servicestatus: there is no such option (did you mean service_status?)."),
        ({"Service-Status": "active"}, {}, "Service-Status: there is no such option (did you mean service_status?)."),
        ({"colour": "blue"}, {}, "colour: there is no such option."),
        ({1: 2}, {}, "1: there is no such option."),
        ({"details": "perhaps"}, {}, "details: must be true or false, got 'perhaps'."),
        ({"details": "{{ true }}"}, {}, "details: must be true or false, got '{{ true }}'."),
        ({"details": [True]}, {}, "details: must be true or false, got [True]."),
        ({"details": ""}, {}, "details: must be true or false, got ''."),
        ({"keep": "maybe"}, {}, "keep: must be true or false, got 'maybe'."),
        ({}, {"SERVERPRISM_VALIDATE_CERTS": "never"}, "SERVERPRISM_VALIDATE_CERTS: must be true or false, got 'never'."),
    ],
)
def test_option_that_ansible_would_ignore_is_refused(given: dict[Any, Any], environment: dict[str, str], words: str) -> None:
    with pytest.raises(BadOption) as caught:
        check_options(given, DEFINITIONS, environment)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        ({}, {}),
        ({"details": True, "service_status": "perhaps", "keep": "yes"}, {}),
        *(({"details": value}, {}) for value in (False, None, "on", "False", 0, 1, "1")),
        ({"validate_certs": True}, {"SERVERPRISM_VALIDATE_CERTS": "never"}),
        ({}, {"ANSIBLE_INVENTORY_CACHE": "maybe", "SERVERPRISM_VALIDATE_CERTS": "no"}),
    ],
)
def test_good_options_are_accepted(given: dict[Any, Any], environment: dict[str, str]) -> None:
    check_options(given, DEFINITIONS, environment)


@pytest.mark.parametrize("text", ["{{ serverprism_id", "{{ serverprism_id }", "serverprism_name |", "{% if x %}a", "'a"])
def test_template_with_a_syntax_error_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="^hostname: the template .* has a syntax error "):
        check_template("hostname", text)


@pytest.mark.parametrize(
    "text",
    ["serverprism_name | lower", "srv-{{ serverprism_id }}", "{{ a | my.own.filter }}", "{% do x %}", "{'a': 1}[b]", "''", "nothing_such"],
)
def test_valid_template_is_accepted(text: str) -> None:
    check_template("hostname", text)

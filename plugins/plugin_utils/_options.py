# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check options of a plugin that Ansible does not check. Pure. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption
from jinja2 import Environment, TemplateSyntaxError

OURS = "SERVERPRISM_"
# A setting of Ansible can enable these extensions.
_JINJA = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True)


def check_options(given: Mapping[Any, Any], definitions: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Raise BadOption for an unknown option, which Ansible ignores, and for a bad boolean, which Ansible reads as false."""
    known = {spelling: name for name, definition in definitions.items() for spelling in (name, *definition.get("aliases", ()))}
    for key in given:
        if key not in known:
            raise BadOption(str(key), f"there is no such option{_suggestion(str(key), known)}")
    for spelling, name in known.items():
        if definitions[name].get("type") in ("bool", "boolean"):
            if given.get(spelling) is not None:
                _check_boolean(spelling, given[spelling])
            elif spelling == name:
                _check_variables(definitions[name], environment)


def _suggestion(key: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(key.lower().replace("-", "_"), known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _check_variables(definition: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Check the environment variables of this collection. Those of Ansible are not checked."""
    for entry in definition.get("env", ()):
        if entry["name"].startswith(OURS) and entry["name"] in environment:
            _check_boolean(entry["name"], environment[entry["name"]])


def _check_boolean(name: str, value: Any) -> None:
    try:
        boolean(value)
    except TypeError:
        raise BadOption(name, f"must be true or false, got {value!r}") from None


def check_template(option: str, text: str) -> None:
    """Raise BadOption for an expression or template with a syntax error, which could never have a value."""
    is_template = any(mark in text for mark in ("{{", "{%", "{#"))
    try:
        _JINJA.parse(text if is_template else "{{ " + text + " }}")
    except TemplateSyntaxError as exc:
        raise BadOption(option, f"the template {text!r} has a syntax error ({str(exc.message).rstrip('.')})") from None

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the objects to import into AWX: documented fields, the rules for surveys and credential types, and variables that exist."""

from __future__ import annotations

import re

import documents
import pytest
import yaml
from documents import EXAMPLES, ROLE

# The documented fields of each kind of object, without those that rename, copy or delete it.
FIELDS = {
    "controller_credential_types": "name description kind inputs injectors",
    "controller_credentials": "name description organization credential_type inputs user team update_secrets",
    "controller_execution_environments": "name description organization image credential pull",
    "controller_projects": "name description organization scm_type scm_url scm_branch credential default_environment timeout",
    "controller_inventories": "name description organization variables kind host_filter input_inventories instance_groups",
    "controller_inventory_sources": "name description organization inventory source source_path source_vars source_project scm_branch "
    "limit credential execution_environment overwrite overwrite_vars timeout verbosity update_on_launch update_cache_timeout",
    "controller_templates": "name description organization project playbook inventory credentials execution_environment job_type forks "
    "limit verbosity extra_vars job_tags skip_tags diff_mode ask_job_type_on_launch ask_limit_on_launch ask_variables_on_launch labels "
    "survey_enabled survey_spec allow_simultaneous job_slice_count timeout instance_groups scm_branch become_enabled",
}
# A field that names another object of the set.
REFERENCES = {
    "credential_type": "controller_credential_types",
    "credential": "controller_credentials",
    "credentials": "controller_credentials",
    "execution_environment": "controller_execution_environments",
    "project": "controller_projects",
    "source_project": "controller_projects",
    "inventory": "controller_inventories",
}
INPUT = {"id", "label", "type", "help_text", "secret", "format", "choices", "multiline", "ask_at_runtime", "default"}
TYPES = {"text": str, "textarea": str, "password": str, "multiplechoice": str, "multiselect": str, "integer": int, "float": float}


class Loader(yaml.SafeLoader):
    """A loader that knows the tag of templates that Ansible must not evaluate."""


Loader.add_constructor("!unsafe", Loader.construct_scalar)
SET = yaml.load((EXAMPLES / "awx.yml").read_text(), Loader)
(CREDENTIAL_TYPE,) = SET["controller_credential_types"]
(TEMPLATE,) = SET["controller_templates"]


def test_objects_have_documented_fields_and_refer_to_each_other():
    assert set(SET) == set(FIELDS)
    for kind, objects in SET.items():
        for one in objects:
            assert set(one) <= set(FIELDS[kind].split()), f"{kind}: {one['name']}"
            for field in set(one) & set(REFERENCES):
                named = one[field] if isinstance(one[field], list) else [one[field]]
                assert set(named) <= {other["name"] for other in SET[REFERENCES[field]]}, f"{kind}: {field}"


def test_inputs_of_the_credential_type_are_valid_and_secret():
    inputs = CREDENTIAL_TYPE["inputs"]
    fields = {field["id"]: field for field in inputs["fields"]}
    assert len(fields) == len(inputs["fields"]) and CREDENTIAL_TYPE["kind"] in ("cloud", "net")
    for field in fields.values():
        assert {"id", "label"} <= set(field) <= INPUT and field["type"] == "string" and re.fullmatch(r"[a-z_]+", field["id"])
    # An optional field that is left empty would reach the collection as an empty text, which it refuses.
    assert set(inputs["required"]) == set(fields)
    # The address of the ledger can hold a password.
    assert {name for name, field in fields.items() if field.get("secret")} == {"api_token", "ledger"}


def test_injectors_set_known_variables_from_all_inputs():
    assert set(CREDENTIAL_TYPE["injectors"]) == {"env"}
    env = CREDENTIAL_TYPE["injectors"]["env"]
    assert set(env) == {"SERVERPRISM_API_TOKEN", "SERVERPRISM_LEDGER"}
    assert {value.strip("{} ") for value in env.values()} == {field["id"] for field in CREDENTIAL_TYPE["inputs"]["fields"]}


def test_credential_has_its_inputs_and_contains_no_secret():
    (credential,) = SET["controller_credentials"]
    assert set(credential["inputs"]) == set(CREDENTIAL_TYPE["inputs"]["required"])
    for field in ("api_token", "ledger"):
        assert re.fullmatch(r"\{\{ lookup\('ansible.builtin.env', 'SERVERPRISM_[A-Z_]+'\) \}\}", credential["inputs"][field])


def test_job_template_runs_one_job_at_a_time_without_a_time_limit():
    assert TEMPLATE["job_type"] == "run" and TEMPLATE["survey_enabled"] is True
    assert (TEMPLATE["job_slice_count"], TEMPLATE["allow_simultaneous"], TEMPLATE["timeout"]) == (1, False, 0)


@pytest.mark.parametrize("question", TEMPLATE["survey_spec"]["spec"], ids=lambda question: question["variable"])
def test_survey_asks_for_an_existing_variable(question):
    variable, kind, default = question["variable"], question["type"], question["default"]
    assert variable in documents.variables("maintenance")
    assert isinstance(question["required"], bool) and isinstance(question["question_name"], str) and kind in TYPES
    assert default == "" or isinstance(default, TYPES[kind])
    assert question.get("choices") == ROLE.get(variable, {}).get("choices")
    if "choices" in question:
        assert kind == "multiplechoice" and default in question["choices"]
    else:
        size = default if isinstance(default, int) else len(default)
        assert isinstance(question["min"], int) and isinstance(question["max"], int)
        # An empty default of a required question is no answer.
        assert question["min"] <= size <= question["max"] or (default == "" and question["required"])


def test_survey_has_what_awx_requires():
    survey = TEMPLATE["survey_spec"]
    assert set(survey) == {"name", "description", "spec"}
    assert len({question["variable"] for question in survey["spec"]}) == len(survey["spec"])

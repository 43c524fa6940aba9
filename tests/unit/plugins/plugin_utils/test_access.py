# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of the access: an error that all hosts would meet is raised once, any other is left to their tasks."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _errors as errors
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import NO_TOKEN
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _access

WRONG = errors.Unauthenticated("The token is not accepted.")
NO_SCOPE = errors.MissingScope("The token lacks the scope.")
BUSY = errors.RateLimited("The quota is used up.")
AWAY = errors.Unreachable("The API cannot be reached.")


@pytest.fixture
def check(monkeypatch):
    """Check the access of hosts with these tokens; ``answers`` are the errors by token. Return the tokens that were tried."""
    monkeypatch.delenv("SERVERPRISM_API_TOKEN", raising=False)

    def run(tokens, answers, **more):
        tried = []

        def products(params):
            tried.append(params["api_token"])
            assert params["max_wait"] <= _access.CHECK_PATIENCE
            if params["api_token"] in answers:
                raise answers[params["api_token"]]
            return {}

        monkeypatch.setattr(_access, "products_of", products)
        try:
            _access.check_access({**({"api_token": token} if token else {}), **more} for token in tokens)
        except errors.ServerPrismError as exc:
            return tried, str(exc)
        return tried, ""

    return run


@pytest.mark.parametrize(
    ("tokens", "answers", "tried", "said"),
    [
        (["a", "a", "a"], {}, ["a"], ""),
        (["a", "a"], {"a": WRONG}, ["a"], str(WRONG)),
        (["a", "b"], {"a": WRONG}, ["a", "b"], ""),
        (["a", "b"], {"a": WRONG, "b": errors.Unauthenticated("Another.")}, ["a", "b"], f"{WRONG} Another."),
        (["a"], {"a": NO_SCOPE}, ["a"], ""),
        (["a"], {"a": BUSY}, ["a"], ""),
        # The other tokens would wait for the same address.
        (["a", "b", "c"], {"a": AWAY, "b": AWAY, "c": AWAY}, ["a"], str(AWAY)),
        ([], {}, [], ""),
    ],
)
def test_error_is_raised_if_all_hosts_would_meet_it(check, tokens, answers, tried, said):
    assert check(tokens, answers) == (tried, said)


def test_missing_token_is_an_error_without_a_request(check):
    tried, said = check([None, None], {})
    assert not tried and said == NO_TOKEN

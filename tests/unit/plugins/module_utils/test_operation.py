# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The message about bad options."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import NO_TOKEN, with_hint


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("missing required arguments: api_token", NO_TOKEN),
        ("missing required arguments: api_token, server_id", f"missing required arguments: server_id. {NO_TOKEN}"),
        ("missing required arguments: server_id", "missing required arguments: server_id"),
        ("Unsupported parameters: x. Supported parameters include: api_token.",) * 2,
    ],
)
def test_message_about_a_missing_token_says_where_to_set_it(message, shown):
    assert with_hint(message) == shown

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a server once. Following a signal is tested with the operations."""

from __future__ import annotations

import pytest
import virtual
from ansible_collections.serverprism.cloud.plugins.module_utils._api.coroutines import run
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import Interrupted
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._power.follow import look
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ


def test_observation_has_the_time_of_the_request():
    ctx = virtual.context(virtual.api({"id": 1}), OPERATION, server_id=1)
    found = run(look(ctx, 1), ctx.clock)
    assert (found[0].id, found[1].state, found[1].at) == (1, "running", 1_000_000.0)


def test_interrupted_read_releases_its_slot():
    ctx = virtual.context(virtual.api({"id": 1}), OPERATION, server_id=1)
    (slot,) = ctx.client.ledger.reserve(READ, not_before=ctx.clock.now() + 60.0)
    waiting = look(ctx, 1, slot=slot)
    waiting.send(None)
    with pytest.raises(Interrupted):
        waiting.throw(Interrupted("SIGINT"))
    assert not ctx.client.ledger.calendar(READ).slots

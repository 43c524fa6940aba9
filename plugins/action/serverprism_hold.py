# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.hold import OPERATION
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ServerPrismAction


class ActionModule(ServerPrismAction):
    """The action that runs the operation inside the Ansible worker."""

    operation = OPERATION

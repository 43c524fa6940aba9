# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""This machine by another name: what the target is when it is not the controller, so that the modules run and not the actions."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = r"""
name: faraway
short_description: This machine by another name
author: ServerPrism collection contributors (@serverprism)
description:
  - Runs tasks as C(ansible.builtin.local) does. For Ansible it is another connection.
"""


class Connection(Local):
    """See DOCUMENTATION."""

    transport = "faraway"

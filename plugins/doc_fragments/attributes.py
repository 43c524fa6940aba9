# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes that every module documents."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment ``serverprism.cloud.attributes``. Each module says how far it supports them."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - Reads what the prediction needs. Sends nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check mode), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
  action_group:
    description: Use C(group/serverprism.cloud.api) in C(module_defaults) to set the API options once for all modules.
    support: full
    membership:
      - serverprism.cloud.api
  async:
    description: Supports being used with the C(async) keyword.
    support: full
    details:
      - The task then runs as a module, in a separate Python process.
"""

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module promises of itself."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as ``serverprism.cloud.attributes``; a module tells how far it supports each."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - Reads what is needed for the prediction. Sends nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check mode), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
  action_group:
    description: Use C(group/serverprism.cloud.api) in C(module_defaults) to set the options of the API once for all modules.
    support: full
    membership:
      - serverprism.cloud.api
  async:
    description: Supports being used with the C(async) keyword.
    support: full
    details:
      - Runs as a module then, in a Python process of its own.
"""

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When this run of Ansible began. Private to this collection."""

from __future__ import annotations

import time

# Ansible imports the actions of a play before it forks its workers, so all of them have this from their parent: for a server whose
# turn comes at five past three, "03:00" is what it was for the first one, and not tomorrow.
BEGAN = time.time()

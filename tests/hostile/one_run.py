# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run one maintenance in a separate process, which a test can stop, kill, or put into a namespace: ``python -m hostile.one_run JSON``.

The result is the last line of the output; progress and warnings come before it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance import conductor as _conductor
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance import fleet as _fleet
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import ledger as _base_ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import locks as _locks
from functional.harness import perform_here
from hostile.soak_worker import Api


def main() -> None:
    """Run the maintenance that the argument describes: ``api``, ``ledger``, ``lease`` (real seconds) and ``options``."""
    given = json.loads(sys.argv[1])
    # The usual minute is too long for a test.
    _locks.LEASE = _fleet.LEASE = given["lease"]
    _conductor.RENEW_EVERY = given["lease"] / 6
    assert _base_ledger._locks is _locks

    def tell(text: str) -> None:
        print(text, flush=True)

    result = perform_here(Api(**given["api"]), Path(given["ledger"]), "maintenance", progress=tell, warn=tell, **given["options"])
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

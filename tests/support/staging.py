# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy the files that git knows, or would add, to a folder in which Ansible's tools expect a collection.

The tools resolve links, so it has to be a real folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAGED = ROOT / ".dev" / "staged"


def stage(folder: Path = STAGED) -> Path:
    """Recreate ``folder/ansible_collections/serverprism/cloud`` and return it."""
    tree = folder / "ansible_collections" / "serverprism" / "cloud"
    output, kept = tree / "tests" / "output", folder / "output"
    # ansible-test keeps its environments there.
    if output.exists():
        shutil.rmtree(kept, ignore_errors=True)
        output.rename(kept)
    shutil.rmtree(tree, ignore_errors=True)
    names = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in filter(None, names.split("\0")):
        # Deleted files that are not yet committed are listed too.
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    if kept.exists():
        kept.rename(output)
    return tree


if __name__ == "__main__":
    print(stage(Path(sys.argv[1])))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenTTD's dedicated server behind a simulated server. It uses the loopback address only, a small map, no screen and no sound."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from pathlib import Path
from typing import Any

CONFIG = """[network]
server_name = {name}
client_name = Console
server_game_type = local
[game_creation]
map_x = 6
map_y = 6
[gui]
autosave = off
"""
# Debian keeps games out of the default search path.
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/games"


def program() -> str | None:
    """Return the path of OpenTTD, or None if it is not installed."""
    return shutil.which("openttd", path=SEARCHED)


def free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def server(server_id: int, folder: Path, name: str = "Railways") -> dict[str, Any]:
    """Return a simulated server whose world is in ``folder/save/maintenance.sav`` once it was saved; a start loads it again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openttd.cfg").write_text(CONFIG.format(name=name))
    # The start script of a node also loads the saved world if there is one.
    arguments = ["-D", f"127.0.0.1:{free_port()}", "-c", str(folder / "openttd.cfg"), "-x", "-snull", "-mnull"]
    arguments += ["-g", str(folder / "save" / "maintenance.sav")]
    return {
        "id": server_id,
        "name": name,
        "product": "OpenTTD 1 GB",
        "exec": shlex.join(["env", f"HOME={folder}", str(program()), *arguments]),
        "exec_folder": str(folder),
        "exec_done": "Network revision name",
        "stop_command": "quit",
    }


def saved_world(folder: Path) -> Path:
    """Return the file that ``save maintenance`` writes."""
    return folder / "save" / "maintenance.sav"

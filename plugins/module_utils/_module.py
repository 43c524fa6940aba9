# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run an operation as an Ansible module. Private to this collection."""

from __future__ import annotations

from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ._operation import Operation, perform, with_hint
from ._settings import shown_ledger


class _Module(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that shows the address of a ledger without its password, in its log and in its result."""

    def _log_invocation(self) -> None:
        ledger = self.params["ledger"]
        self.params["ledger"] = shown_ledger(ledger)
        super()._log_invocation()
        self.params["ledger"] = ledger

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """Fail with a message that names the environment variable of a missing token. The result also shows the options."""
        if isinstance(self.params.get("ledger"), str):
            self.params["ledger"] = shown_ledger(self.params["ledger"])
        super().fail_json(with_hint(msg), **kwargs)
        raise AssertionError("fail_json has ended the process")


def run_module(operation: Operation) -> None:
    """Run the operation as an Ansible module, and end the process with its result."""
    module = _Module(argument_spec=operation.argument_spec, supports_check_mode=True)
    result = perform(
        operation,
        module.params,
        check_mode=module.check_mode,
        diff=bool(module._diff),
        progress=module.debug,
        warn=module.warn,
    )
    module.params["ledger"] = shown_ledger(module.params["ledger"])
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run an operation inside the Ansible worker, or its module on the target. Private to this collection.

These modules only call an API, so starting a new Python process would be most of the cost of a task. With a local connection the
operation therefore runs in the worker itself. With any other connection, or with ``async``, the module runs on the target. Both return
the same result for the same input.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import queue
import select
import stat
import threading
from contextlib import contextmanager, suppress
from typing import Any, Callable, ClassVar, Iterable, Iterator

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import (
    signals_for_the_main_thread,
    told_to_stop,
    wait_for_workers,
)
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Operation, perform, with_hint
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import shown_ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable
from ansible_collections.serverprism.cloud.plugins.plugin_utils._began import BEGAN

# The address of a ledger can hold a password.
SECRET_VARIABLES = {"SERVERPRISM_API_TOKEN": "api_token", "SERVERPRISM_LEDGER": "ledger"}
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
REMOTE_TIMEOUT = (
    "timeout cannot be used with this connection: it would end the task but not the module on the target, which would go on and act on the "
    "server. Nothing was sent. Set connection to local, or timeout to 0 (it can also come from ANSIBLE_TASK_TIMEOUT)."
)
# Seconds that a result waits for the lines before it to be shown.
SCREEN_PATIENCE = 5.0
display = Display()
# This runs in ansible-playbook itself, because the strategy loads the action of a task before the first worker starts.
wait_for_workers()


def _has_reader(descriptor: int) -> bool:
    """Return whether the output of ansible-playbook on a file descriptor is still read.

    If its output goes to a closed pipe, such as ``| head``, a line of a worker would end the thread in which Ansible receives results, and
    the run would never end.
    """
    path = f"/proc/{os.getppid()}/fd/{descriptor}"
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            return True
        pipe = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as exc:
        # Opening a named pipe without a reader fails with ENXIO.
        return exc.errno != errno.ENXIO
    try:
        poll = select.poll()
        poll.register(pipe, 0)
        return not any(event & select.POLLERR for _pipe, event in poll.poll(0))
    finally:
        os.close(pipe)


def _show_without_ansible(line: str) -> None:
    """Write a line to the standard error of ansible-playbook, which shows no lines of its workers after Ctrl-C.

    Nothing is written to a file, because the next output of ansible-playbook would overwrite it.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != os.getppid():
        return
    with suppress(OSError):
        descriptor = os.open(f"/proc/{parent.pid}/fd/2", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISFIFO(mode) or os.isatty(descriptor):
                os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


class Screen:
    """A separate thread that shows lines, in their order.

    Showing a line can block for ever: the terminal was halted with Ctrl-S, ansible-playbook was stopped with Ctrl-Z, or a worker was
    killed while it held the lock of the output. No countdown may wait for that.
    """

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[tuple[Callable[..., None], tuple[str, ...]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Screen:
        with signals_for_the_main_thread():
            self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._lines.put(None)
        self._thread.join(SCREEN_PATIENCE)

    def show(self, how: Callable[..., None], *what: str) -> None:
        """Show a line as soon as possible, without waiting for it."""
        self._lines.put((how, what))

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            how, what = line
            with suppress(Exception):
                how(*what)


class ServerPrismAction(ActionBase):  # type: ignore[misc]
    """The action of one operation. A subclass only sets ``operation``."""

    operation: ClassVar[Operation]
    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task."""
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        environment = self._task_environment()
        is_local = self._connection.ansible_name.rsplit(".", 1)[-1] == "local"
        if self._task.timeout and self.operation.writes and not is_local and not self._task.async_val:
            return {"changed": False, "failed": True, "msg": REMOTE_TIMEOUT}
        if self._task.async_val or not is_local:
            return self._run_module(task_vars, environment)
        with _environment(environment):
            return self._run_here(task_vars)

    def _run_module(self, task_vars: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
        """Run the module on the target. Pass secrets of ``environment`` as options, since the command line there would show them."""
        args = self.operation.as_of(dict(self._task.args), BEGAN)
        secrets = {name: environment.pop(name) for name in SECRET_VARIABLES if name in environment}
        for name, value in secrets.items():
            args.setdefault(SECRET_VARIABLES[name], value)
        if secrets:
            self._task.environment = [environment]
        result: dict[str, Any] = self._execute_module(
            module_name=f"serverprism.cloud.{self.operation.name}",
            module_args=args,
            task_vars=task_vars,
            wrap_async=self._task.async_val,
        )
        return result

    def _run_here(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        spec = self.operation.argument_spec
        validated = ArgumentSpecValidator(spec).validate(dict(self._task.args))
        if validated.error_messages:
            # Returned as a result, since failed_when is not applied to an exception of an action.
            return {"changed": False, "failed": True, "msg": self._refusal(validated)}
        params = self._complete(validated.validated_parameters, task_vars)
        host = str(task_vars.get("inventory_hostname", "localhost"))
        warnings: list[str] = []

        def warn(text: str) -> None:
            warnings.append(text)
            screen.show(self._warn, host, text)

        with Screen() as screen:
            result = perform(
                self.operation,
                self.operation.as_of(params, BEGAN),
                check_mode=self._task.check_mode,
                diff=self._task.diff,
                progress=lambda text: screen.show(self._tell, host, text),
                warn=warn,
            )
        if warnings:
            # As in the result of a module. Ansible does not show a warning again.
            result["warnings"] = [printable(text) for text in warnings]
        if _shows_invocation(task_vars):
            shown = {name: HIDDEN if spec[name].get("no_log") else value for name, value in params.items() if name in spec}
            shown["ledger"] = shown_ledger(params["ledger"])
            result["invocation"] = {"module_args": shown}
        return result

    def _complete(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the options with values that only the controller knows."""
        del task_vars
        return params

    def _refusal(self, validated: Any) -> str:
        """Return the reason why options are refused, with the text that a module returns."""
        message = str(validated.errors.msg)
        if isinstance(validated.errors[0], UnsupportedError):
            return f"Unsupported parameters for (serverprism.cloud.{self.operation.name}) module: {message}"
        return with_hint(message)

    def _tell(self, host: str, text: str) -> None:
        """Show a progress line of the worker at once, except for a task with ``no_log``."""
        if self._task.no_log:
            return
        line = f"[{host}] {printable(text)}" if host else printable(text)
        if told_to_stop():
            _show_without_ansible(line)
        elif _has_reader(1):
            display.display(line)

    def _warn(self, host: str, text: str) -> None:
        if told_to_stop():
            self._tell(host, f"WARNING: {text}")
        elif _has_reader(2):
            display.warning(printable(text))

    def _task_environment(self) -> dict[str, str]:
        """Return ``environment`` of play, block and task, templated and merged as Ansible does for modules."""
        merged: dict[str, str] = {}
        stated = self._task.environment or []
        for layer in stated if isinstance(stated, list) else [stated]:
            values = self._templar.template(layer)
            if isinstance(values, dict):
                merged.update({str(key): str(value) for key, value in values.items()})
        return merged


class ControllerAction(ServerPrismAction):
    """An action that needs all hosts of the run, so it runs in the Ansible worker for any connection."""

    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task."""
        task_vars = task_vars or {}
        ActionBase.run(self, tmp, task_vars)
        with _environment(self._task_environment()):
            return self._run_here(task_vars)

    def _show(self, lines: Iterable[str]) -> None:
        """Show lines unchanged, except for a task with ``no_log``."""
        if not self._task.no_log and _has_reader(1):
            display.display("\n".join(lines))


def _shows_invocation(task_vars: dict[str, Any]) -> bool:
    """Return whether results contain their options, as the results of modules do. Older versions of ansible-core have no setting for it."""
    try:
        return bool(constants.config.get_config_value("INJECT_INVOCATION", variables=task_vars))
    except AnsibleError:
        return True


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and restore the environment afterwards, because a worker runs all items of a loop."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

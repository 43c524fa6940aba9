# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._interrupt import told_to_stop
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.outcome import blank
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.run import MAINTENANCE, OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import local_time, zone
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import failure
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.events import FAILED
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server, with_error
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _orders as orders
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _run_check as run_check
from ansible_collections.serverprism.cloud.plugins.plugin_utils._access import check_access
from ansible_collections.serverprism.cloud.plugins.plugin_utils._action import ControllerAction, Screen
from ansible_collections.serverprism.cloud.plugins.plugin_utils._began import BEGAN
from ansible_collections.serverprism.cloud.plugins.plugin_utils._canary import check_terminal, pause_of
from ansible_collections.serverprism.cloud.plugins.plugin_utils._canary import watch as watch_canary
from ansible_collections.serverprism.cloud.plugins.plugin_utils._conduct import Quiet, Run, end_runs, log_of
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import Hosts, HostVariables
from ansible_collections.serverprism.cloud.plugins.plugin_utils._max_wait import max_wait
from ansible_collections.serverprism.cloud.plugins.plugin_utils._names import misspelt, refuse_unknown
from ansible_collections.serverprism.cloud.plugins.plugin_utils._notify import notifier_of, webhook_of
from ansible_collections.serverprism.cloud.plugins.plugin_utils._products import products_of
from ansible_collections.serverprism.cloud.plugins.plugin_utils._report_files import RunReport
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_folder import PlayLog, RunFolder
from ansible_collections.serverprism.cloud.plugins.plugin_utils._servers import require_hosts
from ansible_collections.serverprism.cloud.plugins.plugin_utils._watch import Watch

# Where options of the API can be set for all servers; a later one wins.
DEFAULTS = ("group/serverprism.cloud.api", "serverprism.cloud.serverprism_maintenance", "serverprism.cloud.serverprism_run")
UNREACHABLE = "a later task of its host failed, or could not reach it"
# Seconds between two checks for a result that another task must store.
RESULT_POLL = 0.2
# The strategy loads this file in ansible-playbook itself, which looks for results of its workers this often, in seconds. Its default of
# 0.001 costs a twelfth of a processor for as long as the run lasts, which can be hours.
constants.DEFAULT_INTERNAL_POLL_INTERVAL = max(constants.DEFAULT_INTERNAL_POLL_INTERVAL, 0.02)


class ActionModule(ControllerAction):
    """The steps of a run: check it, let hosts join it, conduct it in one process, return the outcome of each host, report it."""

    operation = OPERATION

    def _run_here(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in self._task.args.items() if name in OPERATION.options}
        validated = ArgumentSpecValidator(dict(OPERATION.options)).validate(given)
        if validated.error_messages:
            return {"changed": False, "failed": True, "msg": str(validated.errors.msg)}
        params = validated.validated_parameters
        try:
            return getattr(self, f"_{params['step']}")(params, task_vars)  # type: ignore[no-any-return]
        except ServerPrismError as exc:
            return {"changed": False, "failed": True, "msg": str(exc)}

    def _part(self) -> str:
        """Return the ID of this inclusion of the role."""
        # The tasks of a run are in one block, and each inclusion of the role has a separate block, which may be around another one.
        role, block = self._task._role, self._task._parent
        while role is not None and block._parent is not None and block._parent._role is role:
            block = block._parent
        return str(block._uuid)

    def _folder(self) -> RunFolder:
        return RunFolder(self._part())

    def _play(self) -> PlayLog:
        return PlayLog(str(self._task._parent._play._uuid), self._part())

    def _check(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        hosts = Hosts(self, task_vars)
        refuse_unknown(hosts.extra_vars, run_check.KNOWN)
        names = hosts.matching(params["hosts"])
        require_hosts(names, run_check.HOSTS[params["playbook"]], params["hosts"])
        if params["playbook"] != MAINTENANCE:
            playbook = run_check.PLAYBOOKS[params["playbook"]]
            # A token that cannot be templated is refused here: to "default" in the playbook it would be one that is not set.
            found = hosts.read(names, [*playbook.names, *(orders.ACCESS.values() if playbook.reads else ())], DEFAULTS)
            run_check.check_hosts(playbook, found)
            self._warn_of_misspelt(found)
            if not playbook.reads:
                # Holds need no access to the API.
                return {"changed": False, "max_wait": None}
            check_access(map(_access, found.values()))
            forks = int(task_vars.get("ansible_forks") or 5)
            return {"changed": False, "max_wait": max_wait(len(names), forks, playbook.reads, playbook.writes)}
        found = hosts.read(names, [*orders.ID_VARIABLES, *run_check.BATCHES, *run_check.TASKS, *orders.REPORT, *orders.NOTIFY])
        run_check.refuse_run_id(hosts.extra_vars)
        run_check.check_duplicates({name: one.values for name, one in found.items()})
        values = [one.values for one in found.values()]
        run_check.check_batches(hosts.extra_vars, values)
        run_check.check_tasks(hosts.extra_vars, values)
        pause_of(hosts.extra_vars.get(run_check.PAUSE))
        check_terminal(hosts.extra_vars.get(run_check.CONFIRM))
        run_check.report_folder(hosts.extra_vars, values)
        run_check.check_report_formats(values)
        webhook_of(values)
        self._warn_of_misspelt(found)
        # If some hosts can be maintained, the others fail later, each with its message.
        problems: dict[str, list[str]] = {}
        for name in names:
            one = hosts.read([name], orders.NAMES)[name]
            # The token is checked after the options, because that takes a request.
            problem = orders.take(name, one.values, one.errors, {"api_token": "not-checked"}, BEGAN).refused
            if problem is None:
                check_access(_access(hosts.read([host], orders.ACCESS.values(), DEFAULTS)[host]) for host in names)
                return {"changed": False}
            problems.setdefault(str(problem), []).append(name)
        raise run_check.refusal(problems, len(names))

    def _warn_of_misspelt(self, found: dict[str, HostVariables]) -> None:
        for warning in misspelt({host: one.names for host, one in found.items()}, run_check.KNOWN):
            self._warn("", warning)

    def _join(self, _params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._folder().join(str(task_vars["inventory_hostname"]))
        return {"changed": False}

    def _prepared(self, _params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._play().prepared(str(task_vars["inventory_hostname"]))
        return {"changed": False}

    def _conduct(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        batch = list(task_vars["ansible_play_batch"])
        earlier = self._play().begin_batch(batch)
        prepared = self._play().prepared_hosts()
        ready = [host for host in batch if not params["prepared"] or host in prepared]
        hosts = self._folder().joined(ready) if params["joining"] else self._folder().take_all(ready)
        later = _not_begun(task_vars, [*earlier, *batch])
        notifies = params["messages"] and not self._task.check_mode
        return {"changed": False, "plan": self._maintain(task_vars, hosts, earlier, later, notifies=notifies) if hosts else ""}

    def _outcome(self, _params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        host = str(task_vars["inventory_hostname"])
        folder = self._folder()
        if folder.joined([host]) or not folder.was_conducted(host):
            # Under a strategy that ignores run_once, or where the first host took no part.
            self._warn(host, f"No conductor included host {host}, so its server is maintained in a run of its own.")
            self._maintain(task_vars, [host], [], [], shows_plan=False)
        # Under a strategy that ignores run_once, the task of another host can be conducting it.
        while folder.is_conducted(host) and not folder.has_result(host):
            time.sleep(RESULT_POLL)
        lost = f"The result of host {host} is lost. Look at the output of the run and at the server's console before you repeat the run."
        return folder.get(host) or {**blank(0), "failed": True, "msg": lost}

    def _canary(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        play = self._play()
        batches = play.batches()
        rest = _not_begun(task_vars, [host for batch in batches for host in batch])
        seconds = pause_of(params["pause"])
        result: dict[str, Any] = {"changed": False, "waited": False, "others": 0, "bad": {}}
        if self._task.check_mode or len(batches) != 1 or not rest:
            return result
        done = [host for host, row in play.rows(own=True).items() if row["outcome"] == "done" and host in task_vars["ansible_play_hosts"]]
        found = Hosts(self, task_vars).read(done, orders.NAMES, DEFAULTS)
        up = [order for order in _orders_of(found).values() if not order.refused and order.params["state"] == "restarted"]
        # A canary that was off has nothing to look at.
        result.update(others=len(rest), waited=seconds > 0 and bool(up))
        if result["waited"]:
            run = Run(up, [], Quiet())
            until = local_time(time.time() + seconds, zone(next((one.params["timezone"] for one in up), "UTC")))
            with Screen() as screen:
                screen.show(self._tell, "", f"waiting after the canary until {until}")
                result["bad"] = watch_canary(
                    {order.host: partial(run.look, order) for order in up},
                    seconds,
                    SystemClock(),
                    max((one.params["status_cache"] for one in up), default=0.0),
                )
        return result

    def _failed(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        host, error = str(task_vars["inventory_hostname"]), params["error"] or "failed"
        self._play().failed(host, error)
        order = _orders_of(Hosts(self, task_vars).read([host], orders.NAMES, DEFAULTS))[host]
        if not order.refused and not self._task.check_mode:
            # The play must learn of the failure, even if the log of the run cannot be used.
            with suppress(ServerPrismError):
                log_of(order).add(FAILED, time.time(), host=host, error=error)
        return {"changed": False, "failed": True, "msg": error}

    def _report(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        play = self._play()
        # Ansible's variables lack the failed hosts of the batch. With --start-at-task no conductor has stored it.
        batches = play.batches() or [list(task_vars["ansible_play_batch"]) or list(task_vars["ansible_play_hosts_all"])]
        # The tasks before a maintenance failed for all hosts of the batch.
        lost = play.failed_hosts().difference(*batches)
        batches += [sorted(lost)] if lost else []
        batch, begun = batches[-1], [host for one in batches for host in one]
        rest = _not_begun(task_vars, begun)
        # Ansible begins no further batch if all hosts of a batch have failed.
        spared = rest if set(task_vars["ansible_play_hosts"]).isdisjoint(batch) else []
        deferred = {name: server(name, {"outcome": "deferred", "reason": run_check.NOT_BEGUN}) for name in spared}
        # Ansible does not rescue a host that a later task could not reach.
        gone = set(begun).difference(task_vars["ansible_play_hosts"], play.failed_hosts())
        known = {name: with_error(row, UNREACHABLE) if name in gone else row for name, row in {**play.rows(), **deferred}.items()}
        hosts = Hosts(self, task_vars)
        found = [one.values for one in hosts.read([*begun, *rest], [*orders.REPORT, *orders.NOTIFY]).values()]
        options = run_check.report_options(hosts.extra_vars, found, params["report_dir"], params["report_formats"])
        report = RunReport(known.values(), options, self._task.check_mode)
        lines = report.lines([*batch, *spared])
        if len(batches) == 1 and rest and not spared and not report.has_tested():
            self._warn("", report.untested(len(rest)))
        # The folder was checked before the run. A report that cannot be written now is a warning, not a failure.
        warning = report.write()
        if warning:
            self._warn("", warning)
        self._show(lines)
        result: dict[str, Any] = {"changed": False, "summary": lines}
        if not self._task.check_mode and (spared or not rest):
            # The run is over: no further batch begins.
            self._tell_end(found, report)
            ending = hosts.read(spared or begun[:1], orders.NAMES, DEFAULTS)
            end_runs(_orders_of(ending).values(), deferred)
            if hosts.extra_vars.get(run_check.FINALLY_TASKS):
                result["report"] = report.data
        # Only the last batch can tell: the canary can have a longer countdown than the others.
        too_late = "" if rest else run_check.all_too_late([known[name] for name in begun if name in known])
        if too_late and not self._task.check_mode:
            result.update(msg=too_late, failed=params["fails"])
        return result

    def _tell_end(self, hosts: list[dict[str, Any]], report: RunReport) -> None:
        try:
            notifier_of(hosts, lambda text: self._warn("", text)).end(report.data)
        except BadOption as exc:
            # With --start-at-task, nothing has checked the variables.
            self._warn("", str(exc))

    def _maintain(
        self,
        task_vars: dict[str, Any],
        hosts: list[str],
        earlier: list[str],
        later: list[str],
        shows_plan: bool = True,
        notifies: bool = False,
    ) -> str:
        """Conduct the run of these hosts, which come between earlier and later batches, and return the text of the plan."""
        folder, play = self._folder(), self._play()
        variables = Hosts(self, task_vars)
        found = variables.read([*hosts, *earlier, *later], orders.NAMES, DEFAULTS)
        values = [one.values for one in found.values()]
        taken = _orders_of(found)
        orders.refuse_duplicates(taken.values())
        # This includes unreachable hosts, which Ansible does not rescue.
        failed = set(earlier).difference(task_vars["ansible_play_hosts"])
        if run_check.too_many_failed(variables.extra_vars, len(failed), len(earlier)):
            rows = {}
            for host in hosts:
                result = {**blank(taken[host].server_id), "outcome": "deferred", "reason": run_check.NOT_BEGUN}
                rows[host] = server(host, result)
                play.ended(rows[host])
                folder.put(host, result)
            if not self._task.check_mode:
                end_runs([taken[host] for host in hosts], rows)
            return ""
        options = run_check.report_options(variables.extra_vars, values)
        with Screen() as screen:
            notifier = notifier_of(values if notifies else [], lambda text: screen.show(self._warn, "", text))
            watch = Watch(
                folder,
                play,
                notifier,
                # Only the playbook replaces the present state by a report at the end.
                options if notifies else replace(options, folder=""),
                begun=len(earlier),
                waiting=len(hosts) + len(later),
                tell=lambda host, text: screen.show(self._tell, host, text),
                warn=lambda host, text: screen.show(self._warn, host, text),
            )
            run = Run(
                [taken[host] for host in hosts],
                [taken[host] for host in later],
                watch,
                check_mode=self._task.check_mode,
                diff=self._task.diff,
                max_failures=min((order.max_failures for order in taken.values() if order.max_failures), default=None),
                failed_before=play.failures(),
                # The first plan of a run with a canary covers all servers. In check mode a later plan would say the same.
                shows_plan=shows_plan and not (earlier and self._task.check_mode),
                earlier=[taken[host] for host in earlier],
                products=products_of,
            )
            plan = ""
            try:
                plan = watch.conduct(run)
            except ServerPrismError as exc:
                for host in hosts:
                    result = {**blank(taken[host].server_id), **failure(exc)}
                    watch.ended(host, result, server(host, result))
            else:
                watch.close()
                if told_to_stop():
                    # After an interruption Ansible runs no further task, so the report task would never run.
                    report = RunReport(play.rows().values(), options, self._task.check_mode)
                    for line in report.last_words([host for batch in play.batches() for host in batch]):
                        screen.show(self._tell, "", line)
                    notifier.end(report.data, interrupted=True)
            notifier.close()
        return plan


def _orders_of(found: Mapping[str, HostVariables]) -> dict[str, orders.Order]:
    """Return the order of each host, from its variables and the defaults of the task."""
    return {host: orders.take(host, one.values, one.errors, orders.access_of(one.defaults), BEGAN) for host, one in found.items()}


def _not_begun(task_vars: dict[str, Any], begun: list[str]) -> list[str]:
    """Return the hosts of the play that have neither failed nor been in one of its batches."""
    alive = set(task_vars["ansible_play_hosts"])
    return [host for host in task_vars["ansible_play_hosts_all"] if host in alive and host not in begun]


def _access(host: HostVariables) -> dict[str, Any]:
    """Return the options of the API of a host."""
    given = {option: host.values[name] for option, name in orders.ACCESS.items() if host.values.get(name)}
    return {**orders.access_of(host.defaults), **given}

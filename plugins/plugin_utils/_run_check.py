# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse a run that cannot work, before anything is sent. Private to this collection."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.serverprism.cloud.plugins.module_utils._announce import OPERATION as ANNOUNCE
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.hold import OPERATION as HOLD
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.run import REPORT_FORMATS
from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.schedule import zone
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import Operation
from ansible_collections.serverprism.cloud.plugins.module_utils._power.operation import OPERATION as POWER
from ansible_collections.serverprism.cloud.plugins.plugin_utils._canary import CONFIRM, PAUSE
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import HostVariables
from ansible_collections.serverprism.cloud.plugins.plugin_utils._orders import (
    ID_VARIABLES,
    NAMES,
    REASON,
    TIMEZONE,
    check_is_file,
)
from ansible_collections.serverprism.cloud.plugins.plugin_utils._report_files import ReportOptions
from ansible_collections.serverprism.cloud.plugins.plugin_utils._servers import duplicates, server_id_of

NOT_BEGUN = "not begun: too many servers before it failed"
# The number of different problems that a refused run shows.
MOST_PROBLEMS = 5
CANARY, SHARE, FOLDER = "maintenance_canary", "maintenance_max_fail_percentage", "maintenance_report_dir"
FORMATS, DEFAULT_FORMATS = "maintenance_report_formats", ("html", "json")
BATCHES = (CANARY, SHARE, PAUSE, CONFIRM)
# The files with tasks of the user that the playbook runs.
FINALLY_TASKS = "maintenance_finally_tasks"
TASKS = (*(f"maintenance_{when}_tasks" for when in ("before", "after", "failed")), FINALLY_TASKS)
ID = "serverprism_id"
RUN = "maintenance_run"


@dataclass(frozen=True)
class Playbook:
    """A playbook: its operation, the variables of its options, and the largest number of reads and writes of each host."""

    operation: Operation
    variables: Mapping[str, str]
    reads: int
    writes: int
    # Further variables of the playbook, which its task checks.
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return all variables of the playbook."""
        return (*self.variables.values(), *self.others)


PLAYBOOKS = {
    # One read for the list of servers, and one for the state.
    "announce": Playbook(
        ANNOUNCE,
        {"server_id": ID, "text": "announce_text", "announce_command": "announce_command"},
        2,
        1,
        ("maintenance_announce_command", "maintenance_game", "maintenance_product"),
    ),
    # A signal that was dropped is sent up to three times.
    "power": Playbook(POWER, {**{name: f"power_{name}" for name in POWER.options}, "server_id": ID}, 3, 3),
    "hold": Playbook(
        HOLD,
        {"server_id": ID, "end": "hold_until", "reason": "hold_reason", "cancel": "hold_cancel", "timezone": TIMEZONE},
        0,
        0,
        ("serverprism_api_url",),
    ),
    "release": Playbook(
        replace(HOLD, check=lambda params: HOLD.check({**params, "state": "absent"})),
        {"server_id": ID, "timezone": TIMEZONE},
        0,
        0,
        ("serverprism_api_url",),
    ),
}
# The variable of each playbook that selects its hosts.
HOSTS = {**{name: f"{name}_hosts" for name in ("announce", "hold", "maintenance", "power")}, "release": "hold_hosts"}
# The variables of all playbooks and of the role maintenance.
KNOWN = frozenset(
    (*NAMES, *BATCHES, *TASKS, *(name for one in PLAYBOOKS.values() for name in one.names))
    + (*HOSTS.values(), "status_hosts", "status_file", RUN, "progress_follow")
)


def check_hosts(playbook: Playbook, hosts: Mapping[str, HostVariables]) -> None:
    """Refuse a run with duplicates, with a variable that cannot be templated, or in which every host has a problem.

    If only some hosts have a problem, their tasks fail by themselves.
    """
    errors: dict[str, list[str]] = {}
    problems: dict[str, list[str]] = {}
    for host, found in hosts.items():
        for name, reason in found.errors.items():
            errors.setdefault(f"{name}: {reason}.", []).append(host)
        problems.setdefault(_problem_of(playbook, found.values), []).append(host)
    # The filter "default" treats a variable with an error like one that is not set, so the task would ignore it.
    refused = errors or ({} if "" in problems else problems)
    if refused:
        raise refusal(refused, len(hosts))
    check_duplicates({host: found.values for host, found in hosts.items()})


def refusal(problems: Mapping[str, Sequence[str]], hosts: int) -> ServerPrismError:
    """Return the error for a run of this number of hosts that is refused. ``problems`` are the hosts of each problem."""
    said = [what if len(names) == hosts else f"{_named(names)}: {what}" for what, names in problems.items()]
    more = f" There are {len(said) - MOST_PROBLEMS} more problems." if len(said) > MOST_PROBLEMS else ""
    return ServerPrismError(" ".join(said[:MOST_PROBLEMS]) + more)


def _problem_of(playbook: Playbook, values: Mapping[str, Any]) -> str:
    """Return the problem of a host's variables, empty if there is none. The message begins with the name of the variable."""
    names = playbook.variables
    spec = {names[option]: entry for option, entry in playbook.operation.options.items() if option in names}
    # A variable that is left empty counts as not set.
    given = {name: values[name] for name in spec if values.get(name) not in (None, "")}
    validated = ArgumentSpecValidator(spec).validate({**given, ID: server_id_of(values, [ID])})
    if validated.error_messages:
        return str(validated.error_messages[0])
    try:
        playbook.operation.check({option: validated.validated_parameters[name] for option, name in names.items()})
    except BadOption as exc:
        return str(exc).replace(exc.option, names[exc.option], 1)
    return ""


def _named(hosts: Sequence[str]) -> str:
    return ", ".join(hosts) if len(hosts) <= 5 else f"{', '.join(hosts[:5])} and {len(hosts) - 5} others"


def check_batches(extra_vars: Mapping[str, Any], hosts: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a canary or a share of failures that is not a number, or that is set for hosts.

    Ansible makes its batches before it reads host variables.
    """
    canary, share = str(extra_vars.get(CANARY) or 0), str(extra_vars.get(SHARE) or 0).strip()
    if not re.fullmatch(r"[0-9]+", canary):
        raise BadOption(CANARY, f"must be a number of servers, 0 for none, got {canary}")
    if not re.fullmatch(r"[0-9]+([.][0-9]+)?%?", share) or float(share.rstrip("%")) > 100:
        raise BadOption(SHARE, f"must be a percentage from 0 to 100, got {share}")
    _refuse_for_hosts(BATCHES, extra_vars, hosts, "Ansible makes its batches before it reads host variables")


def refuse_run_id(extra_vars: Mapping[str, Any]) -> None:
    """Refuse the ID of a run under the name that it has for other playbooks. Servers that are done would be restarted again."""
    if RUN in extra_vars:
        raise BadOption(RUN, "is a variable of the playbooks progress and report. To repeat a run, give its ID as maintenance_id")


def check_tasks(extra_vars: Mapping[str, Any], hosts: Iterable[Mapping[str, Any]]) -> None:
    """Refuse files with tasks of the user that do not exist, or that are set for hosts. Ansible would not find those."""
    for name in TASKS:
        check_is_file(name, extra_vars.get(name))
    _refuse_for_hosts(TASKS, extra_vars, hosts, "Ansible reads these files before it reads host variables")


def _refuse_for_hosts(names: Iterable[str], extra_vars: Mapping[str, Any], hosts: Iterable[Mapping[str, Any]], what: str) -> None:
    hosts = list(hosts)
    for name in names:
        set_for_hosts = [values[name] for values in hosts if values.get(name) not in (None, "", 0, "0", "0%")]
        if set_for_hosts and name not in extra_vars:
            raise BadOption(name, f"is set for hosts, but {what}. Give it with -e {name}={set_for_hosts[0]}")


def report_folder(extra_vars: Mapping[str, Any], hosts: Iterable[Mapping[str, Any]]) -> str:
    """Return the folder of the report, empty for none. Raise BadOption for several folders, or for one that cannot be used."""
    folders = report_folders(extra_vars, hosts)
    if len(folders) > 1:
        raise BadOption(
            FOLDER,
            f"the hosts of this run name different folders: {', '.join(folders)}. A run has one report, so give it one folder, for all "
            f"hosts or with -e {FOLDER}=...",
        )
    if not folders:
        return ""
    problem = _problem(folders[0])
    if problem:
        raise BadOption(FOLDER, f"no report can be written into {folders[0]}, since {problem}. Nothing was sent. Name another folder")
    return folders[0]


def report_folders(extra_vars: Mapping[str, Any], hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the report folders that the hosts of a run have, as absolute paths. A folder from the command line wins."""
    given = [extra_vars[FOLDER]] if extra_vars.get(FOLDER) else [values.get(FOLDER) for values in hosts]
    return sorted({os.path.abspath(os.path.expanduser(str(one))) for one in given if one})


def check_report_formats(hosts: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a format of the report that does not exist."""
    unknown = sorted(_formats_of(hosts) - set(REPORT_FORMATS))
    if unknown:
        raise BadOption(FORMATS, f"must be a list of {', '.join(REPORT_FORMATS)}, got {', '.join(unknown)}")


def report_formats(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the formats of a run's report: all that its hosts name. A host without the variable counts with the default."""
    named = _formats_of(hosts)
    return [one for one in REPORT_FORMATS if one in named] or [*DEFAULT_FORMATS]


def report_options(
    extra_vars: Mapping[str, Any], hosts: Sequence[Mapping[str, Any]], folder: str | None = None, formats: Sequence[str] | None = None
) -> ReportOptions:
    """Return what a run's report needs. ``folder`` and ``formats`` win over the variables of the hosts."""
    return ReportOptions(
        folder or next(iter(report_folders(extra_vars, hosts)), ""),
        tuple(formats or report_formats(hosts)),
        report_timezone(hosts),
        common_text(REASON, hosts),
    )


def _formats_of(hosts: Iterable[Mapping[str, Any]]) -> set[str]:
    given = [values.get(FORMATS) or DEFAULT_FORMATS for values in hosts]
    lists = [one.split(",") if isinstance(one, str) else one if isinstance(one, (list, tuple)) else [one] for one in given]
    return {str(name).strip() for names in lists for name in names} - {""}


def report_timezone(hosts: Iterable[Mapping[str, Any]]) -> str:
    """Return the time zone of a run's report: that of its hosts, or UTC if they have several or an unknown one."""
    names = {str(values.get(TIMEZONE) or "UTC") for values in hosts}
    name = names.pop() if len(names) == 1 else "UTC"
    try:
        zone(name)
    except BadOption:
        return "UTC"
    return name


def common_text(name: str, hosts: Iterable[Mapping[str, Any]]) -> str:
    """Return the value of a variable of those hosts that have one, or an empty text if they have several or none."""
    texts = {str(values[name]) for values in hosts if values.get(name) not in (None, "")}
    return texts.pop() if len(texts) == 1 else ""


def _problem(folder: str) -> str:
    """Return the reason why a folder cannot be written or created, empty if it can."""
    there = folder
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    name = "it" if there == folder else there
    if not os.path.exists(there):
        return f"{name} is a link to nothing"
    if not os.path.isdir(there):
        return f"{name} exists and is not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{name} cannot be written by this user"


def check_duplicates(hosts: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a run in which a server belongs to several hosts."""
    twice = duplicates({host: server_id_of(values, ID_VARIABLES) for host, values in hosts.items()})
    if twice:
        raise ServerPrismError(" ".join(dict.fromkeys(map(str, twice.values()))))


def all_too_late(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the message for a run whose deadline left out every server that had something to do, empty for any other run."""
    had_work = [row for row in rows if row["outcome"] != "skipped" and not row["held_back"]]
    if not had_work or not all(row["deadline_missed_by"] for row in had_work):
        return ""
    first = min(had_work, key=lambda row: int(row["deadline_missed_by"]))
    return (
        f"Nothing was maintained: the deadline leaves out every server that had something to do ({len(had_work)}). "
        f"The nearest is host {first['host']}: {first['reason']}. Set a later maintenance_deadline, or start earlier."
    )


def too_many_failed(extra_vars: Mapping[str, Any], failed: int, hosts: int) -> bool:
    """Return whether more hosts of earlier batches failed than ``maintenance_max_fail_percentage`` allows."""
    share = float(str(extra_vars.get(SHARE) or 0).strip().rstrip("%"))
    return failed * 100 > share * hosts

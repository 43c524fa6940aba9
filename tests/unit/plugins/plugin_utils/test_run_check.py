# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of a playbook is checked before anything is sent."""

from __future__ import annotations

import os

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.plugin_utils import _run_check as run_check
from ansible_collections.serverprism.cloud.plugins.plugin_utils._hosts import HostVariables
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import CANARY, FOLDER, FORMATS, PLAYBOOKS, SHARE, check_hosts

IS_ROOT = os.geteuid() == 0
GOOD = {"announce": {"announce_text": "hello"}, "power": {"power_state": "stopped"}, "hold": {"hold_until": "12:00"}, "release": {}}


def check(name, **hosts):
    """Check a run of hosts with these variables. Each has a server."""
    check_hosts(PLAYBOOKS[name], {host: HostVariables({"serverprism_id": ord(host), **values}) for host, values in hosts.items()})


@pytest.mark.parametrize("name", GOOD)
def test_server_of_two_hosts_is_refused(name):
    with pytest.raises(ServerPrismError, match="serverprism_id: server 1 belongs to more than one host of this run: a, b"):
        check(name, a={**GOOD[name], "serverprism_id": 1}, b={**GOOD[name], "serverprism_id": "1"})


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("power", {}, "missing required arguments: power_state"),
        ("power", {"power_state": ""}, "missing required arguments: power_state"),
        ("power", {"power_state": "rebooted"}, "value of power_state must be one of"),
        ("power", {**GOOD["power"], "power_wait_timeout": 0}, "power_wait_timeout: must be greater than 0"),
        ("power", {**GOOD["power"], "power_kill_after": "soon"}, "argument 'power_kill_after' is of type"),
        ("power", {**GOOD["power"], "serverprism_id": "abc"}, "serverprism_id: 0 is not a service ID"),
        ("hold", {}, "hold_until: is not set"),
        ("hold", {**GOOD["hold"], "hold_cancel": "perhaps"}, "argument 'hold_cancel' is of type"),
        ("hold", {**GOOD["hold"], "maintenance_timezone": "x"}, "maintenance_timezone: 'x' is not"),
        ("hold", {**GOOD["hold"], "serverprism_id": "abc"}, "serverprism_id: 0 is not a service ID"),
        ("release", {"serverprism_id": "abc"}, "serverprism_id: 0 is not a service ID"),
        ("announce", {}, "missing required arguments: announce_text"),
        ("announce", {"announce_text": " "}, "announce_text: is empty"),
        ("announce", {"announce_text": "a\nb"}, "announce_text: contains a line break"),
        ("announce", {"announce_text": "x" * 1025}, "announce_text: must have at most 1024 characters"),
        ("announce", {"announce_text": "{time}"}, "announce_text: {time} cannot be used here"),
        ("announce", {"announce_text": "x", "announce_command": "say x"}, "announce_command: must contain {text}"),
    ],
)
def test_problem_of_all_hosts_is_refused_and_that_of_one_is_left_to_its_task(name, values, problem):
    with pytest.raises(ServerPrismError) as refused:
        check(name, a=values)
    assert str(refused.value).startswith(problem)
    check(name, a=values, b=GOOD[name])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("power", {"power_state": "stopped", "power_kill_after": "", "power_wait": None, "power_wait_timeout": "90"}),
        ("announce", {"announce_text": 20260504, "announce_command": None}),
        ("announce", {"announce_text": "{name}", "announce_command": "Broadcast {text_}"}),
    ],
)
def test_good_and_empty_variables_are_accepted(name, values):
    check(name, a=values)


def test_variable_that_cannot_be_templated_refuses_the_run():
    """A task would treat the variable as not set and use another value than the user meant."""
    broken = HostVariables({"serverprism_id": 1, **GOOD["power"]}, {"power_kill_after": "x is undefined"})
    good = HostVariables({"serverprism_id": 2, **GOOD["power"]})
    with pytest.raises(ServerPrismError, match=r"^power_kill_after: x is undefined\.$"):
        check_hosts(PLAYBOOKS["power"], {"a": broken})
    with pytest.raises(ServerPrismError, match=r"^a: power_kill_after: x is undefined\.$"):
        check_hosts(PLAYBOOKS["power"], {"a": broken, "b": good})


def test_each_problem_is_named_once_with_its_hosts():
    with pytest.raises(ServerPrismError) as refused:
        check("announce", a={}, b={}, c={**GOOD["announce"], "announce_command": "x"}, d={}, e={}, f={}, g={}, h={})
    said = str(refused.value)
    assert said.startswith("a, b, d, e, f and 2 others: missing required arguments: announce_text") and "c: announce_command: " in said


@pytest.mark.parametrize("extra", [{}, {CANARY: 0}, {CANARY: "3"}, {SHARE: 50}, {SHARE: "12.5%"}, {SHARE: " 100 "}, {SHARE: ""}])
def test_batches(extra):
    run_check.check_batches(extra, [{}, {CANARY: 0}, {SHARE: "0%"}, {SHARE: None}])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (CANARY, "one", "must be a number of servers, 0 for none, got one"),
        (CANARY, -1, "must be a number of servers, 0 for none, got -1"),
        (CANARY, 1.5, "must be a number of servers, 0 for none, got 1.5"),
        (SHARE, "half", "must be a percentage from 0 to 100, got half"),
        (SHARE, 101, "must be a percentage from 0 to 100, got 101"),
        (SHARE, "-1", "must be a percentage from 0 to 100, got -1"),
        (SHARE, "1e1", "must be a percentage from 0 to 100, got 1e1"),
    ],
)
def test_bad_batches_are_refused(name, value, words):
    with pytest.raises(BadOption) as caught:
        run_check.check_batches({name: value}, [])
    assert str(caught.value) == f"{name}: {words}."


@pytest.mark.parametrize("name", [CANARY, SHARE])
def test_batches_that_are_set_for_hosts_are_refused(name):
    with pytest.raises(BadOption, match=f"{name}: is set for hosts, .* Give it with -e {name}=5"):
        run_check.check_batches({}, [{}, {name: 5}])
    # On the command line it holds for all hosts, and each has it then.
    run_check.check_batches({name: 5}, [{name: 5}])


def test_report_folder_of_a_run(tmp_path):
    given = str(tmp_path / "new" / "folder")
    assert run_check.report_folder({}, [{}, {FOLDER: given}, {FOLDER: f"{given}/"}]) == given
    assert run_check.report_folder({FOLDER: given}, [{FOLDER: "/other"}]) == given
    assert run_check.report_folder({}, [{}, {FOLDER: ""}]) == ""


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run_check.report_folder({FOLDER: "~/reports"}, []) == str(tmp_path / "reports")


def test_two_report_folders_are_refused(tmp_path):
    with pytest.raises(BadOption, match=f"the hosts of this run name different folders: {tmp_path}/a, {tmp_path}/b"):
        run_check.report_folder({}, [{FOLDER: tmp_path / "b"}, {FOLDER: tmp_path / "a"}])


def test_relative_report_folder_starts_at_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_check.report_folder({FOLDER: "reports"}, []) == str(tmp_path / "reports")


def bad_folder(tmp_path, kind):
    """Return a path that no report can be written to."""
    path = tmp_path / kind
    if kind == "file":
        path.write_text("")
    elif kind == "link":
        path.symlink_to("nowhere")
    elif kind == "below a file":
        (tmp_path / "other").write_text("")
        return tmp_path / "other" / "reports"
    else:
        path.mkdir(mode=0o500)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("file", "it exists and is not a folder"),
        ("link", "it is a link to nothing"),
        ("below a file", "other exists and is not a folder"),
        pytest.param("locked", "it cannot be written by this user", marks=pytest.mark.skipif(IS_ROOT, reason="root writes everywhere")),
    ],
)
def test_report_folder_that_cannot_be_used_is_refused(tmp_path, kind, words):
    with pytest.raises(BadOption, match=f"no report can be written into .*{words}. Nothing was sent"):
        run_check.report_folder({FOLDER: str(bad_folder(tmp_path, kind))}, [])


def test_duplicates_are_refused():
    hosts = {"b": {"serverprism_id": 7}, "a": {"serverprism_id": "7"}, "c": {"serverprism_id": 8}, "d": {}, "e": {}}
    with pytest.raises(ServerPrismError, match="server 7 belongs to more than one host of this run: a, b"):
        run_check.check_duplicates(hosts)
    run_check.check_duplicates({name: values for name, values in hosts.items() if name != "a"})


@pytest.mark.parametrize(
    ("share", "failed", "hosts", "is_too_many"),
    [
        (None, 0, 2, False),
        (None, 1, 2, True),
        (0, 1, 2, True),
        (50, 1, 2, False),
        ("49%", 1, 2, True),
        (100, 2, 2, False),
        # Without an earlier batch.
        (None, 0, 0, False),
    ],
)
def test_failures_after_which_no_further_batch_is_maintained(share, failed, hosts, is_too_many):
    assert run_check.too_many_failed({SHARE: share}, failed, hosts) == is_too_many


LATE = {"outcome": "deferred", "deadline_missed_by": 360, "reason": "the restart would begin at 04:06:00 CET, 6 minutes after the deadline"}


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([], ""),
        ([{"outcome": "skipped"}], ""),
        ([LATE], "(1). The nearest is host a: the restart would begin at 04:06:00 CET, 6 minutes after the deadline. Set"),
        ([{**LATE, "deadline_missed_by": 400}, {"outcome": "skipped"}, LATE], "(2). The nearest is host c: "),
        ([LATE, {"outcome": "done", "deadline_missed_by": None}], ""),
        ([LATE, {"outcome": "failed"}], ""),
        ([LATE, {"outcome": "deferred", "held_back": True}], "(1). The nearest is host a: "),
        ([{"outcome": "deferred", "held_back": True}], ""),
        # Held back by max_failures, or never begun.
        ([LATE, {"outcome": "deferred", "reason": run_check.NOT_BEGUN}], ""),
    ],
)
def test_run_whose_deadline_leaves_out_everything_fails(results, said):
    got = run_check.all_too_late([server(host, one) for host, one in zip("abc", results)])
    assert said in got and bool(got) == bool(said), got


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([None], ["html", "json"]),
        (["", []], ["html", "json"]),
        ([["junit"]], ["junit"]),
        ([("markdown", "json")], ["json", "markdown"]),
        (["junit,html"], ["html", "junit"]),
        (["junit, ", ""], ["html", "json", "junit"]),
        (["junit, html", "markdown"], ["html", "markdown", "junit"]),
        ([["junit"], None], ["html", "json", "junit"]),
    ],
)
def test_report_has_all_formats_that_the_hosts_name(named, expected):
    hosts = [{} if one is None else {FORMATS: one} for one in named]
    run_check.check_report_formats(hosts)
    assert run_check.report_formats(hosts) == expected


@pytest.mark.parametrize(
    ("named", "got"),
    [(["pdf"], "pdf"), ("html,pdf,xml", "pdf, xml"), (["HTML"], "HTML"), (5, "5"), ({"html": True}, "{'html': True}")],
)
def test_unknown_format_of_the_report_is_refused(named, got):
    with pytest.raises(BadOption) as refused:
        run_check.check_report_formats([{}, {FORMATS: named}])
    assert str(refused.value) == f"{FORMATS}: must be a list of html, json, markdown, junit, got {got}."


def test_report_after_a_run_that_was_not_checked_has_the_known_formats():
    assert run_check.report_formats([{FORMATS: "pdf,junit"}]) == ["junit"]
    assert run_check.report_formats([{FORMATS: "pdf"}]) == ["html", "json"]


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ([], "UTC"),
        ([None, ""], "UTC"),
        (["Europe/Berlin", "Europe/Berlin"], "Europe/Berlin"),
        (["Europe/Berlin", "Asia/Tokyo"], "UTC"),
        (["Europe/Berlin", None], "UTC"),
        # The servers with this one are refused.
        (["Mars/Olympus"], "UTC"),
    ],
)
def test_report_has_the_time_zone_that_all_hosts_have(zones, expected):
    assert run_check.report_timezone([{"maintenance_timezone": one} for one in zones]) == expected


@pytest.mark.parametrize(
    ("problems", "hosts", "said"),
    [
        ({"x: is bad.": ["a", "b"]}, 2, "x: is bad."),
        ({"x: is bad.": ["a"], "y: is bad.": ["b", "c"]}, 3, "a: x: is bad. b, c: y: is bad."),
        ({f"{one}.": [f"h{one}"] for one in range(7)}, 7, "h0: 0. h1: 1. h2: 2. h3: 3. h4: 4. There are 2 more problems."),
    ],
)
def test_refused_run_shows_each_problem_once(problems, hosts, said):
    assert str(run_check.refusal(problems, hosts)) == said


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ([], ""),
        ([{}, {"maintenance_reason": ""}], ""),
        ([{"maintenance_reason": "update"}, {}, {"maintenance_reason": "update"}], "update"),
        ([{"maintenance_reason": 121}], "121"),
        ([{"maintenance_reason": "update"}, {"maintenance_reason": "backup"}], ""),
    ],
)
def test_reason_of_a_run_is_the_one_of_its_hosts(hosts, reason):
    assert run_check.common_text("maintenance_reason", hosts) == reason

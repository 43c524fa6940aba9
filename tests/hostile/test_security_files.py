# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of written files: only their owner can read them, and no link or foreign file is followed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.file_ledger import FileLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.log import FileLog
from hostile.tries import open_to_others, trying

FAST = {"id": 1234, "boot_seconds": 3.0, "stop_seconds": 2.0}
PRECIOUS = "what the victim wrote\n"
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else: this test did NOT run")


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def victim(tmp_path):
    """Create a file that must not change."""
    path = tmp_path / "victim"
    path.write_text(PRECIOUS)
    path.chmod(0o600)
    yield path
    assert path.read_text() == PRECIOUS and path.stat().st_mode & 0o777 == 0o600


def maintain(operate, sim, folder, **more):
    warnings = []
    result = operate(sim, "maintenance", server_id=1234, maintenance_id="T-1", ledger=str(folder), warn=warnings.append, **more)
    return result, warnings


def test_ledger_and_run_log_are_private(simulator, operate, tmp_path, open_umask):
    sim = simulator([FAST])
    with trying("modes under umask 0000", "operation"):
        result, warnings = maintain(operate, sim, tmp_path / "not" / "yet" / "there")
        assert result["outcome"] == "done" and not warnings, result
        assert not open_to_others(tmp_path / "not"), open_to_others(tmp_path / "not")
        kept = sorted(path.name.split("-")[0].split(".")[-1] for path in (tmp_path / "not" / "yet" / "there").rglob("*"))
        assert kept == ["jsonl", "ledger", "ledger", "runs"], kept


def test_log_without_a_ledger_creates_private_folders(tmp_path, open_umask):
    with trying("modes under umask 0000", "run log alone"):
        FileLog(str(tmp_path / "a" / "b"), "T-1").add("signal", 0.0)
        assert not open_to_others(tmp_path / "a"), open_to_others(tmp_path / "a")


def names(sim):
    """Return the paths of the files of a run."""
    ledger = Path(FileLedger("", sim.url, {}, SystemClock()).path)
    return {
        "ledger": ledger,
        "lock": ledger.with_suffix(".lock"),
        "new": Path(f"{ledger}.new"),
        "run log": Path("runs/T-1.jsonl"),
    }


KINDS = ("symlink", "hard link", "symlink to nothing", "named pipe", "folder", "symlink to a device")


def put(kind, path, victim):
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if kind == "symlink":
        path.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "symlink to nothing":
        path.symlink_to(victim.with_name("made by nobody"))
    elif kind == "named pipe":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/full")


@pytest.mark.parametrize("place", ["ledger", "lock", "new", "run log"])
def test_link_or_pipe_in_place_of_a_file_is_not_followed(simulator, operate, tmp_path, victim, place):
    sim = simulator([FAST])
    for kind in KINDS:
        folder = tmp_path / f"{place} {kind}"
        folder.mkdir(mode=0o700)
        put(kind, folder / names(sim)[place], victim)
        with trying(f"a {kind} in the way", f"{place}, operation") as one:
            if place == "run log":
                # Without the log a run cannot know what was done, so it sends nothing.
                result, _warnings = maintain(operate, sim, folder)
                one.failed = bool(result.get("failed"))
                assert one.failed and not sim.posts() and str(folder) in result["msg"] and "run log" in result["msg"], (kind, result)
            else:
                # Without a ledger the run goes on alone, with a warning. A link to a file that is only read, or replaced, does no harm.
                warnings = []
                result = operate(sim, "server_info", ledger=str(folder), warn=warnings.append)
                harmless = place == "new" and kind != "folder" or kind == "hard link" and place == "lock"
                assert not result.get("failed") and len(warnings) == (not harmless), (kind, result, warnings)
                assert all(str(folder) in text for text in warnings)
            assert victim.read_text() == PRECIOUS and not victim.with_name("made by nobody").exists()


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=oct)
def test_open_folder_of_another_user_is_not_used(simulator, operate, tmp_path, mode):
    sim = simulator([FAST])
    folder = tmp_path / "others"
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, NOBODY, NOBODY)
    with trying("an open folder of somebody else", "ledger, operation"):
        warnings = []
        result = operate(sim, "server_info", ledger=str(folder), warn=warnings.append)
        assert not result.get("failed") and not list(folder.iterdir()), result
        assert len(warnings) == 1 and str(folder) in warnings[0] and "belongs to another user" in warnings[0], warnings
    with trying("an open folder of somebody else", "run log, operation") as one:
        result, warnings = maintain(operate, sim, folder)
        one.failed = bool(result.get("failed"))
        assert one.failed and "belongs to another user" in result["msg"] and not sim.posts() and not list(folder.iterdir()), result


@needs_root
def test_closed_folder_of_another_user_is_used_by_root(simulator, operate, tmp_path):
    folder = tmp_path / "mounted"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    with trying("a closed folder of somebody else", "ledger and run log, operation"):
        result, warnings = maintain(operate, simulator([FAST]), folder)
        assert result["outcome"] == "done" and not warnings, (result, warnings)


@needs_root
@pytest.mark.parametrize("place", ["ledger", "lock", "run log"])
def test_file_of_another_user_is_not_trusted(simulator, operate, tmp_path, place):
    """The file claims that everything is done, or blocks all requests for a year."""
    sim = simulator([FAST])
    folder = tmp_path / "ledger"
    path = folder / names(sim)[place]
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text(
        json.dumps({"run": "T-1", "api_url": sim.url, "server_id": 1234, "event": "done"}) + "\n" if place == "run log" else "{}"
    )
    os.chown(path, NOBODY, NOBODY)
    with trying("a file of somebody else", f"{place}, operation") as one:
        result, warnings = maintain(operate, sim, folder)
        one.failed = bool(result.get("failed"))
        assert result["outcome"] == ("failed" if place == "run log" else "done"), result
        assert any("belongs to another user" in text for text in [*warnings, result.get("msg") or ""]), (result, warnings)


def test_linked_folder_is_used_and_keeps_its_files(simulator, operate, tmp_path, victim):
    sim = simulator([FAST])
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    shutil.copy(victim, other / "notes")
    (tmp_path / "link").symlink_to(other)
    with trying("a linked folder", "ledger and run log, operation"):
        result, warnings = maintain(operate, sim, tmp_path / "link")
        assert result["outcome"] == "done" and not warnings and (other / "notes").read_text() == PRECIOUS, result
        # The mode of the folder is its owner's decision.
        assert not [name for path in other.iterdir() if path.name != "notes" for name in open_to_others(path)]


def playbook(ansible, sim, name, **options):
    inventory = ansible.folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"game": {"serverprism_id": 1234}}}}))
    return ansible.run(
        sim, f"serverprism.cloud.{name}", "-i", str(inventory), "-e", json.dumps(options), *(["--check"] if name != "status" else [])
    )


def test_new_reports_are_private(simulator, ansible, tmp_path, open_umask):
    sim = simulator([FAST])
    with trying("modes under umask 0000", "report, playbook"):
        run = playbook(ansible, sim, "maintenance", maintenance_report_dir=str(tmp_path / "new" / "report"))
        assert run.rc == 0 and (tmp_path / "new" / "report" / "report.html").exists(), run.output
        assert (tmp_path / "new" / "report").stat().st_mode & 0o777 == 0o700
    with trying("modes under umask 0000", "status file, playbook"):
        run = playbook(ansible, sim, "status", status_file=str(tmp_path / "status.csv"))
        assert run.rc == 0 and not open_to_others(tmp_path / "status.csv"), run.output


def test_report_changes_no_folder_mode_and_follows_no_link(simulator, ansible, tmp_path, victim):
    """The folder is writable for everybody, as /tmp is: its mode stays, and a link is replaced, not followed."""
    sim = simulator([FAST])
    folder = tmp_path / "report"
    folder.mkdir()
    folder.chmod(0o1777)
    for name in ("report.json", "report.html", "status.csv", "status.json"):
        (folder / name).symlink_to(victim)
    with trying("a symlink in the way", "report, playbook"):
        run = playbook(ansible, sim, "maintenance", maintenance_report_dir=str(folder))
        assert run.rc == 0 and folder.stat().st_mode & 0o7777 == 0o1777, (run.output, oct(folder.stat().st_mode))
        assert not (folder / "report.json").is_symlink() and "servers" in (folder / "report.json").read_text()
        assert not (folder / "report.html").is_symlink()
    for name in ("status.csv", "status.json"):
        with trying("a symlink in the way", "status file, playbook"):
            run = playbook(ansible, sim, "status", status_file=str(folder / name))
            assert run.rc == 0 and not (folder / name).is_symlink() and "1234" in (folder / name).read_text(), run.output

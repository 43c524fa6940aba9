# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger file that the processes of a machine share, and damage to it."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import signal
import stat
from dataclasses import replace

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._process import Process, name_of, own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._quota import file_ledger as _ledger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.file_ledger import FileLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.ledger import MemoryLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, Calendar, Lock, Quota, is_allowed

FORK = multiprocessing.get_context("fork")


class FakeClock:
    """A clock that moves only by assignment. ``origin`` is the wall time at boot."""

    def __init__(self, origin=1_000_000.0, since=500.0):
        self.origin, self.since = origin, since

    def now(self):
        return self.origin + self.since


def quotas(limit, window=60.0):
    return {READ: Quota(limit, window), WRITE: Quota(limit, window)}


def ledger(tmp_path, limit=2, clock=None, **more):
    return FileLedger(str(tmp_path / "ledger"), "https://x", quotas(limit), clock or FakeClock(), **more)


def test_ledgers_of_one_folder_share_the_quota(tmp_path):
    one, two = ledger(tmp_path), ledger(tmp_path)
    now = one.clock.now()
    assert one.reserve(READ) == two.reserve(READ) == (now,)
    assert one.reserve(READ)[0] == pytest.approx(now + one.quotas[READ].guarded)
    assert two.reserve(WRITE) == (now,)


@pytest.mark.parametrize("make", [ledger, lambda path: MemoryLedger(quotas(2), FakeClock())])
def test_each_method_uses_the_same_calendar(tmp_path, make):
    book = make(tmp_path)
    now = book.clock.now()
    assert book.reserve(WRITE, (0.0, 5.0), commit=False) == (now, now + 5)
    slots = book.reserve(WRITE, (0.0, 5.0), not_before=now + 10)
    assert slots == (now + 10, now + 15)
    assert book.reschedule(WRITE, slots, (now + 1,)) == (now + 1,)
    book.release(WRITE, (now + 1,))
    book.block(WRITE, now + 40)
    assert book.blocked_until(WRITE) == now + 40
    assert book.reserve(WRITE) == (now + 40,)


def _reserve_many(folder, times, pipe):
    clock = SystemClock()
    book = FileLedger(folder, "https://x", quotas(20, 0.5), clock)
    out = []
    for _each in range(times):
        asked = clock.now()
        slot = book.reserve(READ)[0]
        answered = clock.now()
        clock.sleep(max(0.0, slot - answered))
        out.append((asked, answered, slot, clock.now()))
    pipe.send(out)


def test_twenty_processes_share_one_quota_with_a_real_clock(tmp_path):
    pipes, processes = [], []
    for _each in range(20):
        receiver, sender = FORK.Pipe(duplex=False)
        pipes.append(receiver)
        processes.append(FORK.Process(target=_reserve_many, args=(str(tmp_path), 6, sender)))
    for process in processes:
        process.start()
    rows = [row for pipe in pipes for row in pipe.recv()]
    for process in processes:
        process.join()
    slots = [slot for _asked, _answered, slot, _went in rows]
    guarded = Quota(20, 0.5).guarded
    # The clocks of the processes differ by microseconds.
    assert len(rows) == 120 and is_allowed(slots, 20, guarded - 0.001)
    assert all(went >= slot for _asked, _answered, slot, went in rows)
    # A process that asks after another one got its slot gets a later slot, so none waits forever.
    latest = 0.0
    answers = sorted((answered, slot) for _asked, answered, slot, _went in rows)
    for asked, _answered, slot, _went in sorted(rows):
        while answers and answers[0][0] < asked - 0.001:
            latest = max(latest, answers.pop(0)[1])
        assert slot >= latest - 0.001


def _hold_the_lock(path, pipe):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    pipe.send("held")
    signal.pause()


def holder(book):
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_hold_the_lock, args=(book.lock_path, sender))
    process.start()
    assert receiver.recv() == "held"
    return process


def test_killed_process_releases_the_file_lock(tmp_path):
    book = ledger(tmp_path)
    process = holder(book)
    process.kill()
    process.join()
    assert book.reserve(READ) == (book.clock.now(),)


def test_file_lock_of_a_hung_process_is_not_awaited_forever(tmp_path, monkeypatch):
    monkeypatch.setattr(_ledger, "LOCK_PATIENCE", 0.2)
    warnings = []
    book = ledger(tmp_path, warn=warnings.append)
    process = holder(book)
    try:
        assert book.reserve(READ) and book.reserve(READ)
    finally:
        process.kill()
        process.join()
    assert len(warnings) == 1 and "has held the lock" in warnings[0] and book.path in warnings[0]


def test_incomplete_new_file_of_a_killed_process_is_ignored(tmp_path):
    book = ledger(tmp_path)
    book.reserve(READ)
    (tmp_path / "ledger" / os.path.basename(book.path + ".new")).write_text('{"half')
    assert book.reserve(READ) == (book.clock.now(),)
    assert book.reserve(READ)[0] > book.clock.now()


GOOD = {"version": 1, "origin": 1_000_000.0, "boot_id": "x", "buckets": {"read": {"slots": [1.0], "blocked_until": 0}}}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "",
        "[]",
        "null",
        json.dumps({**GOOD, "origin": "x", "boot_id": _ledger.boot_id()}),
        json.dumps({**GOOD, "buckets": []}),
        json.dumps({**GOOD, "buckets": {"read": {"slots": ["soon"]}}}),
        json.dumps({**GOOD, "buckets": {"read": {"slots": [float("nan")]}}}),
        json.dumps({**GOOD, "buckets": {"read": {"slots": [float("inf")]}}}),
        "\x00" * 100,
    ],
)
def test_invalid_file_starts_again_empty_with_a_warning(tmp_path, content):
    warnings = []
    book = ledger(tmp_path, warn=warnings.append)
    book.reserve(READ)
    with open(book.path, "w") as stream:
        stream.write(content)
    assert book.reserve(READ) == (book.clock.now(),)
    assert len(warnings) == 1 and book.path in warnings[0]
    assert ledger(tmp_path).reserve(READ) and len(warnings) == 1


def test_file_of_a_newer_release_is_not_changed(tmp_path):
    warnings = []
    book = ledger(tmp_path, warn=warnings.append)
    book.reserve(READ)
    with open(book.path, "w") as stream:
        json.dump({**GOOD, "version": 99}, stream)
    assert book.reserve(READ) and book.is_given_up
    assert "newer release" in warnings[0]
    with open(book.path) as stream:
        assert json.load(stream)["version"] == 99


@pytest.mark.parametrize("folder", ["/proc/serverprism", "{tmp}/file/ledger"])
def test_unusable_folder_causes_one_warning_and_the_task_continues(tmp_path, folder):
    (tmp_path / "file").write_text("")
    warnings = []
    book = FileLedger(folder.format(tmp=tmp_path), "https://x", quotas(2), FakeClock(), warnings.append)
    slots = [book.reserve(READ)[0] for _each in range(3)]
    assert is_allowed(slots, 2, book.quotas[READ].guarded - 1e-6)
    assert len(warnings) == 1 and "HTTP 429" in warnings[0] and "ledger" in warnings[0]


@pytest.mark.parametrize("name", ["path", "lock_path"])
def test_symbolic_link_in_place_of_the_file_is_not_followed(tmp_path, name):
    warnings = []
    book = ledger(tmp_path, warn=warnings.append)
    book.reserve(READ)
    os.unlink(getattr(book, name))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, getattr(book, name))
    book.reserve(READ)
    assert book.is_given_up and "symbolic link" in warnings[0] and victim.read_text() == "precious"


def test_folder_and_files_are_private(tmp_path):
    book = ledger(tmp_path)
    book.reserve(READ)
    modes = {path: stat.S_IMODE(os.stat(path).st_mode) for path in (book.folder, book.path, book.lock_path)}
    assert modes == {book.folder: 0o700, book.path: 0o600, book.lock_path: 0o600}


@pytest.mark.skipif(not _ledger.boot_id(), reason="this system does not tell one boot from another")
@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_setting_the_clock_does_not_move_the_slots(tmp_path, jump):
    before, after = FakeClock(), FakeClock(origin=1_000_000.0 + jump)
    one, two = ledger(tmp_path, clock=before), ledger(tmp_path, clock=after)
    one.reserve(READ, (0.0, 1.0))
    slot = two.reserve(READ)[0]
    assert slot - after.now() == pytest.approx(two.quotas[READ].guarded)
    # The process that started before the change still reads the slots correctly.
    assert one.reserve(READ)[0] - before.now() == pytest.approx(1 + one.quotas[READ].guarded)


def test_another_api_has_its_own_quota(tmp_path):
    one = ledger(tmp_path, limit=1)
    two = FileLedger(one.folder, "https://y", quotas(1), FakeClock())
    assert one.reserve(READ) == two.reserve(READ)


def test_stale_status_is_visible_to_all_processes(tmp_path):
    one, two = ledger(tmp_path), ledger(tmp_path)
    until = one.clock.now() + 20.0
    one.mark_stale(7, until)
    assert two.stale_until(7) == until and two.stale_until(8) == 0.0
    two.mark_stale(7, None)
    assert one.stale_until(7) == 0.0


def test_lock_ends_with_its_owner_its_lease_or_its_time(tmp_path):
    book = MemoryLedger(quotas(2), FakeClock())
    now, me = book.clock.now(), Process.parse(own_name())
    # The seconds for which the lock of an owner is valid without a renewal.
    owners = {
        "another machine": (str(replace(me, host="other")), 60.0),
        "another container of this machine": (str(replace(me, namespace="pid:[1]", pid="999999999")), 60.0),
        "this machine, alive": (name_of(1), 90.0),
        "this machine, dead": (str(replace(me, pid="999999999")), 0.0),
        "this machine, before it was started again": (str(replace(me, boot="another")), 60.0),
    }
    for owner, seconds in owners.values():
        for later in (0.0, 30.0, 70.0, 91.0):
            hold(book, Lock(7, owner, now + 90.0, now))
            book.clock.since += later
            other = book.lock([7], "me", 10.0, commit=False).get(7)
            assert (other is not None) == (later < seconds) and (other is None or other.until == now + seconds), (owner, later)
            book.clock.since -= later


def hold(book, lock):
    book._change(lambda calendars: calendars.update({WRITE: Calendar(locks=(lock,))}))


def test_empty_file_that_a_power_cut_left_starts_again_empty(tmp_path):
    warnings = []
    book = ledger(tmp_path, warn=warnings.append)
    os.mkdir(book.folder)
    with open(book.path, "w"):
        pass
    assert book.reserve(WRITE) == (book.clock.now(),) and len(warnings) == 1

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stored ledger with arbitrary changes is read or reported with one warning, and stays usable."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils import _files
from ansible_collections.serverprism.cloud.plugins.module_utils._process import own_name
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.file_ledger import FileLedger
from ansible_collections.serverprism.cloud.plugins.module_utils._quota.reservations import READ, WRITE, is_allowed
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso
from hostile.fire import quotas
from hostile.table import note
from hypothesis import given, settings
from hypothesis import strategies as st

NOW, LIMIT, WINDOW = 1_800_000_000.0, 3, 60.0
OFFSETS = (0.0, 30.0, 31.0)
ME = own_name()
WRONG = [
    *(None, True, "", "x", "\x00", "9" * 5000, [], {}, [[]], [[1, 2, 3]], {"slots": None}),
    *(-1, 0, 1, 2**31, 2**63, 10**400, -(10**400), 1e18, -1e18, 1e308, 1e-320, float("nan"), float("inf"), -float("inf")),
    *(NOW, NOW + 1e9, NOW - 1e9, 99, "NaN", "1e999"),
]
# With the number of examples of "make prove" they take minutes.
pytestmark = pytest.mark.timeout(1200)
PROFILE = settings(max_examples=int(os.environ.get("HOSTILE_EXAMPLES", "120")), deadline=None, database=None)


class Clock:
    """A clock that stands still."""

    origin = NOW - 5000.0

    def now(self):
        """Return the constant time."""
        return NOW


def open_file(folder, warnings):
    return FileLedger(folder, "https://x", quotas(LIMIT, WINDOW), Clock(), warnings.append)


def stored(folder):
    """Create a ledger that contains every kind of entry; return it and its file."""
    one = open_file(folder, [])
    one.reserve(READ)
    one.reserve(WRITE, OFFSETS)
    one.reserve(WRITE, OFFSETS)
    one.mark_stale(8, NOW + 20.0)
    one.lock([7], ME, 300.0)
    one.block(READ, NOW + 5.0)
    return Path(one.path)


def places(value, way=()):
    """Yield every path in a JSON value."""
    yield way
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*way, key))


def use(folder):
    """Use every operation of the ledger as tasks do; return its slots and warnings. Any exception is a bug."""
    warnings = []
    one = open_file(folder, warnings)
    for other in one.lock([7, 9], ME, 60.0).values():
        iso(other.until)
    one.renew([7, 9], ME, 60.0)
    one.unlock([7, 9], ME)
    iso(max(one.stale_until(8), 0.0))
    iso(max(one.blocked_until(READ), 0.0))
    slots = [one.reserve(READ)[0] for _each in range(2 * LIMIT)]
    starts = [one.reserve(WRITE, OFFSETS) for _each in range(2)]
    one.release(WRITE, starts.pop())
    json.loads(Path(one.path).read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return slots, starts, warnings


@PROFILE
@given(st.data())
def test_changed_bytes_are_reported_or_bounded(data):
    with tempfile.TemporaryDirectory() as folder:
        path = stored(folder)
        good = path.read_bytes()
        at = data.draw(st.integers(0, len(good)))
        cut = data.draw(st.sampled_from([0, 1, 1, 8, len(good)]))
        bad = good[:at] + data.draw(st.binary(max_size=8)) + good[at + cut :]
        path.write_bytes(bad)
        check_use(folder, "bytes that changed", is_json(bad))


def is_json(content):
    try:
        json.loads(content.decode())
    except ValueError:
        return False
    return True


def check_use(folder, what, is_readable):
    """Check that the quota is kept, and that nobody is blocked for longer than a Retry-After of the API can ask for."""
    turns, starts, warnings = use(folder)
    kept = is_allowed(turns, LIMIT, WINDOW) and len(warnings) <= 1 and turns[0] <= NOW + 3 * 86400
    note("ledger", what, "file", failed=bool(warnings), broken=not kept)
    assert kept, (turns, starts, warnings)
    assert is_readable or (warnings and turns[0] == NOW), "an unreadable file must be reported"


@PROFILE
@given(st.data())
def test_values_of_any_type_in_any_place_are_reported_or_bounded(data):
    with tempfile.TemporaryDirectory() as folder:
        path = stored(folder)
        content = json.loads(path.read_text())
        for _each in range(data.draw(st.integers(1, 3))):
            *way, last = data.draw(st.sampled_from(sorted(filter(None, places(content)), key=repr)))
            where = content
            for step in way:
                where = where[step]
            where[last] = copy.deepcopy(data.draw(st.sampled_from(WRONG)))
        path.write_text(json.dumps(content))
        check_use(folder, "values of another type", True)


HUGE = {
    "a hole of a terabyte": lambda path: os.truncate(path, 2**40),
    "a hundred million slots": lambda path: path.write_text('{"version": 1, "buckets": {"read": {"slots": [' + "1.0," * 10_000_000),
    "brackets without an end": lambda path: path.write_text("[" * 1_000_000),
    "objects without an end": lambda path: path.write_text('{"a":' * 1_000_000),
    "a number of a million digits": lambda path: path.write_text('{"version": ' + "9" * 1_000_000 + "}"),
    "half a character": lambda path: path.write_bytes(b'{"version": 1, "\xed\xa0\x80": "\xff"}'),
    "zeros, as after a power cut": lambda path: path.write_bytes(b"\0" * 4096),
    "nothing": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("what", HUGE)
def test_huge_or_deep_ledger_is_replaced(tmp_path, what):
    path = stored(str(tmp_path))
    HUGE[what](path)
    slots, _starts, warnings = use(str(tmp_path))
    note("ledger", what, "file", failed=bool(warnings), broken=len(warnings) != 1)
    assert is_allowed(slots, LIMIT, WINDOW) and slots[0] == NOW
    assert len(warnings) == 1 and str(path) in warnings[0] and "starts again empty" in warnings[0]
    assert path.stat().st_size < 10_000


def test_full_ledger_is_read_quickly(tmp_path):
    """A week's quota is used up: nobody waits for the lock longer than it is held for others."""
    path = stored(str(tmp_path))
    content = json.loads(path.read_text())
    content["buckets"]["read"]["slots"] = [NOW + 20.4 * at for at in range(30_000)]
    path.write_text(json.dumps(content))
    assert path.stat().st_size < _files.LARGEST
    slots, _starts, warnings = use(str(tmp_path))
    assert not warnings and slots[0] > NOW + 600_000

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Photographs are stored with a palette."""

from __future__ import annotations

import random
import struct
import zlib

import pytest
from demo.png import MOST_COLOURS, SIGNATURE, chunk, chunks, distance, nearest, unfiltered, with_palette


def png(rows, kinds=(0,), depth=8, colour_type=2):
    """Return a PNG of rows of pixels, with the filters ``kinds`` in turn."""
    width = len(rows[0])
    raw, above = b"", bytes(3 * width)
    for index, row in enumerate(rows):
        flat, kind = b"".join(row), kinds[index % len(kinds)]
        raw += bytes([kind]) + bytes((flat[i] - guess(kind, flat, above, i)) & 0xFF for i in range(len(flat)))
        above = flat
    head = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def guess(kind, flat, above, i):
    left, corner = (flat[i - 3], above[i - 3]) if i >= 3 else (0, 0)
    return [0, left, above[i], (left + above[i]) // 2, nearest(left, above[i], corner)][kind]


def pixels(made):
    """Return the rows of pixels of a PNG with a palette."""
    parts = dict(chunks(made))
    width, _height, depth, colour_type = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colour_type) == (8, 3)
    colours = [parts[b"PLTE"][i : i + 3] for i in range(0, len(parts[b"PLTE"]), 3)]
    return [[colours[place] for place in row] for row in unfiltered(zlib.decompress(parts[b"IDAT"]), width, 1)]


def noise(width, height, colours):
    rng = random.Random(1)
    known = [bytes(rng.randrange(256) for _each in range(3)) for _each in range(colours)]
    return [[rng.choice(known) for _each in range(width)] for _each in range(height)]


@pytest.mark.parametrize("kind", range(5))
def test_picture_of_few_colours_stays_as_it_is_with_every_filter(kind):
    rows = noise(9, 7, 30)
    assert pixels(with_palette(png(rows, (kind,)))) == rows


def test_filters_may_change_from_row_to_row():
    rows = noise(9, 12, 30)
    assert pixels(with_palette(png(rows, range(5)))) == rows


def test_picture_of_many_colours_has_256_that_are_near():
    grey = [[bytes([value, value, value]) for value in range(256)], [bytes([value, value, min(255, value + 4)]) for value in range(256)]]
    found = pixels(with_palette(png(grey)))
    assert 100 < len({pixel for row in found for pixel in row}) <= MOST_COLOURS
    assert max(distance(one, other) for row, given in zip(found, grey) for one, other in zip(row, given)) <= 3 * 2**2


def test_frequent_colour_and_rare_one_that_is_far_from_all_others_stay():
    many = noise(60, 40, 500)
    rows = [*many, [b"\x00\xff\x00"] * 59 + [b"\xff\x00\xff"]]
    found = pixels(with_palette(png(rows)))
    assert found[-1][0] == b"\x00\xff\x00" and distance(found[-1][-1], b"\xff\x00\xff") < 3 * 30**2


def test_picture_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="8-bit RGB"):
        with_palette(png([[b"abc"]], colour_type=6))

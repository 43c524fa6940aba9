# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a photograph of a page smaller: a PNG with a palette is less than half as large. Pure."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_COLOURS = 256


def with_palette(png: bytes) -> bytes:
    """Return a PNG of 8-bit RGB with 256 colours at most. Others become one of these that is as near as possible."""
    parts = list(chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", parts[0][1][:10])
    if (depth, kind) != (8, 2):
        raise ValueError(f"a PNG of 8-bit RGB is needed, got depth {depth} and colour type {kind}")
    raw = zlib.decompress(b"".join(data for name, data in parts if name == b"IDAT"))
    rows = [[bytes(row[i : i + 3]) for i in range(0, len(row), 3)] for row in unfiltered(raw, width * 3, 3)]
    counts = Counter(pixel for row in rows for pixel in row)
    palette = palette_of([colour for colour, _count in counts.most_common()])
    places = {colour: index for index, colour in enumerate(palette)}
    for colour in counts.keys() - places.keys():
        places[colour] = min(range(len(palette)), key=lambda index: distance(colour, palette[index]))
    # Each row begins with its filter: none.
    lines = b"".join(b"\0" + bytes(places[pixel] for pixel in row) for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    out = ((b"IHDR", head), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(chunk(name, data) for name, data in out)


def palette_of(colours: list[bytes]) -> list[bytes]:
    """Return 256 colours at most that are near to all colours, of which the frequent ones come first."""
    step = 0
    while True:
        out: list[bytes] = []
        for colour in colours:
            if not step or all(distance(colour, other) > 3 * step**2 for other in out):
                out.append(colour)
            if len(out) > MOST_COLOURS:
                break
        if len(out) <= MOST_COLOURS:
            return out
        step += 1


def distance(one: bytes, other: bytes) -> int:
    """Return how far two colours are from each other."""
    return sum((a - b) ** 2 for a, b in zip(one, other))


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the data of each part of a PNG."""
    at = len(SIGNATURE)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def unfiltered(raw: bytes, width: int, pixel: int) -> Iterator[bytearray]:
    """Yield the rows of a PNG, with the given number of bytes for each row and pixel."""
    above = bytearray(width)
    for start in range(0, len(raw), width + 1):
        row = bytearray(raw[start + 1 : start + 1 + width])
        kind = raw[start]
        for i in range(width if kind else 0):
            left, corner = (row[i - pixel], above[i - pixel]) if i >= pixel else (0, 0)
            guess = (0, left, above[i], (left + above[i]) >> 1)[kind] if kind < 4 else nearest(left, above[i], corner)
            row[i] = (row[i] + guess) & 0xFF
        yield row
        above = row


def nearest(left: int, above: int, corner: int) -> int:
    """Return which of three neighbours is nearest to left + above - corner, as the Paeth filter has it."""
    goal = left + above - corner
    return min((left, above, corner), key=lambda one: abs(goal - one))

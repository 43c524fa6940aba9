# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn the output of a terminal into an animated SVG. Pure.

The picture needs no script and no font of its own: every piece of text has its width. Without animation, as for readers who asked their
system to reduce motion, it shows the last frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ansible_collections.serverprism.cloud.plugins.module_utils._report.table import display_width
from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable

# The size of a character, and the space around the text, in pixels.
CELL_WIDTH, CELL_HEIGHT, MARGIN, TITLE_HEIGHT = 8.0, 18, 14, 32
# Seconds: a longer pause is cut, and the last frame stays for a while before the animation begins again.
LONGEST_PAUSE, LAST_FRAME = 1.5, 8.0
_SEQUENCE = re.compile(r"\x1b\[([0-9;:?]*)([@-~])|\x1b[^\[]")
_COLOURS = {"31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan", "90": "dim"}
_PIECE = re.compile(r"\S+(?: \S+)*")
# The picture has the same licence header as this file.
LICENCE = "\n".join(["<!--", *("  " + line.lstrip("# ") for line in Path(__file__).read_text().splitlines()[:3]), "-->"])
STYLE = """
    .back { fill: #14171d; } .bar { fill: #252a34; }
    text { font: 13px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dbe2; }
    .title { fill: #98a2b3; } .bold { font-weight: 700; fill: #ffffff; } .dim { fill: #98a2b3; }
    .red { fill: #ff7a70; } .green { fill: #7fcf8f; } .yellow { fill: #e5c07b; } .blue { fill: #7fb2ff; }
    .magenta { fill: #d99bf0; } .cyan { fill: #6fcbd6; }"""


@dataclass(frozen=True)
class Run:
    """A part of a line that has one look: a colour, bold, or an empty text."""

    text: str
    look: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the screen, and when it was complete, in seconds."""

    at: float
    runs: tuple[Run, ...]


def lines(chunks: Iterable[tuple[float, bytes]]) -> list[Line]:
    """Return the lines of an output that was read in chunks, each with its time. A last line without an end counts."""
    out, rest, last = [], b"", 0.0
    for at, chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        last = at
        out += [(at, one) for one in whole]
    out += [(last, rest)] if rest else []
    return [Line(at, runs(one.decode("utf-8", "replace"))) for at, one in out]


def runs(text: str) -> tuple[Run, ...]:
    """Return the parts of a line. Colours are followed, all other control sequences are left out."""
    out, look, end = [], "", 0
    for found in _SEQUENCE.finditer(text):
        out.append(Run(_shown(text[end : found.start()]), look))
        end = found.end()
        if found[2] == "m":
            codes = [code.lstrip("0") for code in (found[1] or "").split(";")]
            colour = next((_COLOURS[code] for code in codes if code in _COLOURS), "")
            look = colour or ("bold" if "1" in codes else "" if "" in codes else look)
    out.append(Run(_shown(text[end:]), look))
    return tuple(one for one in out if one.text)


def _shown(text: str) -> str:
    return printable(text.replace("\r", "").replace("\t", "    "))


def wrapped(line: Line, columns: int) -> list[Line]:
    """Return the lines of the screen that a line takes, as a terminal with this number of columns wraps it."""
    out: list[list[Run]] = [[]]
    used = 0
    for run in line.runs:
        part = ""
        for character in run.text:
            width = display_width(character)
            if used + width > columns:
                out[-1].append(Run(part, run.look))
                out.append([])
                part, used = "", 0
            part, used = part + character, used + width
        out[-1].append(Run(part, run.look))
    return [Line(line.at, tuple(run for run in one if run.text)) for one in out]


def paced(given: Sequence[Line], longest: float = LONGEST_PAUSE) -> list[Line]:
    """Return the lines with times from 0, and without pauses that are longer than a number of seconds."""
    out: list[Line] = []
    now, before = 0.0, given[0].at if given else 0.0
    for line in given:
        now += min(longest, max(0.0, line.at - before))
        before = line.at
        out.append(Line(round(now, 3), line.runs))
    return out


def frames(given: Sequence[Line], rows: int) -> list[tuple[float, int, int]]:
    """Return when the screen changes: the time, how many lines are shown by then, and how many of them have left at the top."""
    out: dict[float, int] = {0.0: 0}
    for number, line in enumerate(given, 1):
        out[line.at] = number
    return [(at, number, max(0, number - rows)) for at, number in out.items()]


def svg(given: Sequence[Line], *, title: str, description: str, columns: int, rows: int) -> str:
    """Return the picture of a terminal with a number of columns and rows, in which the lines appear at their times."""
    screen = paced([part for line in given for part in wrapped(line, columns)])
    width, height = round(columns * CELL_WIDTH + 2 * MARGIN), TITLE_HEIGHT + rows * CELL_HEIGHT + 2 * MARGIN
    length = (screen[-1].at if screen else 0.0) + LAST_FRAME
    moves, covers = [], []
    for at, number, gone in frames(screen, rows):
        share = f"{at / length * 100:.2f}%"
        moves.append(f"{share}{{transform:translateY({-gone * CELL_HEIGHT}px)}}")
        covers.append(f"{share}{{transform:translateY({number * CELL_HEIGHT}px)}}")
    gone = max(0, len(screen) - rows)
    texts = "\n".join(filter(None, (_drawn(line, index) for index, line in enumerate(screen))))
    return f"""{LICENCE}
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="t d">
  <title id="t">{escape(title)}</title>
  <desc id="d">{escape(description)}</desc>
  <style>{STYLE}
    .lines {{ transform: translateY({-gone * CELL_HEIGHT}px); }}
    .cover {{ transform: translateY({len(screen) * CELL_HEIGHT}px); }}
    @media (prefers-reduced-motion: no-preference) {{
      .lines {{ animation: move {length:.2f}s step-end infinite; }}
      .cover {{ animation: cover {length:.2f}s step-end infinite; }}
    }}
    @keyframes move {{ {"".join(moves)} }}
    @keyframes cover {{ {"".join(covers)} }}
  </style>
  <clipPath id="screen"><rect x="0" y="{TITLE_HEIGHT + MARGIN}" width="{width}" height="{rows * CELL_HEIGHT}"/></clipPath>
  <rect class="back" width="{width}" height="{height}" rx="8"/>
  <path class="bar" d="M0 {TITLE_HEIGHT}V8a8 8 0 0 1 8 -8H{width - 8}a8 8 0 0 1 8 8V{TITLE_HEIGHT}z"/>
  <text class="title" x="{MARGIN}" y="21">{escape(title)}</text>
  <g clip-path="url(#screen)"><g transform="translate({MARGIN} {TITLE_HEIGHT + MARGIN})"><g class="lines">
{texts}
<rect class="back cover" x="{-MARGIN}" width="{width}" height="{max(rows, len(screen)) * CELL_HEIGHT}"/>
  </g></g></g>
</svg>
"""


def _drawn(line: Line, index: int) -> str:
    """Return a line as SVG: each piece without two blanks in a row has a place and a width, so that a font cannot shift it."""
    out, column = [], 0
    for run in line.runs:
        for found in _PIECE.finditer(run.text):
            x = (column + display_width(run.text[: found.start()])) * CELL_WIDTH
            look = f' class="{run.look}"' if run.look else ""
            length = display_width(found[0]) * CELL_WIDTH
            out.append(f'<tspan{look} x="{x:g}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs">{escape(found[0])}</tspan>')
        column += display_width(run.text)
    # Where the letters stand in their row.
    return f'<text y="{index * CELL_HEIGHT + 13}">{"".join(out)}</text>' if out else ""

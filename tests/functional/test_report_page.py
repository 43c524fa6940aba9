# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the report page in a real browser: sorting, light and dark, wide and on a phone."""

from __future__ import annotations

import pytest
from ansible_collections.serverprism.cloud.plugins.module_utils._report.data import build
from ansible_collections.serverprism.cloud.plugins.module_utils._report.page import page
from ansible_collections.serverprism.cloud.plugins.module_utils._runs.rows import server
from ansible_collections.serverprism.cloud.plugins.module_utils._text import iso
from functional.browser import needs_browser

pytestmark = needs_browser
# Two minutes before midnight.
BASE = 1777852680.0
LONG = "a-very-long-host-name-of-a-server-that-somebody-has-made-up.example.com"
REFUSED = (
    "The API refuses restart of server 1007 now, because the server is suspended, being installed, restored or transferred. Nothing was "
    'done. It says: "This server is currently in an unsupported state, please try again later.". (HTTP 409)'
)


def entry(kind, at, outcome="sent"):
    return {
        "kind": kind,
        "text": "say it",
        "planned": iso(BASE + at),
        "at": iso(BASE + at) if outcome == "sent" else None,
        "outcome": outcome,
    }


def row(host, at=0.0, error="", reason=None, **more):
    timeline = [entry("announcement", at), entry("command", at + 50), entry("signal", at + 60)]
    result = {"server_id": 1001, "name": "A name", "outcome": "failed" if error else "done", "reason": reason, "signal": "restart"}
    result.update(confirmed=not error, evidence="state", notice_error=0.242, not_warned=None, downtime=20.0, timeline=timeline)
    return server(host, {**result, **more, "failed": bool(error), "msg": error})


ROWS = [
    row(LONG, name="A very long name of a server " * 4),
    row("h2", 20, error="Nothing proves that it was carried out.", downtime=None),
    row("h3", error=REFUSED, timeline=[], signal=None, downtime=None, notice_error=None),
    row("h4", outcome="skipped", reason="offline", confirmed=False, timeline=[], signal=None, downtime=None, notice_error=None),
    row("h5", 5, error="Interrupted.", outcome="cancelled", timeline=[entry("announcement", 5), entry("cancel", 9)], downtime=None),
    *(row(f"minecraft-4-gb-{1000 + number}", 15 * number) for number in range(12)),
]


@pytest.fixture
def shown(browser, tmp_path):
    """Open the page of these rows."""

    def show(rows=ROWS, **how):
        file = tmp_path / "report.html"
        file.write_text(page(build(rows, "2026-05-04T04:00:00Z", False)))
        browser.open(file, **how)
        return browser

    return show


# Orders that sorting by text or by digits would get wrong.
VALUES = [27.7, -0.3, None, 3.153, 0.25, 27.123, -2.0, 0.3, 3.2]
SORTED = [-2.0, -0.3, 0.25, 0.3, 3.153, 3.2, 27.123, 27.7]
TIMES = [130.0, 3700.0, None, 0.0, 70000.0, 119.0]
COLUMNS = {
    "server": ([{"host": host} for host in ("h10", "h9", "h2")], ["h2", "h9", "h10"], 0),
    "id": ([{"server_id": number} for number in (1000, None, 9, 10)], ["9", "10", "1000"], 1),
    "name": ([{"name": name} for name in ("b", None, "A", "c")], ["A", "b", "c"], 1),
    "signal": (
        [{"timeline": [] if at is None else [entry("signal", at)]} for at in TIMES],
        [f"restart {iso(BASE + at)[11:19]}" for at in (0.0, 119.0, 130.0, 3700.0, 70000.0)],
        1,
    ),
    "downtime": ([{"downtime": value} for value in VALUES], [f"up to {value:.1f} s" for value in SORTED], 1),
    "notice error": ([{"notice_error": value} for value in VALUES], [f"{value:+.2f} s" for value in SORTED], 1),
    "why": ([{"reason": reason} for reason in ("try 10", None, "try 9", "")], ["try 9", "try 10"], 2),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_table_sorts_numbers_and_times_by_value_and_missing_values_last(shown, name):
    given, expected, missing = COLUMNS[name]
    browser = shown([row(one.get("host", f"r{index}"), **{k: v for k, v in one.items() if k != "host"}) for index, one in enumerate(given)])
    browser.tell(f"window.head = [...document.querySelectorAll('th')].find((one) => one.textContent === {name!r})")
    for order, arrow, wanted in (("ascending", "\u2191", expected), ("descending", "\u2193", expected[::-1])):
        browser.tell("head.querySelector('button').click()")
        cells = browser.tell("[...document.querySelectorAll('tbody tr')].map((one) => one.cells[head.cellIndex].textContent)")
        assert (cells[: len(wanted)], len(cells)) == (wanted, len(wanted) + missing), (order, cells)
        marks = browser.tell(
            "[...document.querySelectorAll('th[aria-sort]')].map((one) => "
            "[one.textContent, one.ariaSort, getComputedStyle(one.firstChild, '::after').content.slice(2, -1)])"
        )
        assert marks == [[name, order, arrow]]


COLOURS = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const back = (one) => {
    for (; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour.length === 3) return colour;
    }
  };
  return [...document.querySelectorAll("body, body *:not(svg):not(svg *):not(i)")].filter((one) => one.getClientRects().length)
    .map((one) => [one.className || one.tagName, numbers(getComputedStyle(one).color).slice(0, 3), back(one)]);
})()
"""
FILLS = """
Object.fromEntries(["wait", "down", "up", "unknown", "mark", "signal", "cross"].map((kind) => {
  const style = getComputedStyle(document.querySelector(".bars ." + kind));
  return [kind, (style.stroke === "none" ? style.fill : style.stroke).match(/[\\d.]+/g).map(Number)];
}))
"""


def luminance(colour):
    linear = [part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_page_follows_the_colour_scheme_and_is_readable(shown, scheme, dark):
    browser = shown(scheme=scheme)
    colours = browser.tell(COLOURS)
    assert len(colours) > 100
    for what, text, back in colours:
        assert (luminance(back) < 0.1) is dark and (luminance(back) > 0.7) is not dark, what
        assert contrast(text, back) >= 4.5, what
    fills, card = browser.tell(FILLS), browser.tell(COLOURS.replace('"body, body *:not(svg):not(svg *):not(i)"', '".card"'))[0][2]
    assert len({tuple(fill) for fill in (fills["wait"], fills["down"], fills["up"], fills["unknown"])}) == 4
    assert all(contrast(fill, card) >= 1.9 for fill in fills.values()), fills


BOXES = """
(() => {
  const boxes = (query) => [...document.querySelectorAll(query)].filter((one) => one.getClientRects().length)
    .map((one) => { const box = one.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; });
  const sizes = [...document.querySelectorAll("body *:not(svg):not(svg *)")].filter((one) => one.getClientRects().length);
  return {
    width: innerWidth, scroll: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    font: Math.min(...sizes.map((one) => parseFloat(getComputedStyle(one).fontSize))),
    labels: boxes(".row:not(.axis) .label"), tracks: boxes(".row:not(.axis) .track"),
    ticks: boxes(".tick"), days: boxes(".day"), cells: boxes("td"), card: boxes(".card"), whys: boxes("td.why"), figures: boxes(".tile b"),
    heads: boxes("th"), tiles: boxes(".tile"),
    cut: sizes.filter((one) => getComputedStyle(one).display !== "inline" && one.scrollWidth > one.clientWidth + 1)
      .map((one) => `${one.tagName} ${one.className}: ${one.textContent}`),
  };
})()
"""


@pytest.mark.parametrize("width", [320, 390, 640, 800, 1045, 1200, 1920])
def test_nothing_is_cut_or_too_small_at_any_width(shown, width):
    told = shown(width=width, phone=width < 640).tell(BOXES)
    assert told["width"] == width and told["scroll"] <= width and told["font"] >= 12 and not told["cut"], told["cut"]
    left, _top, right, _bottom = told["card"][-1]
    assert all(left < cell[0] and cell[2] < right for cell in told["cells"])
    for marks in (told["ticks"], told["days"]):
        assert len(marks) >= 2 and all(one[2] < other[0] for one, other in zip(marks, marks[1:])) and marks[-1][2] < right, marks
    # A figure takes one line.
    assert max(bottom - top for _left, top, _right, bottom in told["figures"]) < 30


def test_label_is_above_a_full_width_bar_on_a_phone(shown):
    told = shown(width=390, phone=True).tell(BOXES)
    for label, track in zip(told["labels"], told["tracks"]):
        assert label[3] <= track[1] + 1 and track[2] - track[0] > 330
    assert 2 <= len(told["ticks"]) <= 4


def test_sort_buttons_take_one_line_on_a_phone_and_tiles_two_rows(shown):
    told = shown(width=390, phone=True).tell(BOXES)
    assert len(told["heads"]) == 3 and len({top for _left, top, _right, _bottom in told["heads"]}) == 1, told["heads"]
    rows = [top for _left, top, _right, _bottom in told["tiles"]]
    assert [rows.count(top) for top in sorted(set(rows))] == [4, 3], told["tiles"]


def test_label_is_beside_its_bar_on_a_wide_page_and_an_error_takes_few_lines(shown):
    told = shown(width=1200).tell(BOXES)
    assert all(label[2] <= track[0] and label[1] < track[3] and track[1] < label[3] for label, track in zip(told["labels"], told["tracks"]))
    # Lines of 21 pixels each.
    assert max(bottom - top for _left, top, _right, bottom in told["whys"]) < 8 * 21 + 14

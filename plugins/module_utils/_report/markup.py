# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Escaping, style and script of the report page. Pure. Private to this collection."""

from __future__ import annotations

from html import escape
from typing import Any

from .._text import printable

# On a narrow page each label is above its bar and each row of the table is a card, so that nothing shrinks or scrolls sideways.
STYLE = """
:root { color-scheme: light dark; --back: #fbfbfc; --card: #fff; --text: #1d2330; --dim: #5d6779; --line: #e3e6ec;
  --wait: #8fb4e8; --down: #e2844a; --up: #4ea56b; --unknown: #8b93a3; --mark: #23498c; --signal: #1d2330; --bad: #c4302b;
  --soft: #f7e3e1; }
@media (prefers-color-scheme: dark) { :root { --back: #14171d; --card: #1c2028; --text: #e6e8ee; --dim: #98a2b3; --line: #303642;
  --wait: #3f659c; --down: #c4692f; --up: #3c8656; --unknown: #7b8496; --mark: #cfe0ff; --signal: #fff; --bad: #ff7a70;
  --soft: #3a2423; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 24px 16px 60px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 16px; margin: 32px 0 10px; }
.dim { color: var(--dim); }
.sentence { font-size: 17px; margin: 16px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(104px, 1fr)); gap: 10px; margin: 20px 0 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tile { padding: 10px; font-size: 13px; line-height: 1.3; }
.tile b { display: block; font-size: 20px; line-height: 1.3; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tile.bad b { color: var(--bad); }
.foot { margin: 12px 0 0; font-size: 13px; }
.bad-list { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; margin: 20px 0 0; padding: 10px 14px; }
.bad-list p { margin: 4px 0; overflow-wrap: anywhere; }
.chart { position: relative; }
.row { position: relative; display: grid; grid-template-columns: 200px minmax(0, 1fr); align-items: center; min-height: 26px;
  padding: 2px 0; }
.label { font-size: 13px; line-height: 1.35; padding-right: 12px; overflow-wrap: anywhere; }
.track { position: relative; min-height: 20px; }
.bars { display: block; width: 100%; height: 20px; overflow: visible; }
.note { font-size: 13px; line-height: 1.35; color: var(--dim); overflow-wrap: anywhere; }
.note span { background: var(--card); padding-right: 4px; }
.axis { position: sticky; top: 0; z-index: 1; height: 36px; padding: 0; background: var(--card); }
.axis .track { height: 36px; }
.tick, .day { position: absolute; padding-left: 4px; font-size: 12px; line-height: 16px; color: var(--dim); white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.day { top: 0; color: var(--text); font-weight: 600; } .tick { top: 18px; }
.before { transform: translateX(-100%); }
.lines { position: absolute; left: 200px; top: 18px; width: calc(100% - 200px); height: calc(100% - 18px); pointer-events: none; }
.lines line { stroke: var(--line); } .lines .midnight { stroke: var(--dim); }
.bars .wait { fill: var(--wait); } .bars .down { fill: var(--down); } .bars .up { fill: var(--up); }
.bars .unknown { stroke: var(--unknown); stroke-width: 14; stroke-dasharray: 3 3; }
.bars .mark { fill: var(--mark); } .bars .missed { fill: var(--card); stroke: var(--bad); stroke-width: 2; }
.bars .signal { fill: var(--signal); } .bars .cross, .key-cross path { stroke: var(--bad); stroke-width: 2.5; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 14px 0 0; font-size: 13px; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend i { width: 14px; height: 14px; border-radius: 3px; font-style: normal; }
.key-wait { background: var(--wait); } .key-down { background: var(--down); } .key-up { background: var(--up); }
.key-unknown { background: repeating-linear-gradient(90deg, var(--unknown) 0 3px, transparent 3px 6px); }
.legend .key-mark, .legend .key-missed { width: 9px; height: 9px; border-radius: 50%; background: var(--mark); }
.legend .key-missed { background: none; border: 2px solid var(--bad); }
.legend .key-signal { width: 3px; border-radius: 1px; background: var(--signal); }
.legend .key-cross { width: 12px; height: 12px; line-height: 0; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); }
th { vertical-align: bottom; } th:last-child, td:last-child { padding-right: 0; } tbody tr:last-child td { border-bottom: 0; }
.words { overflow-wrap: anywhere; min-width: 110px; } .why { overflow-wrap: anywhere; min-width: 180px; }
@media (min-width: 1150px) { .words { min-width: 158px; } .why { min-width: 230px; } }
.value { white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: 600; } th button:focus-visible { outline: 2px solid var(--wait); }
th button::after { content: "\\00a0\\2195"; color: var(--dim); font-weight: 400; }
th[aria-sort] button::after { color: var(--text); font-weight: 600; }
th[aria-sort=ascending] button::after { content: "\\00a0\\2191"; } th[aria-sort=descending] button::after { content: "\\00a0\\2193"; }
.failed, .cancelled, .deferred, .unconfirmed { color: var(--bad); font-weight: 600; }
@media (max-width: 819px) { .fine { display: none; } }
@media (max-width: 639px) {
  body { padding: 16px 10px 40px; }
  .tiles { grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 8px; } .tile { padding: 8px 6px; font-size: 12px; }
  .tile b { font-size: 17px; }
  .row { grid-template-columns: minmax(0, 1fr); padding: 0 0 8px; }
  .row.axis { padding: 0; margin-bottom: 6px; } .axis .label { display: none; }
  .label { justify-self: start; padding-right: 4px; background: var(--card); }
  .lines { left: 0; width: 100%; }
}
@media (max-width: 1039px) {
  table, thead, tbody { display: block; }
  thead tr { display: flex; flex-wrap: wrap; gap: 6px 10px; padding-bottom: 10px; border-bottom: 1px solid var(--line); }
  thead th { padding: 0; border: 0; } thead tr::before { content: "sort by"; color: var(--dim); }
  tbody tr { display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 8px 0; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
  tbody td { padding: 0; border: 0; min-width: 0; } tbody .missing { display: none; }
  tbody td::before { content: attr(data-label) "\\00a0"; color: var(--dim); font-weight: 400; }
  tbody td:first-child { width: 100%; font-weight: 600; } tbody td:first-child::before { content: none; }
  .why { width: 100%; }
}
@media (max-width: 639px) { thead .rare { display: none; } }
@media (max-width: 379px) { .tiles { grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); } }
"""

# Numbers and times are compared as numbers, texts in natural order (h2 before h10). Missing values are last in both directions.
SCRIPT = """
const compare = {
  number: (a, b) => Number(a) - Number(b),
  text: (a, b) => a.localeCompare(b, undefined, {numeric: true}),
};
document.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
  const head = button.parentElement, body = document.querySelector("tbody");
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  document.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const value = (row) => {
    const cell = row.cells[head.cellIndex];
    return cell.classList.contains("missing") ? "" : cell.dataset.value ?? cell.textContent;
  };
  const order = (a, b) => (a === "") - (b === "") || (a === "" ? 0 : sign * compare[head.dataset.kind](a, b));
  [...body.rows].sort((one, other) => order(value(one), value(other))).forEach((row) => body.append(row));
}));
"""


def text(value: Any) -> str:
    """Return a text as HTML: escaped, without control characters and changes of the writing direction."""
    return escape(printable("" if value is None else str(value)))

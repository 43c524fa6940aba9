# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the documentation: its pages, code blocks, the commands in those, and the known names. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "roles").glob("*/README.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted(DOCS.rglob("*.rst")),
]
PLAYBOOKS = {path.stem: path for path in (ROOT / "playbooks").glob("*.yml")}
ROLES = {
    path.parents[1].name: yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")
}
ROLE = ROLES["maintenance"]


@dataclass(frozen=True)
class Block:
    """A block of code; ``line`` is the number of its first line, ``page`` a path from the root."""

    page: str
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        """Return the name of a test of this block."""
        return f"{self.page}:{self.line}"

    @property
    def is_yaml(self) -> bool:
        """Return true if the block is YAML that has to run."""
        return self.language.lower() in ("yaml", "yaml+jinja", "yml")


def blocks(page: Path) -> Iterator[Block]:
    """Return every block of code of a page."""
    name, text = str(page.relative_to(ROOT)), page.read_text()
    yield from _fences(name, text) if page.suffix == ".md" else _directives(name, text)


def _fences(name: str, text: str) -> Iterator[Block]:
    for match in re.finditer(r"^( *)```([^\n]*)\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE):
        lines = [line[len(match[1]) :] for line in match[3].splitlines()]
        yield Block(name, text[: match.start()].count("\n") + 2, match[2].strip(), "\n".join(lines) + "\n")


def _directives(name: str, text: str) -> Iterator[Block]:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = re.fullmatch(r"( *)\.\. (?:code-block|code|sourcecode)::(.*)", line)
        if match is None:
            continue
        rest = number + 1
        while rest < len(lines) and (not lines[rest].strip() or re.match(r" +:\w+:", lines[rest])):
            rest += 1
        indent = len(lines[rest]) - len(lines[rest].lstrip())
        end = rest
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * indent)):
            end += 1
        assert indent > len(match[1]), f"{name}:{number + 1}: an empty block"
        yield Block(name, rest + 1, match[2].strip(), "\n".join(part[indent:] for part in lines[rest:end]).rstrip() + "\n")


def kind(data: Any) -> str:
    """Return the kind of a piece of YAML; empty if it is unknown."""
    if isinstance(data, list) and data and all(isinstance(one, dict) for one in data):
        if all("sources" in one and "rules" in one for one in data):
            return "rulebook"
        if all({"hosts", "import_playbook"} & set(one) for one in data):
            return "plays"
        if all(any("." in key for key in one) or "block" in one for one in data):
            return "tasks"
    if isinstance(data, dict) and data:
        if "plugin" in data:
            return "inventory source"
        if "all" in data:
            return "inventory"
        if set(data) <= variables("maintenance"):
            return "variables"
    return ""


def variables(playbook: str) -> set[str]:
    """Return the variables of a playbook: its own from its comment and its tasks, its role's from the argument specs."""
    text = PLAYBOOKS[playbook].read_text()
    own = set(re.findall(rf"\b{playbook}_[a-z_]+\b", text)) | set(re.findall(r"^# (\w+):", text, re.MULTILINE))
    shared = {"serverprism_api_token", "serverprism_api_url"}
    return own | shared | set(ROLES.get(playbook, {}))


def commands(block: Block) -> Iterator[str]:
    """Return the commands of a console block, each in one line."""
    if block.language == "console":
        text = re.sub(r"\\\n *", "", block.text)
        for line in text.splitlines():
            if line.startswith("$ "):
                yield line[2:].split("    #")[0].strip()


def given(text: str) -> set[str]:
    """Return the names of the variables that a command line sets with -e, also in a quoted list."""
    quoted = " ".join(re.findall(r"-e '([^']*)'", text))
    return set(re.findall(r"-e (\w+)=", text)) | set(re.findall(r"(?:^|\s)(\w+)=", quoted))

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the structure of the code: imports between private files, and the first words of docstrings."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = CHECKOUT / "plugins" / "module_utils"
FILES = sorted(ROOT.rglob("*.py"))
# The number of files outside of a package.
LOOSE = 14


def name_of(path):
    """Return the dotted name of a file: ``_quota.ledger``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path):
    """Return the dotted names of the private files that a file imports."""
    package, out = path.relative_to(ROOT).parts[:-1], set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            whole = ".".join(part for part in base if part)
            names = {name_of(one) for one in FILES}
            out |= {whole} if whole in names else {f"{whole}.{alias.name}".lstrip(".") for alias in node.names}
    return out


IMPORTS = {name_of(path): imports_of(path) for path in FILES}


def circle(graph):
    """Return a circle of a graph, or an empty list."""

    def visit(node, way):
        if node in way:
            return way[way.index(node) :]
        if node in done:
            return []
        for other in sorted(graph.get(node, ())):
            found = visit(other, [*way, node])
            if found:
                return found
        done.add(node)
        return []

    done = set()
    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


def test_every_relative_import_is_a_file():
    assert {other for others in IMPORTS.values() for other in others} <= set(IMPORTS)


def test_imports_of_files_have_no_circle():
    assert circle(IMPORTS) == []


def test_imports_of_packages_have_no_circle():
    packages = {}
    for name, others in IMPORTS.items():
        mine = name.split(".")[0]
        packages.setdefault(mine, set()).update(other.split(".")[0] for other in others if other.split(".")[0] != mine)
    assert circle(packages) == []


def test_circles_are_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c"]


def test_few_files_are_outside_of_a_package():
    assert len(list(ROOT.glob("*.py"))) <= LOOSE


PURE = [name_of(path) for path in FILES if " Pure. " in ast.get_docstring(ast.parse(path.read_text())) + " "]


@pytest.mark.parametrize("name", PURE)
def test_pure_files_import_only_pure_files_and_the_standard_library(name):
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    outside = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            outside |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add(node.module.split(".")[0])
    assert outside <= set(sys.stdlib_module_names) - {"socket", "threading", "subprocess"}
    assert IMPORTS[name] <= {*PURE, "_errors"}


QUESTION = re.compile(r"(what|whether|how|when|where|who|whose|why|which)\b", re.IGNORECASE)
# The percentage of docstrings that may begin with a question word.
QUESTIONS = 3.0
# ansible-test keeps its environments in tests/output.
SOURCES = [
    path
    for folder in ("plugins", "extensions", "tests", "docs")
    for path in sorted((CHECKOUT / folder).rglob("*.py"))
    if "output" not in path.relative_to(CHECKOUT).parts
]


def docstrings_of(path):
    """Return the docstrings of a file, each with the line of what it describes."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]
    return [(getattr(node, "lineno", 1), text) for node in nodes if (text := ast.get_docstring(node))]


def test_docstrings_begin_with_a_verb_or_a_noun():
    found = [(path.relative_to(CHECKOUT), line, text) for path in SOURCES for line, text in docstrings_of(path)]
    questions = [f"{path}:{line}: {text.splitlines()[0]}" for path, line, text in found if QUESTION.match(text)]
    share = 100 * len(questions) / len(found)
    assert share <= QUESTIONS, "\n".join([f"{share:.1f} % of the docstrings begin with a question word:", *questions])

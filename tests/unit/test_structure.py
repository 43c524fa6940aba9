# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the structure of the private code: which file may import which."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
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

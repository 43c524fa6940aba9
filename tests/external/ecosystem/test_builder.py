# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the execution environment: the output of ansible-builder for the example, and the collection's part of an image.

No image is built, since that needs a container engine. The scripts of the build context do here what its build does with the collection.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import EXAMPLES, ROOT
from published import call

EXAMPLE = EXAMPLES / "execution-environment.yml"


def create(tools: dict[str, str], definition: Path, context: Path) -> str:
    """Return the text of the Containerfile."""
    call(tools, "ansible-builder", "create", "-f", definition, "-c", context, "--output-filename", "Containerfile")
    return (context / "Containerfile").read_text()


def arguments(containerfile: str) -> dict[str, str]:
    """Return the build arguments that have a value."""
    return dict(re.findall(r'^ARG (\w+)="(.+)"$', containerfile, re.MULTILINE))


def lines(path: Path) -> list[str]:
    """Return the requirements in a file, without the comments that name their origin."""
    return [line.split("#")[0].strip() for line in path.read_text().splitlines() if line.split("#")[0].strip()]


def test_example_creates_a_build_context(tools: dict[str, str], tmp_path: Path) -> None:
    context = tmp_path / "context"
    containerfile = create(tools, EXAMPLE, context)
    definition = yaml.safe_load(EXAMPLE.read_text())
    given, python = arguments(containerfile), definition["dependencies"]["python_interpreter"]
    assert given["EE_BASE_IMAGE"] == definition["images"]["base_image"]["name"]
    # The defaults of ansible-builder belong to another image: without these, a build looks for programs that do not exist.
    assert given["PYCMD"] == python["python_path"] and given["PYPKG"] == python["package_system"]
    assert given["PKGMGR"] == definition["options"]["package_manager_path"]
    assert "ansible-core" in given["ANSIBLE_INSTALL_REFS"] and "ansible-runner" in given["ANSIBLE_INSTALL_REFS"]
    assert yaml.safe_load((context / "_build" / "requirements.yml").read_text()) == {"collections": [{"name": "serverprism.cloud"}]}
    assert lines(context / "_build" / "requirements.txt") == ["redis"]
    # The last stage is the image.
    image = containerfile.rpartition("\nFROM ")[2]
    assert "STOPSIGNAL SIGINT" in image and re.findall(r"^USER (.*)$", image, re.MULTILINE) == ["1000"]
    # An argument of the build replaces a value everywhere.
    rest = re.sub(r"^ARG .*$", "", containerfile, flags=re.MULTILINE)
    values = [given[name] for name in ("EE_BASE_IMAGE", "PYCMD", "PYPKG", "PKGMGR", "ANSIBLE_INSTALL_REFS")]
    assert not [value for value in values if value in rest]


def test_containerfile_has_no_warning(tools: dict[str, str], tmp_path: Path) -> None:
    create(tools, EXAMPLE, tmp_path / "context")
    # DL3002: the first stage works as root. The image does not, see above.
    options = ["--no-color", "--failure-threshold", "warning", "--ignore", "DL3002"]
    call(tools, "hadolint", *options, tmp_path / "context" / "Containerfile")


@pytest.fixture
def context(tools: dict[str, str], artifact: Path, tmp_path: Path) -> Path:
    """Create a build context of the example that uses this artifact instead of the published one."""
    definition: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    definition["dependencies"]["galaxy"]["collections"] = [{"name": f"artifacts/{artifact.name}", "type": "file"}]
    definition["additional_build_files"] = [{"src": str(artifact), "dest": "artifacts"}]
    path = tmp_path / "execution-environment.yml"
    path.write_text(json.dumps(definition))
    create(tools, path, tmp_path / "context")
    return tmp_path / "context"


def test_image_gets_the_requirements_of_the_collection(tools: dict[str, str], context: Path, tmp_path: Path) -> None:
    containerfile, place = (context / "Containerfile").read_text(), tmp_path / "collections"
    # The stages "galaxy" and "builder" do the same with /usr/share/ansible/collections.
    (galaxy,) = re.findall(r"^RUN .*?(ansible-galaxy collection install .*)$", containerfile, re.MULTILINE)
    here = galaxy.replace("/usr/share/ansible/collections", str(place))
    call(tools, "sh", "-euc", f"cd '{context}/_build' && {here}", ANSIBLE_GALAXY_CLI_COLLECTION_OPTS="--offline")
    assert (place / "ansible_collections" / "serverprism" / "cloud" / "MANIFEST.json").exists()
    assert "introspect.py introspect" in containerfile
    script, python, system = context / "_build" / "scripts" / "introspect.py", tmp_path / "requirements.txt", tmp_path / "bindep.txt"
    user = context / "_build" / "requirements.txt"
    call(tools, "python", script, "introspect", place, f"--user-pip={user}", f"--write-pip={python}", f"--write-bindep={system}")
    assert lines(python) == [*lines(ROOT / "requirements.txt"), "redis"]
    assert {line.split()[0] for line in lines(system)} == {"tzdata"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT TESTED: bindep knows packages of Linux only")
def test_system_packages_have_debian_names(tools: dict[str, str], installed: Path) -> None:
    file = installed / "ansible_collections" / "serverprism" / "cloud" / "bindep.txt"
    assert call(tools, "bindep", "-l", "newline", "-f", file).split() == ["tzdata"]

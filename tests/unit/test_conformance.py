# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of the requirements on the page conformance.rst, for the community package and for certified content."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from documents import DOCS, ROOT
from tools.release import with_full_urls

BASE = "ansible_collections.serverprism.cloud.plugins"
PAGE = DOCS / "docsite" / "rst" / "conformance.rst"
ROW = re.compile(r"^   \* - (.+)\n     - (.+)\n     - (.+)$", re.MULTILINE)
README = (ROOT / "README.md").read_text()
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
WORKFLOWS = ROOT / ".github" / "workflows"
SECTIONS = [
    "Description",
    "Requirements",
    "Installation",
    "Use cases",
    "Testing",
    "Support",
    "Release notes",
    "Related information",
    "License",
]
# Galaxy wants one of them at least.
OFFICIAL_TAGS = {
    "application",
    "cloud",
    "database",
    "eda",
    "infrastructure",
    "linux",
    "monitoring",
    "networking",
    "security",
    "storage",
    "tools",
    "windows",
}
PLUGIN_FOLDERS = {"action", "doc_fragments", "inventory", "module_utils", "modules", "plugin_utils"}


def numbers(version):
    """Return a version as numbers: ``(1, 0, 0)``."""
    return tuple(map(int, version.split(".")))


def workflow(name):
    """Return a workflow. YAML takes its key ``on`` for true."""
    loaded = yaml.safe_load((WORKFLOWS / name).read_text())
    return {"on" if key is True else key: value for key, value in loaded.items()}


def section(page, title):
    """Return the text below a heading of a Markdown page."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)[1]


def tracked():
    """Return the files that git knows, or would add."""
    names = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("row", [row for row in ROW.findall(PAGE.read_text()) if row[0] != "item"], ids=lambda row: row[0])
def test_row_has_a_state_and_names_existing_files_and_tests(row):
    _item, state, where = row
    assert state in ("yes", "not yet", "no")
    paths = [ROOT / path for path in re.findall(r"``([\w./-]+/[\w./-]+|[\w-]+\.\w+)``", where)]
    assert [path for path in paths if not path.exists()] == []
    names = re.findall(r"``(test_\w+)``", where)
    files = [path for path in paths if path.suffix == ".py"] or [Path(__file__)]
    assert [name for name in names if not any(f"def {name}(" in path.read_text() for path in files)] == []
    assert state != "yes" or "``" in where, "a requirement that is met has a test or a file"


def test_version_is_1_0_0_or_newer():
    assert numbers(GALAXY["version"]) >= (1, 0, 0)


def test_code_of_conduct_is_that_of_the_community():
    assert re.search(r"\(https://docs\.ansible\.com/\S+/code_of_conduct\.html\)", (ROOT / "CODE_OF_CONDUCT.md").read_text())
    assert "(CODE_OF_CONDUCT.md)" in README


def test_policy_covers_versions_deprecations_and_support():
    text = (DOCS / "docsite" / "rst" / "releases.rst").read_text()
    assert "https://semver.org/" in text
    assert {"Versions", "The public interface", "Deprecations", "Supported releases"} <= set(re.findall(r"^(.+)\n-+$", text, re.MULTILINE))
    for page in ("README.md", "SECURITY.md", "CONTRIBUTING.md"):
        assert "docs/docsite/rst/releases.rst" in (ROOT / page).read_text(), page


def test_contributing_says_what_is_accepted():
    first = " ".join((ROOT / "CONTRIBUTING.md").read_text().split("\n## ")[0].split())
    for word in ("bug reports", "feature requests", "pull requests", "no contributor agreement"):
        assert word in first


def test_changelog_has_every_release():
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
    titles = re.findall(r"^v(\d\S+)$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE)
    assert sorted(titles) == sorted(releases) and max(map(numbers, releases)) <= numbers(GALAXY["version"])


def test_tags_have_one_that_galaxy_requires():
    assert OFFICIAL_TAGS & set(GALAXY["tags"])


def test_there_are_no_dependencies_on_collections():
    assert GALAXY["dependencies"] == {}


def test_oldest_ansible_core_is_2_16_or_newer():
    required = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    oldest = re.fullmatch(r">=(2\.\d+)\.0", required)[1]
    assert numbers(oldest) >= (2, 16)
    assert f"ansible-core {oldest} or newer" in section("README.md", "Requirements")
    for meta in (ROOT / "roles").glob("*/meta/main.yml"):
        assert yaml.safe_load(meta.read_text())["galaxy_info"]["min_ansible_version"] == oldest, meta


def test_oldest_python_is_declared():
    declared = yaml.safe_load((ROOT / "tests" / "config.yml").read_text())["modules"]["python_requires"]
    oldest = re.fullmatch(r">=(3\.\d+)", declared)[1]
    assert f"Python {oldest} or newer" in section("README.md", "Requirements")
    assert f'target-version = "py{oldest.replace(".", "")}"' in (ROOT / "pyproject.toml").read_text()


def test_plugin_folders_are_known():
    assert {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name != "__pycache__"} <= PLUGIN_FOLDERS


def test_no_version_added_is_newer_than_the_collection():
    texts = [path.read_text() for path in [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "roles").glob("*/meta/argument_specs.yml")]]
    added = [version for text in texts for version in re.findall(r"version_added: (\S+)", text)]
    assert added and max(map(numbers, added)) <= numbers(GALAXY["version"])


def test_modules_that_only_read_are_info_modules_with_check_mode():
    operations = {path.stem: importlib.import_module(f"{BASE}.modules.{path.stem}") for path in (ROOT / "plugins" / "modules").glob("*.py")}
    shared = importlib.import_module(f"{BASE}.doc_fragments.attributes").ModuleDocFragment
    for info in [module for name, module in operations.items() if name.endswith("_info")]:
        attributes = {**yaml.safe_load(shared.DOCUMENTATION)["attributes"], **yaml.safe_load(info.DOCUMENTATION)["attributes"]}
        assert not info.OPERATION.writes and attributes["check_mode"]["support"] == "full"


def test_files_are_small():
    # The artifact may have 20 MB.
    assert [path for path in tracked() if path.stat().st_size > 1_000_000] == []


def test_there_are_no_ignored_sanity_errors():
    assert [path for path in tracked() if re.fullmatch(r"ignore.*\.txt", path.name)] == []


def test_ci_runs_for_changes_weekly_and_before_a_release():
    triggers = workflow("ci.yml")["on"]
    assert {"push", "pull_request", "schedule", "workflow_call"} <= set(triggers)
    (schedule,) = triggers["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    text = (WORKFLOWS / "ci.yml").read_text()
    assert ".ci/run" in text and "sanity" in text + (ROOT / ".ci" / "run").read_text()
    release = workflow("release.yml")
    assert release["on"] == {"push": {"tags": ["v*"]}}
    jobs = release["jobs"]
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert (jobs["build"]["needs"], jobs["publish"]["needs"]) == ("ci", "build") and jobs["publish"]["environment"] == "release"


def test_readme_has_the_sections_of_the_template():
    heads = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert heads[0] == "Description" and set(SECTIONS) <= set(heads)
    assert len(README.splitlines()) <= 200


def test_readme_names_python_and_does_not_install_ansible_with_pip():
    assert "Python 3" in section("README.md", "Requirements")
    assert not re.search(r"pip3? install\s+['\"]?ansible", README)


def test_relative_links_of_the_readme_become_full_urls():
    text = "![a](docs/a.png) [b](COPYING) [c](#c) [d](https://d.example)"
    base = "https://forge.example/x/y"
    full = f"![a]({base}/raw/v1.2.3/docs/a.png) [b]({base}/blob/v1.2.3/COPYING) [c](#c) [d](https://d.example)"
    assert with_full_urls(text, f"{base}/", "1.2.3") == full
    assert not re.search(r"\]\((?!https://|#)", with_full_urls(README, base, "1.2.3"))


def test_python_requirements_are_lower_bounds():
    own = yaml.safe_load((ROOT / "meta" / "execution-environment.yml").read_text())["dependencies"]
    path = ROOT / own.get("python", "requirements.txt")
    lines = re.findall(r"^[^#\n].*", path.read_text(), re.MULTILINE) if path.exists() else []
    assert [line for line in lines if not re.fullmatch(r"(?!ansible)[\w-]+(>=[\d.]+)?", line)] == []


def test_ansible_lint_has_the_profile_production():
    assert yaml.safe_load((ROOT / ".ansible-lint.yml").read_text())["profile"] == "production"


def test_actions_are_pinned_to_commits():
    for path in WORKFLOWS.glob("*.yml"):
        for used in re.findall(r"uses: (.*)", path.read_text()):
            assert used.startswith("./") or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v[\d.]+", used), f"{path.name}: {used}"

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that everything the pages name exists: links, files, playbooks, variables, environment variables, error messages."""

from __future__ import annotations

import ast
import json
import re

import documents
import pytest
import yaml
from ansible_collections.serverprism.cloud.plugins.module_utils._report.message import Messages
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC
from ansible_collections.serverprism.cloud.plugins.plugin_utils._run_check import KNOWN
from benchmarks import figures
from documents import DOCS, EXAMPLES, PAGES, PLAYBOOKS, ROOT
from reports import build

ENVIRONMENT = {f"SERVERPRISM_{option.upper()}" for option in API_ARGUMENT_SPEC}
# Blocks in these languages are run by tests where possible. Any other language is a mistake.
LANGUAGES = {"yaml", "yaml+jinja", "console", "text", "ini", "json", "sh", "python", "sql"}
TEXTS = [*PAGES, *sorted(path for path in EXAMPLES.iterdir() if path.is_file())]
GUIDES = sorted((DOCS / "docsite" / "rst").glob("*.rst"))
HIDDEN = "…"
# Playbooks that a page shows, for the reader to save under this name.
OWN_PLAYBOOKS = ("whitelist.yml",)
OWN_VARIABLES = {"player"}


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_code_block_has_a_known_language(page):
    blocks = list(documents.blocks(page))
    assert {block.language for block in blocks} <= LANGUAGES, [block.where for block in blocks if block.language not in LANGUAGES]
    if page.suffix == ".rst":
        assert not re.search(r"(?<!\.\. contents)(?<!\w)::\s*$", re.sub(r"\.\. [\w-]+::.*", "", page.read_text()), re.MULTILINE), page
        assert page.read_text().count("code-block::") == len(blocks)
    else:
        assert page.read_text().count("```") == 2 * len(blocks)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_use_existing_playbooks_variables_and_make_targets(page):
    for block in documents.blocks(page):
        for command in documents.commands(block):
            where = f"{block.where}: {command}"
            if command.startswith("make "):
                assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), where
            if command.startswith("ansible-playbook "):
                named = re.findall(r"serverprism\.cloud\.(\w+)", command)
                if set(command.split()) & set(OWN_PLAYBOOKS):
                    continue
                assert len(named) == 1 and named[0] in PLAYBOOKS, where
                assert documents.given(command) <= documents.variables(named[0]), where


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_variables_named_in_a_text_exist(page):
    text = page.read_text()
    every = set.union(*(documents.variables(playbook) for playbook in PLAYBOOKS))
    assert set(re.findall(r"-e (\w+)=", text)) <= every | OWN_VARIABLES
    assert set(re.findall(r"\bSERVERPRISM_[A-Z_]+\b", text)) - {"SERVERPRISM_"} <= ENVIRONMENT


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_repository_have_a_target(page):
    text = page.read_text()
    if page.suffix == ".md":
        targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", target)]
        for target in targets:
            path, _hash, anchor = target.partition("#")
            goal = (page.parent / path).resolve() if path else page
            assert goal.exists() and goal.is_relative_to(ROOT), f"{name(page)}: {target}"
            assert not anchor or anchor in anchors(goal.read_text()), f"{name(page)}: {target}"
    for target in re.findall(r"\.\. (?:image|literalinclude|figure):: (\S+)", text):
        assert (page.parent / target).exists(), f"{name(page)}: {target}"


def anchors(text):
    """Return the anchors of the headings of a Markdown page, as code hosting sites create them."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_guide_is_in_the_table_of_contents():
    sections = yaml.safe_load((DOCS / "docsite" / "extra-docs.yml").read_text())["sections"]
    assert sorted(page for section in sections for page in section["toctree"]) == [guide.stem for guide in GUIDES]


def test_every_variable_is_on_the_page_of_playbooks():
    text = (DOCS / "docsite" / "rst" / "playbooks.rst").read_text()
    listed = re.findall(r"^   \* - ``(\w+)``\n     - .*\n     - ", text, re.MULTILINE)
    assert set(listed) == KNOWN


def test_readme_shows_the_figures_of_the_page_of_benchmarks():
    assert figures.summary() in (ROOT / "README.md").read_text()
    table = figures.rows("fleet")
    assert len(table) > 3 and figures.as_markdown(figures.as_rst(table)) == table


def test_every_example_file_is_shown_by_a_guide():
    shown = {match for guide in GUIDES for match in re.findall(r"literalinclude:: \.\./\.\./examples/(\S+)", guide.read_text())}
    assert shown == {path.name for path in EXAMPLES.iterdir() if path.suffix != ".license"}


def sentences():
    """Yield every text of the code, playbooks and roles, with ``HIDDEN`` for each value."""
    for path in sorted(ROOT.glob("plugins/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else HIDDEN for part in node.values]
                yield "".join(map(str, parts)).replace("{what}", HIDDEN)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value.replace("{what}", HIDDEN)
    for path in [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("extensions/eda/rulebooks/*.yml")]:
        yield re.sub(r"\{\{ .*? \}\}", HIDDEN, " ".join(path.read_text().split()))
    for path in ROOT.glob("roles/*/vars/*.yml"):
        yield " ".join(path.read_text().split())


def test_messages_of_the_troubleshooting_guide_exist():
    text = (DOCS / "docsite" / "rst" / "troubleshooting.rst").read_text()
    quoted = re.findall(r"^``(.*)``\n    ", text, re.MULTILINE)
    known = list(sentences())
    assert len(quoted) > 30
    # In the code, the text of a message does not contain the option name at its beginning.
    unknown = [message for message in quoted if not any(re.sub(r"^maintenance_\w+: ", "", message) in sentence for sentence in known)]
    assert not unknown


def test_cookbook_shows_a_real_message_and_describes_all_its_keys():
    text = (DOCS / "docsite" / "rst" / "cookbook.rst").read_text()
    blocks = list(documents.blocks(DOCS / "docsite" / "rst" / "cookbook.rst"))
    (example,) = (json.loads(block.text) for block in blocks if block.language == "json")
    (failed,) = example["servers"]
    restarted = [{"host": f"h{index}", "result": {"outcome": "done", "signal": "restart"}, "error": ""} for index in range(4)]
    report = build([*restarted, {"host": failed["host"], "result": failed, "error": ""}], "2026-05-04T04:00:00Z", False)
    assert Messages("json", example["maintenance_id"], example["reason"]).ended(report) == example
    described = re.findall(r"^   \* - ``([\w.\[\]]+)``\n", text[text.index("docsite.cookbook.json:") :], re.MULTILINE)
    assert described == [*example, *(f"servers[].{key}" for key in failed)]
    assert Messages("discord", "", example["reason"]).ended(report)["content"] + "\n" in [block.text for block in blocks]


def test_github_workflow_has_one_run_at_a_time_pinned_actions_and_a_secret_token():
    text = (EXAMPLES / "github-actions.yml").read_text()
    github = yaml.safe_load(text)
    assert github["concurrency"] == {"group": "serverprism-maintenance", "cancel-in-progress": False}
    assert github["permissions"] == {"contents": "read"}
    for used in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v[\d.]+", used), used
    assert re.findall(r"SERVERPRISM_API_TOKEN: (.*)", text) == ["${{ secrets.SERVERPRISM_API_TOKEN }}"]
    gitlab = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["maintenance"]
    assert gitlab["resource_group"] and gitlab["interruptible"] is False
    assert "SERVERPRISM_API_TOKEN" not in gitlab["variables"]


def test_execution_environment_has_the_collection_and_its_dependencies():
    dependencies = yaml.safe_load((EXAMPLES / "execution-environment.yml").read_text())["dependencies"]
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert dependencies["galaxy"]["collections"] == [{"name": f"{galaxy['namespace']}.{galaxy['name']}"}]
    assert dependencies["python"] == ["redis"]
    # ansible-builder reads the other dependencies from the collection.
    own = yaml.safe_load((ROOT / "meta" / "execution-environment.yml").read_text())["dependencies"]
    assert re.findall(r"^[^#\n].*", (ROOT / own["python"]).read_text(), re.MULTILINE) == ["requests>=2.28"]
    assert (ROOT / own["system"]).exists()

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything this writes lies in .venv and .dev, which git ignores.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
DOCS_BIN := .dev/venv-docs/bin
LINK := .dev/collections/ansible_collections/serverprism/cloud
# Relative, so that a checkout in any folder works, and none of it depends on the user's home.
export PYTHONPATH := $(CURDIR)/.dev/collections:$(CURDIR)/tests
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.dev/collections
export ANSIBLE_HOME := $(CURDIR)/.dev/ansible
export ANSIBLE_LOCAL_TEMP := $(CURDIR)/.dev/ansible/tmp
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.dev/hypothesis
export MYPY_CACHE_DIR := $(CURDIR)/.dev/mypy
export RUFF_CACHE_DIR := $(CURDIR)/.dev/ruff
export PIP_CACHE_DIR := $(CURDIR)/.dev/pip
export PRE_COMMIT_HOME := $(CURDIR)/.dev/pre-commit
export XDG_CACHE_HOME := $(CURDIR)/.dev/cache
export TMPDIR := $(CURDIR)/.dev/tmp
export PYTHONDONTWRITEBYTECODE := 1
$(shell mkdir -p .dev/tmp)

.PHONY: help venv environments hooks demo bench test timed aside tools sanity units integration coverage build galaxy nox unit functional eda \
  ecosystem newest hostile prove lint style types practice release docs clean
help: ## Show what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

venv: .venv/.done $(LINK) ## Make the virtual environment
.venv/.done: tests/requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@
$(LINK):
	mkdir -p $(dir $(LINK))
	ln -sfn ../../../.. $(LINK)

# The pins of these tools exclude each other, so each has an environment of its own.
.dev/venv-%/.done:
	$(PYTHON) -m venv .dev/venv-$*
	.dev/venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $(filter %.txt,$^)
	touch $@
.dev/venv-docs/.done: docs/requirements.txt
.dev/venv-eda/.done: tests/eda/requirements.txt
.dev/venv-ecosystem/.done: tests/ecosystem/requirements.txt
.dev/venv-galaxy/.done: tests/tools/galaxy.txt
.dev/venv-nox/.done: tests/tools/nox.txt
environments: venv $(foreach name,docs ecosystem eda galaxy nox,.dev/venv-$(name)/.done)
	$(BIN)/python tests/versions/run.py --install-only

hooks: venv ## Have git check every commit, with the tools of the virtual environment
	$(BIN)/pre-commit install

lint: style types practice ## Check style, types and good practice
	$(BIN)/antsibull-changelog lint
	$(BIN)/antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
	$(BIN)/pre-commit validate-config

style: venv
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: venv
	cd .dev/collections && "$(CURDIR)/$(BIN)/python" -m mypy --config-file "$(CURDIR)/pyproject.toml" -p ansible_collections.serverprism.cloud.plugins.module_utils

practice: venv
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline --strict -q

demo: venv ## Watch a maintenance of a simulated fleet, live (GAME=openttd: of a real game)
	$(BIN)/python tests/demo/run.py

bench: venv ## Measure, side by side, and put the figures into the README
	$(BIN)/python -m benchmarks.cost
	$(BIN)/python -m benchmarks.plan
	$(BIN)/python -m benchmarks.inventory
	$(BIN)/python -m benchmarks.fleet

unit: venv ## Test the pure parts
	$(BIN)/python -m pytest tests/unit -q -n 2

functional: venv ## Test over HTTP, against the simulator (they mostly wait, so there are more of them than cores)
	$(BIN)/python -m pytest tests/functional -q -n 4

eda: venv .dev/venv-eda/.done ## Test the event source in a real ansible-rulebook (needs Java 17)
	$(BIN)/python -m pytest tests/eda -q -n 2

ecosystem: venv .dev/venv-ecosystem/.done ## Test it in ansible-builder, ansible-runner and ansible-navigator
	$(BIN)/python -m pytest tests/ecosystem -q -n 2

# The matrix of faults waits most of the time, and its file stays together; the other files share the rest.
hostile: venv ## Try to break it: faults, kills, full disks, foreign content
	$(BIN)/python -m pytest tests/hostile -q -n 3 --dist loadfile

prove: venv ## The same at length, and write down what came of it (docs/docsite/rst/proof.rst)
	rm -rf .dev/hostile
	HOSTILE_ACTION_EVERY=1 HOSTILE_MODULE_EVERY=1 HOSTILE_EXAMPLES=5000 $(BIN)/python -m pytest tests/hostile -q -n 3 --dist loadfile
	$(BIN)/python -m hostile.table

newest: venv ## Test what users do on the newest ansible-core
	$(BIN)/python tests/versions/run.py

sanity: venv ## Check it with ansible-test sanity
	$(BIN)/python -m tools.ansible_test sanity

units: venv ## Run the unit tests as ansible-test does
	$(BIN)/python -m tools.ansible_test units

integration: venv ## Run the integration tests of ansible-test
	$(BIN)/python -m tools.ansible_test integration

coverage: venv ## Run both, and fail where they cover less than 95 % of the plugins
	$(BIN)/python -m tools.coverage

build: venv ## Build the artifact that is published, into .dev/build
	rm -f .dev/build/*.tar.gz
	$(BIN)/ansible-galaxy collection build --force --output-path .dev/build "$$($(BIN)/python -m staging)"

galaxy: build .dev/venv-galaxy/.done ## Check the changelog, and the artifact as Galaxy does when it is uploaded
	.dev/venv-galaxy/bin/antsibull-changelog lint
	cd .dev/build && PATH="$(CURDIR)/.dev/venv-galaxy/bin:$$PATH" python -m galaxy_importer.main *.tar.gz 2>&1 | tee importer.log
	@if grep -E "^(ERROR|WARNING)" .dev/build/importer.log; then exit 1; fi

# Its copies are temporary, and antsibull-docs overlooks roles in a hidden folder.
nox: .dev/venv-nox/.done ## Run the checks that contributors of Ansible collections know (SESSIONS="lint docs-check": only these)
	env -u TMPDIR PATH="$(CURDIR)/.dev/venv-nox/bin:$$PATH" .dev/venv-nox/bin/nox --no-error-on-missing-interpreters $(if $(SESSIONS),--session $(SESSIONS))

# On a copy, since it takes along everything that is beside it; again for a release that exists, it adds to that.
release: venv ## Move the changelog's fragments into the release that galaxy.yml names (DATE=YYYY-MM-DD, else today)
	tree="$$($(BIN)/python -m staging)" && cd "$$tree" && mkdir -p changelogs/fragments && \
	  PATH="$(CURDIR)/$(BIN):$$PATH" antsibull-changelog release --update-existing $(DATE:%=--date %) && \
	  cp CHANGELOG.md CHANGELOG.rst "$(CURDIR)" && cp changelogs/changelog.yaml "$(CURDIR)/changelogs" && \
	  rm -f "$(CURDIR)"/changelogs/fragments/*.yml

# The import of the artifact is what galaxy does, and the unit tests are run as ansible-test does it.
tools: SESSIONS := yamllint docs-check license-check extra-checks
tools: sanity galaxy nox lint docs ecosystem

# Some tests measure time, and mostly wait. What only computes takes what they leave.
timed:
	$(MAKE) units
	$(MAKE) functional
aside:
	nice -n 19 $(MAKE) environments tools
test: venv ## Run every test and check but "make coverage" and "make hostile"
	$(MAKE) --jobs=3 --output-sync=target timed aside
	$(MAKE) --jobs=2 --output-sync=target eda newest

docs: .dev/venv-docs/.done $(LINK) ## Build the documentation site (.dev/site), and check it and its examples
	PATH="$(CURDIR)/$(DOCS_BIN):$$PATH" docs/build

clean: ## Remove all that was made
	rm -rf .venv .dev .nox

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
export PYTHONPATH := $(CURDIR)/.dev/collections:$(CURDIR)/tests/support:$(CURDIR)/tests
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
GATES ?= sanity coverage galaxy nox docs ecosystem eda versions
# Galaxy's import and ansible-test do what the other sessions of nox do.
SESSIONS ?= yamllint docs-check license-check extra-checks

.PHONY: help venv hooks lint unit functional check test gates versions hostile prove demo pictures bench docs release clean \
  environments build types practice gate-units $(GATES:%=gate-%)
help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

venv: .venv/.done $(LINK)
.venv/.done: tests/support/requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@
$(LINK):
	mkdir -p $(dir $(LINK))
	ln -sfn ../../../.. $(LINK)

# Have git check every commit, with the tools of the virtual environment.
hooks: venv
	$(BIN)/pre-commit install

lint: venv types practice ## Check style, types, good practice and the changelog
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/antsibull-changelog lint
	$(BIN)/antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml
	$(BIN)/pre-commit validate-config

# The hooks of git call these two as well.
types: venv
	cd .dev/collections && "$(CURDIR)/$(BIN)/python" -m mypy --config-file "$(CURDIR)/pyproject.toml" -p ansible_collections.serverprism.cloud.plugins.module_utils

practice: venv
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline --strict -q

unit: venv ## Run the unit tests
	$(BIN)/python -m pytest tests/unit -q -n 2

# They wait most of the time, so there are more of them than cores.
functional: venv ## Run the tests over HTTP, against the simulator and with real ansible-playbook runs
	$(BIN)/python -m pytest tests/functional -q -n 4

check: ## Run lint and the quick unit tests, in about a minute
	$(MAKE) --jobs=2 --output-sync=target lint gate-quick

test: lint unit functional ## Run what a change must pass; needs nothing but Python

gates: venv ## Run all other checks (GATES="sanity docs": only these)
	$(MAKE) --jobs=3 --output-sync=target $(GATES:%=gate-%)

versions: venv ## Try what users do on every supported ansible-core, and print a table of it
	$(BIN)/python tests/external/versions/run.py all

hostile: venv ## Try to break it: faults, kills, full disks, foreign content
	rm -rf .dev/hostile
	$(BIN)/python -m pytest tests/hostile -q -n 3 --dist loadfile
	$(BIN)/python -m hostile.table

prove: export HOSTILE_ACTION_EVERY := 1
prove: export HOSTILE_MODULE_EVERY := 1
prove: export HOSTILE_EXAMPLES := 5000
prove: hostile ## The same at length; both write .dev/hostile/proof.rst

demo: venv ## Watch a maintenance of a simulated fleet, live (GAME=openttd: of a real game)
	$(BIN)/python tests/demo/run.py

# They are committed. Needs chromium.
pictures: venv
	$(BIN)/python tests/demo/pictures.py

bench: venv ## Measure, side by side, and put the figures into the documentation
	$(BIN)/python -m benchmarks.cost
	$(BIN)/python -m benchmarks.plan
	$(BIN)/python -m benchmarks.inventory
	$(BIN)/python -m benchmarks.fleet

docs: gate-docs ## Build the documentation site (.dev/site), and check it and its examples

# It can be repeated for the same version.
release: venv ## Move the changelog's fragments into the release that galaxy.yml names (DATE=YYYY-MM-DD, else today)
	$(BIN)/python -m tools.release changelog $(DATE)

clean: ## Remove everything that was made
	rm -rf .venv .dev .nox

# The gates. The pins of their tools exclude each other, so each has a virtual environment.
.dev/venv-%/.done:
	$(PYTHON) -m venv .dev/venv-$*
	.dev/venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $(filter %.txt,$^)
	touch $@
.dev/venv-docs/.done: docs/requirements.txt
.dev/venv-eda/.done: tests/external/rulebook/requirements.txt
.dev/venv-ecosystem/.done: tests/external/ecosystem/requirements.txt
.dev/venv-galaxy/.done: tests/support/tools/galaxy.txt
.dev/venv-nox/.done: tests/support/tools/nox.txt
environments: venv $(foreach name,docs ecosystem eda galaxy nox,.dev/venv-$(name)/.done)
	$(BIN)/python tests/external/versions/run.py install

# The unit tests without those marked "long".
gate-quick: venv
	$(BIN)/python -m pytest tests/unit -q -n 2 -m "not long"

# Sanity and unit tests as ansible-test runs them, on the oldest and on the newest ansible-core.
gate-sanity gate-units: gate-%: venv
	$(BIN)/python tests/external/versions/run.py $*

# The same with the integration tests: together they must cover 95 % of the plugins.
gate-coverage: venv
	$(BIN)/python -m tools.coverage

build: venv
	$(BIN)/python -m tools.release build .dev/build

# The changelog, and the artifact as Galaxy looks at it when it is uploaded.
gate-galaxy: build .dev/venv-galaxy/.done
	.dev/venv-galaxy/bin/antsibull-changelog lint
	cd .dev/build && PATH="$(CURDIR)/.dev/venv-galaxy/bin:$$PATH" python -m galaxy_importer.main *.tar.gz 2>&1 | tee importer.log
	@if grep -E "^(ERROR|WARNING)" .dev/build/importer.log; then exit 1; fi

# In a copy: reuse reads all folders, and fails on files that another gate removes meanwhile. It is not in a hidden folder,
# because antsibull-docs overlooks roles there.
gate-nox: .dev/venv-nox/.done
	copy="$$(env -u TMPDIR mktemp -d)"; trap 'rm -rf "$$copy"' EXIT; \
	cd "$$($(PYTHON) tests/support/staging.py "$$copy")"; git init -q; git add -A; \
	env -u TMPDIR PATH="$(CURDIR)/.dev/venv-nox/bin:$$PATH" "$(CURDIR)/.dev/venv-nox/bin/nox" --envdir "$(CURDIR)/.nox" \
	  --no-error-on-missing-interpreters $(if $(SESSIONS),--session $(SESSIONS))

gate-docs: .dev/venv-docs/.done $(LINK)
	PATH="$(CURDIR)/$(DOCS_BIN):$$PATH" docs/build

gate-ecosystem: venv .dev/venv-ecosystem/.done
	$(BIN)/python -m pytest tests/external/ecosystem -q -n 2

# The event source in a real ansible-rulebook, which needs Java 17.
gate-eda: venv .dev/venv-eda/.done
	$(BIN)/python -m pytest tests/external/rulebook -q -n 2

# A few tests of what users do, on the oldest and on the newest ansible-core. The other tests use one between them.
gate-versions: venv
	$(BIN)/python tests/external/versions/run.py few

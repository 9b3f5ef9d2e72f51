SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
APT ?= yes
PYTEST_ARGS ?=
DEMO_NODES ?= 4
BENCH_NODES ?= 8,1,16,32

VENV := .venv
INSTALLED := $(VENV)/.installed
APT_DONE := .apt-installed
SYSTEM := $(if $(filter no,$(APT)),,$(APT_DONE))

# The folders are listed too: their time changes when a plugin comes or goes.
METADATA := setup.cfg pyproject.toml luna_core/__init__.py \
	$(wildcard plugins examples plugins/*/pyproject.toml examples/*/pyproject.toml)
SOURCES := luna_core $(wildcard plugins/*/src examples/*/src)

.PHONY: help install test matrix lint check man demo bench clean

help: ## Show what there is to make
	@sed -nE 's/^([a-z]+):.* ## (.*)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

install: $(INSTALLED) ## Install luna, its plugins and the test tools into .venv, and Debian's packages (APT=no: without)

$(APT_DONE): packaging/apt-packages.txt packaging/install-apt-packages.sh
	packaging/install-apt-packages.sh
	touch $@

$(INSTALLED): $(METADATA) packaging/install-venv.sh packaging/editable_requirements.py $(SYSTEM)
	PYTHON=$(PYTHON) packaging/install-venv.sh
	touch $@

test: install ## Run the tests (PYTEST_ARGS="-k name" for some of them)
	packaging/run-tests.sh $(PYTEST_ARGS)

matrix: install ## Boot nodes from disks in all ways that test leaves out, in an hour (needs root)
	$(VENV)/bin/pytest -m matrix plugins/lab/tests $(PYTEST_ARGS)

lint: install ## Check style, types and shell scripts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict $(SOURCES)
	packaging/list-shell-files.sh | xargs -0 shellcheck

check: lint test ## lint, then test

man: install ## Write the man pages into build/man
	$(VENV)/bin/python docs/generate_cli.py --man build/man

demo: install ## Boot four virtual machines from the network on this machine (needs root)
	$(VENV)/bin/luna lab demo --nodes $(DEMO_NODES) --quarter --power-off

# The most telling first, for the whole takes long.
bench: install ## Measure luna beside its peers on this machine, in 45 minutes (needs root; docs/how-to/benchmarks.md)
	@[ "$$(id -u)" = 0 ] || { echo "Benchmarks make network namespaces: run 'make bench' as root." >&2; exit 1; }
	@failed=; \
	for benchmark in "delivery.py --nodes $(BENCH_NODES)" control_plane.py racks.py "racks.py --shares 0.75 --slow 2" \
		relays.py delta.py pack.py storm_model.py; do \
		echo "== benchmarks/$$benchmark"; \
		status=0; $(VENV)/bin/python benchmarks/$$benchmark || status=$$?; \
		[ $$status -lt 128 ] || exit $$status; \
		[ $$status = 0 ] || failed+=" $${benchmark%% *}"; \
		echo "== $$((SECONDS / 60)) minutes so far"; \
	done; \
	[ -z "$$failed" ] || { echo "These failed, or what they say must hold doesn't:$$failed" >&2; exit 1; }

clean: ## Remove .venv and everything that was built
	rm -rf $(VENV) $(APT_DONE) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf $(wildcard *.egg-info plugins/*/build plugins/*/dist plugins/*/src/*.egg-info)
	rm -rf $(wildcard examples/*/build examples/*/dist examples/*/src/*.egg-info)
	find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything runs from a virtual environment that this file makes; nothing needs activating.
SHELL := /bin/bash
# Hundreds of processes are started: where the environment forbids bytecode each would compile all of syncd anew.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
comma := ,
install = if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -c constraints.txt $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(1); fi

# The first interpreter that runs, is 3.11 or newer, and can make a virtual environment.
FIND_PYTHON = for p in python3.13 python3.12 python3.11 python3; do \
	if "$$p" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo "$$p"; break; fi; done

.PHONY: help demo test lint unit simulation seeds e2e wheel systemd-test soak bench clean

help: ## show the targets
	@grep -hE '^[a-z0-9-]+:.*?## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# $(STAMP) holds what running needs, $(DEV) what checking needs on top: the demo does not wait for linters.
$(STAMP): pyproject.toml constraints.txt
	@set -e; py="$$($(FIND_PYTHON))"; \
	if [ -z "$$py" ]; then echo "syncd needs Python 3.11 or newer with venv (Debian: apt install python3 python3-venv)" >&2; exit 1; fi; \
	if command -v uv >/dev/null 2>&1; then uv venv --quiet --allow-existing --python "$$py" $(VENV); else "$$py" -m venv $(VENV); fi; \
	$(call install,-e '.[sandbox]'); \
	touch $@

$(DEV): $(STAMP)
	@set -e; \
	command -v uv >/dev/null 2>&1 || $(call install,'pip>=25.1'); \
	$(call install,-e '.[sandbox$(comma)postgres]' --group dev); \
	touch $@

demo: $(STAMP) ## play the whole scenario against the sandbox systems
	@$(BIN)/syncd demo

test: $(DEV) lint unit simulation wheel ## every check that CI runs

lint: $(DEV) ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(DEV) ## unit, contract and tidy tests; the rules with branch coverage
	$(BIN)/coverage run -m pytest -q tests/unit/mappings
	$(BIN)/coverage report
	$(BIN)/pytest -q -n 2 --dist loadfile tests --ignore tests/e2e --ignore tests/unit/mappings --ignore tests/simulation

simulation: $(DEV) ## every crash point, the known-bad protocols, worlds with faults
	$(BIN)/pytest -q -n 2 --dist worksteal tests/simulation/test_crash_points.py
	$(BIN)/pytest -q -n 2 --dist loadfile tests/simulation --ignore tests/simulation/test_crash_points.py
	$(BIN)/python -m tests.simulation --seeds 1-200 --shrink

SEEDS ?= 1-1000
seeds: $(DEV) ## worlds with faults, on all cores (SEEDS=1-1000)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --shrink

e2e: $(DEV) ## the real processes against the sandbox, from the sources
	$(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder tests/e2e

wheel: $(DEV) ## build the wheel, install it elsewhere, run the e2e tests against it
	./tests/wheel.sh

systemd-test: $(DEV) ## boot a real systemd in a container tree and play an operator's day (root)
	./tests/systemd/run.sh

soak: $(DEV) ## long runs that CI does not wait for
	$(BIN)/python -m tests.simulation --seeds 1-10000 --shrink
	$(BIN)/python -m tests.simulation.deaths --pairs
	SIGKILL_SHARES=20 $(BIN)/pytest -q -n 2 tests/e2e/test_killed_anywhere.py
	$(BIN)/python -m tests.bench.retention

bench: $(DEV) ## figures, as shares of a floor measured in the same run
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.restart

clean: ## remove what the targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage

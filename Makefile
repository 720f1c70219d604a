# The front door. `make` alone lists what can be done.

BENCH ?= import
SIZE ?= 100000
PEOPLE ?= 10000
POSTGRES ?= /usr/lib/postgresql/15/bin
PYTHON_IN_VENV := .venv/bin/python
# A lock names all there is, so nothing is left to resolve; older pips stumble over extras in one.
PIP := $(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --no-deps

.DEFAULT_GOAL := help
.PHONY: help install demo test test-postgres test-image faults check audit sbom bench lint fmt docs clean

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

install: .venv/installed ## Make .venv, with .venv/bin/rosterhub in it

demo: .venv/installed ## Run a hub with PEOPLE=10000 invented people at PORT=3000; Ctrl-C stops it
	@exec $(PYTHON_IN_VENV) -m rosterhub up --sample $(PEOPLE) $(if $(PORT),--port $(PORT))

test: .venv/installed-dev ## Run all tests; ARGS='-k import' for some
	$(PYTHON_IN_VENV) -m pytest --cov --cov-report=term:skip-covered $(ARGS)

test-postgres: .venv/installed-dev ## Run the integration tests on the PostgreSQL in POSTGRES=DIR
	$(PYTHON_IN_VENV) -m pytest tests/integration --postgres "$(POSTGRES)" $(ARGS)

faults: .venv/installed-dev ## Kills amid imports (FAULTS_SEED=N), and 2,000 damaged packages
	$(PYTHON_IN_VENV) -m pytest tests/faults -m faults -s $(ARGS)

test-image: .venv/installed-dev ## Build the container image with buildah and try it (root, minutes)
	$(PYTHON_IN_VENV) -m pytest tests/deploy -m slow $(ARGS)

check: lint ## Everything CI looks at besides the tests
	$(PYTHON_IN_VENV) -m pip check
	$(PYTHON_IN_VENV) -m pyright

audit: .venv/installed-dev sbom ## Look for known holes in what is installed (asks pypi.org), and make sbom
	.venv/bin/pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip

sbom: .venv/installed-dev ## Write what a hub is made of: rosterhub.cdx.json (CycloneDX)
	$(PYTHON_IN_VENV) -m scripts.make_sbom rosterhub.cdx.json

bench: .venv/installed-dev ## Measure: BENCH=import SIZE=100000
	$(PYTHON_IN_VENV) -m benchmarks.$(BENCH) $(SIZE)

lint: .venv/installed-dev ## Style, format, and which module may import which
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	.venv/bin/lint-imports

fmt: .venv/installed-dev ## Format, and mend what can be mended
	$(PYTHON_IN_VENV) -m ruff check --fix .
	$(PYTHON_IN_VENV) -m ruff format .

docs: .venv/installed-dev ## Write the reference pages that derive from the code
	$(PYTHON_IN_VENV) -m scripts.make_docs

clean: ## Remove .venv and all caches; a hub's data stays
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage* dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: requirements.lock pyproject.toml scripts/make-venv
	@scripts/make-venv
	@echo "Installing what RosterHub needs (once, about a minute) …"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@echo "Installing what its tests and checks need (once, about a minute) …"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

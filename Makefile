# Everything that people and CI do here. `make run` and `make test` need only
# Python 3.11+ with venv, make and git; what else a target needs stands above it.

PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$candidate && break; done)
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
PYTEST := $(BIN)/python -m pytest -q
PACKAGES := mlops datasets lifecycle deployments
# People see what is downloaded; a log of CI need not.
QUIET := $(if $(CI),-q)

# A server as strict as the one that `check --deploy` is about.
STRICT := MLOPS_ENV=production MLOPS_ALLOWED_HOSTS=mlops.example.org \
	MLOPS_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(40))') \
	MLOPS_DATA_DIR=$$(mktemp -d)

.DEFAULT_GOAL := help
.PHONY: help run install test test-pg test-slow test-all coverage mutants check format \
	openapi examples client client-package messages bench lock sbom archive clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/.stamp-run  ## everything on this machine, with the demo story; Ctrl-C ends it
	@exec $(MANAGE) up

install: .venv/.stamp-tests  ## the environment with every tool in it

# Tests -----------------------------------------------------------------------------
test: .venv/.stamp-tests  ## the suite on SQLite
	$(PYTEST) $(ARGS)

test-pg: .venv/.stamp-tests  ## what asks the database, on a real PostgreSQL (yours, the system's or a wheel's)
	$(BIN)/python tests/pg.py run $(PYTEST) --database-only $(ARGS)

test-slow: .venv/.stamp-tests  ## what needs minutes: live stacks, kills, other clients
	$(PYTEST) -m slow $(ARGS)

# Its browser tests need Debian's chromium and chromium-driver, and are skipped without.
test-all: .venv/.stamp-tests  ## all of it on both databases
	$(PYTEST) -m "slow or not slow" $(ARGS)
	$(BIN)/python tests/pg.py run $(PYTEST) -m "slow or not slow" $(ARGS)

coverage: .venv/.stamp-tests  ## what the suite executes, branches counted, against the floors
	$(BIN)/coverage erase
	$(PYTEST) --cov --cov-report= $(ARGS)
	$(BIN)/coverage json -q -o .coverage.json
	$(BIN)/python -m tests.covered .coverage.json

mutants: .venv/.stamp-tests  ## small changes that a test must notice; ONLY=states runs one area
	$(BIN)/python -m tests.mutation $(ONLY) $(ARGS)

# Static checks ---------------------------------------------------------------------
check: .venv/.stamp-tests  ## format, lint, types, imports, migrations, schema, security
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MANAGE) makemigrations --check --dry-run
	$(MANAGE) spectacular --validate --fail-on-warn --file /dev/null
	$(BIN)/bandit -q -c pyproject.toml -ll -r $(PACKAGES)
	$(STRICT) sh -c '$(MANAGE) collectstatic --noinput -v0 \
		&& $(MANAGE) check --deploy --fail-level WARNING'

format: .venv/.stamp-tests  ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The API's documents ---------------------------------------------------------------
openapi: .venv/.stamp-tests  ## write docs/openapi*.json anew
	$(MANAGE) spectacular --format openapi-json --validate --fail-on-warn \
		--file docs/openapi.json
	$(MANAGE) spectacular --format openapi-json --validate --fail-on-warn \
		--generator-class mlops.core.schema.profiles.SeedGenerator \
		--file docs/openapi.seed.json

examples: .venv/.stamp-tests  ## send the document's examples, and write down what is answered
	RECORD_EXAMPLES=1 $(PYTEST) tests/contract/test_examples.py -k sent
	$(MAKE) openapi

# Needs Node 18+ and npm.
client: openapi  ## a typed TypeScript client in client/, compiled strictly
	mkdir -p client
	cp tests/client/*.json tests/client/*.ts client/
	cp docs/openapi.json client/openapi.json
	cd client && npm install --no-audit --no-fund --no-package-lock --loglevel=error
	cd client && npx openapi-ts && npx tsc

# Needs Node 20.19+ and npm; the document is the committed one.
client-package:  ## the client that others install, packed in clients/typescript/
	cp LICENSE clients/typescript/
	cd clients/typescript && npm ci --no-audit --no-fund --loglevel=error
	cd clients/typescript && npm run build && npm pack

# Needs GNU gettext.
messages: .venv/.stamp-tests  ## collect and compile the Korean texts
	$(MANAGE) makemessages -l ko --no-obsolete --no-wrap --no-location \
		--ignore 'var/*' --ignore 'tests/*' --ignore 'client/*' \
		--ignore 'clients/*' --ignore 'examples/*'
	$(MANAGE) compilemessages -l ko --ignore .venv

bench: .venv/.stamp-tests  ## measurements; ONLY=name runs one, AGAINST=commit compares its CPU
	$(BIN)/python -m bench $(ONLY) $(if $(AGAINST),--against $(AGAINST))

# The supply chain ------------------------------------------------------------------
SBOM ?= sbom.cdx.json
ARCHIVE ?= mlops.tar.gz

# Needs uv.
lock: .venv/.stamp-tests  ## the digests of what the requirement files pin, written anew
	$(BIN)/python -m tests.locking

.venv/sbom/bin/cyclonedx-py: tests/requirements-sbom.txt .venv/.stamp-run
	$(BIN)/python -m venv .venv/sbom
	.venv/sbom/bin/pip install -q --disable-pip-version-check --require-hashes -r tests/requirements-sbom.txt

sbom: .venv/sbom/bin/cyclonedx-py  ## a bill of what is installed (CycloneDX), into SBOM=sbom.cdx.json
	$< environment --output-reproducible --of JSON -o $(SBOM) $(BIN)/python

archive:  ## the source of this commit, the same bytes from any clone, into ARCHIVE=mlops.tar.gz
	git archive --format=tar --prefix=mlops/ HEAD | gzip -n9 > $(ARCHIVE)

clean:  ## drop the environment and caches; var/ (your data) stays
	rm -rf .venv client clients/*/node_modules examples/*/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The environment: pip does it; uv does it faster where it is already installed. -----
# What could not be finished is removed: a half-made environment would look like one.
define environment
"$(PYTHON)" -c 'import ensurepip.__main__, venv' 2>/dev/null || command -v uv >/dev/null \
	|| { echo "Python's venv is missing. Debian, Ubuntu: sudo apt install python3-venv"; exit 1; }; \
rm -rf .venv; trap 'rm -rf .venv; exit 1' INT TERM HUP; \
{ if command -v uv >/dev/null; then uv venv -q --python "$(PYTHON)" .venv; \
else "$(PYTHON)" -m venv .venv; fi; } || { rm -rf .venv; exit 1; }; trap - INT TERM HUP
endef

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@$(environment)

define install
	@echo "Installing $(1): up to 1 GB and some minutes at the first time …"
	@if command -v uv >/dev/null; \
	then uv pip install $(QUIET) --python $(BIN)/python --require-hashes -r $(1); \
	else $(BIN)/python -m pip --version >/dev/null 2>&1 || { $(environment); }; \
	$(BIN)/python -m pip install $(QUIET) --disable-pip-version-check --require-hashes -r $(1); fi
	@touch $@
endef

.venv/.stamp-run: requirements.txt | .venv/bin/python
	$(call install,requirements.txt)

.venv/.stamp-tests: requirements.txt tests/requirements.txt | .venv/bin/python
	$(call install,tests/requirements.txt)
	@touch .venv/.stamp-run

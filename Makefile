# `make` alone lists what there is to do. Everything lives in .venv and .data; `make clean` forgets the first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Empty files that remember what is installed: unchanged requirements are not installed again.
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test chaos bench lint lint-compose format docs client answers screenshots release-check train-guard lock sbom fuzz clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUNTIME) ## Install what is missing and run the platform; options go into ARGS, as in ARGS="--port 8001"
	@DIE_WITH_PARENT=1 exec $(BIN)/python manage.py runplatform $(ARGS)

# Counted apart from the coverage: they run the platform in processes of its own.
SLOW := tests/end_to_end tests/browser tests/chaos

test: $(DEV) ## Run every test on stores of its own; with ARGS, those that pytest is told
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } > /dev/null || \
		echo 'Chromium is missing, so the browser tests will be skipped. Debian and Ubuntu: apt-get install chromium' >&2
	@{ command -v rabbitmq-server || command -v /usr/lib/rabbitmq/bin/rabbitmq-server; } > /dev/null || \
		echo 'RabbitMQ is missing, so its test will be skipped. Debian and Ubuntu: apt-get install rabbitmq-server' >&2
	@command -v promtool > /dev/null || \
		echo 'Prometheus is missing, so its rules will not be tested. Debian and Ubuntu: apt-get install prometheus' >&2
	@if [ -n '$(ARGS)' ]; then exec $(BIN)/python -m pytest $(ARGS); fi; \
	$(BIN)/python -m pytest --cov $(SLOW:%=--ignore=%) && exec $(BIN)/python -m pytest $(SLOW)

chaos: $(DEV) ## Hurt a whole platform and see what it keeps; ARGS="--seed 7 --tasks 10000 --minutes 25"
	@exec $(BIN)/python -m tests.chaos $(ARGS)

bench: $(DEV) ## Requests a second beside peers; PEERS=fastapi,tuned; ARGS="--quick" (docs/performance.md)
	@exec $(BIN)/python -m bench.throughput $(ARGS)

SCRIPTS := deploy.sh .ci/run deploy/container/entrypoint.sh $(wildcard tests/containers/*.sh tests/containers/standins/*.sh)

lint: $(DEV) ## Check style, types, who imports whom, made files, shell scripts and the Dockerfile
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python clients/python/make_sync.py --check
	@$(BIN)/shellcheck $(SCRIPTS)
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --confidence-level medium --recursive \
		accounts agentplatform agents feedback

fuzz: $(DEV) ## Try the readers of what strangers send with inputs that coverage leads to; ARGS="--seconds 600 keys"
	@$(BIN)/python -c 'import atheris' 2> /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/fuzz.txt
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

sbom: $(DEV) ## Write dist/sbom.cdx.json, the bill of materials of what the product runs on (CycloneDX)
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements requirements.txt --output-reproducible --short-PURLs --validate --output-file dist/sbom.cdx.json
	@echo "dist/sbom.cdx.json"

# Apart from `make lint`, because it wants Docker Compose; on Debian it is fetched where it is missing, and not installed.
PLUGINS ?= /tmp/agentplatform-containers/config

lint-compose: ## Check the compose files with Docker Compose itself
	@if docker compose version > /dev/null 2>&1; then exec $(PYTHON) tests/containers/config.py; fi; \
	tests/containers/plugins.sh $(PLUGINS) && exec $(PYTHON) tests/containers/config.py $(PLUGINS)/cli-plugins/docker-compose

format: $(DEV) ## Format the code and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(DEV) ## Write anew what documents take from the code: .env.example, docs/settings.md, docs/licences.md
	@$(BIN)/python manage.py settingsreference
	@$(BIN)/python tests/licences.py

client: $(DEV) ## Write the synchronous half of the Python client anew from the asynchronous one
	@$(BIN)/python clients/python/make_sync.py

answers: $(DEV) ## Run the snippets of the documents and write the answers they show anew
	@WRITE_ANSWERS=1 $(BIN)/python -m pytest -q -n0 tests/docs/test_api_guide.py tests/docs/test_commands.py tests/docs/test_client_readme.py

train-guard: $(DEV) ## Fit the guard's weights to labelled texts; DATA=rows.jsonl (docs/guard.md)
	@exec $(BIN)/python -m agents.guards.injection.training $(DATA)

screenshots: $(DEV) ## Take the pictures in docs/images/ anew
	@WRITE_IMAGES=1 $(BIN)/python -m pytest -q -n0 tests/browser/test_screenshots.py

release-check: $(DEV) ## Check all that a release needs, on Python 3.11, 3.12 and 3.13; takes long (docs/releasing.md)
	@exec $(BIN)/python tests/release_check.py $(ARGS)

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(ARGS)

lock: $(DEV) ## Pin the requirements again, with hashes; ARGS=--upgrade takes newer versions
	$(COMPILE) requirements/runtime.in --output-file requirements.txt
	$(COMPILE) --constraints requirements.txt requirements/dev.in --output-file requirements/dev.txt
	$(COMPILE) --constraints requirements/dev.txt requirements/installer.in --output-file requirements/installer.txt
	$(COMPILE) --no-deps requirements/embedded.in --output-file requirements/embedded.txt
	$(COMPILE) --no-deps requirements/fuzz.in --output-file requirements/fuzz.txt

clean: ## Remove the virtual environment and what tools leave behind; the data in .data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* htmlcov test-results

# uv installs in seconds what takes pip the better part of a minute, but it does not read pip's configuration: it is told
# the index, and where it fails all the same, pip installs. Each file is checked against its hash either way. The files
# name every package, so nobody has to resolve anything. Standard output stays free for the platform's own.
INSTALL = echo 'Installing pinned packages, about 200 MB the first time …' >&2; { \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.txt && \
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2> /dev/null)}}" \
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python --no-deps --require-hashes $(FILES) || \
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes $(FILES); } >&2

$(RUNTIME): FILES = -r requirements.txt -r requirements/embedded.txt
$(RUNTIME): requirements.txt requirements/embedded.txt requirements/installer.txt | $(BIN)/python
	@$(INSTALL)
	@touch $@

# requirements/dev.txt holds all of requirements.txt too.
$(DEV): FILES = -r requirements/dev.txt -r requirements/embedded.txt
$(DEV): requirements/dev.txt requirements.txt requirements/embedded.txt requirements/installer.txt | $(BIN)/python
	@$(INSTALL)
	@touch $(RUNTIME) $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
		echo '$(PYTHON) is missing or older than Python 3.11. Name another: make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo '$(PYTHON) lacks the venv module. Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) …" >&2
	@$(PYTHON) -m venv --clear $(VENV)

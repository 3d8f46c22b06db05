# Tidewaiter's commands; `make help` lists them. Needs make, Python 3.11 to 3.13 and, to be fast, a C compiler.
.SUFFIXES:
.DEFAULT_GOAL := help
SHELL := /bin/sh

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(or $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done),python3)
VENV ?= .venv
# SERVE=0 ends `make demo` after the table instead of serving the API.
SERVE ?= 1
# QUICK=1 lets `make benchmarks` only show that everything works.
QUICK ?= 0
# The order of modules, and which of them share a process, is that of tests/conftest.py.
# Tests of the store and of servers wait for other processes, so a worker more than there are cores keeps the cores busy.
PYTEST_ARGS ?= -n $(shell expr $$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2) + 1) --dist loadscope --no-loadscope-reorder

BIN := $(VENV)/bin
OPENMP := $(VENV)/openmp
# Puts LightGBM's OpenMP runtime on the loader's path if only the virtual environment has one; see $(OPENMP) below.
RUN := $$(test -e $(OPENMP)/libgomp.so.1 && echo env LD_LIBRARY_PATH=$(CURDIR)/$(OPENMP))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# One process per core: NumPy's own threads would compete with them. Bytecode halves the time for which tests are collected.
PYTEST = PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 $(RUN) $(BIN)/python -m pytest
# The lock files list all dependencies. pip would refuse an extra that one of them asks for, such as uvicorn[standard].
INSTALL := $(PIP) install --no-deps --require-hashes --only-binary :all:

# The name of a stamp contains a checksum of its inputs. Changed requirements are therefore installed again, also after a git
# checkout of older files, whose times are older too.
stamp = $(VENV)/.$(1)-$(shell cat pyproject.toml requirements/build.txt $(2) 2>/dev/null | cksum | cut -d ' ' -f 1)
SERVE_STAMP := $(call stamp,serve,requirements/serve.txt requirements/openmp.txt)
DEV_STAMP := $(call stamp,dev,requirements/dev.txt)
BENCH_STAMP := $(call stamp,bench,requirements/bench.txt)
# Compiled modules have a .pxd beside them, or a Cython directive in their first line (features/compiled.py).
COMPILED := $(shell find features models training service -name '*.pxd' 2>/dev/null; grep -rl --include='*.py' '^\# cython: ' features models training service 2>/dev/null)
COMPILED_STAMP := $(call stamp,compiled,setup.py features/compiled.py $(sort $(COMPILED) $(COMPILED:.pxd=.py)))

SOURCES := benchmarks features models service tests tools training
PYTHON_FILES := $(SOURCES) setup.py

.PHONY: help demo dev check test test-long lint bounds coverage pythons champion authors learning worlds readme pages benchmarks lock sbom pip-audit fuzz compose-secrets clean

help: ## show this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

demo: $(if $(wildcard $(DEV_STAMP)),$(DEV_STAMP),$(SERVE_STAMP)) $(COMPILED_STAMP) ## score the sample manifests into out/scores.csv, show the riskiest, serve the API (SERVE=0: do not serve)
	@$(RUN) $(BIN)/tidewaiter demo $(if $(filter 0 no false,$(SERVE)),--no-serve)

dev: $(DEV_STAMP) $(COMPILED_STAMP) ## install the packages for training and tests, and compile

# Lint and tests side by side: mypy uses one core. A first run takes longer, because mypy has no cache yet.
check: $(DEV_STAMP) $(COMPILED_STAMP) ## lint, types and the fast tests, in under a minute
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint .fast-tests

.PHONY: .fast-tests
.fast-tests:
	@$(PYTEST) --quiet -m "not slow" $(PYTEST_ARGS)

# mypy uses one core for two minutes, so lint and tests run side by side.
test: $(DEV_STAMP) $(COMPILED_STAMP) ## lint, types, import contracts and the tests, in about 8 minutes on 2 cores
	@$(MAKE) --no-print-directory --jobs=2 lint .tests

.PHONY: .tests
.tests:
	@$(PYTEST) -m "not long" $(PYTEST_ARGS)

test-long: $(DEV_STAMP) $(COMPILED_STAMP) $(VENV)-client/.installed ## the tests that `make test` leaves out: kills, long texts, full training; before a release
	@TEST_EXAMPLES=all $(PYTEST) -m long $(PYTEST_ARGS)

# Compiled modules do not check indexes. This build checks them, and runs the tests with hostile text.
BOUNDS_TESTS := tests/features tests/models tests/fuzz tests/service/files tests/service/api/test_large_json.py
bounds: $(DEV_STAMP) ## compile once more with bounds checks and run the tests of compiled code on that build
	@rm -rf $(VENV)/bounds && mkdir -p $(VENV)/bounds
	@cp -R $(SOURCES) pyproject.toml setup.py README.md docs $(VENV)/bounds
	@find $(VENV)/bounds \( -name '*.so' -o -name '*.pyd' \) -exec rm -f {} +
	@cd $(VENV)/bounds && TIDEWAITER_BOUNDS_CHECKS=1 ../../$(BIN)/python setup.py --quiet build_ext --inplace
	@cd $(VENV)/bounds && ../../$(BIN)/python -m features.compiled
	@cd $(VENV)/bounds && OPENBLAS_NUM_THREADS=1 TEST_EXAMPLES=all ../../$(BIN)/python -m pytest --quiet -m "not long" $(PYTEST_ARGS) $(BOUNDS_TESTS)

coverage: $(DEV_STAMP) $(COMPILED_STAMP) ## run all tests and report the share of lines and branches that they reach
	@$(PYTEST) $(PYTEST_ARGS) --cov --cov-report=term --cov-report=html:out/coverage

# Each version has its own virtual environment (.venv-python3.11 and so on). If a version is installed with pyenv but not selected,
# its command is on the path and fails, so pyenv's folder is searched too.
PYTHONS ?= python3.11 python3.12 python3.13
PYENV_ROOT ?= $(HOME)/.pyenv
pythons: ## run `make test` with every supported Python; PYTHONS="python3.12" names some
	@missing=; failed=; \
	for name in $(PYTHONS); do \
		for python in $$name $(PYENV_ROOT)/versions/*/bin/$$name; do \
			$$python -c '$(FITS)' 2>/dev/null && break; \
			python=; \
		done; \
		if test -z "$$python"; then missing="$$missing $$name"; continue; fi; \
		$(MAKE) --no-print-directory PYTHON=$$python VENV=.venv-$$name test || failed="$$failed $$name"; \
	done; \
	for name in $$failed; do echo "$$name: make test failed." >&2; done; \
	for name in $$missing; do echo "$$name: not tested, because it does not run here; install it, for example with pyenv." >&2; done; \
	test -z "$$missing$$failed"

lint: $(DEV_STAMP) $(COMPILED_STAMP) ## ruff, mypy --strict and the import contracts
	@$(BIN)/ruff check $(PYTHON_FILES)
	@$(BIN)/ruff format --check $(PYTHON_FILES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Trains into out/champion first, so that a failed run leaves the old champion in place.
champion: $(DEV_STAMP) $(COMPILED_STAMP) ## train models/champion again on the worlds of all authors, write its lessons, and its answers into the README
	@rm -rf out/champion && mkdir -p out
	@$(RUN) $(BIN)/python -m training.authors --bundle out/champion --json out/authors.json --tracking-uri sqlite:///out/champion.db
	@rm -rf models/champion && mv out/champion models/champion
	@$(RUN) $(BIN)/python -m training.authors --lessons models/lessons
	@$(MAKE) --no-print-directory readme

authors: $(DEV_STAMP) $(COMPILED_STAMP) ## leave each author's world out in turn, and measure models of the other worlds on it
	@mkdir -p out
	@$(RUN) $(BIN)/tidewaiter evaluate --authors --json out/authors.json

learning: $(DEV_STAMP) $(COMPILED_STAMP) ## let each open world play an office, and write what its finds teach into docs/learning.md
	@mkdir -p out/learning
	@$(RUN) $(BIN)/python -m training.office.curve --folder out/learning --page docs/learning.md

worlds: $(DEV_STAMP) $(COMPILED_STAMP) ## check the worlds of all authors at full size
	@$(RUN) $(BIN)/python -m tools.check_worlds

pages: $(DEV_STAMP) $(COMPILED_STAMP) ## write the pages made from the code, and the catalogue of the console's texts
	@$(RUN) $(BIN)/python -m tools.pages

readme: pages ## write the answers of models/champion into the README, and the pages
	@UPDATE_README=1 $(RUN) $(BIN)/python -m pytest --quiet tests/test_readme.py

benchmarks: ## measure speed and memory, also of other model servers, and write docs/performance.md (an hour; QUICK=1: minutes, no page)
	@$(MAKE) --no-print-directory VENV=$(VENV)-bench .measured

# Uses a separate environment, because BentoML needs older versions of some libraries than the development environment has.
.PHONY: .measured
.measured: $(BENCH_STAMP) $(COMPILED_STAMP)
	@$(RUN) $(BIN)/python -m benchmarks.report $(if $(filter 0 no false,$(QUICK)),,--quick)

lock: $(VENV)-lock/.installed ## write requirements/*.txt again from pyproject.toml and requirements/*.in
	@$(LOCK) --all-extras pyproject.toml -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt --extra oidc pyproject.toml -o requirements/serve.txt
	@$(LOCK) -c requirements/dev.txt --extra train --extra oidc pyproject.toml -o requirements/train.txt
	@$(LOCK) -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	@$(LOCK) -c requirements/dev.txt --no-deps requirements/openmp.in -o requirements/openmp.txt
	@$(LOCK) --extra train pyproject.toml requirements/bench.in -o requirements/bench.txt
	@$(LOCK) requirements/lock.in -o requirements/lock.txt
	@$(LOCK) requirements/client.in -o requirements/client.txt

sbom: $(BIN)/python ## list the pinned packages of the service in out/sbom.cdx.json (CycloneDX)
	@$(BIN)/python -m tools.sbom requirements/serve.txt out/sbom.cdx.json

# Uses a separate environment, because we do not pin the dependencies of pip-audit. It queries the database of the Python Packaging
# Authority.
pip-audit: $(BIN)/python ## look up known vulnerabilities of the pinned packages of the service
	@test -x $(VENV)-audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip --quiet install pip-audit; }
	@$(VENV)-audit/bin/pip-audit --disable-pip --require-hashes --requirement requirements/serve.txt

# Hypothesis keeps failing inputs in .hypothesis and tries them first. After a fix, add them to tests/fuzz/corpus.
FUZZ_EXAMPLES ?= 2000
fuzz: $(DEV_STAMP) $(COMPILED_STAMP) ## send many more random inputs than the tests do (FUZZ_EXAMPLES=2000: more than an hour)
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PYTEST) $(PYTEST_ARGS) tests/fuzz

# The files hold for all Pythons that requires-python admits and for all platforms. They do not name the registry of the packages.
LOCK = $(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

compose-secrets: ## make the password and the keys that compose.yaml needs, once
	@$(PYTHON) tools/compose_secrets.py var/secrets

clean: ## remove the virtual environments, caches and output
	rm -rf $(VENV) $(VENV)-lock $(VENV)-bench $(VENV)-audit $(VENV)-client $(VENV)-python3.* out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
	find $(SOURCES) \( -name '*.so' -o -name '*.pyd' \) -exec rm -f {} +

# ---- Setting up

$(SERVE_STAMP): | $(BIN)/python
	@echo "Installing the packages for serving into $(VENV) (a minute or two the first time) ..."
	@$(INSTALL) -r requirements/build.txt -r requirements/serve.txt
	@$(MAKE) --no-print-directory $(VENV)/.installed
	@rm -f $(VENV)/.serve-* && touch $@

$(DEV_STAMP): | $(BIN)/python
	@echo "Installing the packages for training and tests into $(VENV) (a few minutes the first time) ..."
	@$(INSTALL) -r requirements/build.txt -r requirements/dev.txt
	@$(MAKE) --no-print-directory $(VENV)/.installed
	@rm -f $(VENV)/.dev-* && touch $@

$(BENCH_STAMP): | $(BIN)/python
	@echo "Installing the packages for the benchmarks into $(VENV) (a few minutes the first time) ..."
	@$(INSTALL) -r requirements/build.txt -r requirements/bench.txt
	@$(MAKE) --no-print-directory $(VENV)/.installed
	@rm -f $(VENV)/.bench-* && touch $@

# The installation compiles too, but does not repeat it when a source changes. Without a compiler the modules run as Python.
$(COMPILED_STAMP): | $(BIN)/python
	@$(BIN)/python setup.py --quiet build_ext --build-lib . || { \
		echo "Compilation failed; the old extension modules are removed, and the sources run as Python." >&2; \
		find features models service training \( -name '*.so' -o -name '*.pyd' \) -exec rm -f {} +; }
	@$(BIN)/python -m features.compiled
	@rm -f $(VENV)/.compiled-* && touch $@

.PHONY: $(VENV)/.installed
$(VENV)/.installed:
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@$(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null \
		|| test "$$(uname -s)" != Linux || test -e $(OPENMP)/libgomp.so.1 || $(MAKE) --no-print-directory $(OPENMP)

# LightGBM's wheel expects the system's libgomp.so.1, which slim images lack. scikit-learn's wheel contains the same library under
# another name. It works under the right name on the loader's path.
.PHONY: $(OPENMP)
$(OPENMP):
	@echo "This machine has no libgomp.so.1 (Debian, Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp)."
	@echo "make uses the copy in scikit-learn's wheel; outside make, set LD_LIBRARY_PATH=$(CURDIR)/$(OPENMP)."
	@rm -rf $@ && $(INSTALL) --no-deps --target $@/wheel -r requirements/openmp.txt
	@mv $@/wheel/scikit_learn.libs/libgomp-*.so* $@/libgomp.so.1 && rm -rf $@/wheel

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 to 3.13, or run 'make PYTHON=/path/to/python3'." >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' || { \
		echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Tidewaiter needs Python 3.11 to 3.13: run 'make PYTHON=/path/to/python3.13'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks its venv module (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# These tools have environments of their own: the generator of clients needs an older Typer than the service has.
$(VENV)-lock/.installed $(VENV)-client/.installed: $(VENV)-%/.installed: requirements/%.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r $<
	@touch $@

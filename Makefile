# Everything is installed into .venv; only Python 3.11 or 3.12, make and git are needed.
# `make help` lists the targets with the text after their `##`.
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && echo python3.12 || (python3.11 -c '' 2>/dev/null && echo python3.11) || echo python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo test test-fast test-others test-ray test-ray-jobs test-ray-services \
  test-browser test-thorough coverage check format bench screenshots constraints clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## Create .venv with everything that the other targets use

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in {(3, 11), (3, 12)} else f"Homeroom needs Python 3.11 or 3.12, and this is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv

$(READY): $(BIN)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev,classroom]'
	@touch $(READY)

demo: $(READY)  ## Make footage, analyse it, and write tables and a report
	$(BIN)/homeroom demo

PYTEST := $(BIN)/python -m pytest
# As the target `coverage` runs pytest where it measures. Ray's workers start more slowly under
# coverage: of the tests with Ray, only those are measured that reach what no others do.
MEASURED := $(PYTEST)
IN_TWO := --numprocesses=2 --dist=loadfile

# Two Rays compete for a port, so one of two runs of tests with Ray has a network of its own. Where none
# is possible, they follow one another. Chromium is in the other run: without a device it is offline.
OWN_NETWORK := $(BIN)/python -m tests.own_network
NETWORK = $(if $(shell $(OWN_NETWORK) echo yes 2>/dev/null),$(OWN_NETWORK))
RAY_RUNS = $(if $(NETWORK),test-ray-jobs test-ray-services,test-ray)

# The tests without Ray take what those with Ray leave: these mostly wait, some of them against time.
BEHIND := nice -n 19

# Only these are collected: to import all tests of a folder takes longer than some of its tests do.
ray_files = $(sort $(shell grep -rl 'pytest\.mark\.ray' --include='test_*.py' $(1)))
ARCHIVE_TEST := tests/jobs/test_analyse_archive.py
# It submits a job, which does not begin while the cluster of the jobs' tests runs beside it.
SERVICE_TEST := tests/serve_apps/test_live_service.py

test: $(READY)  ## All tests: those with Ray beside all others
	$(MAKE) --no-print-directory --jobs=3 --keep-going --output-sync=recurse \
	  $(RAY_RUNS) test-others test-browser

test-fast: $(READY)  ## Tests without Ray, a browser or PostgreSQL, and none that are slow
	env -u POSTGRES_TEST_URL $(PYTEST) -m 'not ray and not slow' --ignore=tests/browser $(IN_TWO)

test-others: $(READY)  ## Only the tests that start neither Ray nor a browser
	$(BEHIND) $(MEASURED) -m 'not ray' --ignore=tests/browser $(IN_TWO)

test-ray: $(READY)  ## Only the tests that start Ray
	@status=0; for part in test-ray-jobs test-ray-services; do \
	  $(MAKE) --no-print-directory $$part || status=1; done; exit $$status

test-ray-jobs: $(READY)  ## Of the tests that start Ray, those of jobs and deployments
	@status=0; set -x; \
	  $(NETWORK) $(MEASURED) -m ray $(ARCHIVE_TEST) $(call ray_files,tests/serve_apps/deployments) \
	    || status=1; \
	  $(NETWORK) $(PYTEST) -m ray $(filter-out $(ARCHIVE_TEST),$(call ray_files,tests/jobs)) \
	    || status=1; \
	  $(NETWORK) $(PYTEST) -m ray $(SERVICE_TEST) || status=1; \
	  exit $$status

test-ray-services: $(READY)  ## Of the tests that start Ray, those of services, commands and pages
	@status=0; set -x; \
	  $(MEASURED) -m ray $(call ray_files,tests/cli) || status=1; \
	  $(PYTEST) -m ray $(filter-out tests/serve_apps/deployments/% $(SERVICE_TEST),$(call ray_files,tests/serve_apps)) \
	    || status=1; \
	  $(PYTEST) -m ray $(call ray_files,tests/browser) || status=1; exit $$status

test-browser: $(READY)  ## Only the tests that open pages in Chromium, without Ray
	$(BEHIND) $(PYTEST) -m 'not ray' tests/browser

test-thorough: $(READY)  ## The tests of test-others, with ten times as many examples
	HYPOTHESIS_PROFILE=thorough $(PYTEST) -m 'not ray' --ignore=tests/browser $(IN_TWO) --timeout=3000

coverage: $(READY)  ## All tests, with branch coverage; fails below the threshold
	rm -rf .coverage .coverage.*
	$(MAKE) --no-print-directory test MEASURED='$(BIN)/coverage run -m pytest'
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(READY)  ## Style, types, import contracts, dependencies, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/typos

format: $(READY)  ## Format the code, and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## All benchmarks: against a naive implementation and the limit
	$(BIN)/python -m bench.accuracy
	$(BIN)/python -m bench.archive
	$(BIN)/python -m bench.faces
	$(BIN)/python -m bench.fleet
	$(BIN)/python -m bench.live
	$(BIN)/python -m bench.pages
	$(BIN)/python -m bench.register
	$(BIN)/python -m bench.roster

screenshots: $(READY)  ## Screenshots of the pages, into docs/images; needs Chromium
	$(BIN)/python -m tests.browser.screenshots

constraints: $(BIN)/uv  ## Update constraints.txt to the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade \
	  --custom-compile-command 'make constraints' --output-file constraints.txt pyproject.toml

clean:  ## Remove .venv and the output of demo, benchmarks and coverage
	rm -rf .venv homeroom-demo .bench .coverage*

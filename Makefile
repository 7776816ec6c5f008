# Everything sets itself up in .venv; only Python 3.11 or 3.12, make and git are needed.
PYTHON ?= $(shell command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && echo python3.12 || (python3.11 -c '' 2>/dev/null && echo python3.11) || echo python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-ray test-others check bench screenshots constraints clean

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in {(3, 11), (3, 12)} else f"Homeroom needs Python 3.11 or 3.12, and this is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv

$(READY): $(BIN)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY)  ## Footage in, tables and a picture out
	$(BIN)/homeroom demo

# Two Rays contend for a port, so one run starts them all. The other one is as nice as Ray's workers
# are, which would otherwise get what it leaves.
test: $(READY)  ## All tests, in two runs beside each other
	$(MAKE) --no-print-directory --jobs=2 test-ray test-others

test-ray: $(READY)
	$(BIN)/python -m pytest -m ray

test-others: $(READY)
	nice -n 15 $(BIN)/python -m pytest -m 'not ray'

check: $(READY)  ## Style, types, import contracts, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

bench: $(READY)  ## Measure against the naive way and the limit
	$(BIN)/python -m bench.archive
	$(BIN)/python -m bench.faces
	$(BIN)/python -m bench.fleet
	$(BIN)/python -m bench.live
	$(BIN)/python -m bench.pages
	$(BIN)/python -m bench.register
	$(BIN)/python -m bench.roster

screenshots: $(READY)  ## Pictures of the pages, into docs/images; needs Chromium
	$(BIN)/python -m tests.browser.screenshots

constraints: $(BIN)/uv  ## Pin anew everything that pyproject.toml asks for
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade \
	  --custom-compile-command 'make constraints' --output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv homeroom-demo .bench

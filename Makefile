# make run   the main job: a real run against the real local model, with plots and a report
# make test  all the tests
# make check everything CI checks: format, lint, types, import contracts, docs, tests
# make bench the published figures
# make demo  a simulated provider that locks a topic in silence, and what harness makes of it
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test check bench demo docs clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	$(BIN)/harness local install
	$(BIN)/harness check
	$(BIN)/harness run
	$(BIN)/harness report

test: $(VENV)/.dev
	$(BIN)/harness local install
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/.dev
	$(BIN)/harness local install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.build --check
	$(BIN)/python -m pytest -n auto --dist loadfile

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

demo: $(VENV)/.demo
	$(BIN)/harness rehearse silent-lock

docs: $(VENV)/.dev
	$(BIN)/python -m docs.build

# Debian splits venv's pip off into python3-venv; where that is not installed, the machine's own pip fills in.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "harness needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -q pip; } || \
	  { echo "cannot make a virtual environment; on Debian: sudo apt-get install -y python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e '.[local]'
	@touch $@

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e '.[rehearsal]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e '.[dev,local,alerts,code,rehearsal]'
	@touch $@ $(VENV)/.run $(VENV)/.demo

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

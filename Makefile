PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEV := $(VENV)/.dev-installed
DEMO := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check real clean

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(DEMO): $(BIN)/pip pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(DEV): $(BIN)/pip pyproject.toml constraints.txt
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $@ $(DEMO)

demo: $(DEMO)  ## write a synthetic DICOM study with OPLL, measure it, print where the report is
	$(BIN)/canalis demo --out demo-out --overwrite

test: $(DEV)  ## every test, the training of a tiny network included
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(DEV)  ## formatting, lint, types, doctests
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/python -m pytest -q --doctest-modules src/canalis --ignore src/canalis/train \
		--ignore src/canalis/cohort/migrations

clean:
	rm -rf $(VENV) demo-out

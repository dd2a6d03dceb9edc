# `make run` opens the app (without a terminal: runs the pipeline); `make test` runs every check. Both make .venv.
PYTHON ?= python3
DB ?= stratos.db
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint clean
.DELETE_ON_ERROR:

run: $(VENV)/.ready
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/stratos --db "$(DB)"; \
	else $(BIN)/stratos pipeline --db "$(DB)"; fi

test: $(VENV)/.ready lint
	$(BIN)/python -m pytest --numprocesses logical --dist loadfile --durations=15

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "stratos needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,test]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist

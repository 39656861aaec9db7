# Two commands matter: `make demo` shows the plant, `make test` proves it. Both set themselves up.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.ready
JOBS ?= auto

.PHONY: setup demo test bench check format generate clean

setup: $(STAMP)

# uv when it is there (seconds), else venv and pip (a minute). Both check the hashes.
$(STAMP): requirements-dev.txt pyproject.toml
	@scripts/setup "$(PYTHON)"
	@touch $(STAMP)

demo: setup
	@$(BIN)/heloop demo $(ARGS)

test: setup
	@scripts/test $(JOBS)

bench: setup
	@$(BIN)/python -m tests.bench $(ARGS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/tidy

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Everything in the tree that is made from something else; tests/tidy checks that it is current.
generate: setup
	@$(BIN)/python scripts/generate

clean:
	rm -rf .venv .mypy_cache .ruff_cache build dist data

# Every command makes what it needs first; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 5000
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow lint check pythons bench ui clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(READY) ## create the environment in .venv

# torch is named on its own: its version decides whether pip takes gigabytes of CUDA along.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(READY) ## run the main job: a whole live study of the embedded family
	$(BIN)/python run.py

# A process more than there are cores, because a third of the tests wait for something; each with one thread:
# torch's threads would fight over the cores.
test: $(READY) ## the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m 'not slow' -n $$(( $$(nproc) + 1 )) --maxprocesses 8 --dist loadfile

test-slow: $(READY) ## the tests that take minutes
	$(BIN)/python -m pytest -q -m slow

lint: $(READY) ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint ## lint, dead code, and the tests of configuration and documentation
	$(BIN)/vulture
	$(BIN)/python -m pytest -q tests/config tests/test_docs.py

pythons: ## the quick tests on every Python from 3.11 to 3.13 that is here
	./.ci/pythons

bench: $(READY) ## what is fast, against whom
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/generation.py
	$(BIN)/python benchmarks/tracking.py

ui: $(READY) ## browse the runs in MLflow (PORT=5000)
	@$(BIN)/python -m cascade.tracking.ui $(PORT)

clean: ## remove the environment and the caches (runs and the store stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

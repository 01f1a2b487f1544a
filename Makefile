# Two commands are enough: `make compare` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# test processes; each also uses BLAS and numba threads
JOBS ?= 2

# the folder kernels/ must not shadow the installed package of that name
export PYTHONSAFEPATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

SOURCES := $(shell find kernels -type f -not -path '*/__pycache__/*')
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: help compare test test-peers lint format check machine picture clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

compare: $(VENV)/.installed  ## check and time every kernel on MNIST batches (ARGS="--operation softmax")
	@$(BIN)/einbench compare $(ARGS)

check: $(VENV)/.installed  ## check every kernel, time nothing
	@$(BIN)/einbench check $(ARGS)

machine: $(VENV)/.installed  ## what a number from this machine was taken with
	@$(BIN)/einbench machine $(ARGS)

test: $(VENV)/.test  ## all tests but those against PyTorch and JAX (ARGS="-k softmax")
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-peers: $(VENV)/.peers  ## every forward and gradient against PyTorch's and JAX's autograd
	EINBENCH_REQUIRE_PEERS=1 $(BIN)/python -m pytest tests/peers $(ARGS)

lint: $(VENV)/.lint  ## formatter, linter and type check, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.lint  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

picture: $(VENV)/.installed  ## draw the README's table anew
	$(BIN)/einbench compare --operation softmax_jacobian --budget 20 \
		--json results/readme-table.json --picture results/readme-table.svg

clean:  ## remove everything made here but results
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "einbench needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 2; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt $(SOURCES)
	@$(INSTALL) .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	@$(INSTALL) '.[test]'
	@touch $@

$(VENV)/.lint: $(BIN)/python pyproject.toml constraints.txt
	@$(INSTALL) '.[lint]'
	@touch $@

$(VENV)/.peers: $(VENV)/.test
	@$(INSTALL) '.[peers]'
	@touch $@

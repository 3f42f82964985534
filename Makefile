# `make demo` and `make test` are the two commands of the README; both use `make setup`.
#
#   PYTHON       the interpreter that makes the environment (3.11 or newer)
#   TORCH_INDEX  another package index to take torch from first, for example the CPU index that PyTorch's
#                own installation page names: without it, Linux gets torch with CUDA from PyPI (gigabytes)
#   CONSTRAINTS  the pins; a GPU user may point to a file of their own or leave it empty
#   JOBS         processes for simulation and tests

PYTHON ?= python3
TORCH_INDEX ?=
CONSTRAINTS ?= constraints.txt
JOBS ?= 2
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
PINS := $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

.PHONY: setup demo test check clean
setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "acoustill needs Python 3.11 or newer")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) install --quiet --index-url $(TORCH_INDEX) $(PINS) torch,@echo "torch: from pip's own indexes")
	$(PIP) install --quiet $(PINS) torch
	$(PIP) install --quiet $(PINS) --editable '.[dev]'
	touch $@

demo: setup
	$(VENV)/bin/acoustill demo --out demo --jobs $(JOBS)

test: setup
	$(VENV)/bin/python -m pytest --numprocesses $(JOBS)

check: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) demo

# make demo: a squat that falls into valgus, beside a real one.  make test: everything that must hold.
# Both set up .venv first; nothing outside this folder is touched.

SHELL := /bin/bash
.DELETE_ON_ERROR:
# The first Python 3.11 that runs; without one, check-system says how to get it.
PYTHON ?= $(shell for python in python3.11 /usr/bin/python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && command -v "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
# setuptools warns of every editable installation from a checkout
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet
SOURCES := pyproject.toml setup.py $(wildcard ext/*.pyx ext/*.pxd ext/*.h)

# The matrices are small: more threads only wait for one another, and on a busy machine that costs time.
export OMP_NUM_THREADS := 1

.PHONY: demo test bench lint clean system

demo: $(VENV)/.demo
	$(BIN)/simlab compare --subject models/subjects/mixture.toml --out out/demo
	@echo; echo "Look at out/demo/picture.png, out/demo/curves.png and out/demo/movie.mp4"

test: lint
	env -u DISPLAY $(BIN)/python -m pytest --numprocesses auto --dist load

lint: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python benchmarks/run.py

system:
	@scripts/check-system "$(PYTHON)"

$(VENV)/bin/python: | system
	"$(PYTHON)" -m venv $(VENV)
	$(PIP) --upgrade pip

$(VENV)/.demo: $(VENV)/bin/python $(SOURCES) | system
	$(PIP) --editable ".[bones]"
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) --editable ".[bones,test]"
	@touch $@

clean:
	rm -rf $(VENV) build out *.egg-info simlab/kernels/*.so

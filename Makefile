# Every path is relative to this directory, whose own path may therefore contain spaces.

BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test lint soak bench bench-quick bench-full clean

help:
	@echo "make demo    a shop with 8,000 products and 8 workers on the embedded PostgreSQL; about a minute"
	@echo "make test    the whole test suite; PYTEST_ARGS='-k reserve' narrows it"
	@echo "make lint    ruff, mypy, and whether generated files are current"
	@echo "make soak    an hour of the model, 200,000 calls of 32 clients, every interleaving of every two functions, every guard taken out:"
	@echo "             some hours; SOAK_ARGS='storms --calls 5000' runs a part; docs/soak.md"
	@echo "make bench   measures, 15 minutes; bench-quick 3, bench-full 90; BENCH_ARGS=\"--only 'reserve*'\" measures a part"
	@echo "make clean   removes the environment, builds and caches; databases stay"

demo: .venv/.demo
	@$(BIN)/openstock demo $(DEMO_ARGS)

test: .venv/.test
	@$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m openstock.devtools.build_migration --check
	@$(BIN)/python -m openstock.devtools.build_sync_client --check

soak: .venv/.test
	@$(BIN)/python -m tests.soak $(SOAK_ARGS)

bench: .venv/.test
	@$(BIN)/python -m bench.run $(BENCH_ARGS)

bench-quick bench-full: bench-%: .venv/.test
	@$(BIN)/python -m bench.run --$* $(BENCH_ARGS)

clean:
	@if [ -d .openstock ] && [ -x $(BIN)/openstock ]; then $(BIN)/openstock down; fi
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -d .openstock ]; then echo "The databases in .openstock are still there; remove the directory if nobody needs them."; fi

# One stamp per extra, so that the second run installs nothing.
.venv/.demo .venv/.test .venv/.dev: .venv/.%: .venv/.made pyproject.toml
	@echo "Installing openstock[$*] into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

# The first Python that is new enough; PYTHON=… chooses another.
.venv/.made:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv .venv || { echo "$$python cannot make environments; on Debian: apt install python3-venv" >&2; exit 1; }; \
	    touch $@; exit 0; \
	  fi; \
	done; \
	echo "openstock needs Python 3.11 or newer, and none was found; name one with: make PYTHON=/path/to/python3" >&2; exit 1

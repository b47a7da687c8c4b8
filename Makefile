# Six verbs. `make run` and `make test` do all set-up on a machine with Python 3.11, Node 20, git and apt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOT := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: setup run test check fmt bench

setup: $(VENV)/.ready

$(VENV)/.ready: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

run: setup  ## Serve everything here, with an assistant waiting in a room
	$(BIN)/rejoinder run $(ARGS)

test: check $(VENV)/.browser  ## All checks and all tests
	$(BIN)/python -m pytest $(ARGS)

check: setup  ## Format, lint, types, layers
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: setup
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

bench: setup  ## All benches, or one: make bench NAME=live_loop
	$(BIN)/python -m bench $(NAME)

$(VENV)/.browser: $(VENV)/.ready
	{ command -v chromium && command -v openssl && command -v janus && ls -d /usr/lib/postgresql/*/bin/postgres \
		/usr/share/janus/demos; } >/dev/null 2>&1 \
		|| { $(ROOT) apt-get update -qq && $(ROOT) apt-get install -y -qq chromium openssl postgresql janus janus-demos; }
	touch $@

# Every target sets up what it needs by itself (scripts/run): system packages where it may, .venv, the package.
#
#   make hub     serve the hub in the foreground, until Ctrl-C        make hub ARGS='--port 2222'
#                                                                     make hub ARGS='invite --user bob'
#   make test    all tests                                            make test ARGS='tests/unit -k gcm'
#   make check   everything that CI runs
#   make fuzz    each parser and state machine                         make fuzz SECONDS=600
#   make bench   nacre beside its peers, eight minutes                make bench-quick: two minutes
#   make bench-scale   one more connection, channel, byte: what each costs where there are many; ten minutes
#   make bench-security   what strangers can do to a server, 7 minutes  make bench-security ARGS='--quick flood'
#   make soak    logins, sessions, re-keys and cuts, for long          make soak MINUTES=20
#
# PYTHON=… chooses another Python, VENV=… another place for the environment.

RUN := scripts/run
DEV := $(RUN) dev
BENCH := $(RUN) bench
export PYTHON VENV

.PHONY: hub test check fmt lint types layers guard fuzz cov bench bench-quick bench-scale bench-security soak docs
.DEFAULT_GOAL := check

hub:
	@$(RUN) hub nacre hub $(ARGS)

check: lint types layers test guard fuzz docs

# Worksteal: the slow tests stand together, and whoever is done takes half of what another has left.
test:
	@$(DEV) pytest -n auto --dist worksteal $(ARGS)

fmt:
	@$(DEV) ruff check --fix-only --quiet .
	@$(DEV) ruff format .

lint:
	@$(DEV) ruff format --check .
	@$(DEV) ruff check .

types:
	@$(DEV) mypy

layers:
	@$(DEV) lint-imports

guard:
	@$(DEV) python -m bench.guard

# For each of 22 targets, two at once; where there is no atheris it says so, and fails in CI.
SECONDS ?= 5
fuzz:
	@$(DEV) python -m fuzz --seconds $(SECONDS) $(ARGS)

cov:
	@$(DEV) pytest -n auto --dist worksteal --cov --cov-report=term --cov-report=html $(ARGS)

docs:
	@$(DEV) sphinx-build -W --keep-going -n -q -b html docs docs/_build/html

bench:
	@$(BENCH) python -m bench $(ARGS)

bench-quick:
	@$(BENCH) python -m bench --quick $(ARGS)

bench-scale:
	@$(BENCH) python -m bench.scale $(ARGS)

bench-security:
	@$(BENCH) python -m bench.security $(ARGS)

MINUTES ?= 20
soak:
	@$(BENCH) python -m bench.soak --minutes $(MINUTES) $(ARGS)

# Linnet's chores. Each target does its own set-up, on a fresh Debian or Ubuntu too, and a second run is quick:
#   make run      starts Linnet at http://localhost:8000           (ARGS="--data DIR …" goes to "linnet serve")
#   make test     everything that must hold: lint, types, walls, every test    (TESTS=tests/house for a part)
#   make lint     only ruff, mypy and the import contracts
#   make format   lets ruff put the code in order
#   make bench    measures, prints one table and writes plots      (ARGS goes to "python -m bench")
#   make drill    the tests that kill processes and cut the power, with many seeds; then every fault of a cluster, five
#                 times each, with a report (hours; ARGS="--fault NAME --runs N" for a part, REPORT=DIR)
#   make lock     renews requirements/*.txt from pyproject.toml

VENV ?= .venv
ARGS ?=
TESTS ?= tests
export VENV

PYTHON := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
PIP := $(PYTHON) -m pip --disable-pip-version-check install --quiet

# Runs $(2) under the heading $(1) and says how long it took.
define timed
@printf '\n--- %s\n' '$(1)'; start=$$(date +%s); \
if $(2); then printf -- '--- %s: %s s\n' '$(1)' "$$(($$(date +%s) - start))"; \
else printf -- '--- %s: FAILED\n' '$(1)'; exit 1; fi
endef

.PHONY: run test lint format bench drill lock FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

run: $(STAMPS)/runtime
	@exec $(VENV)/bin/linnet serve $(ARGS)

test: $(STAMPS)/dev
	@scripts/system-packages test
	@$(MAKE) --no-print-directory lint
	$(call timed,pytest (two at a time),$(PYTHON) -m pytest -n 2 --dist loadfile -m 'not alone and not long' --durations=15 $(TESTS) || [ $$? = 5 ])
	$(call timed,pytest (one at a time),$(PYTHON) -m pytest -m 'alone and not long' --durations=15 $(TESTS) || [ $$? = 5 ])

lint: $(STAMPS)/dev
	$(call timed,ruff check,$(PYTHON) -m ruff check .)
	$(call timed,ruff format,$(PYTHON) -m ruff format --check .)
	$(call timed,mypy,$(PYTHON) -m mypy)
	$(call timed,import contracts,$(VENV)/bin/lint-imports --no-logo)

format: $(STAMPS)/dev
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: $(STAMPS)/dev
	@scripts/system-packages bench
	$(PYTHON) -m bench $(ARGS)

drill: $(STAMPS)/dev
	@scripts/system-packages test
	$(PYTHON) -m pytest -m 'drill or long' --durations=0 $(TESTS)
	$(VENV)/bin/linnet cluster drill --runs 5 --report $(or $(REPORT),drill-report) $(ARGS)

# Without -c each lock would choose for itself; so what is tested is what runs.
lock: UV := $(shell command -v uv || echo $(VENV)/bin/uv)
lock: COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(ARGS)
lock: $(STAMPS)/venv
	@[ -x "$(UV)" ] || $(PIP) uv
	$(COMPILE) --group pyproject.toml:build -o requirements/build.txt
	$(COMPILE) pyproject.toml -c requirements/build.txt -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra cluster --group dev -c requirements/build.txt -c requirements/runtime.txt \
		-o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra cluster -c requirements/build.txt -c requirements/dev.txt \
		-o requirements/cluster.txt

# The script leaves the stamp as it is while the environment is good; only a new environment is newer than what
# was installed into the old one.
$(STAMPS)/venv: FORCE
	@scripts/venv $(VENV)

$(STAMPS)/runtime: $(STAMPS)/venv requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "installing what Linnet needs into $(VENV)"
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime requirements/dev.txt
	@echo "installing what the tests need into $(VENV)"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# Two commands do everything: `make report` runs the experiment, `make test` checks it.
SHELL  := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OUT    ?= report
SEEDS  ?= 16
# The tests run in as many processes as there are cores, four at most; slow ones are shared out at the end.
TESTS  := -m pytest tests --numprocesses=logical --maxprocesses=4 --dist=worksteal
CASES  ?= 10000
SEED   ?= 1

.PHONY: help setup report test fuzz check floors newest notebooks docs preview article readings bench study clean
help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): constraints.txt settings.ini setup.py pyproject.toml
	@echo "[setup] Python environment in $(VENV) (once; about two minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: the pinned packages need Python 3.11 or later; call make PYTHON=python3.11 (or newer)")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]' \
	  | awk '/^(Collecting|Obtaining)/ {n++; printf "\r[setup] %d packages resolved", n; fflush()} /^Installing collected/ {printf "\n[setup] installing\n"; fflush()} END {print ""}'
	@$(BIN)/python -c 'import impaug.cli' && touch $@

setup: $(READY)  ## make .venv with the pinned packages

report: $(READY)  ## run the report's experiment: table, figures, report.json
	@$(BIN)/impaug report --seeds $(SEEDS) --out $(OUT)

test: $(READY)  ## run every notebook's tests, one test a notebook
	@$(BIN)/python $(TESTS)
	@echo "All notebooks pass. Next: 'make report', or open nbs/index.ipynb with $(BIN)/jupyter lab."

fuzz: $(READY)  ## read, balance and write CASES generated tables and files, from SEED (CASES=10000 SEED=1)
	@CASES=$(CASES) $(BIN)/python -m pytest tests/test_round_trip.py --hypothesis-seed=$(SEED)
	@echo "No cell changed in $(CASES) cases. Next: another SEED; where a claim fails, look at the last 'Falsifying example' above."

check: $(READY)  ## fail if Ruff has a complaint, or modules, notebooks or README are out of step
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/check.sh

# The ends of the ranges in settings.ini, each in an environment of its own: $(call test_with,resolution of uv).
# UV_TORCH_BACKEND=cpu spares gigabytes on Linux, where PyTorch's own index can be reached.
define test_with
	@$(PYTHON) -m venv .venv-$@
	@.venv-$@/bin/python -m pip install --disable-pip-version-check --quiet uv==0.13.9
	@.venv-$@/bin/uv pip install --python .venv-$@/bin/python --resolution $(1) --editable '.[dev]'
	@.venv-$@/bin/python $(TESTS)
endef

floors:  ## run the tests with the oldest versions that settings.ini allows
	$(call test_with,lowest-direct)

newest:  ## run the tests with the newest versions that settings.ini allows
	$(call test_with,highest)

notebooks: $(READY)  ## run all notebooks again, in place; says which outputs changed (three minutes)
	@$(BIN)/python tools/notebooks.py

# Without Quarto, make itself must end with 1 and add no line of its own: question mode does that, an error in a recipe does not.
ifneq (,$(filter docs preview,$(MAKECMDGOALS)))
ifneq (0,$(shell tools/docs.sh check >&2; echo $$?))
MAKEFLAGS += -q
endif
endif

docs:  ## build the site into _docs (needs Quarto)
	@tools/docs.sh docs

preview:  ## serve the site and follow changes (needs Quarto)
	@tools/docs.sh preview

article: $(READY)  ## the report part as one PDF, _article/article.pdf (needs Quarto; without, a line says so)
	@$(BIN)/python tools/article.py

readings: $(READY)  ## search readings of the report again: results/readings.json (five minutes)
	@$(BIN)/python benchmarks/readings.py

bench: $(READY)  ## measure speed and memory: benchmarks/results.json (about an hour; PARTS='users jobs' for some)
	@$(BIN)/python -W ignore benchmarks/bench.py $(PARTS)

study: $(READY)  ## compare with peers, 50 seeds: results/study.json (an hour and a half on two cores)
	@$(BIN)/impaug study --seeds 50 --jobs -1 --keel both --json results/study.json

clean:  ## remove .venv and build output
	rm -rf $(VENV) .venv-floors .venv-newest build *.egg-info _docs _proc _article

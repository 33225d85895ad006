# What can be done here. Each command sets up .venv by itself; `make` alone prints this list.

.DEFAULT_GOAL := help
.PHONY: help demo test test-node fuzz check serve env compose-test bench eval faults chaos mutations statements format lock audit sbom clean run-environment dev-environment

BIN := .venv/bin
# Without compiled files each process that a test starts would compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=/path/to/python3.12 names the Python to use (3.11 to 3.14)."

demo: run-environment  ## transcribe a recording end to end (AUDIO=talk.mp3 for your own)
	@$(BIN)/python scripts/demo.py $(if $(AUDIO),"$(AUDIO)")

test: dev-environment  ## all tests (ARGS="-k walk" for some)
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-node: dev-environment  ## the tests with OpenAI's client for JavaScript
	@$(BIN)/python -m scripts.test_node

fuzz: dev-environment  ## damaged recordings and odd requests by the thousand (CASES=5000)
	@$(BIN)/python -m pytest tests/fuzz tests/bad_input/test_fuzz.py -s --timeout 0 --fuzz-cases $(or $(CASES),2000) $(ARGS)

check: dev-environment  ## format, lint, types, import layers and the rules of the house
	@$(BIN)/python scripts/check.py

serve: run-environment  ## start the server on this machine (ARGS="--port 9000")
	@$(BIN)/dalston serve $(ARGS)

env:  ## write .env for docker compose, with random secrets (never over one that exists)
	@$(or $(PYTHON),python3) -I scripts/make_env.py

compose-test:  ## build and check the containers; needs a Docker engine
	@PYTHON="$(PYTHON)" scripts/compose_test.sh

bench: dev-environment  ## measure speed beside Celery, taskiq and plain FastAPI (ARGS="--quick")
	@$(BIN)/python -m bench $(ARGS)

eval: dev-environment  ## count errors in words, speakers and times (ARGS="--json figures.json")
	@$(BIN)/dalston eval "$$($(BIN)/python -m scripts.eval_manifest)" --pipeline default --report .cache/eval.html $(ARGS)
	@echo "Each error is shown in .cache/eval.html"

faults: dev-environment  ## fail every call of one job to database, Redis and store, one by one
	@TEST_EVERY_CALL=1 $(BIN)/python -m pytest -n 2 -rP tests/faults/test_nth_call.py $(ARGS)

chaos: dev-environment  ## kill, freeze and cut off everything at random (ARGS="--jobs 10000 --seconds 3600")
	@$(BIN)/python -m tests.chaos $(ARGS)

mutations: dev-environment  ## weaken each guard in a copy: the tests must notice (ARGS="token lease")
	@$(BIN)/python -m scripts.mutate_guards $(ARGS)

statements: dev-environment  ## compile dalston/db/definitions/ after a change of it
	@$(BIN)/python -m scripts.compile_statements

format: dev-environment  ## format the code and repair what the linter can repair
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: dev-environment  ## renew the locks after a change of pyproject.toml (UPGRADE=1 for newest versions)
	@$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

audit: dev-environment  ## ask the index whether a locked package has a known vulnerability
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/run.txt $(ARGS)

sbom: dev-environment  ## write what a running Dalston consists of to sbom.json (CycloneDX)
	@$(BIN)/cyclonedx-py requirements requirements/run.txt --output-reproducible -o sbom.json
	@echo "Written: sbom.json"

clean:  ## remove .venv, caches and what a build left
	@rm -rf .venv .venv.lock build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh run

dev-environment:
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh dev

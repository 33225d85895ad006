# What can be done here. Each command sets up .venv by itself; `make` alone prints this list.

.DEFAULT_GOAL := help
.PHONY: help demo test check serve env compose-test bench format lock clean run-environment dev-environment

BIN := .venv/bin

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=/path/to/python3.12 names the Python to use (3.11 to 3.14)."

demo: run-environment  ## transcribe a recording end to end (AUDIO=talk.mp3 for your own)
	@$(BIN)/python scripts/demo.py $(if $(AUDIO),"$(AUDIO)")

test: dev-environment  ## all tests (ARGS="-k walk" for some)
	@$(BIN)/python -m pytest $(ARGS)

check: dev-environment  ## format, lint, types, import layers and the rules of the house
	@$(BIN)/python scripts/check.py

serve: run-environment  ## start the server on this machine (ARGS="--port 9000")
	@$(BIN)/dalston serve $(ARGS)

env:  ## write .env for docker compose, with random secrets (never over one that exists)
	@$(or $(PYTHON),python3) -I scripts/make_env.py

compose-test:  ## build and check the containers; needs a Docker engine
	@PYTHON="$(PYTHON)" scripts/compose_test.sh

bench: run-environment  ## measure speed (ARGS="…")
	@$(BIN)/python -m bench $(ARGS)

format: dev-environment  ## format the code and repair what the linter can repair
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: dev-environment  ## renew the locks after a change of pyproject.toml (UPGRADE=1 for newest versions)
	@$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove .venv, caches and what a build left
	@rm -rf .venv .venv.lock build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh run

dev-environment:
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh dev

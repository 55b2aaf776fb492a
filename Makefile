# Only relative paths, and `.venv/bin/python -m ...` for every tool: a folder may have spaces in
# its name, which neither make's prerequisites nor the first line of a script can hold.

PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup run test format lock lab lessons bench clean

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

setup:  ## Make .venv, or make it anew if it is out of date
	@sh tools/setup.sh

run: setup  ## Run the first lesson: a BP network with and without a genetic algorithm
	@$(PY) -m workbench.cli run ga-bp

test: setup  ## Check style and types, then run all tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -n 2 --dist loadfile

format: setup  ## Put the code into the house's form
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: setup  ## Resolve the dependencies anew (UPGRADE=1 for the newest versions)
	@sh tools/lock.sh

lab: setup  ## Open the lessons in JupyterLab
	@$(PY) -m workbench.cli lab notebooks

lessons: setup  ## Execute the lessons anew and keep their outputs in notebooks/
	@$(PY) tools/lessons.py

bench: setup  ## Measure speed against peers, as ratios in one run
	@set -e; for script in benchmarks/*.py benchmarks/*/; do echo "== $$script"; $(PY) "$$script"; done

clean:  ## Remove .venv and everything that was generated
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist runs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything runs in .venv, which the first target that needs it builds from constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench study docs clean

help:  ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all,test,lint]'
	$(BIN)/python -m pip install --quiet --no-deps -e docs/examples/log_cosh_loss -e docs/examples/linear_filter_restorer
	touch $@

demo: $(STAMP)  ## Simulate pairs, train, restore, and write demo/report.html
	$(BIN)/l2l demo --out demo

test: $(STAMP)  ## Run every test
	$(BIN)/python -m pytest

lint: $(STAMP)  ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## Measure speed against CSBDeep; writes bench/
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python -m tests.benchmarks --out bench

study: $(STAMP)  ## Put the paper's claims to the test, CLAIMS="1 4" or all; writes build/study/
	$(BIN)/python -m tests.study $(CLAIMS) --out build/study

docs: $(STAMP)  ## Build the pages of docs/ as a site in build/docs
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --quiet --strict -f docs/mkdocs.yml

clean:  ## Remove what the other targets made
	rm -rf .venv demo bench build *.egg-info

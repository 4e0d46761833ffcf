# Vigie. `make help` lists what can be done here.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# `cargo build` goes where cargo would put it: CARGO_TARGET_DIR and cargo's own configuration are respected.
MIRROR ?=
DATA ?= .vigie
ONCE ?=
LISTEN ?= 127.0.0.1:8787
export MIRROR DATA ONCE LISTEN

.PHONY: help run demo-large test lint fmt tidy deny ui ui-test bench bench-estate soak accuracy fuzz fixtures review lab clean

help: ## List what can be done here
	@echo "Usage: make TARGET [VARIABLE=value ...]"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='|' read -r target text; do printf '  %-12s %s\n' $$target "$$text"; done
	@echo
	@echo "Variables of run:"
	@echo "  MIRROR=    folder or base URL to take feeds from; empty: from their publishers"
	@echo "  DATA=      data folder (default .vigie)"
	@echo "  LISTEN=    address of page and API (default 127.0.0.1:8787)"
	@echo "  ONCE=1     exit once the first priorities are printed"
	@echo
	@echo "Variable of accuracy:"
	@echo "  DATA=      folder with data, inputs and expected answers (default target/data)"
	@echo
	@echo "Variable of bench:"
	@echo "  BENCH=     folder with generators of a workload; where there is none, our own generator makes one"
	@echo
	@echo "Variables of demo-large:"
	@echo "  HOSTS=     machines of the estate (default 5000)"
	@echo "  LISTEN=    as above"
	@echo
	@echo "Variable of soak:"
	@echo "  KILLS=     how often something is killed (default 200)"
	@echo
	@echo "Variables of fuzz:"
	@echo "  FUZZ_SECONDS=  seconds for each target (default 10)"
	@echo "  FUZZ_SEED=     number that all mutations follow from (default 1)"

run: ## Build Vigie, serve page and API, inspect this machine, print its ten first priorities
	@scripts/run

demo-large: ## Serve page and API over a generated estate of HOSTS machines (default 5000), kept at the first time
	@scripts/demo-large

test: ## Install what the tests need, run every check and every test
	@scripts/test

lint: ui ## Formatting and clippy, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: ## Format the Rust code
	cargo fmt --all

tidy: ## Check the rules of the house: imports, file lengths, registrations, documents
	cargo run --quiet --locked --package xtask -- arch
	cargo run --quiet --locked --package xtask -- tidy

deny: ## Check licences, banned crates and sources; with cargo-deny installed also advisories
	cargo run --quiet --locked --package xtask -- deny
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; \
		else echo "cargo-deny is not installed: advisories of dependencies were not checked"; fi

ui: ## Build the web page into ui/dist, if its sources have changed
	@scripts/packages run
	@scripts/ui

ui-test: ui ## Type check and unit tests of the web page
	cd ui && npm run --silent lint && npm test

bench: ## Measure; writes target/bench.json and docs/benchmarks.md
	@scripts/bench

bench-estate: ## Measure estates of up to 100,000 machines, for hours; writes target/bench-estate.json and docs/benchmarks.md
	@scripts/packages test
	@scripts/ui
	cargo run --quiet --locked --package xtask -- bench-estate

soak: ## Kill servers, scanner nodes and PostgreSQL at random under load, KILLS times (default 200)
	@scripts/soak

fuzz: ## Fuzz every parser of outside bytes, FUZZ_SECONDS for each; inputs that tell something new go to fuzz/corpus
	cargo run --quiet --locked --package fuzz
accuracy: ## Compare verdicts with expected answers in DATA=<folder>; writes docs/accuracy.md
	@scripts/packages run
	@scripts/ui
	cargo run --quiet --locked --package xtask -- accuracy $(if $(filter-out .vigie,$(DATA)),--data "$(DATA)")

fixtures: ## Write fixtures/mirror from FROM=<folder with the publishers' data>
	cargo run --release --locked --package xtask -- mirror --from "$(FROM)"

review: ## Show changed snapshots one by one, to accept or reject
	@cargo insta --version >/dev/null 2>&1 || { echo "install it first: cargo install cargo-insta --locked"; exit 1; }
	cargo insta review

lab: ## Build what the lab's hosts share (needs root)
	@scripts/packages test
	lab/build

clean: ## Remove what was built; data folders stay
	cargo clean
	rm -rf ui/dist ui/node_modules target

# The one front door: people, .ci/run and .github/workflows all go through it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
# What `make attack` builds: dev or release.
PROFILE ?= dev
# How long `make fuzz` spends on each target.
SECONDS_EACH ?= 60
SCRIPTS := .ci/run lint/prose $(addprefix deploy/,need make-secrets compose-test redis-backup redis-rebuild release-notes dist kubernetes/check) shared/diagnosis/fixtures/check shared/fake-github/published/fetch

.PHONY: help demo up test lint dist registries bench bench-peers bench-diagnosis bench-webhooks compose-test attack mutants fuzz

# `make up` and `make demo` use a profile that compiles in half the time: no link-time optimization.
# Releases, the image and the benchmarks use `release`.
LOCAL := --locked --profile local --package greenline

# What is not installed is skipped, and fails under GREENLINE_STRICT=1.
skip = { echo "skipped: $(1) is not installed"; [ "$${GREENLINE_STRICT:-}" != 1 ]; }

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## see it all work, without a token: a fake GitHub, a red pull request, a worker (ARGS="--list")
	@deploy/need cargo cc git redis
	@$(CARGO) run $(LOCAL) -- demo $(ARGS)

up: ## run everything on this machine; Redis is installed if it is missing (ARGS="--help")
	@deploy/need cargo cc git redis
	@$(CARGO) run $(LOCAL) -- up $(ARGS)

test: ## all tests, against a real Redis that is installed if it is missing
	@deploy/need cargo cc git redis
	@shared/fake-github/published/fetch || echo "skipped: GitHub's published descriptions could not be fetched"
	@status=0; \
	$(CARGO) test --locked --workspace --doc --quiet || status=1; \
	if $(CARGO) nextest --version >/dev/null 2>&1; \
	  then $(CARGO) nextest run --locked --workspace || status=1; \
	  else $(CARGO) test --locked --workspace --lib --bins --tests --examples --no-fail-fast || status=1; fi; \
	exit $$status

lint: ## format, clippy, rustdoc, fixtures, and what is installed of cargo-deny, cargo-machete, shellcheck, typos, zizmor, kubernetes-validate
	@deploy/need cargo cc
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check --hide-inclusion-graph; else $(call skip,cargo-deny); fi
	@if $(CARGO) machete --version >/dev/null 2>&1; then $(CARGO) machete; else $(call skip,cargo-machete); fi
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); else $(call skip,shellcheck); fi
	@if command -v typos >/dev/null; then typos; else $(call skip,typos); fi
	@if command -v zizmor >/dev/null; then zizmor --offline --quiet .github; else $(call skip,zizmor); fi
	@lint/prose
	@deploy/kubernetes/check
	@shared/diagnosis/fixtures/check

registries: ## pip, npm, cargo, go and mvn fetch a package each in the sandbox (needs the internet)
	@deploy/need cargo cc
	@GREENLINE_REGISTRIES=1 $(CARGO) test --locked --quiet --package greenline-worker --test sandbox -- registries:: clients_of_each_kind --nocapture

dist: ## the release archive for this machine, in target/dist
	@deploy/need cargo cc git
	@deploy/dist

bench: ## what the queue does on this machine
	@deploy/need cargo cc redis
	@$(CARGO) run --locked --release --quiet --package greenline -- bench $(ARGS)

bench-peers: ## the same workload on other queues, side by side
	@deploy/need cargo cc redis
	@$(CARGO) build --locked --release --quiet --package greenline
	@bench/compare $(ARGS)

bench-diagnosis: ## logs of 100 KB to 100 MB to their diagnosis, beside grep -E
	@deploy/need cargo cc
	@$(CARGO) bench --locked --quiet --package greenline-diagnosis --bench speed $(ARGS)

bench-webhooks: ## a thousand webhooks a second to the lead, and what watching 500 pull requests takes
	@deploy/need cargo cc redis
	@$(CARGO) bench --locked --quiet --package greenline-lead --bench webhooks $(ARGS)

attack: ## try to get out of the sandbox, into Redis and past the lead (ARGS="--help"; as root it tries more)
	@deploy/need cargo cc git redis
	@$(CARGO) build --locked --quiet --profile $(PROFILE) --package greenline --package greenline-attack
	@target/$(PROFILE:dev=debug)/greenline-attack $(ARGS)

mutants: ## break guards one at a time and see that a test notices (ARGS="--help")
	@deploy/need cargo cc git redis
	@$(CARGO) run --locked --quiet --package greenline-mutants -- $(ARGS)

fuzz: ## libFuzzer on everything that reads text of others (cargo-fuzz, nightly; SECONDS_EACH=60)
	@for target in sarif rules task settings repo_settings webhook comment; do \
	  (cd fuzz && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(SECONDS_EACH) -timeout=10); done
	@for target in diagnose archive; do \
	  (cd shared/diagnosis && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(SECONDS_EACH) -timeout=10); done

compose-test: ## build the image, run five workers, kill two under load (needs a Docker engine)
	@deploy/compose-test

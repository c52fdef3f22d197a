# Targets are what continuous integration runs (.ci/run), so that what passes here
# passes there. `make` lists them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# Every directory with a go.mod, the root first.
MODULES := $(sort $(patsubst %/,%,$(dir $(shell find . -name '.?*' -prune -o -name node_modules -prune -o -name testdata -prune -o -name go.mod -print))))

# Tools are built from source at these versions into .cache/bin, which git ignores.
TOOLS             := $(CURDIR)/.cache/bin
GOLANGCI_VERSION  := v2.15.0
GOLANGCI          := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da
BENCHSTAT         := $(TOOLS)/benchstat-$(BENCHSTAT_VERSION)

# What a command line may change:
PKG       ?= ./...# packages of each module
TESTFLAGS ?=# more flags for every go test
TIMEOUT   ?= 6m# of the tests of one package, the longest of which take two to three minutes
LANES     ?= 2# modules whose tests run at the same time: one waits while another compiles
VET_OS    ?= linux darwin windows
BENCH     ?= .# which benchmarks
COUNT     ?= 10# how often each
BENCHFLAGS ?=# flags of `go run . all` in bench
FUZZ      ?= .# which fuzz targets
FUZZTIME  ?= 30s# how long each

# No workspace file, and no vendor directory, changes what is built.
export GOWORK := off

step = printf '\n==> %s\n'
gotest = go test -timeout $(TIMEOUT) $(TESTFLAGS)

# $(call each,words,command): the command in every module, the first failure ends it.
define each
@for m in $(MODULES); do $(step) "$(1), module $$m"; (cd "$$m" && $(2)); done
endef

# The modules with test files for a build without the race detector, which are therefore
# vetted, linted and tested in both builds. All others are compiled for the race detector
# alone: their dependencies, an SQL database and many frameworks among them, cost more
# to compile than to test.
PLAIN := . ./middleware/jwt
# In a loop over modules: the flag of the build that a module is vetted and linted in.
build = $$(case " $(PLAIN) " in (*" $$m "*) ;; (*) echo -race;; esac)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: ## run the taskboard example and say where it listens
	@[ -d examples/taskboard ] || { echo "examples/taskboard is not in this tree"; exit 1; }
	@cd examples && go run ./taskboard

.PHONY: test
test: setup vet test-race test-plain test-debug test-codec test-client ## every test of every module, vetted for three systems

.PHONY: setup
setup: # what go test -race needs beyond Go itself
	@.ci/setup

# For the systems that this is not, packages are compiled only so that vet knows their
# types: without optimisation that takes a third less. Modules whose code is the same
# there are left out, as are the programs in VET_HERE, whose dependencies would take
# minutes to compile twice more.
VET_HERE := ./bench
.PHONY: vet
vet:
	@for m in $(MODULES); do \
		$(step) "go vet, module $$m"; \
		(cd "$$m" && go vet $(build) ./...); \
		case " $(VET_HERE) " in *" $$m "*) continue;; esac; \
		for os in $(filter-out $(shell go env GOOS),$(VET_OS)); do \
			[ "$$(.ci/same "$$m" $$os)" != same ] || continue; \
			$(step) "go vet for $$os, module $$m"; \
			(cd "$$m" && GOOS=$$os CGO_ENABLED=0 go vet -gcflags='all=-N -l' ./...); \
		done; \
	done

# The target vet has said more than go test would of the same build.
.PHONY: test-race
test-race:
	@printf '%s\n' $(MODULES) | xargs -P $(LANES) -I {} \
		.ci/module "tests under the race detector" {} $(gotest) -race -vet=off $(PKG)

# The race detector changes what is allocated, how many probes the router's model
# makes and how released values are handled: without it those tests say more.
.PHONY: test-plain
test-plain:
	@for m in $(PLAIN); do \
		$(step) "tests without the race detector: allocations, the whole router model, module $$m"; \
		(cd "$$m" && $(gotest) -vet=off $(PKG)); \
	done
	@$(step) "exact figures of bench against its baseline, those of memory among them"
	@cd bench && $(gotest) -vet=off ./guard

# -race poisons as well, so that every test has run so already. Here are those of what
# lives and dies with a request.
.PHONY: test-debug
test-debug:
	@$(step) "tests of lifetimes with -tags geistdebug: released values are poisoned"
	@$(gotest) -tags geistdebug -run '^Test(Ctx|Conn|Stream|Misuse|Body|Key)' . $(wildcard ./geisttest)

.PHONY: test-codec
test-codec:
	@$(step) "tests of the engine with encoding/json in place of go-json"
	@$(gotest) -tags geiststdjson . $(wildcard ./geisttest)

# What package-lock.json names is installed once.
.PHONY: test-client
test-client: setup ## the tests of geist.js, and what a program in TypeScript sees of it
	@$(step) "tests of client/geist.js"
	@cd client && { cmp -s package-lock.json node_modules/.installed || { npm ci --no-audit --no-fund && cp package-lock.json node_modules/.installed; }; }
	@cd client && npm test

.PHONY: test-latest
test-latest: setup ## the root module's tests against a newer fasthttp, see go.latest.mod
	@$(step) "tests of the root module with $$(awk '$$1 == "github.com/valyala/fasthttp" {print $$1, $$2}' go.latest.mod)"
	@$(gotest) -race -modfile=go.latest.mod $(PKG)

.PHONY: lint
lint: $(GOLANGCI) ## gofmt and golangci-lint, go vet within it, in every module
	@$(step) "gofmt"
	@unformatted=$$(git ls-files -co --exclude-standard -- '*.go' | xargs -r gofmt -s -l); \
		[ -z "$$unformatted" ] || { echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; }
	$(call each,golangci-lint,GOFLAGS="$$(go env GOFLAGS) $(build)" $(GOLANGCI) run --config $(CURDIR)/.golangci.yml)

.PHONY: bench
bench: ## geist beside its peers, 80 minutes; in two, a look: BENCHFLAGS=-quick
	@$(step) "geist beside its peers, interleaved: results, a page and Markdown in bench/results"
	@cd bench && go run . all $(BENCHFLAGS)

.PHONY: bench-guard
bench-guard: ## exact figures (allocations, writes, goroutines) against bench/baseline.json; `go run . guard -update` accepts
	@cd bench && go run . guard

.PHONY: benchmarks
benchmarks: $(BENCHSTAT) ## benchmarks of the root module COUNT times: BENCH=Radix COUNT=6
	@mkdir -p .cache
	@$(step) "benchmarks of the root module"
	@go test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(COUNT) -timeout 0 $(PKG) | tee .cache/bench.txt
	@$(step) "medians and 95 % intervals; the raw figures are in .cache/bench.txt"
	@$(BENCHSTAT) .cache/bench.txt

.PHONY: fuzz
fuzz: setup ## every fuzz target for FUZZTIME: FUZZ=Radix FUZZTIME=5m
	@FUZZ='$(FUZZ)' FUZZTIME='$(FUZZTIME)' .ci/fuzz

.PHONY: fmt
fmt: ## format all Go files
	@git ls-files -co --exclude-standard -- '*.go' | xargs -r gofmt -s -w

.PHONY: tidy
tidy: ## tidy every go.mod, and make go.latest.mod anew from the root's
	$(call each,go mod tidy,go mod tidy)
	@.ci/latest

$(GOLANGCI):
	@$(step) "building golangci-lint $(GOLANGCI_VERSION), once"
	@.ci/install github.com/golangci/golangci-lint/v2/cmd/golangci-lint $(GOLANGCI_VERSION) $@

$(BENCHSTAT):
	@$(step) "building benchstat, once"
	@.ci/install golang.org/x/perf/cmd/benchstat $(BENCHSTAT_VERSION) $@

# make            what can be made
SHELL := /bin/bash
GO ?= go
BIN := .lab/bin
NESTED := internal/lab/traffic internal/promql/against
SEEDS ?= 2000
BUGS ?= 50
SEED ?= 1
KILLS ?= 100
ROLLBACKS ?= 5

.DEFAULT_GOAL := help
.PHONY: help build lab demo test e2e lint generate bench simulate kill neighbours scenarios clean

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/greenwatch, and bin/kubectl-greenwatch, the same program as a kubectl plugin
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/greenwatch ./cmd/greenwatch
	ln -sf greenwatch bin/kubectl-greenwatch

lab: ## compile the lab's parts (once; 20 to 30 minutes on two cores), the traffic programs and greenwatch
	$(GO) run ./internal/lab/cmd/labctl build

demo: lab ## a bad release is rolled back before your eyes, on a real API server, Istio and Prometheus
	$(GO) run ./internal/lab/cmd/demo

test: lab ## all tests, the end-to-end tests on real parts included
	$(GO) test -timeout 30m $$($(GO) list ./... | grep -v /internal/e2e$$)
	$(GO) test -timeout 45m ./internal/e2e
	@for m in $(NESTED); do echo "$(GO) test ./... in $$m"; (cd $$m && $(GO) test -timeout 10m ./...) || exit 1; done

lint: ## gofmt, go vet, staticcheck, and whether generated files are up to date
	@unformatted=$$(gofmt -l cmd internal); if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	@for m in $(NESTED); do (cd $$m && $(GO) vet ./...) || exit 1; done
	$(GO) build -C internal/lab/tools/staticcheck -mod=readonly -o $(CURDIR)/$(BIN)/staticcheck honnef.co/go/tools/cmd/staticcheck
	$(BIN)/staticcheck ./...
	$(MAKE) --no-print-directory generate
	@changed=$$(git status --porcelain -- deploy/crds '*zz_generated*'); if [ -n "$$changed" ]; then echo "generated files are stale; run make generate and commit:"; echo "$$changed"; exit 1; fi

generate: ## deepcopy functions and CRDs
	$(GO) build -C internal/lab/tools/generate -mod=readonly -o $(CURDIR)/$(BIN)/controller-gen sigs.k8s.io/controller-tools/cmd/controller-gen
	$(BIN)/controller-gen object crd paths=./internal/signal paths=./internal/schedule paths=./internal/judge paths=./internal/milestone paths=./internal/release paths=./internal/api/... output:crd:dir=deploy/crds

bench: ## a verdict in microseconds, and the daemon's cost with 1 and with 100 releases
	$(GO) test -run '^$$' -bench . -benchmem ./internal/judge ./internal/release
	$(GO) test -run '^$$' -bench Daemon -benchtime 1x -timeout 20m ./internal/e2e

simulate: ## crashes and random walks in virtual time, and a table of deliberate bugs that they find: make simulate SEEDS=5000 BUGS=100
	set -o pipefail; $(GO) test -count 1 -v -timeout 90m -run 'Simulate' -skip DeliberateBugs ./internal/watchdog/... -args -seeds $(SEEDS) | grep -v '^ *\(=== \|--- PASS\)'
	set -o pipefail; $(GO) test -count 1 -v -timeout 90m -run "DeliberateBugs|InvariantsStopBugs" ./internal/watchdog -args -bugs $(BUGS) | grep -v '^ *\(=== \|--- PASS\)'

kill: lab ## kill -9 of the leader at random moments of a rollback; a table of what came of it: make kill KILLS=20 SEED=2
	$(GO) test -count 1 -v -timeout 90m -run KilledAtRandomMoments ./internal/e2e -args -kills $(KILLS) -killseed $(SEED)

neighbours: lab ## how soon a rollback is, and greenwatch's memory, beside each kind of bad policy: make neighbours ROLLBACKS=5
	$(GO) test -count 1 -v -timeout 90m -run BesideABadPolicy ./internal/e2e -args -neighbours all -rollbacks $(ROLLBACKS)

scenarios: SEEDS = 2500
scenarios: ## releases with a known truth, judged on a real Prometheus; a table of what was false or missed: make scenarios SEEDS=500 SEED=1
	$(GO) test -count 1 -v -timeout 180m -run Releases ./internal/scenario -args -seeds $(SEEDS) -seed $(SEED)

clean: ## what was built, the lab's parts included
	rm -rf bin .lab

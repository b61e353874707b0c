GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
# Processors of x86-64-v2 (2009) and later count bits in one instruction.
export GOAMD64 ?= v2
# The engine is compiled by a profile of its calls, by which the hot ones are inlined: make profile.
PROFILE     := recon/match/reconcile.profile
PROFILED    := $(foreach package,entry scan match,-gcflags=github.com/seed-3356bd69/touchstone/recon/$(package)=-pgoprofile=$(PROFILE))
BUILD       := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' $(PROFILED)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
RECORDS     ?= 10000000
PART        ?= peers
SIZES       ?= 10000,100000,1000000

# Packages with goroutines of their own. Not the demo: its embedded database server races with itself.
CONCURRENT := ./cmd/internal/... ./comparer/... ./plugins/... ./proxy/... ./recon/... ./shadow/...

JAEGER   := github.com/jaegertracing/jaeger/cmd/jaeger
JAEGERED := ./cmd/internal/telemetry ./cmd/touchstone

.DEFAULT_GOAL := help
.PHONY: help demo test test-simd check lint race bench bench-adapters bench-control bench-day bench-recon plot-recon test-oracle test-envoy test-jaeger jaeger build build-simd profile fuzz generate deps gcc

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build $(if $(filter mariadb,$(DB)),deps) ## run the whole system on this machine; DB= PAYMENTS= BUG= CUTOVER= CAPTURE=
	@bin/touchstone-demo $(if $(DB),--db=$(DB)) $(if $(PAYMENTS),--payments=$(PAYMENTS)) $(if $(BUG),--bug=$(BUG)) \
		$(if $(CUTOVER),--cutover=$(CUTOVER)) $(if $(CAPTURE),--capture=$(CAPTURE)) --out out/demo --expect

build: ## build the binaries into bin/
	$(BUILD) -o bin/touchstone ./cmd/touchstone
	$(BUILD) -o bin/touchstone-demo ./cmd/touchstone-demo
	for adapter in wechat alipay unionpay bank netsunion; do $(BUILD) -o bin/touchstone-adapter-$$adapter ./plugins/$$adapter || exit 1; done

build-simd: ## build bin/touchstone-simd, which reads with AVX2: for processors of x86-64-v3 and later
	GOAMD64=v3 GOEXPERIMENT=simd $(BUILD) -o bin/touchstone-simd ./cmd/touchstone

test-simd: ## run the engine's tests on the SIMD build, whose answers are those of the plain one
	GOAMD64=v3 GOEXPERIMENT=simd $(GO) test -timeout 10m ./recon/scan ./recon/match ./recon/digest

profile: ## measure anew by which calls the engine is built, in both builds (recon/match/reconcile.profile)
	dir=$$(mktemp -d) && trap 'rm -rf '$$dir EXIT && \
		$(GO) test -run '^$$' -bench Reconcile -benchtime 4x -cpuprofile $$dir/plain -o $$dir/plain.test ./recon/match && \
		GOAMD64=v3 GOEXPERIMENT=simd $(GO) test -run '^$$' -bench Reconcile -benchtime 4x -cpuprofile $$dir/simd -o $$dir/simd.test ./recon/match && \
		$(GO) tool pprof -proto -output $$dir/both $$dir/plain $$dir/simd && $(GO) tool preprofile -i $$dir/both -o $(PROFILE)

test: deps ## run every test, with a private MariaDB
	$(GO) test -timeout 20m ./...

check: lint test build ## everything that has to be green before a change goes in

lint: ## formatting, vet, module file, staticcheck
	@unformatted="$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go'))"; \
		[ -z "$$unformatted" ] || { echo "not formatted, try gofmt -w:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	cd test/bench && $(GO) list -m all >/dev/null || { echo "try: cd test/bench && go mod tidy"; exit 1; }
	$(GO) run $(STATICCHECK) ./...

bench: build deps ## measure the ports against haproxy and nginx; BENCH= for its flags
	@for need in haproxy sysbench nginx; do command -v $$need >/dev/null || [ -x /usr/sbin/$$need ] || { echo "missing: $$need; try: apt-get install -y haproxy sysbench nginx-light" >&2; exit 1; }; done
	@$(GO) run ./cmd/touchstone-bench $(BENCH)
	@$(MAKE) --no-print-directory bench-adapters

bench-adapters: RECORDS = 1000000
bench-adapters: build gcc ## measure an adapter that decodes itself, and bills that the host scans, against CSV; RECORDS=
	@$(GO) test -run '^$$' -bench BenchmarkDecode -benchtime 5x ./plugins
	@cd test/bench && CGO_ENABLED=1 $(GO) run . formats --records=$(RECORDS) --rounds=1

bench-day: RECORDS = 5000000
bench-day: build ## measure a whole day of five channels from files to closed batches and cases; RECORDS= BENCH= for its flags
	@$(GO) run ./cmd/touchstone-bench --part day --records $(RECORDS) $(BENCH)

bench-recon: build gcc ## measure reconciliation against DuckDB and SHA-256; RECORDS= PART=peers|worst|formats|memory|pin BENCH= for its flags
	@cd test/bench && CGO_ENABLED=1 $(GO) run . $(PART) --records=$(RECORDS) $(BENCH)

plot-recon: build gcc ## measure time and memory against records anew and draw recon/measured.svg; SIZES=
	@cd test/bench && CGO_ENABLED=1 $(GO) run . plot --sizes=$(SIZES) $(BENCH)

test-oracle: deps gcc ## hold reconciliation against DuckDB, row by row; SEEDS= how many, SEED= the first
	cd test/bench && CGO_ENABLED=1 $(GO) vet ./... && CGO_ENABLED=1 $(GO) run $(STATICCHECK) ./... && \
		CGO_ENABLED=1 $(GO) test . && CGO_ENABLED=1 $(GO) test -count=1 ./oracle $(if $(SEEDS),-seeds=$(SEEDS) -limit=24h -timeout=24h) $(if $(SEED),-seed=$(SEED))

test-envoy: ## drive a real Envoy by the control plane; ENVOY_BIN= where it is, if not on PATH
	$(GO) vet -tags envoy ./test/envoy
	$(GO) run $(STATICCHECK) -tags envoy ./test/envoy
	$(GO) test -count=1 -tags envoy ./test/envoy

test-jaeger: deps $(if $(JAEGER_BIN),,jaeger) ## ask a real Jaeger for the traces of a built sidecar; JAEGER_BIN= where it is, if not to be built
	$(GO) vet -tags jaeger $(JAEGERED)
	$(GO) run $(STATICCHECK) -tags jaeger $(JAEGERED)
	JAEGER_BIN=$(or $(JAEGER_BIN),$(CURDIR)/bin/jaeger) $(GO) test -count=1 -tags jaeger -run Jaeger $(JAEGERED)

jaeger: # a module of its own, of which the product knows nothing
	@cd test/jaeger/server && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(CURDIR)/bin/jaeger $(JAEGER) || \
		{ echo "Jaeger cannot be built; try: cd test/jaeger/server && go mod download; or name one by JAEGER_BIN=" >&2; exit 1; }

bench-control: ## measure the time from a decision to the last of 1,000 subscribers, and to a local sidecar
	$(GO) test -run '^$$' -bench . -benchtime 50x -timeout 5m ./proxy/xds

race: deps ## run the tests of concurrent packages under the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(CONCURRENT)

fuzz: ## run each fuzz target for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		grep -o '^func Fuzz[A-Za-z0-9_]*' "$$file" | while read -r _ target; do \
			echo "$$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null || exit 1; \
		done || exit 1; \
	done

generate: ## write generated code anew
	$(GO) generate ./...

deps:
	@test/deps.sh

gcc: # DuckDB is linked in by a C compiler
	@command -v gcc >/dev/null && command -v g++ >/dev/null || { echo "missing: gcc; try: apt-get install -y gcc g++" >&2; exit 1; }

# `make help` lists what there is. Nothing but Go is needed, except where a target says so.

export CGO_ENABLED ?= 0
BIN := $(CURDIR)/bin

.DEFAULT_GOAL := help
.PHONY: help build demo test race lint workflowcheck fuzz hostile hostile-tools cover bench replay tidy clean \
	elasticsearch elasticsearch-stop test-elasticsearch compose-check bench-elastic screenshots \
	vulncheck sbom

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/audittrail (production) and bin/audittrail-standalone (with the embedded Temporal server)
	go build -trimpath -o $(BIN)/audittrail ./cmd/audittrail
	go build -trimpath -o $(BIN)/audittrail-standalone ./standalone

demo: ## run the whole product here, with sample data, and stay up
	go run ./standalone demo

test: ## every test; with an Elasticsearch they take longer than the ten minutes that go test gives a package
	go test -timeout 40m ./... ./standalone/...

RACE_PACKAGES ?= ./...
RACE_SKIP ?=
RACE_FLAGS ?=
race: ## every test of the root module under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(RACE_FLAGS) -timeout 30m -skip '$(RACE_SKIP)' $(RACE_PACKAGES)

elasticsearch: ## fetch and start a real Elasticsearch for the tests (needs Java 17; 145 MB, for tests only)
	@scripts/elasticsearch fetch
	@url=$$(scripts/elasticsearch start); echo "Elasticsearch is at $$url: go test finds it by itself, everything else takes that URL"

elasticsearch-stop: ## end it and delete its data
	@scripts/elasticsearch stop

ELASTICSEARCH_TESTS = $$(grep -rl --include='*_test.go' internal/estest . | xargs -n 1 dirname | sort -u)
test-elasticsearch: ## every test that needs Elasticsearch, on a cluster of yours: make test-elasticsearch URL=https://user:password@host:9200
	@test -n "$(URL)" || { echo "say which cluster: make test-elasticsearch URL=https://user:password@host:9200"; exit 2; }
	@AUDITTRAIL_TEST_ELASTICSEARCH='$(URL)' go test -count=1 -timeout 60m $(ELASTICSEARCH_TESTS)

lint: $(BIN)/golangci-lint ## gofmt, vet and the linter, import rules included
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	go vet ./... ./standalone/...
	$(BIN)/golangci-lint run ./...
	cd standalone && $(BIN)/golangci-lint run ./...

workflowcheck: $(BIN)/workflowcheck ## prove that workflows are deterministic
	$(BIN)/workflowcheck ./workflows/...

replay: ## replay the recorded workflow histories
	go test -count=1 -run Replay ./workflows/...

FUZZTIME ?= 10m
fuzz: ## fuzz every parser for FUZZTIME (10m) each, one after the other; ONLY=FuzzParse takes those whose name matches
	./scripts/fuzz $(FUZZTIME) "$(ONLY)"

HOSTILE := $(BIN)/hostile/bin/schemathesis
EXAMPLES ?= 100
SEED ?=
hostile: $(HOSTILE) ## send hostile requests to every operation of the contract, EXAMPLES (100) to each, from SEED (needs Python 3)
	AUDITTRAIL_HOSTILE_EXAMPLES=$(EXAMPLES) AUDITTRAIL_HOSTILE_SEED=$(SEED) go test -count=1 -v -timeout 150m -run TestHostileClientsFindNothing ./test

hostile-tools: $(HOSTILE) ## install what hostile clients are made with, into bin/hostile

$(HOSTILE): test/hostile/requirements.txt
	python3 -m venv --clear $(BIN)/hostile
	$(BIN)/hostile/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<

cover: ## coverage of the packages that must have 85 %, and fail below it
	./scripts/cover

bench: ## measure every line of the speed table, as ratios in one run, and fail below the bar (the console's list needs a browser)
	go run ./test/bench
	AUDITTRAIL_BENCH=1 go test -count=1 -run TestAListOfAHundredRowsIsDrawnWithoutALongTask ./console

screenshots: ## pictures of the console for the documents, into docs/images (needs chromium-headless-shell)
	AUDITTRAIL_PICTURES=$(CURDIR)/docs/images go test -count=1 -run TestPicturesOfTheConsole ./console

compose-check: $(BIN)/composecheck ## read docker-compose.yml as `docker compose config` does, without Docker, and haproxy.cfg where there is HAProxy
	$(BIN)/composecheck -env-file .env.example docker-compose.yml
	@if command -v haproxy > /dev/null; then haproxy -c -q -f deploy/haproxy.cfg && echo "haproxy.cfg is valid"; else echo "haproxy.cfg was not read: there is no haproxy here"; fi

bench-elastic: ## measure the speed table of Elasticsearch, on a node that is started here or on URL=https://user:password@host:9200
	go run ./test/bench -engine elastic -url '$(URL)' $(BENCH_FLAGS)

# The Go that images are built with: vulnerabilities of the standard library count as of it.
RELEASED_GO = $$(sed -n 's/^FROM .*golang:\([0-9.]*\).*/\1/p' Dockerfile)
vulncheck: $(BIN)/govulncheck $(BIN)/vulncheck ## look for known vulnerabilities in both programs (needs a module proxy, and no other server)
	go build -o $(BIN)/scanned/ ./cmd/audittrail ./standalone # as tests build them, so that both share what is compiled
	$(BIN)/vulncheck -govulncheck $(BIN)/govulncheck -released "$(RELEASED_GO)" $(BIN)/scanned/audittrail $(BIN)/scanned/standalone

sbom: $(BIN)/cyclonedx-gomod ## bills of materials (CycloneDX) of both programs, into dist/, as of what was linked into them
	go build -o $(BIN)/scanned/ ./cmd/audittrail ./standalone
	@mkdir -p dist
	$(BIN)/cyclonedx-gomod bin -json -licenses -version "$$(git describe --tags --always)" -output dist/audittrail.cdx.json $(BIN)/scanned/audittrail
	$(BIN)/cyclonedx-gomod bin -json -licenses -version "$$(git describe --tags --always)" -output dist/audittrail-standalone.cdx.json $(BIN)/scanned/standalone

tidy: ## tidy all modules
	go mod tidy
	cd standalone && GOWORK=off go mod tidy
	cd tools && GOWORK=off go mod tidy

clean: ## delete what was built here
	rm -rf bin dist

$(BIN)/golangci-lint: tools/go.mod
	cd tools && GOWORK=off go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(BIN)/govulncheck: tools/go.mod
	cd tools && GOWORK=off go build -o $@ golang.org/x/vuln/cmd/govulncheck

$(BIN)/vulncheck: tools/go.mod tools/vulncheck/main.go
	cd tools && GOWORK=off go build -o $@ ./vulncheck

$(BIN)/cyclonedx-gomod: tools/go.mod
	cd tools && GOWORK=off go build -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(BIN)/composecheck: tools/go.mod tools/composecheck/main.go
	cd tools && GOWORK=off go build -o $@ ./composecheck

$(BIN)/workflowcheck: tools/go.mod
	cd tools && GOWORK=off go build -o $@ go.temporal.io/sdk/contrib/tools/workflowcheck

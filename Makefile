# lenscap: make demo, make test, make check. Go, make and git are enough; what
# else the tests use is installed from Debian's packages where there is apt.
SHELL := /bin/bash
GO ?= go
# Without this tag the linker keeps every method of every SDK: see docs/adr.
TAGS := grpcnotrace
GOFLAGS_BUILD := -trimpath -tags $(TAGS)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT := $(GO) tool -modfile=tools.mod golangci-lint
FUZZTIME ?= 10s
FUZZ ?= ./...

.PHONY: build demo test race check lint tidy dce fuzz bench tools

build: bin/lenscap

bin/lenscap: FORCE
	CGO_ENABLED=0 $(GO) build $(GOFLAGS_BUILD) -ldflags '$(LDFLAGS)' -o $@ ./cmd/lenscap

.PHONY: FORCE
FORCE:

demo: build
	./bin/lenscap demo

# What the tests use besides Go: e2fsprogs and fdisk make real disks.
tools:
	@./scripts/tools.sh

# One package at a time: several of them run servers and hold them to time limits.
test: tools
	$(GO) test -p 1 -tags $(TAGS) -timeout 20m ./...

race: tools
	$(GO) test -race -tags $(TAGS) -timeout 40m ./...

check: tidy dce lint
	$(GO) vet -tags $(TAGS) ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt: these files are not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }

lint:
	$(LINT) run ./...

tidy:
	$(GO) mod tidy -diff

# Fails when something newly reachable makes the linker keep every exported
# method: reflect.Type.Method or MethodByName with a name that is not constant.
dce:
	@./scripts/dce.sh '$(TAGS)'

# Every fuzz target for FUZZTIME; an hour each: make fuzz FUZZTIME=1h
fuzz: tools
	@./scripts/fuzz.sh '$(TAGS)' '$(FUZZTIME)' '$(FUZZ)'

bench: build
	@./bench/run.sh

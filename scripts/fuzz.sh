#!/usr/bin/env bash
# Runs every fuzz target of the tree for the given time, one after another.
set -eu
tags=$1
time=$2
packages=${3:-./...}
go list -tags "$tags" -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "$packages" | while read -r pkg; do
  for target in $(go test -tags "$tags" -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
    echo "== $pkg $target $time"
    go test -tags "$tags" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s "$pkg" </dev/null
  done
done

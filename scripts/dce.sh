#!/usr/bin/env bash
# Fails when code outside the standard library's own reflection makes the linker
# keep every exported method of every reachable type.
set -eu
tags=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go build -tags "$tags" -trimpath -ldflags=-dumpdep -o "$out/lenscap" ./cmd/lenscap 2>"$out/deps" || { cat "$out/deps"; exit 1; }
found=$(grep -a '<ReflectMethod>' "$out/deps" | awk '{print $1}' | grep -av -E '^(reflect\.|type:|internal/)' | sort -u || true)
if [ -n "$found" ]; then
  echo "dead-code elimination is broken by:" >&2
  echo "$found" >&2
  exit 1
fi

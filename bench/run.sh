#!/usr/bin/env bash
# Every benchmark, one after another; docs/benchmarks.md explains them.
set -eu
cd "$(dirname "$0")/.."
echo "== calls for 10,000 snapshots"
go test -tags grpcnotrace -count=1 -run TestBudget -v ./internal/cloud/aws | grep calls
echo "== a million recorded assets judged offline, one core"
go run -tags grpcnotrace ./bench/judge
echo "== the store with a million assets"
go run -tags grpcnotrace ./bench/store
if [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null; then
  echo "== the disk engine over a Debian root"
  bench/disk/run.sh
else
  echo "== the disk engine: left out, it needs root and debootstrap"
fi
echo "== recall and precision over a labelled tree"
go run -tags grpcnotrace ./bench/corpus | tail -8
echo "== looks into a disk of 20 GB, the first and the one after a change"
go run -tags grpcnotrace ./bench/evidence
if [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null; then
  echo "== the detection engine over a Debian root, beside gitleaks"
  bench/detect/run.sh
else
  echo "== the detection engine: left out, it needs root and debootstrap"
fi

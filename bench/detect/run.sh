#!/usr/bin/env bash
# The engine of internal/detect beside gitleaks, over a tree of files.
#   bench/detect/run.sh [TREE]
# Without a tree, debootstrap makes a Debian root with servers (root needed).
# For the ratio both see one file in SAMPLE (8) of at most 16 MB, gitleaks once,
# the engine REPEAT (20) times so that it takes long enough to be measured.
set -euo pipefail
cd "$(dirname "$0")/../.."
tree=${1:-} sample=${SAMPLE:-8} repeat=${REPEAT:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$tree" ]; then
  tree=$work/root
  debootstrap --include=postgresql,mariadb-server,nginx,python3,openssh-server,php,nodejs,npm,git,redis-server,default-jre-headless,build-essential \
    bookworm "$tree" >"$work/log" || { tail "$work/log"; exit 1; }
fi
CGO_ENABLED=0 go build -o "$work/detect" ./bench/detect
(cd bench/detect/peers && CGO_ENABLED=0 go build -o "$work/peers" .)
"$work/detect" -threads 1 "$tree"
"$work/detect" -threads 2 "$tree" | grep threads
echo "streamed from disk, for memory:"
"$work/detect" -stream "$tree" | grep threads
echo "one file in $sample:"
"$work/detect" -sample "$sample" -limit 16000000 -repeat "$repeat" -files "$work/files" "$tree" | grep -E 'threads|findings' | tee "$work/ours"
"$work/peers" -files "$work/files" | tee "$work/theirs"
rate() { sed -n 's/.* CPU-s: \([0-9.]*\) MB\/CPU-s.*/\1/p' "$1"; }
awk -v a="$(rate "$work/ours")" -v b="$(rate "$work/theirs")" 'BEGIN { printf "ratio: %.0f times gitleaks per CPU-second\n", a / b }'

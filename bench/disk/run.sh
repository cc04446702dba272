#!/usr/bin/env bash
# The disk engine beside other readers, over a Debian root (root needed).
#   bench/disk/run.sh [IMAGE]
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$image" ]; then
  image=$work/root.raw
  bench/disk/make-root.sh "$image"
fi
# Without a usable /dev/kvm libguestfs boots its machine under emulation.
export LIBGUESTFS_BACKEND="${LIBGUESTFS_BACKEND:-direct}"
[ -w /dev/kvm ] && [ "${KVM:-0}" = 1 ] || export LIBGUESTFS_BACKEND_SETTINGS="${LIBGUESTFS_BACKEND_SETTINGS:-force_tcg}"
(cd bench/disk/peers && go build -o "$work/peers" .)
go build -tags grpcnotrace -o "$work/disk" ./bench/disk
"$work/disk" -lenscap bin/lenscap -peers "$work/peers" "$image"
"$work/disk" -economy "$image"

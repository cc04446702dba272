#!/bin/sh
# Builds the lab's disks anew: web.zst, data.zst and plain.zst. The same seed
# gives the same bytes. Needs go and e2fsprogs (mke2fs, debugfs, e2fsck).
set -eu
cd "$(dirname "$0")"
seed=${1:-lenscap}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export E2FSPROGS_FAKE_TIME=1790000000 TZ=UTC LC_ALL=C

go run -tags grpcnotrace ./gen tree "$seed" "$work"

# build NAME DISK_MIB LABEL UUID [gpt]
build() {
	name=$1 disk=$2 label=$3 uuid=$4 table=${5:-}
	fs=$disk
	[ -z "$table" ] || fs=$((disk - 2))
	mke2fs -q -t ext4 -b 4096 -N 4096 -m 1 -L "$label" -U "$uuid" -O '^orphan_file' \
		-E "hash_seed=$uuid,root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard" \
		-d "$work/$name" "$work/$name.fs" "${fs}M"
	# Owners, modes and times come from the list, not from this machine.
	debugfs -w -f "$work/$name.debugfs" "$work/$name.fs" >/dev/null 2>"$work/$name.log"
	! grep -v '^debugfs' "$work/$name.log" || exit 1
	e2fsck -fn "$work/$name.fs" >/dev/null
	go run -tags grpcnotrace ./gen pack "$work/$name.fs" "$((disk << 20))" "$uuid" "$name.zst" $table
}
build web 2048 cloudimg-rootfs 5d1f3b52-6a0e-4c55-9d3e-1f6a7c9b0e11 gpt
build data 4096 pgdata 7c2a9e10-44b1-4f0e-8a51-20d9b7f3c622
build plain 1024 cloudimg-rootfs 93e8d7f4-0b6c-4d2a-b1c7-5ae40f81d933 gpt
ls -l ./*.zst

#!/bin/sh
# Makes NAME.zst and NAME.truth.zst: small file systems, clean or copied while
# mounted, with what a kernel sees in them. Those of version 4 need a kernel
# that still mounts it: that of User-Mode Linux. Needs root, xfsprogs, zstd,
# user-mode-linux and loop devices. Run in this directory.
set -eu
work=$(mktemp -d)
here=$PWD
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/mnt"
go test -c -o "$work/tool" ..
disk() {
	name=$1 size=$2
	shift 2
	truncate -s "$size" "$work/$name"
	mkfs.xfs --unsupported -q -f -L golden -d agcount=2 "$@" "$work/$name" 2>/dev/null
}
disk v4 40M -m crc=0,finobt=0
disk v4-512 40M -m crc=0,finobt=0 -b size=512 -i size=256 -n size=4096,ftype=1
disk v4-log1 40M -m crc=0,finobt=0 -l version=1 -n ftype=0
cat >"$work/script" <<'INIT'
modprobe -q -d "$MODULES" xfs || true
mkdir -p /run/mnt
make() { # name device seed steps
	mount -t xfs "$2" /run/mnt
	XFS_DIR=/run/mnt XFS_CHURN="$3 $4" ./tool -test.run TestMake
	XFS_DIR=/run/mnt XFS_CHURN="9$3 $5" ./tool -test.run TestMake
	case $1 in
	*dirty*) dd if="$2" of="$1.copy" bs=1M conv=sparse ;;
	esac
	umount /run/mnt
	case $1 in
	*dirty*) dd if="$1.copy" of="$2" bs=1M conv=fsync ;;
	*) dd if="$2" of="$1.copy" bs=1M conv=sparse ;;
	esac
	mount -t xfs -o ro "$2" /run/mnt
	XFS_DIR=/run/mnt XFS_TRUTH="$PWD/$1.truth" ./tool -test.run TestMake
	umount /run/mnt
}
make v4-dirty /dev/ubda 1 60 60
mkfs.xfs --unsupported -q -f -L golden -d agcount=2 -m crc=0,finobt=0 /dev/ubda
make v4 /dev/ubda 2 80 1
make v4-512 /dev/ubdb 3 80 1
make v4-dirty-log1 /dev/ubdc 4 60 60
mkfs.xfs --unsupported -q -f -L golden -d agcount=2 -m crc=0,finobt=0 -l version=1 -n ftype=0 /dev/ubdc
make v4-log1 /dev/ubdc 5 80 1
INIT
(cd "$work" && sh "$here/../../../disktest/uml.sh" script v4 v4-512 v4-log1)
disk v5-dirty 40M
mount -o loop "$work/v5-dirty" "$work/mnt"
for run in "6 60" "96 60"; do XFS_DIR="$work/mnt" XFS_CHURN="$run" "$work/tool" -test.run TestMake; done
cp --sparse=always "$work/v5-dirty" "$work/v5-dirty.copy"
umount "$work/mnt"
cp --sparse=always "$work/v5-dirty.copy" "$work/seen"
mount -o loop "$work/seen" "$work/mnt"
XFS_DIR="$work/mnt" XFS_TRUTH="$work/v5-dirty.truth" "$work/tool" -test.run TestMake
umount "$work/mnt"
for copy in "$work"/*.copy; do
	name=$(basename "$copy" .copy)
	zstd -q -f -19 --long=27 "$copy" -o "$name.zst"
	zstd -q -f -19 "$work/$name.truth" -o "$name.truth.zst"
done

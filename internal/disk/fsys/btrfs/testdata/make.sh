#!/bin/sh
# Makes dirty.zst: a file system copied while mounted, right after some files
# were synced, with what the kernel sees in it (dirty.truth); and small.zst with
# each kind of compression, a subvolume and a snapshot. Needs root, btrfs-progs,
# python3, zstd and loop devices. Run in this directory.
set -eu
work=$(mktemp -d)
mkdir "$work/mnt"
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
truth() {
	(cd "$1" && find . -type f -print | LC_ALL=C sort | xargs -d '\n' sha256sum)
}
pack() {
	zstd -q -f -19 --long=27 "$1" -o "$2"
}
truncate -s 110M "$work/disk"
mkfs.btrfs -q -m single -n 4096 "$work/disk"
mount -o loop,commit=300 "$work/disk" "$work/mnt"
mkdir "$work/mnt/old" "$work/mnt/gone"
for i in $(seq 110); do echo "old $i" >"$work/mnt/old/file-$i"; done
for i in $(seq 5); do echo "gone $i" >"$work/mnt/gone/$i"; done
umount "$work/mnt"
mount -o loop,commit=300 "$work/disk" "$work/mnt"
python3 - "$work/mnt" <<'PY'
import os, sys
root = sys.argv[1]
def sync(path):
    f = os.open(os.path.join(root, path), os.O_RDONLY)
    os.fsync(f)
    os.close(f)
def put(path, data):
    with open(os.path.join(root, path), "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
put("first", b"1" * 3000)
os.mkdir(os.path.join(root, "new"))
for i in range(100):
    put(f"new/env-{i}", b"SECRET=%d\n" % i * (1 + i))
for i in range(1, 40):
    os.remove(os.path.join(root, f"old/file-{i}"))
sync("old")
for i in range(50, 60):
    os.link(os.path.join(root, f"old/file-{i}"), os.path.join(root, f"new/link-{i}"))
    sync(f"new/link-{i}")
os.rename(os.path.join(root, "old/file-100"), os.path.join(root, "old/renamed"))
sync("old/renamed")
with open(os.path.join(root, "old/file-101"), "r+b") as f:
    f.truncate(2)
sync("old/file-101")
os.setxattr(os.path.join(root, "old/file-102"), "user.fresh", b"1")
sync("old/file-102")
os.symlink("new/env-1", os.path.join(root, "link"))
put(".env", b"FRESH=1\n")
PY
cp --sparse=always "$work/disk" "$work/copy"
umount "$work/mnt"
cp --sparse=always "$work/copy" "$work/seen"
mount -o loop "$work/seen" "$work/mnt"
truth "$work/mnt" >dirty.truth
umount "$work/mnt"
pack "$work/copy" dirty.zst

rm "$work/disk"
truncate -s 110M "$work/disk"
mkfs.btrfs -q -m single "$work/disk"
for method in none zlib lzo zstd; do
	mount -o "loop,compress-force=$method,max_inline=100" "$work/disk" "$work/mnt"
	seq 1 3000 >"$work/mnt/$method"
	echo small >"$work/mnt/$method-small"
	seq 1 20 >"$work/mnt/$method-inline"
	umount "$work/mnt"
done
mount -o loop "$work/disk" "$work/mnt"
btrfs -q subvolume create "$work/mnt/@"
btrfs -q subvolume create "$work/mnt/@/within"
cp "$work/mnt/lzo" "$work/mnt/@/within/copy"
cp --reflink=always "$work/mnt/zstd" "$work/mnt/reflink"
truncate -s 9000 "$work/mnt/reflink"
fallocate -l 20000 "$work/mnt/allocated"
fallocate -p -o 4096 -l 8192 "$work/mnt/none"
ln -s none "$work/mnt/link"
ln "$work/mnt/none" "$work/mnt/@hard"
setfattr -n user.a -v b "$work/mnt/@"
btrfs -q subvolume snapshot -r "$work/mnt/@" "$work/mnt/snap"
umount "$work/mnt"
pack "$work/disk" small.zst

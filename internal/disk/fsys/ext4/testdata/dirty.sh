#!/bin/sh
# Makes dirty-*.img.gz: file systems copied while mounted, right after some
# files were synced, with what the kernel sees in them (dirty-*.truth). Needs
# root, e2fsprogs and loop devices. Run in this directory.
set -eu
work=$(mktemp -d)
mkdir "$work/mnt"
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
truth() {
	(cd "$1" && find . -path ./lost+found -prune -o -type f -print | LC_ALL=C sort | xargs -d '\n' sha256sum)
}
make() {
	name=$1 mode=$2
	shift 2
	rm -f "$work/disk"
	truncate -s 8M "$work/disk"
	mke2fs -q -F -t ext4 -b 1024 -J size=1 "$@" "$work/disk"
	mount -o "loop,commit=300,data=$mode" "$work/disk" "$work/mnt"
	mkdir "$work/mnt/old"
	for i in $(seq 120); do echo "old $i" >"$work/mnt/old/file-$i"; done
	umount "$work/mnt"
	mount -o "loop,commit=300,data=$mode" "$work/disk" "$work/mnt"
	# Directories that go away and whose blocks become data: revokes.
	for i in $(seq 20); do mkdir "$work/mnt/gone-$i"; echo x >"$work/mnt/gone-$i/y"; done
	python3 - "$work/mnt" <<'PY'
import os, sys
root = sys.argv[1]
def put(path, data):
    with open(os.path.join(root, path), "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
put("first", b"1" * 3000)
for i in range(1, 21):
    os.remove(os.path.join(root, f"gone-{i}/y"))
    os.rmdir(os.path.join(root, f"gone-{i}"))
for i in range(1, 60):
    os.remove(os.path.join(root, f"old/file-{i}"))
os.rename(os.path.join(root, "old/file-100"), os.path.join(root, "renamed"))
put("second", b"2" * 5000)
os.mkdir(os.path.join(root, "new"))
for i in range(40):
    # Starts with the journal's magic: escaped in the log when it is journalled.
    put(f"new/env-{i}", b"\xc0\x3b\x39\x98 SECRET=%d\n" % i * 50)
os.symlink("new/env-1", os.path.join(root, "link"))
put(".env", b"FRESH=1\n")
PY
	cp --sparse=always "$work/disk" "$work/copy"
	umount "$work/mnt"
	cp --sparse=always "$work/copy" "$work/seen"
	mount -o loop "$work/seen" "$work/mnt"
	truth "$work/mnt" >"$name.truth"
	umount "$work/mnt"
	gzip -9nc "$work/copy" >"$name.img.gz"
}
make dirty-csum ordered -O 64bit,metadata_csum
make dirty-plain ordered -O ^64bit,^metadata_csum
make dirty-data journal -O 64bit,^metadata_csum

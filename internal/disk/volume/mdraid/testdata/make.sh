#!/bin/sh
# Makes NAME.tar.zst, the members of arrays made by mdadm, and NAME.truth, what
# the kernel reads of them: name, bytes, SHA-256. Needs user-mode-linux, mdadm,
# python3, zstd; no root. Run in this directory; takes a minute.
#
#   make.sh [NAME]    only the arrays whose names begin so
set -eu
here=$PWD
tests=$(realpath ../../../disktest)
work=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$work"' EXIT
cd "$work"
for m in a b c d e f; do truncate -s 8M "$m"; done
truncate -s 6M g
truncate -s 4M h
cat >script <<SCRIPT
only="${1:-}" tests="$tests"
SCRIPT
cat >>script <<'SCRIPT'
udevadm() { :; }
echo 2 >/sys/module/raid0/parameters/default_layout
create="mdadm --create /dev/md0 --run --assume-clean --homehost=lab --name=lab:set"
say() { mdadm "$@" 2>&1 | grep -v -e '^mdadm: ' || true; }
dev() { for m in $1; do echo "/dev/ubd$m"; done; }
# begin NAME MEMBERS: the members are empty
begin() {
	case $1 in "$only"*) ;; *) return 1 ;; esac
	name=$1 members=$2
	for m in $members; do dd if=/dev/zero of=/dev/ubd$m bs=1M 2>/dev/null || true; done
}
fill() { python3 "$tests/pattern.py" /dev/md0 1 0-99 1000-1049 -60; }
truth() { echo "$1 $(blockdev --getsize64 /dev/md0) $(sha256sum </dev/md0 | cut -d' ' -f1)" >"$name.truth"; }
stop() { mdadm --stop /dev/md0 2>/dev/null; }
keep() {
	mkdir -p "$name"
	for m in $members; do dd if=/dev/ubd$m of="$name/$m" bs=1M iflag=direct conv=sparse 2>/dev/null; done
}
# plain NAME MEMBERS ARGUMENTS: an array with data in it
plain() {
	n=$1 all=$2
	shift 2
	begin "$n" "$all" || return 0
	$create --raid-devices=$(echo $all | wc -w) "$@" $(dev "$all") >log 2>&1 || { cat log; return 1; }
	fill
	truth md/set
	stop
	keep
}
old() {
	n=$1 all=$2
	shift 2
	begin "$n" "$all" || return 0
	mdadm --create /dev/md0 --run --assume-clean --metadata=0.90 --raid-devices=$(echo $all | wc -w) "$@" $(dev "$all") >log 2>&1 || { cat log; return 1; }
	fill
	truth md0
	stop
	keep
}
plain linear "a h g" --level=linear --rounding=64
plain raid0 "a b c" --level=0 --chunk=64 --metadata=1.0
plain raid0-zones "a g h b" --level=0 --chunk=16
plain raid0-original "a g h b" --level=0 --chunk=16 --layout=original
plain raid0-odd "a b c" --level=0 --chunk=12
plain raid1-10 "a b" --level=1 --metadata=1.0 --bitmap=none
plain raid1-11 "a b c" --level=1 --metadata=1.1 --bitmap=internal
plain raid4 "a b c" --level=4 --chunk=4
for l in left-asymmetric right-asymmetric left-symmetric right-symmetric parity-first parity-last; do
	plain raid5-$l "a b c d" --level=5 --chunk=16 --layout=$l
done
for l in left-asymmetric right-asymmetric left-symmetric right-symmetric parity-first parity-last \
	ddf-zero-restart ddf-N-restart ddf-N-continue \
	left-asymmetric-6 right-asymmetric-6 left-symmetric-6 right-symmetric-6 parity-first-6; do
	plain raid6-$l "a b c d e" --level=6 --chunk=16 --layout=$l
done
for l in n2 n3 f2 f3 o2 o3; do
	plain raid10-$l "a b c d e" --level=10 --chunk=16 --layout=$l
done
plain raid10-n2-4 "a b c d" --level=10 --chunk=512 --layout=n2
plain raid10-f2-2 "a b" --level=10 --chunk=32 --layout=f2
plain raid5-ppl "a b c" --level=5 --chunk=32 --consistency-policy=ppl
old 090-linear "a h g" --level=linear --rounding=64
old 090-raid1 "a b" --level=1
old 090-raid5 "a b c" --level=5 --chunk=32
old 090-raid10 "a b c" --level=10 --chunk=32

# A member that failed, and writes after it did; a spare.
if begin stale "a b c"; then
	$create --level=5 --chunk=16 --raid-devices=3 /dev/ubda /dev/ubdb /dev/ubdc >log 2>&1
	fill
	mdadm -q /dev/md0 --fail /dev/ubdb
	python3 "$tests/pattern.py" /dev/md0 2 50-149
	truth md/set
	stop
	keep
fi
if begin spare "a b c"; then
	$create --level=1 --bitmap=none --raid-devices=2 --spare-devices=1 /dev/ubda /dev/ubdb /dev/ubdc >log 2>&1
	fill
	truth md/set
	stop
	keep
fi
# A mirror split in two halves: the one that went on counts.
if begin stale-mirror "a b"; then
	old_only=$only only=
	mdadm --create /dev/md0 --run --assume-clean --metadata=0.90 --level=1 --raid-devices=2 /dev/ubda /dev/ubdb >log 2>&1
	fill
	mdadm -q /dev/md0 --fail /dev/ubda
	python3 "$tests/pattern.py" /dev/md0 2 50-149
	truth md0
	stop
	keep
	only=$old_only
fi
# A rebuild onto a new member that did not end.
if begin rebuild "a b c d"; then
	$create --level=5 --chunk=16 --raid-devices=3 /dev/ubda /dev/ubdb /dev/ubdc >log 2>&1
	fill
	mdadm -q /dev/md0 --fail /dev/ubdb
	python3 "$tests/pattern.py" /dev/md0 2 50-149
	echo 1 >/sys/block/md0/md/sync_speed_max
	echo 1 >/sys/block/md0/md/sync_speed_min
	mdadm -q /dev/md0 --add /dev/ubdd
	sleep 2
	truth md/set
	echo frozen >/sys/block/md0/md/sync_action
	stop
	keep
fi
# A journal that was emptied, by a clean stop.
if begin journal "a b c d"; then
	mdadm --create /dev/md0 --run --homehost=lab --name=lab:set --level=5 --chunk=16 --raid-devices=3 \
		--write-journal=/dev/ubdd /dev/ubda /dev/ubdb /dev/ubdc >log 2>&1 || cat log
	while grep -q resync /proc/mdstat; do sleep 1; done
	fill
	truth md/set
	stop
	keep
fi
# A copy of the members while the array runs: not clean.
if begin running "a b c"; then
	$create --level=5 --chunk=16 --raid-devices=3 /dev/ubda /dev/ubdb /dev/ubdc >log 2>&1
	fill
	python3 "$tests/pattern.py" /dev/md0 2 10-12
	sync
	truth md/set
	keep
	stop
fi
# A reshape to more members that did not end.
if begin reshape "a b c d"; then
	$create --level=5 --chunk=16 --raid-devices=3 /dev/ubda /dev/ubdb /dev/ubdc >log 2>&1
	fill
	truth md/set
	echo 1 >/sys/block/md0/md/sync_speed_max
	echo 1 >/sys/block/md0/md/sync_speed_min
	mdadm -q /dev/md0 --add /dev/ubdd
	mdadm --grow /dev/md0 --raid-devices=4 >log 2>&1 || cat log
	sleep 1
	echo frozen >/sys/block/md0/md/sync_action
	stop
	keep
fi
SCRIPT
sh "$tests/uml.sh" script a b c d e f g h
for t in *.truth; do
	n=${t%.truth}
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$n" -cf "$n.tar" $(ls "$n")
	zstd -q -f -19 --long=27 "$n.tar" -o "$here/$n.tar.zst"
	cp "$t" "$here/"
done

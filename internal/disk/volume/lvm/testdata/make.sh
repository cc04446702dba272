#!/bin/sh
# Makes NAME.tar.zst, the physical volumes of groups made by LVM, and
# NAME.truth, what the kernel reads of each volume: name, bytes, SHA-256. Needs
# user-mode-linux, lvm2, thin-provisioning-tools, mdadm, python3, zstd; no root.
# Run in this directory; takes a minute.
#
#   make.sh [NAME]    only the groups whose names begin so
set -eu
here=$PWD
tests=$(realpath ../../../disktest)
work=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$work"' EXIT
cd "$work"
for m in a b c d e f; do truncate -s 16M "$m"; done
cat >script <<SCRIPT
only="${1:-}" tests="$tests"
SCRIPT
cat >>script <<'SCRIPT'
for m in dm_cache dm_cache_smq dm_writecache dm_integrity dm_zero raid1 raid10; do modprobe -d "$MODULES" $m; done
more=
lvm() {
	/sbin/lvm "$@" -qq -y --config "activation{udev_sync=0 udev_rules=0 monitoring=0}
		devices{use_devicesfile=0 obtain_device_list_from_udev=0 scan_lvs=0 global_filter=[$more'a|/dev/ubd|','a|/dev/md|','r|.*|']}
		backup{backup=0 archive=0} allocation{wipe_signatures_when_zeroing_new_lvs=0}" >>log 2>&1 ||
		{ echo "lvm $*"; tail -5 log; return 1; }
}
create() { lvm lvcreate "$@"; }
# begin NAME DEVICES: a new group on empty devices
begin() {
	case $1 in "$only"*) ;; *) return 1 ;; esac
	name=$1 members=$2 disks=
	for m in a b c d e f; do dd if=/dev/zero of=/dev/ubd$m bs=1M oflag=direct 2>/dev/null || true; done
	for m in $members; do disks="$disks /dev/ubd$m"; done
}
group() {
	lvm pvcreate --metadatasize 120k --dataalignment 128k $disks
	lvm vgcreate -s 128k vg $disks
}
fill() { d=$1; shift; python3 "$tests/pattern.py" /dev/vg/$d "$@"; }
truth() {
	sync
	for v in "$@"; do
		lvm lvchange -ay -K vg/$v || true
		echo "vg/$v $(blockdev --getsize64 /dev/vg/$v) $(sha256sum </dev/vg/$v | cut -d' ' -f1)" >>"$name.truth"
	done
}
copy() {
	mkdir -p "$name"
	for m in $members; do dd if=/dev/ubd$m of="$name/$m" bs=1M iflag=direct conv=sparse 2>/dev/null; done
}
end() {
	lvm vgchange -an vg
	copy
}
discard() { lvm vgchange -an vg || true; }
synced() { while [ "$(/sbin/lvm lvs --config 'devices{use_devicesfile=0}' --noheadings -o sync_percent vg/$1 2>/dev/null | tr -d ' ')" != 100.00 ]; do sleep 0.2; done; }

if begin plain "a b c"; then
	group
	create -l 8 -n one vg /dev/ubda
	create -l 5 -n two vg /dev/ubda
	lvm lvextend -l 20 vg/one /dev/ubdb
	lvm lvextend -l 30 vg/one /dev/ubda
	create -l 30 -i 3 -I 4k -n three vg
	create -l 20 -i 2 -I 64k -n four vg
	lvm lvextend -l 35 -i 3 -I 16k vg/four
	lvm lvextend -l 40 -i 1 vg/four
	for v in one two three four; do fill $v ${#v}; done
	truth one two three four
	lvm lvchange -an vg/two
	end
fi
if begin raid "a b c d e f"; then
	group
	for t in raid0 raid0_meta; do
		create --type $t -i 3 -I 16k -l 12 -n $t vg
		fill $t 1 0-99 -40
	done
	for t in raid4 raid5_ls raid5_rs raid5_la raid5_ra raid5_n; do
		create --type $t -i 3 -I 16k -l 12 -n $t vg
		fill $t 1 0-99 -40
	done
	for t in raid6_zr raid6_nr raid6_nc raid6_ls_6 raid6_rs_6 raid6_la_6 raid6_ra_6 raid6_n_6; do
		create --type $t -i 3 -I 16k -l 12 -n $t vg
		fill $t 1 0-99 -40
	done
	create --type raid10 -i 2 -m 1 -I 16k -l 12 -n raid10 vg
	create --type raid1 -m 2 -l 8 -n raid1 vg
	create --type mirror --mirrorlog disk -m 1 -l 8 -n mirror vg
	create --type mirror --mirrorlog core -m 2 -l 8 -n mirror_3 vg
	for v in raid10 raid1 mirror mirror_3; do fill $v 2 0-99 -40; done
	for v in raid4 raid5_ls raid6_zr raid6_nr raid6_nc raid10 raid1; do synced $v; done
	truth raid0 raid0_meta raid4 raid5_ls raid5_rs raid5_la raid5_ra raid5_n raid6_zr raid6_nr raid6_nc \
		raid6_ls_6 raid6_rs_6 raid6_la_6 raid6_ra_6 raid6_n_6 raid10 raid1 mirror mirror_3
	end
fi
# Images that were away while the others were written.
if begin stale "a b c"; then
	group
	create --type raid1 -m 1 -l 8 -n raid1 vg /dev/ubda /dev/ubdb
	create --type raid5 -i 2 -I 16k -l 8 -n raid5 vg
	for v in raid1 raid5; do fill $v 1 0-99; synced $v; done
	lvm vgchange -an vg
	more="'r|/dev/ubda|',"
	lvm vgchange -ay --activationmode degraded vg || true
	for v in raid1 raid5; do fill $v 2 50-149; done
	truth raid1 raid5
	end
	more=
fi
# RAID 5 with a stripe more than it was made with: data does not begin at 0.
if begin reshaped "a b c d"; then
	group
	create --type raid5 -i 2 -I 16k -l 8 -n grown vg
	fill grown 1
	synced grown
	lvm lvconvert --stripes 3 vg/grown
	sleep 1
	synced grown
	lvm lvs || true
	fill grown 2 100-199
	truth grown
	end
fi
if begin snapshots "a b"; then
	group
	create -l 32 -n origin vg
	fill origin 1
	create -s -l 40 -c 4k -n early vg/origin
	fill origin 2 10-99
	create -s -l 40 -c 64k -n late vg/origin
	fill origin 3 50-149
	fill early 4 140-200
	fill late 5 5-7 900-999
	create -s -l 16 -c 8k -n unused vg/origin
	create -s -l 2 -c 4k -n full vg/origin
	fill origin 3 400-499
	truth origin early late unused
	end
fi
# A snapshot that is to be merged into its origin.
if begin merging "a b"; then
	group
	create -l 32 -n origin vg
	fill origin 1
	create -s -l 40 -c 4k -n back vg/origin
	fill origin 2 10-99
	fill back 3 50-149
	exec 3</dev/vg/origin # it merges when it is next activated
	lvm lvconvert --merge -b vg/back || true
	sync
	echo "vg/origin $(blockdev --getsize64 /dev/vg/back) $(sha256sum </dev/vg/back | cut -d' ' -f1)" >>"$name.truth"
	copy
	exec 3<&-
	discard
fi
if begin thin "a b c"; then
	group
	create --type thin-pool -l 60 --poolmetadatasize 2m -c 64k -n pool vg
	create -V 24m --thin -n base vg/pool
	fill base 1 0-99 1000-1049 -10
	create -s -n snap vg/base
	lvm lvchange -ay -K vg/snap
	fill base 2 50-149
	fill snap 3 80-179 3000-3001
	create -s -n again vg/snap
	lvm lvchange -ay -K vg/again
	fill again 4 0-3 5000-5010
	create -V 8m --thin -n blank vg/pool
	create -l 16 -n outside vg
	fill outside 5
	lvm lvchange -an vg/outside
	lvm lvchange -pr vg/outside
	create --type thin --thinpool pool -n inside vg/outside
	fill inside 6 100-120
	for i in 10 30 50 70 90 110 130 20 60 100; do fill base $i $((i * 40))-$((i * 40 + 3)); done
	truth base snap again blank outside inside
	end
fi
# Mappings of more than one node: one block of each chunk, in no order.
if begin thin-deep "a b c"; then
	group
	create --type thin-pool -l 320 --poolmetadatasize 2m -c 64k -n pool vg
	create -V 35m --thin -n base vg/pool
	fill base 1 $(i=0; while [ $i -lt 540 ]; do n=$((i * 7919 % 540 * 16)); echo "$n-$n"; i=$((i + 1)); done)
	create -s -n snap vg/base
	lvm lvchange -ay -K vg/snap
	fill snap 2 $(i=0; while [ $i -lt 40 ]; do n=$((i * 7919 % 540 * 16 + 3)); echo "$n-$n"; i=$((i + 1)); done)
	truth base snap
	end
fi
# Labels in other sectors, two metadata areas, one, and none.
if begin labels "a b c"; then
	lvm pvcreate --metadatasize 120k --pvmetadatacopies 2 --labelsector 3 /dev/ubda
	lvm pvcreate --pvmetadatacopies 0 --labelsector 0 --dataalignment 96k /dev/ubdb
	lvm pvcreate --metadatasize 300k --labelsector 2 --bootloaderareasize 64k /dev/ubdc
	lvm vgcreate -s 128k vg $disks
	create -l 200 -n all vg
	fill all 1 0-99 4000-4099 -50
	truth all
	end
fi
# The same, copied while it runs.
if begin thin-running "a b"; then
	group
	create --type thin-pool -l 60 --poolmetadatasize 2m -c 128k -n pool vg
	create -V 24m --thin -n base vg/pool
	fill base 1 0-99
	create -s -n snap vg/base
	fill base 2 50-149
	truth base snap
	copy
	discard
fi
hot() { for i in 1 2 3 4 5 6; do fill "$1" $i 0-99 400-449; dd if=/dev/vg/$1 of=/dev/null bs=64k iflag=direct 2>/dev/null; done; }
if begin cache "a b c"; then
	group
	for v in through back old vol; do
		create -l 20 -n $v vg /dev/ubda
		fill $v 9
	done
	for v in through back old; do
		mode=write$v format=2
		[ $v != old ] || mode=writeback format=1
		create --type cache-pool -l 16 --poolmetadatasize 2m -c 32k -n ${v}_pool vg /dev/ubdb /dev/ubdc
		lvm lvconvert --type cache --cachepool vg/${v}_pool --cachemode $mode --cachemetadataformat $format --cachesettings migration_threshold=204800 vg/$v
	done
	create -l 24 -n fast vg /dev/ubdc
	lvm lvchange -an vg/fast
	lvm lvconvert --type cache --cachevol fast --cachemode writeback -c 32k vg/vol
	for v in through back old vol; do hot $v; done
	for v in through back old vol; do fill $v 7 0-49; done
	truth through back old vol
	busy=
	# Dirty: while it is busy nothing is written back.
	for v in through back old vol; do fill $v 8 0-49; done
	sleep 4
	for v in through back old vol; do
		while :; do dd if=/dev/vg/$v of=/dev/null bs=4k count=20 iflag=direct 2>/dev/null; done &
		busy="$busy $!"
		fill $v 7 0-49
	done
	mkdir cache-running
	for m in $members; do dd if=/dev/ubd$m of="cache-running/$m" bs=1M iflag=direct conv=sparse 2>/dev/null; done
	cp cache.truth cache-running.truth
	for v in through back old vol; do
		fill $v 8 0-49
		sleep 3
		fill $v 7 0-49
		dmsetup suspend --noudevsync vg-$v
	done
	copy
	for v in through back old vol; do dmsetup resume --noudevsync vg-$v; done
	kill $busy
	discard
fi
if begin writecache "a b"; then
	group
	create -l 20 -n slow vg /dev/ubda
	fill slow 9
	create -l 24 -n fast vg /dev/ubdb
	lvm vgchange -an vg
	lvm lvconvert --type writecache --cachevol fast --cachesettings 'high_watermark=99 low_watermark=98 autocommit_time=100' vg/slow
	lvm lvchange -ay vg/slow
	for i in 1 2 3; do fill slow $i 0-99 400-449; done
	truth slow
	copy
	discard
fi
if begin integrity "a b c d"; then
	group
	for mode in bitmap journal; do
		on="/dev/ubda /dev/ubdb"
		[ $mode = bitmap ] || on="/dev/ubdc /dev/ubdd"
		create --type raid1 -m 1 -l 8 -n $mode vg $on
		synced $mode
		lvm lvconvert --raidintegrity y --raidintegritymode $mode vg/$mode
		fill $mode 1 0-99
		truth $mode
	done
	end
fi
# LVM on a RAID, and one image of each group of a name.
if begin on-raid "a b c"; then
	mdadm --create /dev/md0 --run --assume-clean --homehost=lab --name=lab:0 --level=5 --chunk=16 --raid-devices=3 $disks >log 2>&1
	disks=/dev/md0
	group
	create -l 20 -n root vg
	create -V 8m --thinpool pool -l 20 --thin -n data vg
	for v in root data; do fill $v 1 0-99; done
	truth root data
	lvm vgchange -an vg
	mdadm --stop /dev/md0 2>/dev/null
	copy
fi
SCRIPT
sh "$tests/uml.sh" script a b c d e f
for t in *.truth; do
	n=${t%.truth}
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$n" -cf "$n.tar" $(ls "$n")
	zstd -q -f -19 --long=27 "$n.tar" -o "$here/$n.tar.zst"
	cp "$t" "$here/"
done

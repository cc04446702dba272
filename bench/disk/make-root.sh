#!/usr/bin/env bash
# Makes the disk that bench/disk reads: a Debian root of about 24,000 files and
# 1.3 GB as a cloud image has it (GPT: 1 root, 14 BIOS boot, 15 EFI), with logs,
# a database file and a tree of small scripts beside the packages. Needs root,
# debootstrap, e2fsprogs, gdisk, dosfstools and mtools.
#
#   bench/disk/make-root.sh OUT.raw [ext4|xfs|btrfs]
set -euo pipefail
out=$1 kind=${2:-ext4}
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
tree=${TREE:-$work/root}
if [ ! -e "$tree/etc/debian_version" ]; then
  debootstrap --variant=minbase --include=openssh-server,python3,vim,git,build-essential bookworm "$tree" >"$work/log" ||
    { tail "$work/log"; exit 1; }
fi
if [ ! -e "$tree/srv/planted" ]; then
  mkdir -p "$tree/var/lib/mysql/shop" "$tree/srv/app/node_modules"
  for i in 1 2 3 4; do
    yes "Nov 24 08:23:27 host app[$i]: request from 192.0.2.$i took $((i * 7)) ms, nothing to see here" | head -c 50000000 >"$tree/var/log/app-$i.log" || true
  done
  head -c 300000000 /dev/urandom >"$tree/var/lib/mysql/shop/orders.ibd"
  for d in $(seq 60); do
    mkdir "$tree/srv/app/node_modules/module-$d"
    for f in $(seq 100); do
      printf 'module.exports = function () { return %d }\n// %0*d\n' "$f" $((f * 20)) 0 >"$tree/srv/app/node_modules/module-$d/file-$f.js"
    done
  done
  mkdir -p "$tree/root/.aws" "$tree/home/deploy/.ssh"
  printf '[default]\naws_access_key_id = AKIARTX3GSDSTC7X3HSD\naws_secret_access_key = %s\n' "$(head -c 30 /dev/urandom | base64)" >"$tree/root/.aws/credentials"
  printf 'DB_PASSWORD=%s\n' "$(head -c 12 /dev/urandom | base64)" >"$tree/srv/app/.env"
  ssh-keygen -q -t ed25519 -N '' -f "$tree/home/deploy/.ssh/id_ed25519"
  touch "$tree/srv/planted"
fi
rm -f "$out"
truncate -s 8G "$out"
sgdisk -n14:2048:+3M -t14:ef02 -n15:0:+124M -t15:ef00 -n1:0:0 -t1:8300 -c1:root "$out" >/dev/null
at() { sgdisk -i "$1" "$out" | awk '/First sector/ {print $3}'; }
len() { sgdisk -i "$1" "$out" | awk '/Partition size/ {print $3}'; }
truncate -s 124M "$work/esp"
mkfs.vfat -F 32 -n UEFI "$work/esp" >/dev/null
mmd -i "$work/esp" ::/EFI ::/EFI/BOOT
echo boot | mcopy -i "$work/esp" - ::/EFI/BOOT/BOOTX64.EFI
dd if="$work/esp" of="$out" bs=1M seek=$(($(at 15) / 2048)) conv=notrunc status=none
start=$(($(at 1) * 512)) size=$(($(len 1) * 512))
case $kind in ext4) options="-F -E nodiscard" ;; *) options=-f ;; esac
# Written through the kernel, as disks in use are: it lays directories and
# inode tables apart from the files' bytes.
dev=$(losetup -f --show --offset "$start" --sizelimit "$size" "$out")
# shellcheck disable=SC2086
"mkfs.$kind" -q $options -L root "$dev" >/dev/null
mkdir "$work/mnt"
mount "$dev" "$work/mnt"
cp -a "$tree/." "$work/mnt"
umount "$work/mnt"
losetup -d "$dev"

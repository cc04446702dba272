#!/usr/bin/env bash
# Installs what the tests use from Debian's packages, when it is missing: the
# tools that make real disks.
set -eu
need=()
while read -r tool package; do
  command -v "$tool" >/dev/null || [ -x "/sbin/$tool" ] || [ -x "/usr/sbin/$tool" ] || need+=("$package")
done <<'LIST'
mke2fs e2fsprogs
sfdisk fdisk
sgdisk gdisk
mkfs.xfs xfsprogs
mkfs.btrfs btrfs-progs
mkntfs ntfs-3g
mkfs.vfat dosfstools
mcopy mtools
mkfs.exfat exfatprogs
mount.exfat-fuse exfat-fuse
genisoimage genisoimage
xorriso xorriso
mksquashfs squashfs-tools
lvm lvm2
thin_check thin-provisioning-tools
mdadm mdadm
cryptsetup cryptsetup-bin
qemu-img qemu-utils
modprobe kmod
linux.uml user-mode-linux
setfattr attr
debootstrap debootstrap
mariadbd mariadb-server
zstd zstd
pg_ctlcluster postgresql
xz xz-utils
7zz 7zip
bzip2 bzip2
cpio cpio
zip zip
ar binutils
sqlite3 sqlite3
redis-server redis-server
rpm rpm
rpmbuild rpm
db_load db-util
hivexsh libhivex-bin
chntpw chntpw
LIST
[ ${#need[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "tests need: ${need[*]} (install them with this system's package manager)" >&2
  exit 1
fi
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"

#!/bin/sh
# Boots User-Mode Linux, which has the device mapper and md where the machine's
# own kernel may not, and runs a script in it as root. The file system is the
# machine's own, read-only but for the folder it is called in.
#
#   uml.sh SCRIPT [IMAGE …]    images are /dev/ubda, /dev/ubdb, … in SCRIPT
#
# Needs user-mode-linux, and what SCRIPT uses: lvm2, mdadm, cryptsetup. No root.
set -eu
script=$(realpath "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lib"
ln -s /usr/lib/uml/modules "$work/lib/modules"
cat >"$work/init" <<INIT
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp WORK="$work" MODULES="$work"
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
mount -t tmpfs tmp /etc/lvm 2>/dev/null
mkdir -p /run/lvm /run/lock /run/mnt /run/cryptsetup
mount -t devtmpfs dev /dev 2>/dev/null
for m in dm_mod dm_mirror dm_snapshot dm_thin_pool dm_raid dm_crypt raid0 raid1 raid10 raid456 linear \
  aes_generic cbc xts ecb essiv sha512_generic sha256_generic algif_skcipher algif_hash; do
  modprobe -q -d "$work" \$m
done
cd "$PWD"
sh -eu "$script" >"$work/out" 2>&1
echo \$? >"$work/status"
sync
poweroff -f
INIT
chmod +x "$work/init"
set -- "$@"
n=0
args=
for i in "$@"; do
  args="$args ubd$n=$(realpath "$i")"
  n=$((n + 1))
done
TMPDIR=${TMPDIR:-/dev/shm} timeout 600 linux.uml mem=768M root=/dev/root rootfstype=hostfs rootflags=/ rw \
  init="$work/init" quiet con=null con0=fd:0,fd:1 $args </dev/null >"$work/console" 2>&1 || true
cat "$work/out" 2>/dev/null || { cat "$work/console"; exit 1; }
exit "$(cat "$work/status" 2>/dev/null || echo 1)"

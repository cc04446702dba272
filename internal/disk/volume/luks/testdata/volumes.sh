# Runs in User-Mode Linux: makes LUKS volumes in slices of /dev/ubda and writes
# the bytes of /dev/ubdb through dm-crypt into each. See uml_test.go.
export DM_DISABLE_UDEV=1
mega=2048 # sectors
for m in dm_crypt dm_flakey twofish_generic serpent_generic ecb essiv sha1_generic; do modprobe -q -d $MODULES $m || true; done
printf 'correct horse' >/run/key
printf 'another\n' >/run/other
: >/run/empty
quick="--batch-mode --key-file /run/key --pbkdf-force-iterations"
argon="--pbkdf-memory 64 --pbkdf-parallel 2"
small="--luks2-metadata-size 16k --luks2-keyslots-size 544k"

# slice N: /dev/mapper/N is 4 MiB of /dev/ubda
slice() { dmsetup create "$1" --table "0 $((4 * mega)) linear /dev/ubda $(($1 * 4 * mega))"; }

# fill N: writes the truth through dm-crypt
fill() {
  cryptsetup open --key-file "${with:-/run/key}" "/dev/mapper/$1" "open$1"
  dd if=/dev/ubdb of="/dev/mapper/open$1" bs=64k count=8 conv=fsync 2>/dev/null
  cryptsetup close "open$1"
}

for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do slice $n; done
d=/dev/mapper
cryptsetup luksFormat $quick 4 $small $argon --type luks2 --pbkdf argon2id --label "a label" $d/0
cryptsetup luksFormat $quick 4 $small $argon --type luks2 --pbkdf argon2i -s 256 --sector-size 4096 $d/1
cryptsetup luksFormat $quick 1000 $small --type luks2 --pbkdf pbkdf2 --hash sha512 -c aes-cbc-essiv:sha256 -s 128 $d/2
cryptsetup luksFormat $quick 1000 --type luks1 --hash sha256 -c aes-xts-plain64 -s 512 $d/3
cryptsetup luksFormat $quick 1000 --type luks1 --hash sha1 -c aes-cbc-essiv:sha256 -s 256 $d/4
cryptsetup luksFormat $quick 1000 --type luks1 --hash ripemd160 -c aes-cbc-plain -s 192 $d/5
cryptsetup luksFormat $quick 1000 $small --type luks2 --pbkdf pbkdf2 --hash sha3-256 -c twofish-xts-plain64 -s 512 $d/6
cryptsetup luksFormat $quick 1000 $small --type luks2 --pbkdf pbkdf2 --hash blake2b-512 -c aes-cbc-plain64be -s 256 --sector-size 2048 $d/7
cryptsetup luksFormat $quick 1000 $small --type luks2 --pbkdf pbkdf2 -c serpent-xts-plain64 $d/8
cryptsetup luksFormat --batch-mode --key-file /run/empty --pbkdf-force-iterations 1000 --type luks1 --hash sha256 -c null $d/9
cryptsetup luksFormat $quick 1000 $small --type luks2 --pbkdf pbkdf2 $d/10
cryptsetup luksAddKey $quick 4 $argon --pbkdf argon2id --key-slot 9 $d/10 /run/other
cryptsetup luksKillSlot --batch-mode --key-file /run/other $d/10 0
with=/run/other fill 10
with=/run/empty fill 9
for n in 11 12 13; do cryptsetup luksFormat $quick 1000 $small --type luks2 --pbkdf pbkdf2 -s 256 $d/$n; done
for n in 0 1 2 3 4 5 6 7 8 11 12 13; do fill $n; done
cryptsetup luksDump --batch-mode --dump-volume-key --volume-key-file /run/mk --key-file /run/key $d/0 >/dev/null
dd if=/run/mk of=/dev/ubda bs=512 seek=$((60 * mega)) conv=notrunc,fsync 2>/dev/null

# part N SECTORS: the slice can be written up to there only
part() {
  dmsetup suspend "$1"
  printf '%s\n' "0 $2 linear /dev/ubda $(($1 * 4 * mega))" "$2 $((4 * mega - $2)) error" | dmsetup reload "$1"
  dmsetup resume "$1"
}
# broken N SECTORS: beyond, what is written fails
broken() {
  dmsetup suspend "$1"
  printf '%s\n' "0 $2 linear /dev/ubda $(($1 * 4 * mega))" "$2 $((4 * mega - $2)) flakey /dev/ubda $(($1 * 4 * mega + $2)) 0 1 1 error_writes" | dmsetup reload "$1"
  dmsetup resume "$1"
}
whole() {
  dmsetup suspend "$1"
  dmsetup reload "$1" --table "0 $((4 * mega)) linear /dev/ubda $(($1 * 4 * mega))"
  dmsetup resume "$1"
}
again="--batch-mode --key-file /run/key --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-slot 0 --hotzone-size 64k"
# Cut off between two steps, with one key and then the other.
part 11 3000
cryptsetup reencrypt $again --resilience checksum $d/11 && exit 9
whole 11
# Cut off within a step.
broken 12 3000
cryptsetup reencrypt $again --resilience checksum $d/12 && exit 9
whole 12
cryptsetup luksDump $d/12 | grep -q in-reencryption
# Encryption of what was plain, from the end on.
dd if=/dev/ubdb of=$d/14 bs=64k count=8 conv=fsync 2>/dev/null
cryptsetup reencrypt $again --encrypt --type luks2 $small --resilience checksum --reduce-device-size 2M $d/14 --init-only

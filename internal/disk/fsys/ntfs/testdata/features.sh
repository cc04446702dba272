#!/bin/sh
# Makes features.img.zst, a volume with what mounting and copying doesn't give:
# reparse points of every kind, files that Windows compressed, streams, extended
# attributes, deleted files; and features.truth, the SHA-256 of the files. Needs
# root, ntfs-3g, wimtools, attr, python3 and zstd. Run in this directory.
set -eu
work=$(mktemp -d)
out=$PWD
mkdir "$work/mnt" "$work/src"
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
truncate -s 3M "$work/disk"
mkntfs -q -F -Q -c 1024 -L features "$work/disk" 2>/dev/null
mount -t ntfs-3g -o loop,streams_interface=windows "$work/disk" "$work/mnt"
cat >"$work/make.py" <<'PY'
import hashlib, os, re, struct, subprocess, sys
work, truth = sys.argv[1], {}
root, src = work + "/mnt/", work + "/src/"
seed = 1
def rnd():
    global seed
    seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
    return seed >> 33
def write(path, data, name=None):
    with open(path, "wb") as f: f.write(data)
    if name: truth[name] = hashlib.sha256(data).hexdigest()
def put(name, data):
    os.makedirs(os.path.dirname(root + name) or root, exist_ok=True)
    write(root + name, data, name)
def attr(name, kind, value):
    subprocess.run(["setfattr", "-n", "system." + kind, "-v", "0x" + value.hex(), root + name], check=True)
def reparse(name, tag, data, guid=b""):
    attr(name, "ntfs_reparse_data", struct.pack("<IHH", tag, len(data), 0) + guid + data)

# Files that Windows compressed: their chunks are as in a WIM.
words = [bytes(97 + rnd() % 26 for _ in range(20 + rnd() % 30)) for _ in range(6)]
text = b" ".join(words[rnd() % 6] for _ in range(1400))[:33000]
code = b"".join(b"\x55\x48\x89\xe5\xe8" + struct.pack("<i", (0x4000 if i % 3 else -1000) - 12 * i - 4) + b"\x5d\xc3\x90" for i in range(700))
noise = bytes(rnd() % 256 for _ in range(4200))
inputs = {"text": text, "code": code, "mixed": text[:4096] + noise + text[:6000], "short": b"a" * 100, "tail": text[:8193]}
for n, d in inputs.items(): write(src + n, d)
for algorithm, (method, chunk) in enumerate([("XPRESS", 4096), ("LZX", 32768), ("XPRESS", 8192), ("XPRESS", 16384)]):
    wim = f"{work}/{method}{chunk}.wim"
    subprocess.run(["wimcapture", src, wim, "--compress=" + method, f"--chunk-size={chunk}"], check=True, stdout=subprocess.DEVNULL)
    listing = subprocess.run(["wimdir", "--detailed", wim], check=True, stdout=subprocess.PIPE, text=True).stdout
    raw = open(wim, "rb").read()
    for part in listing.split("-" * 20):
        m = re.search(r'Full Path +=\s+"/(\w+)"', part)
        if not m: continue
        size, off = (int(re.search(k + r" += (\d+)", part)[1]) for k in ("Compressed size", "Offset in WIM"))
        plain = inputs[m[1]]
        if size >= len(plain) or m[1] == "mixed" and algorithm > 1: continue
        name = f"wof/{method.lower()}{chunk}-{m[1]}"
        put(name, b"")
        os.truncate(root + name, len(plain))
        put(name + ":note", b"beside")
        write(root + name + ":WofCompressedData", raw[off:off + size])
        reparse(name, 0x80000017, struct.pack("<IIIII", 1, 2, 1, algorithm, 0))
        truth[name] = hashlib.sha256(plain).hexdigest()
put("wof/wim", b"")
os.truncate(root + "wof/wim", 5000)
reparse("wof/wim", 0x80000017, struct.pack("<II", 1, 1) + bytes(40))

# Streams.
put("streams/file", b"main")
put("streams/file:one", b"first")
put("streams/file:zwei ä", noise[:3000])
put("streams/file:empty", b"")
put("streams/dir/child", b"child")
put("streams/dir:on a folder", b"folder")

# LZNT1.
os.mkdir(root + "packed")
attr("packed", "ntfs_attrib", struct.pack("<I", 0x810))
put("packed/text", text)
put("packed/noise", noise * 3)
put("packed/zeros", bytes(100000))
with open(root + "packed/holes", "wb") as f:
    f.seek(70000); f.write(text[:5000]); f.seek(200000); f.write(b"end")
truth["packed/holes"] = hashlib.sha256(open(root + "packed/holes", "rb").read()).hexdigest()
put("packed/text:stream", text[:20000])

# Reparse points.
u = lambda s: s.encode("utf-16-le")
def link(name, target, shown, flags=0, tag=0xA000000C):
    put(name, b"")
    head = struct.pack("<HHHH", 0, len(u(target)), len(u(target)), len(u(shown)))
    if tag == 0xA000000C: head += struct.pack("<I", flags)
    reparse(name, tag, head + u(target) + u(shown))
link("links/relative", "..\\streams\\file", "..\\streams\\file", 1)
link("links/rooted", "\\streams\\file", "\\streams\\file", 1)
link("links/drive", "\\??\\C:\\Users\\秘密", "C:\\Users\\秘密")
link("links/share", "\\??\\UNC\\server\\share\\x", "\\\\server\\share\\x")
os.mkdir(root + "links/junction")
target = u("\\??\\C:\\ProgramData")
reparse("links/junction", 0xA0000003, struct.pack("<HHHH", 0, len(target), len(target) + 2, 0) + target + b"\0\0\0\0")
os.mkdir(root + "links/volume")
target = u("\\??\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\")
reparse("links/volume", 0xA0000003, struct.pack("<HHHH", 0, len(target), len(target) + 2, 0) + target + b"\0\0\0\0")
for name, tag, data in [("lx", 0xA000001D, struct.pack("<I", 2) + "/etc/ünix".encode()), ("nfs", 0x80000014, struct.pack("<Q", 0x014B4E4C) + u("../nfs")),
                        ("nfs-fifo", 0x80000014, struct.pack("<Q", 0x4F464946)), ("exec", 0x8000001B, struct.pack("<I", 3) + u("app\0"))]:
    put("links/" + name, b"")
    reparse("links/" + name, tag, data)
    if name != "exec": del truth["links/" + name]
for name in ["relative", "rooted", "drive", "share"]: del truth["links/" + name]
put("cloud/away", b"")
os.truncate(root + "cloud/away", 50000)
reparse("cloud/away", 0x9000301A, bytes(16))
put("cloud/here", text[:5000])
reparse("cloud/here", 0x9000301A, bytes(16))
put("cloud/part", text[:5000])
os.truncate(root + "cloud/part", 50000)
reparse("cloud/part", 0x9000301A, bytes(16))
put("cloud/dedup", b"")
os.truncate(root + "cloud/dedup", 50000)
reparse("cloud/dedup", 0x80000013, bytes(16))
put("cloud/foreign", b"someone's")
reparse("cloud/foreign", 0x00000042, b"xx", bytes(range(16)))
for name in ["away", "part", "dedup"]: del truth["cloud/" + name]
del truth["wof/wim"]

put("sleeping.bin", b"hibr")

# Extended attributes.
def ea(name, items):
    out = b""
    for k, v in items:
        e = struct.pack("<BBH", 0, len(k), len(v)) + k + b"\0" + v
        pad = -(len(e) + 4) % 4
        out += struct.pack("<I", len(e) + 4 + pad) + e + bytes(pad)
    attr(name, "ntfs_ea", out)
put("ea/lx", b"linux")
ea("ea/lx", [(b"$LXUID", struct.pack("<I", 1000)), (b"$LXGID", struct.pack("<I", 100)), (b"$LXMOD", struct.pack("<I", 0o104750))])
put("ea/user", b"user")
ea("ea/user", [(b"user.comment", b"hello"), (b"user.long", noise[:1500])])

# Attributes.
for name, bits in [("readonly", 1), ("hidden", 2), ("system", 4)]:
    put("attributes/" + name, b"with " + name.encode())
    attr("attributes/" + name, "ntfs_attrib", struct.pack("<I", bits | 0x20))
put("hard/one", b"one file")
os.link(root + "hard/one", root + "hard/two")
truth["hard/two"] = truth["hard/one"]
os.makedirs(root + "Names")
for n in ["CAPITAL.TXT", "ÄÖÜ straße", "longer than eight.and three"]: put("Names/" + n, n.encode())
subprocess.run(["setfattr", "-n", "system.ntfs_dos_name", "-v", "LONGER~1.AND", root + "Names/longer than eight.and three"], check=True)
for i in range(60): put(f"many/a file with a long name {i:03}", b"%d" % i)

# Deleted ones.
put("gone/small", b"resident")
put("gone/large", noise)
put("gone/large:stream", noise[:2000])
put("gone/dir/deep", text[:3000])
put("here/gone", noise[:3000])
put("here/stays", b"stays")
with open(work + "/truth", "w") as f:
    for n, h in sorted(truth.items()): f.write(f"{h}  {n}\n")
PY
python3 "$work/make.py" "$work"
umount "$work/mnt"
for kind in wsl interix; do
	mount -t ntfs-3g -o "loop,special_files=$kind" "$work/disk" "$work/mnt"
	mkdir "$work/mnt/$kind"
	(
		cd "$work/mnt/$kind"
		mkfifo fifo
		mknod char c 1 3
		mknod block b 8 1
		ln -s ../target link
		python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	)
	umount "$work/mnt"
done
mount -t ntfs-3g -o loop,streams_interface=windows "$work/disk" "$work/mnt"
rm -r "$work/mnt/gone" "$work/mnt/here/gone"
umount "$work/mnt"
# The table of capitals does not compress: those of Latin are left.
python3 - "$work/disk" <<'PY'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    table = f.read().index(struct.pack("<64H", *range(64)))
    f.seek(table + 1024)
    f.write(bytes((128 << 10) - 1024))
PY
cp "$work/truth" "$out/features.truth"
zstd -q -19 --long=27 -f "$work/disk" -o "$out/features.img.zst"

package squashfs

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/unpack"
)

// sample gives bytes that compress, with what looks like machine code in them.
func sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, n+64)
	for len(b) < n {
		switch r.IntN(8) {
		case 0: // x86: CALL, JMP, and what only looks so
			for range r.IntN(4) {
				b = append(b, byte(0xE8+r.IntN(2)))
			}
			b = append(b, byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(4)), byte(-r.IntN(2)))
		case 1: // ARM
			b = append(b[:len(b)&^3], byte(r.IntN(256)), byte(r.IntN(4)), 0, 0xEB)
		case 2: // Thumb
			b = append(b, byte(r.IntN(256)), 0xF0|byte(r.IntN(8)), byte(r.IntN(256)), 0xF8|byte(r.IntN(8)))
		case 3: // PowerPC
			b = append(b[:len(b)&^3], 0x48|byte(r.IntN(4)), 0, byte(r.IntN(256)), 1)
		case 4: // SPARC
			b = append(b[:len(b)&^3], 0x40, byte(r.IntN(64)), byte(r.IntN(256)), byte(r.IntN(256)))
			b = append(b, 0x7F, 0xC0|byte(r.IntN(64)), 0, 9)
		case 5: // ARM64: BL, ADRP
			b = append(b[:len(b)&^3], byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(4)), 0x94|byte(r.IntN(4)))
			b = append(b, byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), 0x90|byte(r.IntN(4))<<5)
		default:
			b = append(b, bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(40))...)
		}
	}
	return b[:n]
}

// filter runs a program over bytes.
func filter(t testing.TB, data []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), disktest.Tool(t, name), args...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return out
}

// compressed gives the sample as each compressor has it.
func compressed(t testing.TB, plain []byte) map[string][]byte {
	t.Helper()
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(plain)
	_ = w.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{"gzip": z.Bytes(), "zstd": enc.EncodeAll(plain, nil), "lzma": filter(t, plain, "xz", "--format=lzma", "-c")}
	for name, args := range map[string][]string{
		"xz": nil, "xz crc64": {"--check=crc64"}, "xz model": {"--lzma2=lc=0,lp=2,pb=0"}, "xz model 2": {"--lzma2=lc=4,lp=0,pb=4,nice=8,mode=fast"},
		"xz x86": {"--x86", "--lzma2"}, "xz arm": {"--arm", "--lzma2"}, "xz thumb": {"--armthumb", "--lzma2"},
		"xz powerpc": {"--powerpc", "--lzma2"}, "xz sparc": {"--sparc", "--lzma2"}, "xz arm64": {"--arm64", "--lzma2"},
		"xz two": {"--x86", "--arm", "--lzma2"},
	} {
		out[name] = filter(t, plain, "xz", append(args, "-c")...)
	}
	return out
}

func of(name string) decompressor {
	switch name {
	case "gzip":
		return inflate
	case "zstd":
		return unzstd
	case "lzma":
		return unpack.UnLZMA
	}
	return xz
}

func TestDecompress(t *testing.T) {
	t.Parallel()
	plain := sample(300_000)
	for name, packed := range compressed(t, plain) {
		got := make([]byte, len(plain))
		if n, err := of(name)(got, packed); err != nil || n != len(plain) || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes, %v, or other ones", name, n, err)
		}
		// Room for more, as in a block of metadata.
		got = make([]byte, len(plain)+100)
		if n, err := of(name)(got, packed); err != nil || n != len(plain) || !bytes.Equal(got[:n], plain) {
			t.Errorf("%s with room: %d bytes, %v, or other ones", name, n, err)
		}
		for _, short := range []int{0, 1, 1000, len(plain) - 1} {
			all := bytes.Repeat([]byte{0xAA}, len(plain))
			if _, err := of(name)(all[:short:short], packed); err == nil || all[short] != 0xAA {
				t.Errorf("%s into %d bytes: error %v, next byte %x", name, short, err, all[short])
			}
		}
	}
}

// TestCut cuts what is compressed short: never does less come of it without an
// error.
func TestCut(t *testing.T) {
	t.Parallel()
	plain := sample(5000)
	got := make([]byte, 8192)
	for name, packed := range compressed(t, plain) {
		for cut := 1; cut < len(packed); cut += 1 + 20*(len(packed)-cut)/len(packed) {
			// What lies after an .xz block's checksum is not asked for.
			if n, err := of(name)(got, packed[:cut]); err == nil && !bytes.Equal(got[:n], plain) {
				t.Errorf("%s cut to %d bytes gave %d bytes", name, cut, n)
			}
		}
	}
}

func FuzzDecompress(f *testing.F) {
	kinds := []string{"gzip", "zstd", "lzma", "xz", "xz x86"}
	packed := compressed(f, sample(3000))
	for i, name := range kinds {
		f.Add(byte(i), packed[name])
	}
	f.Fuzz(func(t *testing.T, kind byte, src []byte) {
		by := of(kinds[int(kind)%len(kinds)])
		dst := make([]byte, 8192+1)
		dst[8192] = 0xAA
		if n, err := by(dst[:8192:8192], src); n > 8192 || n < 0 || dst[8192] != 0xAA {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

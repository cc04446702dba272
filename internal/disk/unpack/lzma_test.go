package unpack_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/unpack"
)

// sample gives bytes that compress, though not all of them.
func sample(n int) []byte {
	r := rand.New(rand.NewPCG(3, 5))
	b := make([]byte, 0, n+300)
	for len(b) < n {
		switch back := r.IntN(1 << r.IntN(17)); {
		case back < len(b):
			b = append(b, b[len(b)-back-1:][:min(back+1, 1+r.IntN(280))]...)
		case r.IntN(20) == 0:
			b = append(b, make([]byte, r.IntN(300))...)
		default:
			b = append(b, byte(r.IntN(256)), byte(r.IntN(4)))
		}
	}
	return b[:n]
}

func xz(t testing.TB, plain []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), disktest.Tool(t, "xz"), append(args, "-c")...)
	cmd.Stdin = bytes.NewReader(plain)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("xz %q: %v", args, err)
	}
	return out
}

// raw gives LZMA2 without a container.
func raw(t testing.TB, plain []byte, options string) []byte {
	t.Helper()
	return xz(t, plain, "--format=raw", "--lzma2="+options)
}

// TestLZMA2 decodes into a buffer and as a stream, with room and without.
func TestLZMA2(t *testing.T) {
	t.Parallel()
	random := make([]byte, 200_000) // is stored
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	plain := append(append(sample(300_000), random...), sample(6<<20)...)
	for options, dictionary := range map[string]int64{
		"preset=3": 4 << 20, "dict=64KiB": 64 << 10, "lc=0,lp=2,pb=0,dict=4KiB": 4 << 10, "lc=4,lp=0,pb=4,nice=8,mode=fast": 8 << 20,
	} {
		packed := raw(t, plain, options)
		into := make([]byte, len(plain)+10)
		for _, room := range []int{0, 10} {
			n, used, err := unpack.UnLZMA2(into[:len(plain)+room], append(slices.Clip(packed), "rest"...))
			if err != nil || used != len(packed) || !bytes.Equal(into[:n], plain) {
				t.Errorf("%s: %d bytes from %d, %v, or other ones", options, n, used, err)
			}
		}
		if _, _, err := unpack.UnLZMA2(into[:len(plain)-1], packed); !errors.Is(err, unpack.ErrLong) {
			t.Errorf("%s: one byte too few: %v", options, err)
		}
		if n, _, err := unpack.UnLZMA2(into, packed[:len(packed)/2]); !errors.Is(err, unpack.ErrCut) || !bytes.Equal(into[:n], plain[:n]) {
			t.Errorf("%s: half of it: %d bytes, %v, or other ones", options, n, err)
		}
		var d unpack.LZMA2
		for _, size := range []int64{-1, int64(len(plain))} {
			var to bytes.Buffer
			used, n, err := d.Stream(bytes.NewReader(packed), &to, dictionary, size)
			if err != nil || used != int64(len(packed)) || n != int64(to.Len()) || !bytes.Equal(to.Bytes(), plain) {
				t.Errorf("%s of size %d: %d bytes from %d, %v, or other ones", options, size, n, used, err)
			}
		}
		if _, _, err := d.Stream(bytes.NewReader(packed), io.Discard, dictionary, int64(len(plain))-1); err == nil {
			t.Errorf("%s: a byte more than stated is no error", options)
		}
		var to bytes.Buffer
		if _, n, err := d.Stream(bytes.NewReader(packed[:len(packed)/2]), &to, dictionary, -1); !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(to.Bytes(), plain[:n]) {
			t.Errorf("%s: half a stream: %d bytes, %v, or other ones", options, n, err)
		}
	}
}

func TestLZMA(t *testing.T) {
	t.Parallel()
	plain := sample(300_000)
	for _, options := range []string{"preset=6", "lc=4,lp=0,pb=4", "lc=0,lp=4,pb=0,dict=4KiB"} {
		marked := xz(t, plain, "--format=lzma", "--lzma1="+options)
		sized := bytes.Clone(marked)
		copy(sized[5:13], []byte{byte(len(plain)), byte(len(plain) >> 8), byte(len(plain) >> 16), 0, 0, 0, 0, 0})
		for kind, packed := range map[string][]byte{"marked": marked, "sized": sized} {
			into := make([]byte, len(plain)+10)
			for _, room := range []int{0, 10} {
				if n, err := unpack.UnLZMA(into[:len(plain)+room], packed); err != nil || !bytes.Equal(into[:n], plain) {
					t.Errorf("%s, %s: %d bytes, %v, or other ones", options, kind, n, err)
				}
			}
			if _, err := unpack.UnLZMA(into[:len(plain)-1], packed); err == nil {
				t.Errorf("%s, %s: one byte too few is no error", options, kind)
			}
			if _, err := unpack.UnLZMA(into, packed[:len(packed)-10]); !errors.Is(err, unpack.ErrCut) {
				t.Errorf("%s, %s: cut: %v", options, kind, err)
			}
		}
	}
}

// FuzzLZMA2 decodes what no checksum protects, whole and as a stream: that gives
// the same.
func FuzzLZMA2(f *testing.F) {
	plain := sample(800)
	f.Add(raw(f, plain, "preset=0"))
	f.Add(raw(f, plain, "preset=1,lc=0,lp=2,dict=4KiB"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		const most = 64 << 10
		into := make([]byte, most+1)
		into[most] = 0xaa
		n, used, err := unpack.UnLZMA2(into[:most:most], packed)
		if n < 0 || n > most || into[most] != 0xaa {
			t.Fatalf("%d bytes, %v", n, err)
		}
		var d unpack.LZMA2
		var to bytes.Buffer
		used2, n2, err2 := d.Stream(bytes.NewReader(packed), &to, most, most)
		if err == nil && (err2 != nil || int64(used) != used2 || int64(n) != n2 || !bytes.Equal(to.Bytes(), into[:n])) {
			t.Errorf("%d bytes from %d at once; %d from %d, %v, or other ones as a stream", n, used, n2, used2, err2)
		}
	})
}

// FuzzWindow decodes with a dictionary that is smaller than the content.
func FuzzWindow(f *testing.F) {
	f.Add(raw(f, sample(800), "preset=0"), 1<<12)
	f.Fuzz(func(t *testing.T, packed []byte, dictionary int) {
		var to limited
		var d unpack.LZMA2
		_, n, err := d.Stream(bytes.NewReader(packed), &to, int64(dictionary&(1<<16-1)), -1)
		if n > int64(to) {
			t.Errorf("%d bytes, %d came, %v", n, to, err)
		}
	})
}

// limited takes some bytes and no more.
type limited int

func (l *limited) Write(p []byte) (int, error) {
	if *l += limited(len(p)); *l > 32<<20 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func FuzzLZMA(f *testing.F) {
	f.Add(xz(f, sample(3000), "--format=lzma"))
	f.Add([]byte(strings.Repeat("\xe0", 40)))
	f.Fuzz(func(t *testing.T, packed []byte) {
		into := make([]byte, 8192+1)
		into[8192] = 0xaa
		if n, err := unpack.UnLZMA(into[:8192:8192], packed); n < 0 || n > 8192 || into[8192] != 0xaa {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

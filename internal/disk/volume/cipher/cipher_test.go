package cipher_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"errors"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/xts"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume/cipher"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{4}).Read(b)
	return b
}

func xtsSectors(t testing.TB, key []byte, size int, step uint64) *cipher.Sectors {
	t.Helper()
	a, err := aes.NewCipher(key[:len(key)/2])
	if err != nil {
		t.Fatal(err)
	}
	b, err := aes.NewCipher(key[len(key)/2:])
	if err != nil {
		t.Fatal(err)
	}
	s, err := cipher.New(cipher.XTS(a, b, cipher.Plain64), size, step)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestXTS compares with another implementation, sectors shared out among
// processors included.
func TestXTS(t *testing.T) {
	t.Parallel()
	for _, n := range []int{32, 64} {
		key := random(n)
		other, err := xts.NewCipher(aes.NewCipher, key)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{512, 4096} {
			plain := random(1 << 20)
			secret := make([]byte, len(plain))
			const first = 1<<32 - 100
			for at := 0; at < len(plain); at += size {
				other.Encrypt(secret[at:at+size], plain[at:at+size], first+uint64(at/512))
			}
			s := xtsSectors(t, key, size, uint64(size/512))
			s.Decrypt(secret, first)
			if !bytes.Equal(secret, plain) {
				t.Errorf("key of %d bytes, sectors of %d: other bytes", n, size)
			}
		}
	}
}

func TestCCMRefuses(t *testing.T) {
	t.Parallel()
	by, err := aes.NewCipher(random(32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cipher.OpenCCM(by, [12]byte{}, random(44), random(16)); !errors.Is(err, cipher.ErrKey) {
		t.Errorf("error %v, want ErrKey", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 8, 500, -16} {
		if _, err := cipher.New(cipher.Mode{}, size, 1); err == nil {
			t.Errorf("sectors of %d bytes were taken", size)
		}
	}
}

// TestVolume lays out pieces of every kind.
func TestVolume(t *testing.T) {
	t.Parallel()
	key, plain := random(64), random(1<<20)
	other, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		t.Fatal(err)
	}
	disk := bytes.Clone(plain)
	for at := 4096; at < 1<<19; at += 4096 {
		other.Encrypt(disk[at:at+4096], plain[at:at+4096], uint64(at/4096))
	}
	planted := errors.New("planted")
	v, err := cipher.NewVolume(disktest.Memory(disk), []cipher.Piece{
		{Length: 8192, Base: 1 << 19},
		{Length: 1<<19 - 8192, Base: 8192, Sectors: xtsSectors(t, key, 4096, 1), Number: 2},
		{Length: 10_000, Zero: true},
		{Length: 5000, Err: planted},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := append(append(bytes.Clone(plain[1<<19:1<<19+8192]), plain[8192:1<<19]...), make([]byte, 10_000)...)
	got := make([]byte, len(want))
	if err := block.ReadFull(v, got, 0); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("other bytes, %v", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		off := r.IntN(len(want))
		n := min(r.IntN(30_000), len(want)-off)
		if err := block.ReadFull(v, got[:n], int64(off)); err != nil || !bytes.Equal(got[:n], want[off:off+n]) {
			t.Fatalf("%d bytes at %d: %v, or other ones", n, off, err)
		}
	}
	if _, err := v.ReadAt(make([]byte, 1), int64(len(want))); !errors.Is(err, planted) {
		t.Errorf("error %v, want the piece's", err)
	}
	if at := v.Locate(5000); at != 1<<19+5000 {
		t.Errorf("byte 5000 lies at %d", at)
	}
	if at := v.Locate(1 << 19); at >= 0 {
		t.Errorf("zeros lie at %d", at)
	}
	extents, err := v.Extents(t.Context())
	if err != nil || len(extents) != 2 || extents[0] != (block.Extent{Length: 1 << 19}) {
		t.Errorf("extents %v, %v", extents, err)
	}
}

type recorder struct {
	block.Source
	got []block.Extent
}

func (r *recorder) Prefetch(_ context.Context, ranges []block.Extent) error {
	r.got = ranges
	return nil
}

func TestPrefetch(t *testing.T) {
	t.Parallel()
	src := &recorder{Source: disktest.Memory(make([]byte, 1<<20))}
	v, err := cipher.NewVolume(src, []cipher.Piece{
		{Length: 8192, Base: 1000, Sectors: xtsSectors(t, random(64), 4096, 1)},
		{Length: 4096, Zero: true},
		{Length: 4096, Base: 50_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Prefetch(t.Context(), []block.Extent{{Offset: 4100, Length: 10_000}}); err != nil {
		t.Fatal(err)
	}
	want := []block.Extent{{Offset: 5096, Length: 4096}, {Offset: 50_000, Length: 1812}}
	if len(src.got) != 2 || src.got[0] != want[0] || src.got[1] != want[1] {
		t.Errorf("ranges %v, want %v", src.got, want)
	}
}

func TestVolumeRefuses(t *testing.T) {
	t.Parallel()
	s := xtsSectors(t, random(64), 4096, 1)
	for _, p := range []cipher.Piece{{}, {Length: -1}, {Length: 2000}, {Length: 10, Base: 995}, {Length: 512, Sectors: s}, {Length: 1, Base: -1}} {
		if _, err := cipher.NewVolume(disktest.Memory(make([]byte, 1000)), []cipher.Piece{p}); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("piece %+v: error %v, want ErrDamaged", p, err)
		}
	}
}

func BenchmarkXTS(b *testing.B) {
	s := xtsSectors(b, random(64), 512, 1)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		s.Decrypt(p, 5)
	}
}

func BenchmarkCBC(b *testing.B) {
	by, _ := aes.NewCipher(random(32))
	s, _ := cipher.New(cipher.CBC(by, cipher.Encrypted(by)), 512, 1)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		s.Decrypt(p, 5)
	}
}

func BenchmarkElephant(b *testing.B) {
	by, _ := aes.NewCipher(random(32))
	s, _ := cipher.New(cipher.Elephant(by, by), 512, 1)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		s.Decrypt(p, 5)
	}
}

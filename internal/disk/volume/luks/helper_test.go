package luks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/luks"
)

const pass = "correct horse"

// random gives bytes that no two sectors share.
func random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// write puts bytes into a new file.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// assemble probes a source and opens it with keys.
func assemble(t testing.TB, src block.Source, keys ...[]byte) volume.Volume {
	t.Helper()
	m, err := luks.Manager{}.Probe(t.Context(), src)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	m.Source, m.Volume = src, "p1"
	out, err := luks.Manager{}.Assemble(t.Context(), []volume.Member{m}, volume.Options{Keys: keys})
	if err != nil || len(out) != 1 {
		t.Fatalf("assemble: %d volumes, %v", len(out), err)
	}
	if v := out[0]; v.Name != "" || len(v.Members) != 1 || v.Members[0] != "p1" || v.Type != "luks" {
		t.Errorf("volume %+v, want one in the place of p1", v)
	}
	return out[0]
}

// holds holds a volume of the given size against the truth about its first bytes,
// in one read and in many that end anywhere.
func holds(t testing.TB, v volume.Volume, size int64, want []byte) {
	t.Helper()
	if v.Err != nil || v.Source == nil {
		t.Fatalf("volume: %v (%q)", v.Err, v.Notes)
	}
	if v.Size != size || v.Source.Size() != size {
		t.Fatalf("%d bytes, source of %d, want %d", v.Size, v.Source.Size(), size)
	}
	src, err := block.NewSection(v.Source, 0, int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if err := block.ReadFull(src, got, 0); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("whole volume: %v, or other bytes", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		off := r.Int64N(src.Size() + 1)
		buf := make([]byte, r.IntN(20_000))
		n, err := src.ReadAt(buf, off)
		if exp := want[off:min(off+int64(len(buf)), src.Size())]; !bytes.Equal(buf[:n], exp) {
			t.Fatalf("read %d at %d: %d bytes, want %d, or other ones", len(buf), off, n, len(exp))
		}
		if (err != nil) != (n < len(buf)) || err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("read %d at %d: %d bytes, error %v", len(buf), off, n, err)
		}
	}
}

// locked checks that a volume says how it could be opened and gives no bytes.
func locked(t testing.TB, v volume.Volume) {
	t.Helper()
	if !errors.Is(v.Err, block.ErrEncrypted) || v.Source != nil || len(v.Notes) == 0 {
		t.Errorf("without the key: %+v, want it encrypted", v)
	}
}

// exercise opens whatever is on src and reads some of it.
func exercise(ctx context.Context, src block.Source, keys ...[]byte) {
	m, err := luks.Manager{}.Probe(ctx, src)
	if err != nil {
		return
	}
	m.Source = src
	out, _ := luks.Manager{}.Assemble(ctx, []volume.Member{m}, volume.Options{Keys: keys})
	for _, v := range out {
		if v.Source != nil {
			_, _ = io.Copy(io.Discard, io.NewSectionReader(v.Source, 0, min(v.Size, 1<<20)))
			_, _ = block.Extents(ctx, v.Source)
			_ = block.Prefetch(ctx, v.Source, []block.Extent{{Offset: 0, Length: v.Size}})
			_ = block.Locate(v.Source, v.Size/2)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"nothing": nil, "one byte": {1}, "zeros": make([]byte, 8<<20), "random": random(1<<20, 3)} {
		if _, err := (luks.Manager{}).Probe(t.Context(), disktest.Memory(data)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: error %v, want ErrNotThis", name, err)
		}
	}
}

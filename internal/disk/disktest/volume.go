package disktest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

// Set is the members of volumes: ranges of one file, so that places on the
// lowest source can be held against its bytes.
type Set struct {
	Names   []string
	Base    block.Source
	Members []block.Source
	// Truth is what the kernel reads, by name of the volume.
	Truth map[string]Content

	mu      sync.Mutex
	fetched []block.Extent
}

// Content is a volume's length in bytes and their SHA-256.
type Content struct {
	Size   int64
	SHA256 string
}

// OpenSet unpacks testdata/NAME.tar.zst, a member a file, with the truth in
// testdata/NAME.truth.
func OpenSet(t testing.TB, name string) *Set {
	t.Helper()
	in, err := os.Open(filepath.Join("testdata", name+".tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	path := filepath.Join(t.TempDir(), "members")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{Truth: truths(t, filepath.Join("testdata", name+".truth"))}
	var ends []int64
	at := int64(0)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = sparsely(out, r, at)
		}
		if err != nil {
			t.Fatalf("unpack %s: %v", name, err)
		}
		at += h.Size
		s.Names, ends = append(s.Names, h.Name), append(ends, at)
	}
	if err := errors.Join(out.Truncate(at), out.Close()); err != nil {
		t.Fatal(err)
	}
	s.Base = &watched{File(t, path), s}
	start := int64(0)
	for _, end := range ends {
		sec, err := block.NewSection(s.Base, start, end-start)
		if err != nil {
			t.Fatal(err)
		}
		s.Members, start = append(s.Members, sec), end
	}
	return s
}

// sparsely writes what is not zero to out.
func sparsely(out *os.File, in io.Reader, at int64) error {
	for buf := make([]byte, 64<<10); ; {
		n, err := io.ReadFull(in, buf)
		if len(bytes.TrimLeft(buf[:n], "\x00")) > 0 {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// truths reads lines of name, bytes, SHA-256.
func truths(t testing.TB, path string) map[string]Content {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Content{}
	for line := range strings.Lines(string(text)) {
		var name string
		var c Content
		if _, err := fmt.Sscan(line, &name, &c.Size, &c.SHA256); err != nil {
			t.Fatalf("%s: %q: %v", path, line, err)
		}
		out[name] = c
	}
	return out
}

// watched notes what is fetched ahead.
type watched struct {
	*block.File
	set *Set
}

func (w *watched) Prefetch(_ context.Context, ranges []block.Extent) error {
	w.set.mu.Lock()
	defer w.set.mu.Unlock()
	w.set.fetched = append(w.set.fetched, ranges...)
	return nil
}

// Assemble probes the members that are not named in without, and gives the
// volumes that are made of them by name.
func (s *Set) Assemble(t testing.TB, m volume.Manager, without ...string) map[string]volume.Volume {
	t.Helper()
	var members []volume.Member
	for i, src := range s.Members {
		if slices.Contains(without, s.Names[i]) {
			continue
		}
		got, err := m.Probe(t.Context(), src)
		if err != nil {
			t.Fatalf("probe %s: %v", s.Names[i], err)
		}
		got.Source, got.Volume = src, s.Names[i]
		members = append(members, got)
	}
	volumes, err := m.Assemble(t.Context(), members, volume.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]volume.Volume{}
	for _, v := range volumes {
		if _, twice := out[v.Name]; twice {
			t.Errorf("two volumes are named %s", v.Name)
		}
		out[v.Name] = v
	}
	return out
}

// Check holds a volume against the truth: its bytes by long and by random
// reads, by several readers at once, its extents, its places and what it
// fetches ahead.
func (s *Set) Check(t testing.TB, v volume.Volume) {
	t.Helper()
	want, ok := s.Truth[v.Name]
	switch {
	case !ok:
		t.Errorf("volume %s is not among the truth", v.Name)
		return
	case v.Source == nil:
		t.Errorf("volume %s: %v", v.Name, v.Err)
		return
	case v.Size != want.Size || v.Source.Size() != want.Size:
		t.Errorf("volume %s has %d and %d bytes, want %d", v.Name, v.Size, v.Source.Size(), want.Size)
		return
	}
	all := make([]byte, want.Size)
	for off := int64(0); off < want.Size; off += 3 << 20 {
		if err := block.ReadFull(v.Source, all[off:min(off+3<<20, want.Size)], off); err != nil {
			t.Errorf("volume %s: %v", v.Name, err)
			return
		}
	}
	if sum := sha256.Sum256(all); hex.EncodeToString(sum[:]) != want.SHA256 {
		t.Errorf("volume %s reads otherwise than the kernel reads it", v.Name)
		return
	}
	var wg sync.WaitGroup
	for seed := range 2 {
		wg.Go(func() { randomly(t, v, all, uint64(seed)) })
	}
	wg.Wait()
	extents, err := block.Extents(t.Context(), v.Source)
	if err != nil {
		t.Errorf("volume %s: extents: %v", v.Name, err)
	}
	end := int64(0)
	for _, e := range append(extents, block.Extent{Offset: want.Size}) {
		if e.Offset < end || e.Offset+e.Length > want.Size {
			t.Errorf("volume %s: extent %v after byte %d of %d", v.Name, e, end, want.Size)
			return
		}
		if len(bytes.TrimLeft(all[end:e.Offset], "\x00")) > 0 {
			t.Errorf("volume %s: bytes %d to %d hold data outside of the extents", v.Name, end, e.Offset)
		}
		end = e.Offset + e.Length
	}
	s.checkPlaces(t, v, all)
}

// randomly compares reads at random places.
func randomly(t testing.TB, v volume.Volume, all []byte, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 5))
	buf := make([]byte, 1<<20)
	for range 60 {
		off := r.Int64N(int64(len(all)) + 1)
		p := buf[:1+r.IntN(1<<r.IntN(20))]
		n, err := v.Source.ReadAt(p, off)
		want := all[off:min(off+int64(len(p)), int64(len(all)))]
		if !bytes.Equal(p[:n], want) || (err != nil) != (n < len(p)) || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("volume %s: %d bytes at %d: had %d, error %v, or other bytes", v.Name, len(p), off, n, err)
			return
		}
	}
}

// checkPlaces compares bytes with those at the places that the volume tells on
// the lowest source, and looks for the places among what it fetches ahead.
func (s *Set) checkPlaces(t testing.TB, v volume.Volume, all []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 5))
	for range 100 {
		off := r.Int64N(int64(len(all)))
		at := block.Locate(v.Source, off)
		if _, ok := v.Source.(block.Locator); !ok || at < 0 {
			continue
		}
		var b [1]byte
		if err := block.ReadFull(s.Base, b[:], at); err != nil || b[0] != all[off] {
			t.Errorf("volume %s: byte %d lies at %d, where there is %#x (%v), want %#x", v.Name, off, at, b[0], err, all[off])
			return
		}
		s.fetched = nil
		if err := block.Prefetch(t.Context(), v.Source, []block.Extent{{Offset: off, Length: 3000}}); err != nil {
			t.Errorf("volume %s: prefetch: %v", v.Name, err)
		}
		if !slices.ContainsFunc(s.fetched, func(e block.Extent) bool { return e.Offset <= at && at < e.Offset+e.Length }) {
			t.Errorf("volume %s: byte %d lies at %d, fetched ahead is %v", v.Name, off, at, s.fetched)
			return
		}
	}
}

// ExerciseVolumes probes and assembles whatever is on the sources and reads at
// most the given number of bytes of each volume.
func ExerciseVolumes(ctx context.Context, m volume.Manager, sources []block.Source, bytes int64) []volume.Volume {
	var members []volume.Member
	for i, src := range sources {
		src = block.WithContext(ctx, src)
		if got, err := m.Probe(ctx, src); err == nil {
			got.Source, got.Volume = src, fmt.Sprintf("m%d", i)
			members = append(members, got)
		}
	}
	volumes, err := m.Assemble(ctx, members, volume.Options{})
	if err != nil {
		return nil
	}
	for _, v := range volumes {
		if v.Source == nil {
			continue
		}
		size := v.Source.Size()
		_, _ = io.Copy(io.Discard, io.NewSectionReader(v.Source, 0, min(size, bytes)))
		_, _ = io.Copy(io.Discard, io.NewSectionReader(v.Source, max(size-bytes, 0), min(size, bytes)))
		_, _ = block.Extents(ctx, v.Source)
		_ = block.Locate(v.Source, size/2)
		_ = block.Prefetch(ctx, v.Source, []block.Extent{{Offset: size / 2, Length: min(bytes, size)}})
	}
	return volumes
}

// DamageSet flips bits of the members, n times, and reads what is left.
func (s *Set) DamageSet(t testing.TB, m volume.Manager, n int) {
	t.Helper()
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		sources := make([]block.Source, 0, len(s.Members))
		for _, src := range s.Members {
			extents, err := block.Extents(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			bad := &flipped{Source: src, size: src.Size(), flips: map[int64]byte{}}
			for range r.IntN(20) {
				if len(extents) == 0 {
					break
				}
				e := extents[r.IntN(len(extents))]
				bad.flips[e.Offset+r.Int64N(1+r.Int64N(e.Length))] = byte(1 + r.IntN(255))
			}
			if r.IntN(8) == 0 {
				bad.size = r.Int64N(src.Size())
			}
			sources = append(sources, bad)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		ExerciseVolumes(ctx, m, sources, 1<<20)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Errorf("damage %d: reading did not end", seed)
		}
		cancel()
	}
}

package btrfs_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
)

// kernel gives the files, with their hashes, that the kernel saw in an image.
func kernel(t testing.TB, name string) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".truth")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		hash, path, ok := strings.Cut(s.Text(), "  ./")
		if !ok {
			t.Fatalf("truth line %q", s.Text())
		}
		out[path] = hash
	}
	return out
}

func fileHashes(t testing.TB, f *fsys.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	for path, fact := range disktest.Facts(t, f) {
		if fact.Type == "file" {
			out[path] = fact.SHA256
		}
	}
	return out
}

// TestGolden reads a file system that was copied while mounted without help
// from the running system.
func TestGolden(t *testing.T) {
	t.Parallel()
	p := load(t, "dirty")
	tree, err := btrfs.Driver{}.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	info := tree.Info()
	if info.Incomplete || len(info.Notes) != 1 || !strings.Contains(info.Notes[0], "replayed in memory") {
		t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
	}
	if diff := cmp.Diff(kernel(t, "dirty"), fileHashes(t, fsys.New(tree))); diff != "" {
		t.Errorf("other than the kernel's (-want +got):\n%s", diff)
	}
	// Without the log the newest files are not there: the test can fail.
	p.set(64<<10+0x60, make([]byte, 8))
	if tree, err = (btrfs.Driver{}).Open(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.New(tree).Stat(".env"); err == nil {
		t.Error("the newest file is there without a replay")
	}
}

// TestLogDamage breaks each block of the log that is read: the loss is told and
// the rest is read.
func TestLogDamage(t *testing.T) {
	t.Parallel()
	p := load(t, "dirty")
	want := len(kernel(t, "dirty"))
	blocks := 0
	for _, at := range p.order {
		owner := int64(binary.LittleEndian.Uint64(p.held[at][0x58:]))
		if owner != -6 || !bytes.Equal(p.held[at][0x20:0x30], p.fsid) {
			continue
		}
		blocks++
		bad := p.with(nil)
		bad.held[at] = bytes.Clone(p.held[at])
		bad.set(at*page+0x64, []byte{5}) // its level
		tree, err := btrfs.Driver{}.Open(t.Context(), bad)
		if err != nil {
			t.Fatalf("log block at %d: %v", at*page, err)
		}
		if info := tree.Info(); !info.Incomplete || !strings.Contains(strings.Join(info.Notes, "; "), "log tree") {
			t.Errorf("log block at %d: incomplete %v, notes %q", at*page, info.Incomplete, info.Notes)
		}
		n := 0
		_ = fsys.New(tree).Walk(t.Context(), func(fsys.Node) error { n++; return nil })
		if n < 80 || n > want+100 {
			t.Errorf("log block at %d: %d nodes", at*page, n)
		}
	}
	if blocks < 5 {
		t.Errorf("%d blocks of the log", blocks)
	}
}

// TestConcurrent reads a tree from several goroutines.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	tree, err := btrfs.Driver{}.Open(t.Context(), load(t, "small"))
	if err != nil {
		t.Fatal(err)
	}
	want := fileHashes(t, fsys.New(tree))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if diff := cmp.Diff(want, fileHashes(t, fsys.New(tree))); diff != "" {
				t.Errorf("other than at first (-want +got):\n%s", diff)
			}
		})
	}
	wg.Wait()
}

// TestFeatures refuses what changes the layout and is not read, by name.
func TestFeatures(t *testing.T) {
	t.Parallel()
	for bit, name := range map[uint]string{13: "extent tree v2", 14: "RAID stripe tree", 17: "remap tree", 40: "0x10000000000"} {
		p := load(t, "small")
		p.set(64<<10+0xBC+int64(bit/8), []byte{1 << (bit % 8)})
		_, err := btrfs.Driver{}.Open(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), block.ErrUnsupported.Error()) {
			t.Errorf("feature %d: %v", bit, err)
		}
	}
}

const page = 4096

// pages is a disk that holds few bytes. Checksums of metadata are made good
// when it is read, so that changed bytes get past them.
type pages struct {
	size  int64
	held  map[int64][]byte
	order []int64 // pages that are read
	fsid  []byte
	read  map[int64]bool // while they are found
}

func load(t testing.TB, name string) *pages {
	t.Helper()
	src := disktest.File(t, disktest.Golden(t, name))
	p := &pages{size: src.Size(), held: map[int64][]byte{}}
	extents, err := src.Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range extents {
		for at := e.Offset / page; at*page < e.Offset+e.Length; at++ {
			b := make([]byte, page)
			_, _ = src.ReadAt(b, at*page)
			if p.held[at] == nil && !bytes.Equal(b, make([]byte, page)) {
				p.held[at] = b
			}
		}
	}
	p.fsid = bytes.Clone(p.held[(64<<10)/page][0x20:0x30])
	p.read = map[int64]bool{}
	disktest.Exercise(t.Context(), btrfs.Driver{}, p, 1<<20)
	p.order, p.read = slices.Sorted(maps.Keys(p.read)), nil
	return p
}

func (p *pages) set(off int64, b []byte) { copy(p.held[off/page][off%page:], b) }

// with gives the disk with bytes changed: each five say where and to what.
func (p *pages) with(changes []byte) *pages {
	out := &pages{p.size, maps.Clone(p.held), p.order, p.fsid, nil}
	for ; len(changes) >= 5; changes = changes[5:] {
		at := (int(changes[0])<<24 | int(changes[1])<<16 | int(changes[2])<<8 | int(changes[3])) % (len(p.order) * page)
		nr := p.order[at/page]
		out.held[nr] = bytes.Clone(out.held[nr])
		out.held[nr][at%page] = changes[4]
	}
	return out
}

func (p *pages) Size() int64  { return p.size }
func (p *pages) Close() error { return nil }

func (p *pages) ReadAt(b []byte, off int64) (int, error) {
	n, end := block.Clip(len(b), off, p.size)
	for done := 0; done < n; {
		at := off + int64(done)
		span := min(n-done, int(page-at%page))
		if held := p.held[at/page]; held != nil {
			copy(b[done:done+span], held[at%page:])
			if p.read != nil {
				p.read[at/page] = true
			}
		} else {
			clear(b[done : done+span])
		}
		done += span
	}
	if n == len(b) && n >= page && bytes.Equal(b[0x20:0x30], p.fsid) {
		sum := crc32.Checksum(b[32:], crc32.MakeTable(crc32.Castagnoli))
		b[0], b[1], b[2], b[3] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	}
	if n < len(b) && end == nil {
		end = io.EOF
	}
	return n, end
}

var goldens = []string{"dirty", "small"}

func FuzzOpen(f *testing.F) {
	images := map[string]*pages{}
	for _, name := range goldens {
		images[name] = load(f, name)
		f.Add(name, []byte{0, 0, 4, 0x38, 0xFF})
		f.Add(name, []byte{0, 1, 0x10, 0x60, 1, 0, 0, 0x20, 0x64, 2})
	}
	f.Fuzz(func(t *testing.T, name string, changes []byte) {
		p, ok := images[name]
		if !ok {
			disktest.Exercise(t.Context(), btrfs.Driver{}, disktest.Memory(changes), 1<<16)
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10e9)
		defer cancel()
		disktest.Exercise(ctx, btrfs.Driver{}, p.with(changes), 1<<16)
		if ctx.Err() != nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}

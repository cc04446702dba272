package fat_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat"
)

var le = binary.LittleEndian

// small are images of one sector a cluster with a few files, as small as the
// types get.
var small = map[string][]string{
	"fat12": {"100K", "-F", "12", "-s", "1", "-r", "32"},
	"fat16": {"2200K", "-F", "16", "-s", "1", "-r", "32"},
	"fat32": {"34M", "-F", "32", "-s", "1"},
}

var (
	smallMu   sync.Mutex
	smallMade = map[string][]byte{}
)

// image gives a copy of a small image: a.bin has 20 clusters, b.bin 10 with one
// of a deleted file's in between, and there is a directory.
func image(t testing.TB, kind string) []byte {
	t.Helper()
	smallMu.Lock()
	defer smallMu.Unlock()
	if b, ok := smallMade[kind]; ok {
		return bytes.Clone(b)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.raw")
	format(t, path, small[kind][0], small[kind][1:]...)
	tool := func(name string, args ...string) {
		cmd := exec.CommandContext(t.Context(), disktest.Tool(t, name), append([]string{"-i", path}, args...)...)
		cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "TZ=UTC", "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	put := func(name string, size int) {
		if err := os.WriteFile(filepath.Join(dir, "file"), content(name, size), 0o600); err != nil {
			t.Fatal(err)
		}
		tool("mcopy", "-o", filepath.Join(dir, "file"), "::"+name)
	}
	put("a.bin", 20*512)
	put("gone for good.txt", 8*512)
	put("Long name of a file.txt", 700)
	tool("mmd", "::dir")
	put("dir/inner.txt", 10)
	tool("mdel", "::gone for good.txt")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if kind == "fat32" { // mtools take one with fewer clusters for a FAT16
		sectors := shapeOf(b).data/512 + 100
		b = b[:sectors*512]
		le.PutUint32(b[32:], uint32(sectors))
		copy(b[6*512:], b[:512])
	}
	smallMade[kind] = b
	return bytes.Clone(b)
}

// content gives the bytes of a file.
func content(name string, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(name + strings.Repeat(" ", 32))[:32])).Read(b)
	return b
}

// shape is what the tests need to know of an image.
type shape struct {
	bits, fat, fatSize, data, root int
}

func shapeOf(b []byte) shape {
	s := shape{bits: 16, fat: int(le.Uint16(b[14:])) * 512, fatSize: int(le.Uint16(b[22:])) * 512}
	switch string(b[54:62]) {
	case "FAT12   ":
		s.bits = 12
	case "FAT16   ":
	default:
		s.bits, s.fatSize = 32, int(le.Uint32(b[36:]))*512
	}
	s.root = s.fat + int(b[16])*s.fatSize
	s.data = s.root + int(le.Uint16(b[17:]))*32
	return s
}

// set writes an entry of all FATs.
func (s shape) set(b []byte, c int, v uint32) {
	for at := s.fat; at < s.root; at += s.fatSize {
		switch s.bits {
		case 12:
			e := b[at+c*3/2:]
			old := le.Uint16(e)
			if c&1 != 0 {
				le.PutUint16(e, old&0xF|uint16(v)<<4)
			} else {
				le.PutUint16(e, old&0xF000|uint16(v)&0xFFF)
			}
		case 16:
			le.PutUint16(b[at+2*c:], uint16(v))
		default:
			le.PutUint32(b[at+4*c:], v)
		}
	}
}

// entry finds a short entry by its 11 bytes.
func entry(t testing.TB, b []byte, name string) (at, cluster int) {
	t.Helper()
	at = bytes.Index(b, []byte(name))
	if at < 0 || at%32 != 0 {
		t.Fatalf("no entry %q", name)
	}
	return at, int(le.Uint16(b[at+26:]))
}

func openBytes(t testing.TB, b []byte) *fsys.FS {
	t.Helper()
	tree, err := fat.Driver{}.Open(t.Context(), disktest.Memory(b))
	if err != nil {
		t.Fatal(err)
	}
	return fsys.New(tree)
}

// each runs a test on every type.
func each(t *testing.T, fn func(t *testing.T, b []byte, s shape)) {
	t.Helper()
	for kind := range small {
		t.Run(kind, func(t *testing.T) {
			b := image(t, kind)
			fn(t, b, shapeOf(b))
		})
	}
}

func readAll(f *fsys.FS, path string) ([]byte, error) {
	data, _, err := f.OpenData(path)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(data, 0, data.Size()))
}

func expect(t *testing.T, f *fsys.FS, path, as string, size int) {
	t.Helper()
	got, err := readAll(f, path)
	if err != nil || !bytes.Equal(got, content(as, size)) {
		t.Errorf("%s: %d bytes, %v; want %d as written", path, len(got), err, size)
	}
}

func TestSmall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, s shape) {
		f := openBytes(t, b)
		expect(t, f, "a.bin", "a.bin", 20*512)
		expect(t, f, "LONG NAME of a file.TXT", "Long name of a file.txt", 700)
		expect(t, f, "dir/inner.txt", "dir/inner.txt", 10)
		if _, err := f.Stat("long name of a file"); err == nil {
			t.Error("a file without its extension was found")
		}
		want := map[string]removed{"gone for good.txt": {fsys.Guess, 8 * 512, string(content("gone for good.txt", 8))}}
		if got := deleted(t, f); len(got) != 1 || got["gone for good.txt"] != want["gone for good.txt"] {
			t.Errorf("deleted %v, want %v", got, want)
		}
		// Take some of the deleted file's clusters, then its first.
		_, first := entry(t, b, "\xe5ONEFO~1TXT")
		s.set(b, first+3, 0xFFFFFFFF)
		if got := deleted(t, openBytes(t, b))["gone for good.txt"]; got.State != fsys.Part || got.Text == "" {
			t.Errorf("with one cluster in use: %v", got)
		}
		s.set(b, first, 0xFFFFFFFF)
		if got := deleted(t, openBytes(t, b))["gone for good.txt"]; got.State != fsys.NameOnly || got.Text != "" {
			t.Errorf("with the first cluster in use: %v", got)
		}
	})
}

// TestChains damages the chain of one file: it fails, and the others don't.
func TestChains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at    int // cluster of the file
		entry func(first int) uint32
		have  int // clusters that are read before the error, or more
	}{
		"loop at the end":     {19, func(f int) uint32 { return uint32(f) }, 0},
		"loop to itself":      {19, func(f int) uint32 { return uint32(f + 19) }, 0},
		"loop in the middle":  {7, func(f int) uint32 { return uint32(f + 5) }, 0},
		"too short":           {9, func(int) uint32 { return 0x0FFFFFFF }, 10},
		"free":                {9, func(int) uint32 { return 0 }, 10},
		"reserved":            {9, func(int) uint32 { return 1 }, 10},
		"bad cluster":         {9, func(int) uint32 { return 0x0FFFFFF7 }, 10},
		"beyond the last one": {9, func(int) uint32 { return 0x0FFFFFF0 }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b []byte, s shape) {
				_, first := entry(t, b, "A       BIN")
				s.set(b, first+c.at, c.entry(first))
				f := openBytes(t, b)
				got, err := readAll(f, "a.bin")
				if !errors.Is(err, block.ErrDamaged) || len(got) < c.have*512 {
					t.Errorf("%d bytes, error %v", len(got), err)
				}
				if n := c.have * 512; !bytes.Equal(got[:n], content("a.bin", 20*512)[:n]) {
					t.Error("other bytes before the damage")
				}
				expect(t, f, "Long name of a file.txt", "Long name of a file.txt", 700)
			})
		})
	}
}

// TestChainBeyondFile lets a chain go on after the file's end, which some
// systems leave for later writes.
func TestChainBeyondFile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, s shape) {
		at, first := entry(t, b, "A       BIN")
		le.PutUint32(b[at+28:], 5*512+1)
		got, err := readAll(openBytes(t, b), "a.bin")
		if err != nil || !bytes.Equal(got, content("a.bin", 20*512)[:5*512+1]) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		s.set(b, first+5, 0xFFFFFFF7) // the last one's; what follows is not the file's
		if _, err := readAll(openBytes(t, b), "a.bin"); err != nil {
			t.Error(err)
		}
	})
}

// TestSizes damages the size and the first cluster.
func TestSizes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, _ shape) {
		at, _ := entry(t, b, "A       BIN")
		bad := bytes.Clone(b)
		le.PutUint32(bad[at+28:], 0xFFFFFFFF)
		if _, err := readAll(openBytes(t, bad), "a.bin"); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("4 GiB: %v", err)
		}
		bad = bytes.Clone(b)
		le.PutUint16(bad[at+26:], 0)
		if _, err := readAll(openBytes(t, bad), "a.bin"); !errors.Is(err, block.ErrDamaged) {
			t.Errorf("no first cluster: %v", err)
		}
		le.PutUint32(bad[at+28:], 0)
		if got, err := readAll(openBytes(t, bad), "a.bin"); err != nil || len(got) != 0 {
			t.Errorf("an empty file: %d bytes, %v", len(got), err)
		}
	})
}

// TestDirectoryLoop gives each name once and the error.
func TestDirectoryLoop(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, s shape) {
		_, first := entry(t, b, "DIR        ")
		for i := s.data + (first-2)*512; i < s.data+(first-1)*512; i += 32 {
			if b[i] == 0 { // no end within the cluster
				copy(b[i:], "\xe5")
			}
		}
		s.set(b, first, uint32(first))
		var names []string
		f := openBytes(t, b)
		st, err := f.Stat("dir")
		if err != nil {
			t.Fatal(err)
		}
		err = f.Tree().List(st.Sys().(fsys.Stat).ID, func(e fsys.Entry) bool {
			names = append(names, e.Name)
			return len(names) < 10
		})
		if !errors.Is(err, block.ErrDamaged) || !slices.Equal(names, []string{"inner.txt"}) {
			t.Errorf("names %q, error %v", names, err)
		}
	})
}

// unreadable fails in a range.
type unreadable struct {
	block.Source
	from, to int64
}

func (u unreadable) ReadAt(p []byte, off int64) (int, error) {
	if off < u.to && off+int64(len(p)) > u.from {
		return 0, io.ErrNoProgress
	}
	return u.Source.ReadAt(p, off)
}

// TestSecondFAT reads by the second FAT where the first can't be read, is bad, or
// is not the active one.
func TestSecondFAT(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, s shape) {
		tree, err := fat.Driver{}.Open(t.Context(), unreadable{disktest.Memory(b), int64(s.fat), int64(s.fat + s.fatSize)})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, fsys.New(tree), "a.bin", "a.bin", 20*512)
		clear(b[s.fat : s.fat+s.fatSize])
		f := openBytes(t, b)
		expect(t, f, "a.bin", "a.bin", 20*512)
		if notes := f.Info().Notes; len(notes) != 1 || !strings.Contains(notes[0], "copy 2") || f.Info().Incomplete {
			t.Errorf("notes %q", notes)
		}
		if s.bits == 32 {
			for i := range s.fatSize / 4 {
				le.PutUint32(b[s.fat+4*i:], 0x0FFFFFF8)
			}
			b[40] = 0x81
			f = openBytes(t, b)
			expect(t, f, "a.bin", "a.bin", 20*512)
			if notes := f.Info().Notes; len(notes) != 0 {
				t.Errorf("notes %q", notes)
			}
		}
	})
}

// TestBackup reads a FAT32 whose boot sector is gone.
func TestBackup(t *testing.T) {
	t.Parallel()
	b := image(t, "fat32")
	tree, err := fat.Driver{}.Open(t.Context(), unreadable{disktest.Memory(b), 0, 512})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, fsys.New(tree), "a.bin", "a.bin", 20*512)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b[:512])
	f := openBytes(t, b)
	expect(t, f, "a.bin", "a.bin", 20*512)
	if notes := f.Info().Notes; len(notes) != 1 || !strings.Contains(notes[0], "boot sector") {
		t.Errorf("notes %q", notes)
	}
	copy(b[3:], "NTFS    ") // made over an old FAT32
	if _, err := (fat.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrNotThis) {
		t.Errorf("NTFS over FAT32: %v", err)
	}
}

// TestNotes tells of a dirty mark, of recorded errors, and of a volume cut short.
func TestNotes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, s shape) {
		at := 37
		if s.bits == 32 {
			at = 65
		}
		b[at] |= 1
		if info := openBytes(t, b).Info(); len(info.Notes) != 1 || info.Incomplete {
			t.Errorf("state 1: %+v", info)
		}
		b[at] = 0
		if s.bits != 12 {
			s.set(b, 1, 0x07FF7FFF)
			if info := openBytes(t, b).Info(); len(info.Notes) != 1 || info.Incomplete {
				t.Errorf("FAT dirty: %+v", info)
			}
			s.set(b, 1, 0x0BFFBFFF)
			if info := openBytes(t, b).Info(); len(info.Notes) != 1 || !strings.Contains(info.Notes[0], "errors") {
				t.Errorf("FAT with errors: %+v", info)
			}
			s.set(b, 1, 0x0FFFFFFF)
		}
		if info := openBytes(t, b[:openBytes(t, b).Info().Size-2048]).Info(); len(info.Notes) != 1 || !info.Incomplete {
			t.Errorf("cut short: %+v", info)
		}
		if info := openBytes(t, b).Info(); len(info.Notes) != 0 {
			t.Errorf("clean: %+v", info)
		}
	})
}

// TestNames patches names that no tool writes.
func TestNames(t *testing.T) {
	t.Parallel()
	b := image(t, "fat16")
	at := bytes.Index(b, []byte("L\x00o\x00n\x00g\x00"))
	le.PutUint16(b[at:], 0xD800)
	want := "\xed\xa0\x80ong name of a file.txt"
	if _, err := openBytes(t, b).Stat(want); err != nil {
		t.Error(err)
	}
	le.PutUint16(b[at:], '/')
	if _, err := openBytes(t, b).Stat("LONGNA~1.TXT"); err != nil {
		t.Errorf("a long name with a slash: %v", err)
	}
	le.PutUint16(b[at:], 'L')
	b[at+12]++ // the checksum
	if _, err := openBytes(t, b).Stat("LONGNA~1.TXT"); err != nil {
		t.Errorf("a long name with another checksum: %v", err)
	}
	short, _ := entry(t, b, "A       BIN")
	b[short+1] = '/'
	f := openBytes(t, b)
	if list, err := f.ReadDir("."); !errors.Is(err, block.ErrDamaged) || len(list) != 2 {
		t.Errorf("a short name with a slash: %v, %v", list, err)
	}
}

// TestBehindEnd finds what lies behind the end of a directory among the deleted
// files, and not among the others.
func TestBehindEnd(t *testing.T) {
	t.Parallel()
	b := image(t, "fat12")
	at, _ := entry(t, b, "DIR        ")
	b[at] = 0
	f := openBytes(t, b)
	if _, err := f.Stat("dir"); err == nil {
		t.Error("found behind the end")
	}
	copy(b[at:], "DIR")
	copy(b[at+32:], make([]byte, 32))
	copy(b[at+64:], b[at:at+32])
	copy(b[at+64:], "OTHER      ")
	le.PutUint16(b[at+64+26:], 100)
	if got, ok := deleted(t, openBytes(t, b))["other"]; !ok || got.State != fsys.NameOnly {
		t.Errorf("behind the end: %v", deleted(t, openBytes(t, b)))
	}
}

// TestForeign shows boot sectors of others.
func TestForeign(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := func(name, size string, args ...string) string {
		path := filepath.Join(dir, name)
		disktest.Run(t, "truncate", "-s", size, path)
		disktest.Run(t, disktest.Tool(t, args[0]), append(args[1:], path)...)
		return path
	}
	for _, path := range []string{
		build("ntfs", "8M", "mkntfs", "-F", "-Q"),
		build("exfat", "8M", "mkfs.exfat"),
		build("ext4", "8M", "mke2fs", "-q", "-F", "-t", "ext4"),
		build("gpt", "8M", "sgdisk", "-n", "1"),
	} {
		if _, err := (fat.Driver{}).Open(t.Context(), disktest.File(t, path)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: %v", path, err)
		}
	}
	b := image(t, "fat32")
	copy(b[424:], "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")
	if _, err := (fat.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrEncrypted) {
		t.Errorf("BitLocker To Go: %v", err)
	}
	r := rand.NewChaCha8([32]byte{5})
	b = make([]byte, 1<<16)
	for range 20_000 {
		_, _ = r.Read(b[:512])
		b[0], b[510], b[511] = 0xEB, 0x55, 0xAA
		if _, err := (fat.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrNotThis) {
			t.Fatalf("a random sector: %v", err)
		}
	}
}

// TestNoMagic reads an image without the strings that tools write.
func TestNoMagic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b []byte, s shape) {
		copy(b[3:11], make([]byte, 8))
		at := 54
		if s.bits == 32 {
			at = 82
		}
		copy(b[at:at+8], "        ")
		b[510], b[511] = 0, 0
		expect(t, openBytes(t, b), "a.bin", "a.bin", 20*512)
	})
}

// hot lists the rows of 32 bytes that hold something, and the ones after them.
func hot(b []byte) (rows []int) {
	zero := make([]byte, 32)
	for at := 0; at+64 <= len(b); at += 32 {
		if !bytes.Equal(b[at:at+32], zero) || len(rows) > 0 && rows[len(rows)-1] == at-32 && !bytes.Equal(b[at-32:at], zero) {
			rows = append(rows, at)
		}
	}
	return rows
}

// FuzzOpen changes bytes of small images where they hold something: a row, a
// place in it and a value for each four bytes of input. Another kind takes the
// input for an image.
func FuzzOpen(f *testing.F) {
	var images [][]byte
	var rows [][]int
	for i, kind := range []string{"fat12", "fat16", "fat32"} {
		images = append(images, image(f, kind))
		rows = append(rows, hot(images[i]))
		f.Add(byte(i), []byte{0, 0, 13, 4, 0, 9, 26, 3})
	}
	f.Add(byte(3), images[0][:16<<10])
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		if i := int(kind % 4); i < len(images) {
			image := bytes.Clone(images[i])
			for ; len(b) >= 4; b = b[4:] {
				row := rows[i][(int(b[0])<<8|int(b[1]))%len(rows[i])]
				image[row+int(b[2])%32] = b[3]
			}
			b = image
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		disktest.Exercise(ctx, fat.Driver{}, disktest.Memory(b), 1<<16)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}

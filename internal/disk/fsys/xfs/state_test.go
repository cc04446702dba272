package xfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/xfs"
)

var be = binary.BigEndian

// bytesOf reads a golden image.
func bytesOf(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(disktest.Golden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal sets the checksum of a superblock of version 5.
func seal(b []byte) {
	clear(b[224:228])
	binary.LittleEndian.PutUint32(b[224:], crc32.Checksum(b[:be.Uint16(b[102:])], crc32.MakeTable(crc32.Castagnoli)))
}

// logOf gives where the log of an image lies.
func logOf(b []byte) []byte {
	number, bs := be.Uint64(b[48:]), uint64(be.Uint32(b[4:]))
	group, within := number>>b[124], number&(1<<b[124]-1)
	at := (group*uint64(be.Uint32(b[84:])) + within) * bs
	return b[at : at+uint64(be.Uint32(b[96:]))*bs]
}

// TestStates opens a dirty image with something changed in its superblock or
// log: what is not shown must be told.
func TestStates(t *testing.T) {
	t.Parallel()
	base := bytesOf(t, "v5-dirty")
	for name, c := range map[string]struct {
		change     func(b []byte)
		err        error  // of Open
		note       string // one of the notes holds it
		incomplete bool
	}{
		"as it is":         {func([]byte) {}, nil, "replayed in memory", false},
		"needs repair":     {func(b []byte) { b[219] |= 0x10; seal(b) }, nil, "in need of repair", true},
		"unknown feature":  {func(b []byte) { b[216] |= 0x80; seal(b) }, block.ErrUnsupported, "", false},
		"known features":   {func(b []byte) { b[219] |= 0xC0; seal(b) }, nil, "replayed in memory", false},
		"unknown of log":   {func(b []byte) { b[220] |= 0x80; seal(b) }, nil, "not replayed", true},
		"checksum":         {func(b []byte) { b[110]++ }, nil, "superblock fails its checksum", true},
		"log elsewhere":    {func(b []byte) { clear(b[48:56]); seal(b) }, nil, "another device", true},
		"log outside":      {func(b []byte) { b[49] = 9; seal(b) }, nil, "not replayed", true},
		"realtime":         {func(b []byte) { b[23] = 9; seal(b) }, nil, "realtime device", true},
		"version":          {func(b []byte) { b[101] = b[101]&0xF0 | 6 }, block.ErrUnsupported, "", false},
		"block size":       {func(b []byte) { b[6] = 3 }, block.ErrDamaged, "", false},
		"groups":           {func(b []byte) { b[91]++ }, block.ErrDamaged, "", false},
		"root":             {func(b []byte) { b[56] = 1 }, block.ErrDamaged, "", false},
		"other log":        {func(b []byte) { b[32]++; b[219] |= 4; seal(b) }, nil, "of another file system", true},
		"empty log":        {func(b []byte) { clear(logOf(b)) }, nil, "", false},
		"log without head": {func(b []byte) { destroy(logOf(b), 1) }, nil, "not replayed", true},
		"torn record":      {func(b []byte) { destroy(logOf(b), 2) }, nil, "fails its checksum", true},
		"not made":         {func(b []byte) { b[126] = 1; seal(b) }, nil, "not made to the end", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bytes.Clone(base)
			c.change(b)
			tree, err := xfs.Driver{}.Open(t.Context(), disktest.Memory(b))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			info := tree.Info()
			if !strings.Contains(strings.Join(info.Notes, "; "), c.note) || info.Incomplete != c.incomplete {
				t.Errorf("notes %q, incomplete %v; want %q, %v", info.Notes, info.Incomplete, c.note, c.incomplete)
			}
			if _, err := fsys.New(tree).Stat("."); err != nil {
				t.Errorf("stat of the root: %v", err)
			}
		})
	}
}

// destroy damages the records of a log: their headers (1), or the body of the
// last one (2).
func destroy(log []byte, how int) {
	last := -1
	for at := 0; at < len(log); at += 512 {
		if be.Uint32(log[at:]) != 0xFEEDBABE {
			continue
		}
		if how == 1 {
			log[at+8] = 0xFF // version
		} else if last < 0 || be.Uint64(log[at+16:]) > be.Uint64(log[last+16:]) {
			last = at
		}
	}
	if how == 2 {
		log[last+512+100] ^= 1
	}
}

// TestWithoutReplay makes sure that the dirty images hold what only their logs
// tell of: the tests of the replay can fail.
func TestWithoutReplay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"v4-dirty", "v4-dirty-log1", "v5-dirty"} {
		path, want := golden(t, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		clear(logOf(b))
		tree, err := xfs.Driver{}.Open(t.Context(), disktest.Memory(b))
		if err != nil {
			t.Fatal(err)
		}
		missing := 0
		for path := range want {
			if _, err := fsys.New(tree).Lstat(path); err != nil {
				missing++
			}
		}
		if missing < 10 {
			t.Errorf("%s: %d of %d paths are missing without the log", name, missing, len(want))
		}
	}
}

// TestDamagedInode damages one inode: it is lost, all else is read.
func TestDamagedInode(t *testing.T) {
	t.Parallel()
	image := filepath.Join(scratch(t), "disk")
	mkfs(t, image, 320<<20)
	at := disktest.Mount(t, "xfs", image, "nouuid")
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	disktest.Run(t, "umount", at)
	info, err := disktest.Open(t, xfs.Driver{}, image).Stat("b")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// In the first allocation group a number of an inode is its place.
	if _, err := b.WriteAt([]byte{0xEE}, int64(info.Sys().(fsys.Stat).ID)*512+60); err != nil {
		t.Fatal(err)
	}
	b.Close()
	f := disktest.Open(t, xfs.Driver{}, image)
	if _, err := f.Stat("b"); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("stat of a damaged inode: %v", err)
	}
	for _, name := range []string{"a", "c"} {
		if _, err := f.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// TestRealtime reads a file system with a realtime device, which is not read.
func TestRealtime(t *testing.T) {
	t.Parallel()
	b := bytesOf(t, "v4-log1")
	open := func() *fsys.FS {
		tree, err := xfs.Driver{}.Open(t.Context(), disktest.Memory(b))
		if err != nil {
			t.Fatal(err)
		}
		return fsys.New(tree)
	}
	var with, without []string
	var inodes []int64
	tree := open().Tree()
	err := open().Walk(t.Context(), func(n fsys.Node) error {
		if !n.Mode.IsRegular() {
			return nil
		}
		data, err := tree.Open(n.ID)
		if err != nil {
			return err
		}
		if extents, _ := data.Extents(0); len(extents) > 0 {
			with = append(with, n.Path)
		} else if n.Size == 0 {
			without = append(without, n.Path)
		}
		at := int64(n.ID) * int64(be.Uint16(b[104:]))
		if n.ID>>(b[124]+b[123]) > 0 { // in the second allocation group
			at = int64(be.Uint32(b[84:]))*int64(be.Uint32(b[4:])) + int64(n.ID&(1<<(b[124]+b[123])-1))*int64(be.Uint16(b[104:]))
		}
		inodes = append(inodes, at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range inodes {
		if string(b[at:at+2]) != "IN" {
			t.Fatalf("no inode at byte %d", at)
		}
		b[at+91] |= 1
	}
	if len(with) == 0 || len(without) == 0 {
		t.Fatalf("%d files with blocks, %d without", len(with), len(without))
	}
	b[23] = 1
	f := open()
	if info := f.Info(); !info.Incomplete || len(info.Notes) != 1 || !strings.Contains(info.Notes[0], "realtime") {
		t.Errorf("incomplete %v, notes %q", info.Incomplete, info.Notes)
	}
	for _, name := range with {
		if _, err := f.Open(name); !errors.Is(err, block.ErrMissing) {
			t.Errorf("open a file on the realtime device: %v, want it missing", err)
		}
	}
	for _, name := range without {
		if _, err := f.Open(name); err != nil {
			t.Error(err)
		}
	}
}

// TestIgnoreCase finds names whatever their case.
func TestIgnoreCase(t *testing.T) {
	t.Parallel()
	b := bytesOf(t, "v4")
	f := func() *fsys.FS {
		tree, err := xfs.Driver{}.Open(t.Context(), disktest.Memory(b))
		if err != nil {
			t.Fatal(err)
		}
		return fsys.New(tree)
	}
	entries, err := f().ReadDir(".")
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	name := strings.ToUpper(entries[0].Name())
	if _, err := f().Lstat(name); err == nil {
		t.Errorf("%q was found without the feature", name)
	}
	b[100] |= 0x40
	if _, err := f().Lstat(name); err != nil {
		t.Error(err)
	}
}

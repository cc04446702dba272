package disk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// mbrDisk builds a disk with an ext4 made of dir in p1, swap in p2, LUKS in p3
// and a volume of zeros in p4.
func mbrDisk(t *testing.T, dir string) string {
	t.Helper()
	tool := disktest.Tool(t, "mke2fs")
	img := filepath.Join(t.TempDir(), "disk.raw")
	disktest.Run(t, tool, "-q", "-F", "-t", "ext4", "-L", "root", "-d", dir, "-E", "offset=1048576", img, "16M")
	f, err := os.OpenFile(img, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(off int64, b []byte) {
		if _, err := f.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range [][2]byte{{0x83, 1}, {0x82, 20}, {0x83, 24}, {0x83, 28}} {
		size := 4
		if i == 0 {
			size = 17
		}
		e := make([]byte, 16)
		e[4] = p[0]
		first, n := int(p[1])*2048, size*2048
		e[8], e[9], e[10] = byte(first), byte(first>>8), byte(first>>16)
		e[12], e[13], e[14] = byte(n), byte(n>>8), byte(n>>16)
		put(int64(446+16*i), e)
	}
	put(510, []byte{0x55, 0xAA})
	put(20<<20+4086, []byte("SWAPSPACE2"))
	put(24<<20, []byte("LUKS\xba\xbe\x00\x02"))
	if err := f.Truncate(32 << 20); err != nil {
		t.Fatal(err)
	}
	return img
}

func open(t *testing.T, path string) *disk.Disk {
	t.Helper()
	src, err := block.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	opts := all.Options()
	opts.Image.SpillBytes, opts.Image.SpillDir = 4<<30, t.TempDir()
	d, err := disk.Open(t.Context(), src, opts)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Plant(t, dir, 50)
	truth := disktest.Truth(t, dir)
	d := open(t, mbrDisk(t, dir))

	var states []string
	for _, v := range d.Volumes {
		states = append(states, v.Name+" "+v.Type+" "+string(v.State))
	}
	if got, want := strings.Join(states, ", "), "p1 ext4 read, p2 swap raw, p3 luks damaged, p4 unknown blank"; got != want {
		t.Errorf("volumes %s, want %s", got, want)
	}
	if d.Volumes[0].Label != "root" {
		t.Errorf("label %q", d.Volumes[0].Label)
	}
	if _, err := d.Volume("p3"); !errors.Is(err, disk.ErrNoVolume) {
		t.Errorf("volume p3: %v", err)
	}

	var out bytes.Buffer
	unread, err := d.Hash(t.Context(), &out, "", "/")
	if err != nil || unread != 0 {
		t.Fatalf("hash: %d unread, %v", unread, err)
	}
	seen := 0
	for dec := json.NewDecoder(&out); dec.More(); {
		var l disk.Line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		name := fsys.Clean(l.Path)
		if l.PathBytes != "" {
			name = "names/\xff\xfe not utf-8"
		}
		if strings.HasPrefix(name, "lost+found") {
			continue
		}
		seen++
		w, ok := truth[name]
		if !ok || l.Type != w.Type || l.SHA256 != w.SHA256 || l.Target != w.Target || w.Type == "file" && l.Size != w.Size || l.Volume != "p1" {
			t.Errorf("%+v, want %+v", l, w)
		}
	}
	if seen != len(truth) {
		t.Errorf("%d lines, want %d", seen, len(truth))
	}

	data, st, err := d.Open("", "/links/absolute")
	if err != nil || st.Size != 61 || data.Size() != 61 {
		t.Errorf("open by an absolute link: %+v, %v", st, err)
	}
	testExtract(t, d, truth)
}

func testExtract(t *testing.T, d *disk.Disk, truth map[string]disktest.Fact) {
	t.Helper()
	to := t.TempDir()
	done, err := d.Extract(t.Context(), "p1", "/", to, true)
	if err != nil {
		t.Fatal(err)
	}
	if done.Lost != 0 || done.Special != 1 || done.LinksLeft != 0 {
		t.Errorf("%+v, want one special file left out", done)
	}
	got := disktest.Truth(t, to)
	for name, w := range truth {
		if g := got[name]; w.Type != "fifo" && (g.Type != w.Type || g.SHA256 != w.SHA256 || g.Target != w.Target) {
			t.Errorf("%q extracted as %+v, want %+v", name, g, w)
		}
	}
}

func TestExtractStaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := t.TempDir()
	// A link and, on the disk, never a file below it; extraction twice into
	// the same folder must not write through the link either.
	if err := os.Symlink(outside, filepath.Join(dir, "way")); err != nil {
		t.Fatal(err)
	}
	d := open(t, mbrDisk(t, dir))
	to := t.TempDir()
	if _, err := d.Extract(t.Context(), "p1", "/", to, true); err != nil {
		t.Fatal(err)
	}
	dir2 := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir2, "way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir2, "way", "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	d2 := open(t, mbrDisk(t, dir2))
	if done, err := d2.Extract(t.Context(), "p1", "/", to, true); err != nil || done.Files != 0 || done.Lost == 0 {
		t.Errorf("a file was extracted through a link: %+v, %v", done, err)
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("%d files written outside", len(left))
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"plain": "plain", "秘密": "秘密", "a\xffb": `a\xffb`, "\xe7\xa7": `\xe7\xa7`, "\uFFFD": "\uFFFD"} {
		got, exact := disk.Printable(in)
		if got != want || exact != (in == want) || (disk.Exact(in) == "") != exact {
			t.Errorf("Printable(%q) = %q, %v; want %q", in, got, exact, want)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"plain 秘密": "plain 秘密", "a\nb\x1b[31m": `a\x0ab\x1b[31m`, "\u202egpj.exe": `\u{202e}gpj.exe`, "\xff": `\xff`} {
		if got := disk.Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
}

// unreadable is a source whose end can't be read.
type unreadable struct {
	block.Source
	from int64
}

func (u unreadable) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > u.from {
		return 0, errors.New("bad sector")
	}
	return u.Source.ReadAt(p, off)
}

// TestUnreadableEnd holds that bytes which can't be read, where the sign of an
// array might lie, don't hide the files before them.
func TestUnreadableEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disktest.Plant(t, dir, 20)
	path := mbrDisk(t, dir)
	src := disktest.File(t, path)
	d, err := disk.Open(t.Context(), unreadable{src, 17 << 20}, all.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	v, err := d.Volume("p1")
	if err != nil || v.Type != "ext4" {
		t.Fatalf("%v, %+v", err, d.Volumes)
	}
	if d.Whole() {
		t.Errorf("a disk with bad sectors is whole: %+v", d.Volumes)
	}
}

// TestHoles holds that a file of holes, which nobody can read through, holds up
// nothing, and is extracted with its holes.
func TestHoles(t *testing.T) {
	t.Parallel()
	dir, img := t.TempDir(), filepath.Join(t.TempDir(), "disk.raw")
	for name, size := range map[string]int64{"endless": 4 << 40, "file": 3} {
		disktest.Blank(t, filepath.Join(dir, name), size)
	}
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", dir, img, "16M")
	var out bytes.Buffer
	d := open(t, img)
	unread, err := d.Hash(t.Context(), &out, "", "/")
	if err != nil || unread != 1 || !strings.Contains(out.String(), "holes") || strings.Count(out.String(), "sha256") != 1 {
		t.Errorf("%d unread, %v\n%s", unread, err, out.String())
	}
	into := t.TempDir()
	if done, err := d.Extract(t.Context(), "whole", "/", into, false); err != nil || done.Lost != 0 || done.Files != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	if info, err := os.Stat(filepath.Join(into, "endless")); err != nil || info.Size() != 4<<40 {
		t.Errorf("the file of holes: %v, %v", info, err)
	}
}

// TestGap finds a file system whose partition was deleted.
func TestGap(t *testing.T) {
	t.Parallel()
	dir, img := t.TempDir(), filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(filepath.Join(dir, "left"), []byte("behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	disktest.Blank(t, img, 64<<20)
	disktest.Run(t, disktest.Tool(t, "sgdisk"), "-n1:2048:+20M", "-n3:81920:0", img)
	disktest.Run(t, disktest.Tool(t, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", dir, "-E", "offset=22020096", img, "15M")
	d := open(t, img)
	v, err := d.Volume("gap@22020096")
	if err != nil || v.Note != "in no partition" {
		t.Fatalf("%v: %+v", err, d.Volumes)
	}
	if _, _, err := d.Open(v.Name, "/left"); err != nil {
		t.Error(err)
	}
	if len(d.Volumes) != 3 {
		t.Errorf("%d volumes, want the gap and two partitions: %+v", len(d.Volumes), d.Volumes)
	}
}

// TestExtractGoesOn holds that a name which can't be made costs that name alone.
func TestExtractGoesOn(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(to, "b"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := open(t, mbrDisk(t, dir)).Extract(t.Context(), "p1", "/", to, false)
	if err != nil || done.Files != 2 || done.Lost != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if mine, err := os.ReadFile(filepath.Join(to, "b")); err != nil || string(mine) != "mine" {
		t.Errorf("the file that was there holds %q, %v", mine, err)
	}
}

func TestOpenNothing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 511, 4096} {
		d, err := disk.Open(t.Context(), disktest.Memory(bytes.Repeat([]byte{'x'}, n)), all.Options())
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if d.Whole() {
			t.Errorf("%d bytes of nothing known are whole", n)
		}
		if v := d.Volumes[0]; n > 0 && v.State != disk.Unsupported || v.FS != nil {
			t.Errorf("%d bytes: %+v", n, v)
		}
	}
}

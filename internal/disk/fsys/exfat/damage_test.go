package exfat_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/exfat"
)

var le = binary.LittleEndian

var small = struct {
	sync.Once
	b []byte
}{}

// image gives a copy of a small image: clusters of 512 bytes, files whose
// clusters follow each other and such that don't, and deleted ones.
func image(t testing.TB) []byte {
	t.Helper()
	small.Do(func() {
		path := filepath.Join(t.TempDir(), "disk.raw")
		format(t, path, "1M", "-c", "512", "-b", "4K")
		dir, unmount := mount(t, path)
		put := func(name string, size int) {
			if err := os.WriteFile(filepath.Join(dir, name), content(name, size), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run := func(script string) { disktest.Run(t, "sh", "-ec", "cd '"+dir+"'; "+script) }
		put("a.bin", 20*512)
		put("gone for good.txt", 8*512)
		put("Ein Läufer 秘密 🔑.txt", 700)
		run(`for i in $(seq 20); do printf %0512d $i >>jump-a; printf %0512d $i >>jump-b; done`)
		run(`mkdir dir dir/sub old old/sub; : >empty; : >dir/nothing`)
		put("dir/inner.txt", 10)
		put("old/sub/secret.env", 40)
		run(`sync; rm 'gone for good.txt' jump-b; rm -r old`)
		unmount()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		small.b = b
	})
	if small.b == nil {
		t.Skip("no image")
	}
	return bytes.Clone(small.b)
}

// content gives the bytes of a file.
func content(name string, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(name + strings.Repeat(" ", 32))[:32])).Read(b)
	return b
}

// utf16 gives an ASCII text as it stands on the disk.
func utf16(s string) (b []byte) {
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return b
}

// setAt finds the set of a name, which is in its first name entry.
func setAt(t testing.TB, b []byte, name string) int {
	t.Helper()
	at := bytes.Index(b, utf16(name))
	if at < 0 || at%32 != 2 {
		t.Fatalf("no entry for %q", name)
	}
	return at - 2 - 64
}

// seal writes the right checksum into the set at a place.
func seal(b []byte, at int) {
	sum := uint16(0)
	for i, c := range b[at : at+32*(1+int(b[at+1]))] {
		if i != 2 && i != 3 {
			sum = sum>>1 | sum<<15
			sum += uint16(c)
		}
	}
	le.PutUint16(b[at+2:], sum)
}

func openBytes(t testing.TB, b []byte) *fsys.FS {
	t.Helper()
	tree, err := exfat.Driver{}.Open(t.Context(), disktest.Memory(b))
	if err != nil {
		t.Fatal(err)
	}
	return fsys.New(tree)
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

type removed struct {
	State fsys.RemovedState
	Mode  string
	Size  int64
	Text  string
}

func deleted(t *testing.T, f *fsys.FS) map[string]removed {
	t.Helper()
	all := map[string]removed{}
	err := f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		got := removed{State: r.State, Mode: r.Mode.String(), Size: r.Size}
		if r.Data != nil {
			b := make([]byte, r.Data.Size())
			if err := block.ReadFull(r.Data, b, 0); err != nil {
				t.Errorf("%s: %v", r.Path, err)
			}
			got.Text = string(b)
		}
		if _, ok := all[r.Path]; ok {
			t.Errorf("%s comes twice", r.Path)
		}
		all[r.Path] = got
		return true
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

func TestSmall(t *testing.T) {
	t.Parallel()
	b := image(t)
	f := openBytes(t, b)
	info := f.Info()
	if info.Label != "Ein Läbel" || info.BlockSize != 512 || len(info.Notes) != 0 || info.Incomplete || len(info.UUID) != 9 {
		t.Errorf("info %+v", info)
	}
	expect(t, f, "A.BIN", "a.bin", 20*512)
	expect(t, f, "EIN LÄUFER 秘密 🔑.TXT", "Ein Läufer 秘密 🔑.txt", 700)
	expect(t, f, "dir/inner.txt", "dir/inner.txt", 10)
	expect(t, f, "empty", "empty", 0)
	if st, err := f.Stat("dir/inner.txt"); err != nil || time.Since(st.ModTime()).Abs() > time.Hour {
		t.Errorf("modified %v, %v", st.ModTime(), err)
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	b := image(t)
	jump := ""
	for i := range 20 {
		jump += strings.Repeat("0", 510) + string([]byte{byte('0' + (i+1)/10), byte('0' + (i+1)%10)})
	}
	all := deleted(t, openBytes(t, b))
	// exfat-fuse frees the chain: what it went through is a guess.
	if got := all["jump-b"]; got.State != fsys.Part || got.Text[:512] != jump[:512] || len(got.Text) != len(jump) {
		t.Errorf("jump-b: %s", got.State)
	}
	delete(all, "jump-b")
	dir, file := "drwxr-xr-x", "-rwxr-xr-x"
	gone := string(content("gone for good.txt", 8*512))
	want := map[string]removed{
		"gone for good.txt":  {fsys.Whole, file, 8 * 512, gone},
		"old":                {fsys.Whole, dir, 0, ""},
		"old/sub":            {fsys.Whole, dir, 0, ""},
		"old/sub/secret.env": {fsys.Whole, file, 40, string(content("old/sub/secret.env", 40))},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	// Without its first entry, by the hash of the name.
	at := bytes.Index(b, utf16("gone for good.t")) - 2 - 64
	for i := range 32 {
		b[at+i] = 0x01
	}
	if got := deleted(t, openBytes(t, b))["gone for good.txt"]; got.State != fsys.Whole || got.Text != gone {
		t.Errorf("without the first entry: %s, %d bytes", got.State, len(got.Text))
	}
	// Some of its clusters in use again, then the first one.
	first := le.Uint32(b[at+32+20:])
	mark := func(c uint32) {
		bitmap := bytes.Index(b, append([]byte{0x81}, make([]byte, 19)...))
		start := int(le.Uint32(b[88:]))*512 + (int(le.Uint32(b[bitmap+20:]))-2)*512
		b[start+int(c-2)/8] |= 1 << ((c - 2) % 8)
	}
	mark(first + 3)
	if got := deleted(t, openBytes(t, b))["gone for good.txt"]; got.State != fsys.Part || got.Text[:3*512] != gone[:3*512] || got.Text[4*512:] != gone[4*512:] {
		t.Errorf("with a cluster in use: %s", got.State)
	}
	mark(first)
	if got := deleted(t, openBytes(t, b))["gone for good.txt"]; got.State != fsys.NameOnly || got.Text != "" {
		t.Errorf("with the first cluster in use: %s", got.State)
	}
	// A name whose hash is another one is none.
	b[at+64+2] ^= 1
	for path := range deleted(t, openBytes(t, b)) {
		if strings.Contains(path, "one for good") {
			t.Errorf("found %s", path)
		}
	}
}

// TestSets damages the set of one file: it fails, and the others don't.
func TestSets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(set []byte)
		sealed bool
	}{
		"checksum":             {func(s []byte) { s[12]++ }, false},
		"size":                 {func(s []byte) { s[32+31] = 0x7F }, true},
		"beyond the volume":    {func(s []byte) { s[32+28] = 1 }, true},
		"more written":         {func(s []byte) { s[32+8] = 1; s[32+9] = 0xFF }, true},
		"no first cluster":     {func(s []byte) { le.PutUint32(s[32+20:], 0) }, true},
		"first cluster 1":      {func(s []byte) { le.PutUint32(s[32+20:], 1) }, true},
		"cluster beyond":       {func(s []byte) { le.PutUint32(s[32+20:], 0xFFFFFFF0) }, true},
		"last clusters beyond": {func(s []byte) { le.PutUint32(s[32+20:], le.Uint32(image(t)[92:])-5) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := image(t)
			at := setAt(t, b, "a.bin")
			if c.change(b[at:]); c.sealed {
				seal(b, at)
			}
			f := openBytes(t, b)
			if got, err := readAll(f, "a.bin"); !errors.Is(err, block.ErrDamaged) {
				t.Errorf("%d bytes, error %v", len(got), err)
			}
			expect(t, f, "dir/inner.txt", "dir/inner.txt", 10)
			if list, err := f.ReadDir("."); err != nil || len(list) != 5 {
				t.Errorf("%d names, %v", len(list), err)
			}
		})
	}
}

// TestBrokenSets breaks sets so that there is no name to show.
func TestBrokenSets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(set []byte)
		kind   error
	}{
		"short":               {func(s []byte) { s[1] = 1 }, block.ErrDamaged},
		"too long":            {func(s []byte) { s[1] = 9 }, block.ErrDamaged},
		"no stream":           {func(s []byte) { s[32] = 0xC1 }, block.ErrDamaged},
		"no name":             {func(s []byte) { s[32+3] = 0 }, block.ErrDamaged},
		"long name":           {func(s []byte) { s[32+3] = 200 }, block.ErrDamaged},
		"slash":               {func(s []byte) { s[64+2] = '/' }, block.ErrDamaged},
		"cut":                 {func(s []byte) { s[64] = 0x41 }, block.ErrDamaged},
		"unknown secondary":   {func(s []byte) { s[64] = 0xC2 }, block.ErrDamaged},
		"unknown primary":     {func(s []byte) { s[0] = 0x84 }, block.ErrDamaged},
		"another of the name": {func(s []byte) { s[64] = 0xE0 }, block.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := image(t)
			c.change(b[setAt(t, b, "a.bin"):])
			f := openBytes(t, b)
			expect(t, f, "dir/inner.txt", "dir/inner.txt", 10)
			if list, err := f.ReadDir("."); !errors.Is(err, c.kind) && !errors.Is(err, block.ErrUnsupported) || len(list) < 3 {
				t.Errorf("%d names, %v", len(list), err)
			}
		})
	}
}

// TestValidLength reads zeros behind what was written.
func TestValidLength(t *testing.T) {
	t.Parallel()
	b := image(t)
	at := setAt(t, b, "a.bin")
	le.PutUint64(b[at+32+8:], 5*512+7)
	seal(b, at)
	f := openBytes(t, b)
	want := content("a.bin", 20*512)
	clear(want[5*512+7:])
	if got, err := readAll(f, "a.bin"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	data, _, err := f.OpenData("a.bin")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := data.Extents(0); err != nil || len(e) != 1 || e[0].Length != 6*512 {
		t.Errorf("extents %v, %v", e, err)
	}
}

// TestTimes reads a time of every part, in time zones.
func TestTimes(t *testing.T) {
	t.Parallel()
	b := image(t)
	at := setAt(t, b, "a.bin")
	for zone, want := range map[byte]string{
		0x00: "2024-02-29T13:45:59.99Z", // not known
		0x80: "2024-02-29T13:45:59.99Z",
		0x84: "2024-02-29T12:45:59.99Z", // one hour ahead
		0xEC: "2024-02-29T18:45:59.99Z", // five behind
	} {
		for i, field := range []int{8, 12} {
			le.PutUint32(b[at+field:], (2024-1980)<<25|2<<21|29<<16|13<<11|45<<5|29)
			b[at+20+i], b[at+22+i] = 199, zone
		}
		seal(b, at)
		st, err := openBytes(t, b).Stat("a.bin")
		if err != nil {
			t.Fatal(err)
		}
		sys := st.Sys().(fsys.Stat)
		if got := sys.Modified.Format(time.RFC3339Nano); got != want || !sys.Created.Equal(sys.Modified) {
			t.Errorf("zone %#x: modified %v, created %v, want %v", zone, got, sys.Created, want)
		}
	}
}

// TestDirectoryLoop gives each name once and the error.
func TestDirectoryLoop(t *testing.T) {
	t.Parallel()
	b := image(t)
	root := int(le.Uint32(b[96:]))
	fat := int(le.Uint32(b[80:])) * 512
	last := root
	for le.Uint32(b[fat+4*last:]) != 0xFFFFFFFF {
		last = int(le.Uint32(b[fat+4*last:]))
	}
	le.PutUint32(b[fat+4*last:], uint32(root))
	heap := int(le.Uint32(b[88:])) * 512
	for i := heap + (last-2)*512; i < heap+(last-1)*512; i += 32 {
		if b[i] == 0 { // no end within the cluster
			b[i] = 0x01
		}
	}
	f := openBytes(t, b)
	var names []string
	err := f.Tree().List(f.Tree().Root(), func(e fsys.Entry) bool {
		names = append(names, e.Name)
		return len(names) < 20
	})
	slices.Sort(names)
	if !errors.Is(err, block.ErrDamaged) || !slices.Equal(names, []string{"Ein Läufer 秘密 🔑.txt", "a.bin", "dir", "empty", "jump-a"}) {
		t.Errorf("names %q, error %v", names, err)
	}
}

// TestBoot reads by the copy of the boot region, and tells of flags.
func TestBoot(t *testing.T) {
	t.Parallel()
	note := func(b []byte, want string, lost bool) {
		t.Helper()
		f := openBytes(t, b)
		info := f.Info()
		if len(info.Notes) != 1 || !strings.Contains(info.Notes[0], want) || info.Incomplete != lost {
			t.Errorf("notes %q, incomplete %v; want %q, %v", info.Notes, info.Incomplete, want, lost)
		}
		expect(t, f, "a.bin", "a.bin", 20*512)
	}
	b := image(t)
	b[106] |= 2
	note(b, "not cleanly", false)
	b[106] = 4
	note(b, "errors", false)
	note(image(t)[:1<<20-1000], "beyond is lost", true)
	b = image(t)
	b[100]++ // the serial number
	note(b, "by its copy", false)
	clear(b[:512])
	note(b, "by its copy", false)
	b = image(t)
	b[600]++
	b[6144+600]++
	note(b, "both boot regions", false)
	b = image(t)
	copy(b[3:], "NTFS    ")
	if _, err := (exfat.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrNotThis) {
		t.Errorf("NTFS over exFAT: %v", err)
	}
	b = image(t)
	b[105], b[6144+105] = 2, 2
	if _, err := (exfat.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("revision 2: %v", err)
	}
	b = image(t)
	b[108], b[6144+108] = 30, 30
	if _, err := (exfat.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("sectors of 1<<30 bytes: %v", err)
	}
}

// hot lists the rows of 32 bytes that hold something.
func hot(b []byte) (rows []int) {
	zero := make([]byte, 32)
	for at := 0; at+32 <= len(b); at += 32 {
		if !bytes.Equal(b[at:at+32], zero) {
			rows = append(rows, at)
		}
	}
	return rows
}

// FuzzOpen changes bytes of a small image where it holds something: a row, a
// place in it and a value for each four bytes of input. Sets get their checksums
// then when sealed says so.
func FuzzOpen(f *testing.F) {
	good := image(f)
	rows := hot(good)
	var sets []int
	for _, at := range rows {
		if good[at] == 0x85 {
			sets = append(sets, at)
		}
	}
	f.Add(true, []byte{0, 0, 13, 4, 0, 9, 26, 3})
	f.Fuzz(func(t *testing.T, sealed bool, changes []byte) {
		b := bytes.Clone(good)
		for ; len(changes) >= 4; changes = changes[4:] {
			b[rows[(int(changes[0])<<8|int(changes[1]))%len(rows)]+int(changes[2])%32] = changes[3]
		}
		for _, at := range sets {
			if sealed && at+32*(1+int(b[at+1])) < len(b) {
				seal(b, at)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		disktest.Exercise(ctx, exfat.Driver{}, disktest.Memory(b), 1<<16)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}

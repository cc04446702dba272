package iso9660_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/iso9660"
)

var le = binary.LittleEndian

var (
	smallMu sync.Mutex
	small   = map[string][]byte{}
)

// image gives a copy of a small image made with the given arguments.
func image(t testing.TB, args ...string) []byte {
	t.Helper()
	smallMu.Lock()
	defer smallMu.Unlock()
	key := strings.Join(args, " ")
	if b, ok := small[key]; ok {
		return bytes.Clone(b)
	}
	dir, out := t.TempDir(), t.TempDir()
	disktest.Run(t, "sh", "-ec", `cd "$0"
printf '%05000d' 1 >aaa; printf '%03000d' 2 >bbb; echo three >ccc; mkdir -p dir/sub; echo inner >dir/inner; echo user >.env
: >empty; ln -s aaa link; mkdir -p 1/2/3/4/5/6/7/8/9; echo deep >1/2/3/4/5/6/7/8/9/deep
yes 'compress me' | head -c 100000 >zip; touch "$(printf 'n%.0s' $(seq 250))"`, dir)
	if slices.Contains(args, "-z") {
		disktest.Run(t, disktest.Tool(t, "mkzftree"), dir, out+"/packed")
		dir = out + "/packed"
	}
	if !slices.Contains(args, "-R") {
		disktest.Run(t, "rm", "-r", dir+"/1", dir+"/link")
	}
	build(t, dir, out+"/image", "genisoimage", append([]string{"-quiet", "-no-pad"}, args...)...)
	b, err := os.ReadFile(filepath.Join(out, "image"))
	if err != nil {
		t.Fatal(err)
	}
	small[key] = b
	return bytes.Clone(b)
}

func openBytes(t testing.TB, b []byte) *fsys.FS {
	t.Helper()
	tree, err := iso9660.Driver{}.Open(t.Context(), disktest.Memory(b))
	if err != nil {
		t.Fatal(err)
	}
	return fsys.New(tree)
}

func read(f *fsys.FS, path string) (string, error) {
	data, _, err := f.OpenData(path)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.NewSectionReader(data, 0, data.Size()))
	return string(b), err
}

func expect(t *testing.T, f *fsys.FS, path, want string) {
	t.Helper()
	if got, err := read(f, path); err != nil || got != want {
		t.Errorf("%s: %.20q of %d bytes, %v; want %.20q of %d", path, got, len(got), err, want, len(want))
	}
}

// recordAt finds the record of a name.
func recordAt(t testing.TB, b []byte, name string) int {
	t.Helper()
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(name))
		if i < 0 {
			t.Fatalf("no record %q", name)
		}
		at += i
		if at > 33 && int(b[at-1]) == len(name) && b[at-33] != 0 {
			return at - 33
		}
		at++
	}
}

// entry finds a system use entry of a record.
func entry(r []byte, kind string) []byte { return r[max(bytes.Index(r, []byte(kind)), 0):] }

var (
	one = strings.Repeat("0", 4999) + "1"
	two = strings.Repeat("0", 2999) + "2"
	yes = strings.Repeat("compress me\n", 10000)[:100000]
)

func TestSmall(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-R"}, {"-R", "-z"}, {"-J"}, {"-iso-level", "2"}} {
		f := openBytes(t, image(t, args...))
		expect(t, f, "aaa", one)
		expect(t, f, "bbb", two)
		expect(t, f, "empty", "")
		expect(t, f, "dir/inner", "inner\n")
		expect(t, f, "zip", yes)
		if args[0] == "-R" {
			expect(t, f, ".env", "user\n")
			expect(t, f, "link", one)
			expect(t, f, "1/2/3/4/5/6/7/8/9/deep", "deep\n")
			if list, err := f.ReadDir("rr_moved"); err != nil || len(list) != 0 {
				t.Errorf("%v: rr_moved: %v, %v", args, list, err)
			}
			if _, err := f.Stat("AAA"); err == nil {
				t.Errorf("%v: AAA was found", args)
			}
			continue
		}
		expect(t, f, "AAA", one)
	}
}

// TestExtents joins two records to one file.
func TestExtents(t *testing.T) {
	t.Parallel()
	b := image(t, "-iso-level", "2")
	first, second := recordAt(t, b, "AAA.;1"), recordAt(t, b, "BBB.;1")
	le.PutUint32(b[first+10:], 4096)
	b[first+25] |= 0x80
	copy(b[second+33:], "AAA")
	f := openBytes(t, b)
	expect(t, f, "aaa", one[:4096]+two)
	if st, err := f.Stat("aaa"); err != nil || st.Size() != 7096 {
		t.Errorf("size %v, %v", st, err)
	}
	list, err := f.ReadDir(".")
	if err != nil || slices.ContainsFunc(list, func(e fs.DirEntry) bool { return e.Name() == "bbb" }) {
		t.Errorf("%v, %v", list, err)
	}
	copy(b[second+33:], "BBB") // another file follows
	f = openBytes(t, b)
	if _, err := read(f, "aaa"); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("a file that goes on nowhere: %v", err)
	}
	expect(t, f, "bbb", two)
}

// TestRecords damages the record of one file: it fails, and the others don't.
func TestRecords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r []byte)
		kind   error
	}{
		"interleaved":     {func(r []byte) { r[26], r[27] = 1, 1 }, block.ErrUnsupported},
		"beyond the end":  {func(r []byte) { le.PutUint32(r[2:], 1<<31) }, io.ErrUnexpectedEOF},
		"too large":       {func(r []byte) { le.PutUint32(r[10:], 1<<31) }, io.ErrUnexpectedEOF},
		"sparse":          {func(r []byte) { copy(entry(r, "TF"), "SF") }, block.ErrUnsupported},
		"entry too long":  {func(r []byte) { entry(r, "TF")[2] = 200 }, block.ErrDamaged},
		"entry too short": {func(r []byte) { entry(r, "TF")[2] = 3 }, block.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := image(t, "-R")
			c.change(b[recordAt(t, b, "AAA.;1"):])
			f := openBytes(t, b)
			if _, err := read(f, "aaa"); !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			expect(t, f, "bbb", two)
			if list, err := f.ReadDir("."); err != nil || len(list) < 10 {
				t.Errorf("%d names, %v", len(list), err)
			}
		})
	}
}

// TestNames shows what can be shown of a directory with a bad record in it.
func TestNames(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(r []byte){
		"slash":      func(r []byte) { entry(r, "NM")[5] = '/' },
		"associated": func(r []byte) { r[25] |= 4 },
		"length":     func(r []byte) { r[0] = 20 },
		"name":       func(r []byte) { r[32] = 222 },
		"no name":    func(r []byte) { r[32] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := image(t, "-R")
			change(b[recordAt(t, b, "CCC.;1"):])
			f := openBytes(t, b)
			expect(t, f, "aaa", one)
			if list, err := f.ReadDir("."); !errors.Is(err, block.ErrDamaged) && !errors.Is(err, block.ErrUnsupported) || len(list) < 3 {
				t.Errorf("%d names, %v", len(list), err)
			}
			if _, err := f.Stat("ccc"); err == nil {
				t.Error("ccc is there")
			}
		})
	}
}

// TestLoop lets the system use entries of one record go on in a circle.
func TestLoop(t *testing.T) {
	t.Parallel()
	b := image(t, "-R")
	long := strings.Repeat("n", 250)
	if _, err := openBytes(t, b).Stat(long); err != nil {
		t.Fatal(err)
	}
	r := recordAt(t, b, "NNNNNNNN.;1")
	ce := r + bytes.Index(b[r:], []byte("CE\x1c\x01"))
	area := int(le.Uint32(b[ce+4:]))*2048 + int(le.Uint32(b[ce+12:]))
	le.PutUint32(b[ce+20:], 28)
	copy(b[area:], b[ce:ce+28])
	f := openBytes(t, b)
	expect(t, f, "aaa", one)
	failed := 0
	_ = f.Walk(t.Context(), func(n fsys.Node) error {
		if errors.Is(n.Err, block.ErrDamaged) {
			failed++
		}
		return nil
	})
	if failed != 1 {
		t.Errorf("%d nodes failed, want 1", failed)
	}
}

// TestZisofs damages a compressed file.
func TestZisofs(t *testing.T) {
	t.Parallel()
	header := []byte("\x37\xE4\x53\x96\xC9\xDB\xD6\x07")
	for name, c := range map[string]struct {
		change func(b []byte, r, data int)
		kind   error
	}{
		"unknown":  {func(b []byte, r, _ int) { copy(entry(b[r:], "ZF")[4:], "PZ") }, block.ErrUnsupported},
		"size":     {func(b []byte, _, at int) { b[at+8]++ }, block.ErrDamaged},
		"table":    {func(b []byte, _, at int) { b[at+16+3] = 1 }, block.ErrDamaged},
		"data":     {func(b []byte, _, at int) { b[at+40] ^= 0xFF }, block.ErrDamaged},
		"no magic": {func(b []byte, _, at int) { b[at]++ }, block.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := image(t, "-R", "-z")
			r := recordAt(t, b, "ZIP.;1")
			data := int(le.Uint32(b[r+2:])) * 2048
			if !bytes.HasPrefix(b[data:], header) {
				t.Fatal("the file is not compressed")
			}
			c.change(b, r, data)
			f := openBytes(t, b)
			if _, err := read(f, "zip"); !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			expect(t, f, "bbb", two)
		})
	}
	// A block without bytes is zeros.
	b := image(t, "-R", "-z")
	data := int(le.Uint32(b[recordAt(t, b, "ZIP.;1")+2:])) * 2048
	copy(b[data+20:], b[data+16:data+20])
	zeros := strings.Repeat("\x00", 32768)
	if got, err := read(openBytes(t, b), "zip"); err != nil || !strings.HasPrefix(got, zeros) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestBlockSizes rewrites an image for smaller logical blocks.
func TestBlockSizes(t *testing.T) {
	t.Parallel()
	for _, size := range []int{512, 1024} {
		b := image(t, "-iso-level", "2")
		factor := uint32(2048 / size)
		scale := func(at int) { le.PutUint32(b[at:], le.Uint32(b[at:])*factor) }
		var dir func(r int)
		dir = func(r int) {
			at := int(le.Uint32(b[r+2:])) * 2048
			end := at + int(le.Uint32(b[r+10:]))
			for at < end {
				switch {
				case b[at] == 0:
					at = (at/2048 + 1) * 2048
					continue
				case b[at+25]&2 != 0 && b[at+33] > 1:
					dir(at)
				default:
					scale(at + 2)
				}
				at += int(b[at])
			}
			scale(r + 2)
		}
		dir(16*2048 + 156)
		le.PutUint16(b[16*2048+128:], uint16(size))
		scale(16*2048 + 80)
		f := openBytes(t, b)
		expect(t, f, "aaa", one)
		expect(t, f, "dir/inner", "inner\n")
		if info := f.Info(); info.BlockSize != size || info.Size != int64(len(b)) || info.Incomplete {
			t.Errorf("info %+v", info)
		}
	}
}

// TestDescriptors reads what stands around the primary descriptor.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	b := image(t, "-R", "-udf")
	if info := openBytes(t, b).Info(); !info.Incomplete || len(info.Notes) != 1 || !strings.Contains(info.Notes[0], "UDF") {
		t.Errorf("with UDF: %+v", info)
	}
	b = image(t, "-R", "-J", "-V", "a-label")
	_, _ = rand.NewChaCha8([32]byte{}).Read(b[:16*2048]) // a hybrid's boot code
	f := openBytes(t, b)
	expect(t, f, ".env", "user\n")
	if info := f.Info(); info.Incomplete || info.Label != "a-label" || info.Size != int64(len(b)) {
		t.Errorf("info %+v", info)
	}
	if info := openBytes(t, b[:len(b)-2048]).Info(); !info.Incomplete {
		t.Errorf("cut short: %+v", info)
	}
	// The primary root is gone, Joliet's is there.
	root := int(le.Uint32(b[16*2048+156+2:])) * 2048
	clear(b[root : root+2048])
	expect(t, openBytes(t, b), "dir/inner", "inner\n")
	le.PutUint16(b[16*2048+120:], 2) // of a set
	clear(b[17*2048 : 18*2048])
	if _, err := (iso9660.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("no root: %v", err)
	}
	b = image(t, "-iso-level", "2")
	le.PutUint16(b[16*2048+120:], 2)
	le.PutUint16(b[recordAt(t, b, "AAA.;1")+28:], 2)
	f = openBytes(t, b)
	if _, err := read(f, "aaa"); !errors.Is(err, block.ErrMissing) {
		t.Errorf("on another volume: %v", err)
	}
	expect(t, f, "bbb", two)
	copy(b[16*2048+1:], "BEA01")
	copy(b[17*2048+1:], "NSR02")
	if _, err := (iso9660.Driver{}).Open(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrNotThis) {
		t.Errorf("UDF alone: %v", err)
	}
}

// TestJoliet reads half a character of UTF-16.
func TestJoliet(t *testing.T) {
	t.Parallel()
	b := image(t, "-J")
	at := bytes.LastIndex(b, []byte("\x00c\x00c\x00c"))
	b[at], b[at+1] = 0xD8, 0x3D
	expect(t, openBytes(t, b), "\xed\xa0\xbdcc", "three\n")
}

// hot lists the rows of 32 bytes that hold something, but for the files' own.
func hot(b []byte) (rows []int) {
	zero := make([]byte, 32)
	for at := 16 * 2048; at+32 <= len(b); at += 32 {
		if !bytes.Equal(b[at:at+32], zero) && !bytes.Contains(b[at:at+32], []byte("0000000000")) {
			rows = append(rows, at)
		}
	}
	return rows
}

// FuzzOpen changes bytes of small images where they hold something: a row, a
// place in it and a value for each four bytes of input.
func FuzzOpen(f *testing.F) {
	var images [][]byte
	var rows [][]int
	for i, args := range [][]string{{"-R", "-z"}, {"-R"}, {"-J"}, {"-iso-level", "2"}} {
		images = append(images, image(f, args...))
		rows = append(rows, hot(images[i]))
		f.Add(byte(i), []byte{0, 0, 13, 4, 0, 9, 26, 3})
	}
	f.Fuzz(func(t *testing.T, kind byte, changes []byte) {
		i := int(kind) % len(images)
		b := bytes.Clone(images[i])
		for ; len(changes) >= 4; changes = changes[4:] {
			b[rows[i][(int(changes[0])<<8|int(changes[1]))%len(rows[i])]+int(changes[2])%32] = changes[3]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		disktest.Exercise(ctx, iso9660.Driver{}, disktest.Memory(b), 1<<16)
		if ctx.Err() != nil && t.Context().Err() == nil {
			t.Error("the walk did not end in 10 s")
		}
	})
}

package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// patient is a volume in memory whose bytes a test changes.
type patient struct {
	t    *testing.T
	b    []byte
	tree *tree // as it was before
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	b, err := os.ReadFile(disktest.Golden(t, "features.img"))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := open(disktest.Memory(bytes.Clone(b)))
	if err != nil {
		t.Fatal(err)
	}
	return &patient{t, b, tr}
}

// reopen opens the volume as it is now.
func (p *patient) reopen() *fsys.FS {
	p.t.Helper()
	tr, err := open(disktest.Memory(p.b))
	if err != nil {
		p.t.Fatal(err)
	}
	return fsys.New(tr)
}

// place tells where a byte of a file lies.
func (p *patient) place(num uint64, off int64) int64 {
	p.t.Helper()
	d, err := p.tree.system(num)
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := d.Extents(0)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range list {
		if off < e.Length {
			return e.Offset + off
		}
		off -= e.Length
	}
	p.t.Fatalf("byte %d of record %d has no place", off, num)
	return 0
}

// record gives the bytes of an MFT record, protected as they are.
func (p *patient) record(num uint64) []byte {
	p.t.Helper()
	size := int64(p.tree.boot.record)
	at := p.place(recMFT, int64(num)*size)
	return p.b[at : at+size]
}

// number finds a file's record.
func (p *patient) number(path string) uint64 {
	p.t.Helper()
	info, err := fsys.New(p.tree).Lstat(path)
	if err != nil {
		p.t.Fatal(err)
	}
	num, _, _ := splitID(info.Sys().(fsys.Stat).ID)
	return num
}

// protect is the reverse of fixup.
func protect(b []byte) {
	at, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	for i := 1; i < count; i++ {
		copy(b[at+2*i:], b[i*stride-2:i*stride])
		copy(b[i*stride-2:], b[at:at+2])
	}
}

// edit changes a record with its update sequence undone.
func (p *patient) edit(num uint64, change func(b []byte)) {
	p.t.Helper()
	b := p.record(num)
	if err := fixup(b, "FILE"); err != nil {
		p.t.Fatal(err)
	}
	change(b)
	protect(b)
}

// attribute finds an attribute without a name in a record.
func attribute(t *testing.T, b []byte, typ uint32) []byte {
	t.Helper()
	for pos := int(le.Uint16(b[20:])); le.Uint32(b[pos:]) != typEnd; pos += int(le.Uint32(b[pos+4:])) {
		if le.Uint32(b[pos:]) == typ && b[pos+9] == 0 {
			return b[pos : pos+int(le.Uint32(b[pos+4:]))]
		}
	}
	t.Fatalf("no attribute %#x", typ)
	return nil
}

// survey gives what a walk finds, by path; errors by their text.
func survey(t *testing.T, f *fsys.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := f.Walk(t.Context(), func(n fsys.Node) error {
		if n.Err != nil {
			out[n.Path] = n.Err.Error()
			return nil //nolint:nilerr // kept for the test
		}
		out[n.Path] = n.Mode.String() + n.Target
		if n.Mode.IsRegular() {
			d, err := f.Tree().Open(n.ID)
			if err != nil {
				out[n.Path] += err.Error()
				return nil //nolint:nilerr // kept for the test
			}
			b := make([]byte, d.Size())
			n, err := d.ReadAt(b, 0)
			out[f.Info().Type+string(b[:n])] = "" // the content counts, too
			if err != nil {
				out[f.Info().Type+err.Error()] = ""
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same holds what is found now against what was before.
func (p *patient) same(f *fsys.FS) {
	p.t.Helper()
	want, got := survey(p.t, fsys.New(p.tree)), survey(p.t, f)
	if len(want) < 100 {
		p.t.Fatalf("%d nodes before", len(want))
	}
	for k, v := range want {
		if got[k] != v {
			p.t.Errorf("%.40q: %.100q, was %.100q", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		p.t.Errorf("%d nodes, were %d", len(got), len(want))
	}
}

func noted(t *testing.T, f *fsys.FS, text string, incomplete bool) {
	t.Helper()
	info := f.Info()
	if !strings.Contains(strings.Join(info.Notes, "; "), text) || info.Incomplete != incomplete {
		t.Errorf("notes %q, incomplete %v; want %q and %v", info.Notes, info.Incomplete, text, incomplete)
	}
}

func TestBootSectorFromCopy(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b []byte){
		"gone":         func(b []byte) { clear(b[:512]) },
		"sector size":  func(b []byte) { le.PutUint16(b[0x0B:], 513) },
		"cluster size": func(b []byte) { b[0x0D] = 3 },
		"record size":  func(b []byte) { b[0x40] = 0x80 },
		"place":        func(b []byte) { le.PutUint64(b[0x30:], 1<<60); le.PutUint64(b[0x38:], 1<<60) },
		"size":         func(b []byte) { le.PutUint64(b[0x28:], 0) },
	} {
		p := newPatient(t)
		change(p.b)
		f := p.reopen()
		noted(t, f, "its copy is used", false)
		p.same(f)
		clear(p.b[len(p.b)-512:])
		if _, err := open(disktest.Memory(p.b)); !errors.Is(err, block.ErrDamaged) && !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: without a copy: %v", name, err)
		}
	}
	p := newPatient(t)
	clear(p.b[:1024])
	copy(p.b[1024+0x38:], "\x53\xef") // ext4 was made over it
	if _, err := open(disktest.Memory(p.b)); !errors.Is(err, block.ErrNotThis) {
		t.Errorf("another file system over this one: %v", err)
	}
}

func TestMirror(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	for num := range uint64(4) {
		p.record(num)[510] ^= 1 // torn
	}
	f := p.reopen()
	noted(t, f, "mirror", false)
	if f.Info().Label != "features" {
		t.Errorf("label %q", f.Info().Label)
	}
	p.same(f)
}

func TestTornRecord(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.record(p.number("streams/file"))[1022] ^= 1
	f := p.reopen()
	if _, err := f.Open("streams/file"); !errors.Is(err, block.ErrDamaged) || !strings.Contains(err.Error(), "torn") {
		t.Errorf("open: %v, want that it is torn", err)
	}
	if _, err := fs.ReadFile(f, "streams/dir/child"); err != nil {
		t.Error(err)
	}
}

func TestStaleReference(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.edit(p.number("streams/file"), func(b []byte) { le.PutUint16(b[16:], 77) })
	if _, err := p.reopen().Open("streams/file"); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("open: %v, want that another file is there by now", err)
	}
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.edit(p.number("here/stays"), func(b []byte) { attribute(t, b, typData)[13] |= attrEncrypted >> 8 })
	f := p.reopen()
	info, err := f.Stat("here/stays")
	if err != nil || info.Size() != 5 || !info.Sys().(fsys.Stat).Encrypted {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := f.Open("here/stays"); !errors.Is(err, block.ErrEncrypted) {
		t.Errorf("open: %v, want that it is encrypted", err)
	}
}

func TestVolumeState(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.edit(recVolume, func(b []byte) { attribute(t, b, typVolumeInfo)[24+10] |= 1 })
	noted(t, p.reopen(), "dirty", false)
	p.edit(recVolume, func(b []byte) { attribute(t, b, typVolumeInfo)[24+8] = 4 })
	if _, err := open(disktest.Memory(p.b)); !errors.Is(err, block.ErrUnsupported) {
		t.Errorf("version 4: %v", err)
	}
}

// restart makes a restart page.
func restart(magic string, lsn uint64, client, flags uint16) []byte {
	b := make([]byte, 4096)
	copy(b, magic)
	le.PutUint16(b[4:], 30)
	le.PutUint16(b[6:], 9)
	le.PutUint32(b[16:], 4096)
	le.PutUint32(b[20:], 4096)
	le.PutUint16(b[24:], 48)
	le.PutUint64(b[48:], lsn)
	le.PutUint16(b[48+12:], client)
	le.PutUint16(b[48+14:], flags)
	b[30] = 9
	protect(b)
	return b
}

func TestLogFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pages [2][]byte
		note  string // empty: none
	}{
		"clean":            {[2][]byte{restart("RSTR", 5, 0xFFFF, 0), restart("RSTR", 4, 0, 0)}, ""},
		"clean by flag":    {[2][]byte{restart("RSTR", 5, 0, 2), restart("RSTR", 4, 0, 0)}, ""},
		"checked":          {[2][]byte{restart("CHKD", 5, 0xFFFF, 0), nil}, ""},
		"open":             {[2][]byte{restart("RSTR", 5, 0, 0), restart("RSTR", 4, 0xFFFF, 0)}, "not cleanly unmounted"},
		"second is newer":  {[2][]byte{restart("RSTR", 5, 0xFFFF, 0), restart("RSTR", 6, 0, 0)}, "not cleanly unmounted"},
		"first is damaged": {[2][]byte{bytes.Repeat([]byte{7}, 4096), restart("RSTR", 6, 0, 0)}, "not cleanly unmounted"},
		"not a log":        {[2][]byte{make([]byte, 4096), make([]byte, 4096)}, "can't be read"},
	} {
		p := newPatient(t)
		for i, page := range c.pages {
			for off := range int64(len(page)) {
				p.b[p.place(recLogFile, int64(i)*4096+off)] = page[off]
			}
		}
		f := p.reopen()
		if c.note == "" && (f.Info().Incomplete || len(f.Info().Notes) > 0) {
			t.Errorf("%s: notes %q", name, f.Info().Notes)
		} else if c.note != "" {
			noted(t, f, c.note, true)
		}
	}
}

func TestTornIndexBlock(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	f, err := p.tree.file(p.number("many"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var alloc attr
	_ = f.each(1<<(typIndexAlloc>>4), func(a attr) bool { alloc = a; return false })
	d, err := f.open(alloc)
	if err != nil {
		t.Fatal(err)
	}
	extents, _ := d.Extents(0)
	p.b[extents[0].Offset+510] ^= 1
	all, err := p.reopen().ReadDir("many")
	if !errors.Is(err, block.ErrDamaged) || len(all) == 0 || len(all) >= 60 {
		t.Errorf("%d entries, %v; want some of 60 and that it is damaged", len(all), err)
	}
}

// TestAliasAlone makes 8.3 aliases of all names of a directory: each file is
// still found.
func TestAliasAlone(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.edit(p.number("hard"), func(b []byte) {
		root := b[bytes.Index(b, []byte{'o', 0, 'n', 0, 'e', 0})-2:]
		if root[1] != 0 {
			t.Fatal("no POSIX name")
		}
		root[1] = namespaceDOS
	})
	all, err := p.reopen().ReadDir("hard")
	if err != nil || len(all) != 2 {
		t.Errorf("%d entries, %v; want 2", len(all), err)
	}
}

// TestFragmentedMFT gives $MFT an attribute list: its second half is mapped by
// another record.
func TestFragmentedMFT(t *testing.T) {
	t.Parallel()
	const half, part = 60, 20 // clusters, which are records here; a free record
	p := newPatient(t)
	var rest uint64
	p.edit(recMFT, func(b []byte) { rest = splitMFT(t, p, b, half, part) })
	p.edit(part, func(b []byte) { extension(p, b, half, rest) })
	f := p.reopen()
	if info := f.Info(); len(info.Notes) > 0 || info.Incomplete {
		t.Errorf("notes %q", info.Notes)
	}
	p.same(f)
	// Without that record half of the files is lost, which must be told.
	p.record(part)[0] = 'X'
	noted(t, p.reopen(), "a part of the MFT is not known", true)
}

// splitMFT rebuilds the record of $MFT with its first clusters only, and a list
// that names the record of the rest. It gives where the rest lies.
func splitMFT(t *testing.T, p *patient, b []byte, half, part uint64) uint64 {
	t.Helper()
	data := bytes.Clone(attribute(t, b, typData))
	standard, name, bits := bytes.Clone(attribute(t, b, typStandard)), bytes.Clone(attribute(t, b, typFileName)), bytes.Clone(attribute(t, b, typBitmap))
	runs := p.tree.mft.runs
	if len(runs) != 1 {
		t.Fatalf("%d runs of the MFT, want 1", len(runs))
	}
	entry := func(typ uint32, low, ref uint64, id uint16) []byte {
		e := make([]byte, 32)
		le.PutUint32(e, typ)
		e[4], e[7] = 32, 26
		le.PutUint64(e[8:], low)
		le.PutUint64(e[16:], ref)
		le.PutUint16(e[24:], id)
		return e
	}
	self := uint64(1) << 48
	list := entry(typStandard, 0, self, le.Uint16(standard[14:]))
	list = append(list, entry(typFileName, 0, self, le.Uint16(name[14:]))...)
	list = append(list, entry(typData, 0, self, le.Uint16(data[14:]))...)
	list = append(list, entry(typData, half, part|uint64(le.Uint16(p.record(part)[16:]))<<48, 9)...)
	list = append(list, entry(typBitmap, 0, self, le.Uint16(bits[14:]))...)
	listAttr := make([]byte, 24, 24+len(list))
	le.PutUint32(listAttr, typList)
	le.PutUint32(listAttr[4:], uint32(24+len(list)))
	le.PutUint32(listAttr[16:], uint32(len(list)))
	listAttr[20] = 24
	listAttr = append(listAttr, list...)
	le.PutUint64(data[24:], half-1)
	mapPairs(data, half, runs[0].lcn)
	rest := b[int(le.Uint16(b[20:])):]
	clear(rest)
	n := 0
	for _, a := range [][]byte{standard, listAttr, name, data, bits, {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}} {
		n += copy(rest[n:], a)
	}
	le.PutUint32(b[24:], uint32(int(le.Uint16(b[20:]))+n))
	return runs[0].lcn + half
}

// mapPairs writes one run as mapping pairs.
func mapPairs(a []byte, n, lcn uint64) {
	pairs := a[le.Uint16(a[32:]):]
	pairs[0] = 0x42
	binary.LittleEndian.PutUint16(pairs[1:], uint16(n))
	binary.LittleEndian.PutUint32(pairs[3:], uint32(lcn))
	pairs[7] = 0
}

// extension makes a record that holds the rest of $MFT.
func extension(p *patient, b []byte, half, lcn uint64) {
	le.PutUint64(b[32:], 1<<48)
	le.PutUint16(b[22:], recordInUse)
	a := b[le.Uint16(b[20:]):]
	clear(a)
	le.PutUint32(a, typData)
	le.PutUint32(a[4:], 72)
	a[8] = 1
	le.PutUint16(a[14:], 9)
	le.PutUint64(a[16:], half)
	le.PutUint16(a[32:], 64)
	mapPairs(a, p.tree.mft.runs[0].n-half, lcn)
	le.PutUint32(a[72:], typEnd)
	le.PutUint32(b[24:], uint32(le.Uint16(b[20:]))+80)
}

// TestOrphan takes a file's name out of its directory: it is found among the
// deleted ones.
func TestOrphan(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.edit(p.number("here"), func(b []byte) {
		root := b[bytes.Index(b, []byte{'$', 0, 'I', 0, '3', 0, '0', 0})+8:]
		root[16+16+12] |= entryLast
	})
	f := p.reopen()
	if all, err := f.ReadDir("here"); err != nil || len(all) != 0 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	found := false
	err := f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		if r.Path == "here/stays" {
			b := make([]byte, 5)
			n, err := r.Data.ReadAt(b, 0)
			found = r.State == fsys.Whole && string(b[:n]) == "stays" && err == nil
		}
		return true
	})
	if err != nil || !found {
		t.Errorf("found: %v, %v", found, err)
	}
}

func TestHibernated(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	for off, c := range restart("RSTR", 5, 0, 0) {
		p.b[p.place(recLogFile, int64(off))] = c
	}
	noted(t, p.reopen(), "not cleanly unmounted", true)
	p.rename("sleeping.bin", "hiberfil.sys")
	noted(t, p.reopen(), "hibernated", true)
}

// rename puts another name of the same length in the place of one wherever it
// stands.
func (p *patient) rename(from, to string) {
	wide := func(s string) (out []byte) {
		for _, c := range []byte(s) {
			out = append(out, c, 0)
		}
		return out
	}
	p.b = bytes.ReplaceAll(p.b, wide(from), wide(to))
}

// TestTrash has a file where Windows puts those that are deleted while open.
func TestTrash(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.rename("$Reparse", "$Deleted")
	trash := uint64(26)
	p.edit(trash, func(b []byte) { b[22] |= recordDirectory })
	p.edit(p.number("here/stays"), func(b []byte) {
		le.PutUint64(attribute(t, b, typFileName)[24:], trash|uint64(le.Uint16(p.record(trash)[16:]))<<48)
	})
	found := false
	_ = p.reopen().Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		found = found || r.Path == "$Extend/$Deleted/stays" && r.State == fsys.Whole && r.Size == 5
		return true
	})
	if !found {
		t.Error("the file was not found")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\x00":                            "a",
		"\xe4\x00\xac\x20":                 "ä€",
		"\x3d\xd8\x00\xde":                 "😀",
		"\x3d\xd8":                         "\xed\xa0\xbd",
		"\x00\xde\x3d\xd8":                 "\xed\xb8\x80\xed\xa0\xbd",
		"\x3d\xd8\x3d\xd8\x00\xde\x41\x00": "\xed\xa0\xbd😀A",
		"\xff\xff":                         "\uffff",
	} {
		if got := text([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	f := p.reopen()
	done := make(chan map[string]string)
	for range 4 {
		go func() { done <- survey(t, f) }()
	}
	want := survey(t, fsys.New(p.tree))
	for range 4 {
		if got := <-done; len(got) != len(want) {
			t.Errorf("%d nodes, want %d", len(got), len(want))
		}
	}
}

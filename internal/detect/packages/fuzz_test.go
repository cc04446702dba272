package packages

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
)

// sane fails on a manifest that no list can make.
func sane(t *testing.T, m *Manifest) {
	t.Helper()
	for _, f := range m.files {
		if int(f.pkg) >= len(m.packages) || int(f.digest)+algos[f.algo].size > len(m.digests) {
			t.Fatalf("entry points outside: %+v", f)
		}
	}
	for _, p := range m.Packages() {
		if p.Name == "" || clean(p.Name) != p.Name || clean(p.Version) != p.Version || clean(p.Vendor) != p.Vendor {
			t.Fatalf("names that are not clean: %q %q %q", p.Name, p.Version, p.Vendor)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add("Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nConffiles:\n /etc/a "+sum5("a")+"\n\n", sum5("b")+"  usr/b\n", "/.\n/usr\n/usr/b\n")
	f.Fuzz(func(t *testing.T, status, sums, list string) {
		m, _ := Read(t.Context(), memory{dpkgStatus: status, dpkgInfo + "/a.md5sums": sums, dpkgInfo + "/a.list": list})
		sane(t, m)
	})
}

func FuzzAPK(f *testing.F) {
	f.Add(fmt.Sprintf(apkText, "Q1"+base64.StdEncoding.EncodeToString(make([]byte, 20)), "Q2"+base64.StdEncoding.EncodeToString(make([]byte, 32))))
	f.Fuzz(func(t *testing.T, text string) {
		m, _ := Read(t.Context(), memory{apkPaths[0]: text})
		sane(t, m)
	})
}

// makeHeader makes a header with a name and one file.
func makeHeader() []byte {
	var index, store []byte
	add := func(tag, kind, count uint32, data []byte) {
		for kind == 4 && len(store)%4 != 0 {
			store = append(store, 0)
		}
		for _, n := range []uint32{tag, kind, uint32(len(store)), count} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		store = append(store, data...)
	}
	add(tagName, 6, 1, []byte("name\x00"))
	add(tagVersion, 6, 1, []byte("1\x00"))
	add(tagInstallTime, 4, 1, []byte{0x60, 0, 0, 0})
	add(tagDirNames, 8, 1, []byte("/usr/\x00"))
	add(tagBaseNames, 8, 2, []byte("a\x00b\x00"))
	add(tagDirIndexes, 4, 2, make([]byte, 8))
	add(tagFileDigests, 8, 2, []byte(sum5("a")+"\x00\x00"))
	add(tagFileFlags, 4, 2, make([]byte, 8))
	head := binary.BigEndian.AppendUint32(nil, uint32(len(index)/16))
	head = binary.BigEndian.AppendUint32(head, uint32(len(store)))
	return append(append(head, index...), store...)
}

func FuzzHeader(f *testing.F) {
	f.Add(makeHeader())
	f.Fuzz(func(t *testing.T, blob []byte) {
		m := &Manifest{}
		m.seed = seed
		_ = m.rpmHeader(blob)
		sane(t, m)
	})
}

func FuzzNDB(f *testing.F) {
	f.Add(writeNDB([][]byte{makeHeader()}))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		_ = readNDB(content{bytes.NewReader(data)}, func(b []byte) bool { total += len(b); return true })
	})
}

// makeBDB makes a hash of one bucket with a value on the page and one on
// overflow pages.
func makeBDB(blob []byte) []byte {
	le := binary.LittleEndian
	out := make([]byte, 4*512)
	le.PutUint32(out[12:], bdbMagic)
	le.PutUint32(out[20:], 512)
	le.PutUint32(out[32:], 3)
	p := out[512:1024]
	p[25] = pageHash
	items := [][]byte{{1, 1, 0, 0, 0}, {1, 'x'}, {1, 2, 0, 0, 0}, {3, 0, 0, 0, 2, 0, 0, 0, byte(len(blob)), byte(len(blob) >> 8), 0, 0}}
	le.PutUint16(p[20:], uint16(len(items)))
	end := 512
	for i, it := range items {
		end -= len(it)
		copy(p[end:], it)
		le.PutUint16(p[bdbHeader+2*i:], uint16(end))
	}
	for i := range 2 {
		p := out[(2+i)*512:]
		n := copy(p[bdbHeader:512], blob)
		blob = blob[n:]
		p[25] = pageOverflow
		le.PutUint16(p[22:], uint16(n))
		if len(blob) > 0 {
			le.PutUint32(p[16:], uint32(3+i))
		}
	}
	return out
}

func FuzzBDB(f *testing.F) {
	blob := makeHeader()
	f.Add(makeBDB(blob))
	var got [][]byte
	if err := readBDB(content{bytes.NewReader(makeBDB(blob))}, func(b []byte) bool { got = append(got, b); return true }); err != nil || len(got) != 2 || !bytes.Equal(got[1], blob) {
		f.Fatalf("seed: %v, %d values", err, len(got))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		_ = readBDB(content{bytes.NewReader(data)}, func(b []byte) bool { total += len(b); return true })
		if total > 8*len(data)+1<<16 {
			t.Fatalf("%d bytes of values from %d", total, len(data))
		}
	})
}

// memory is files by path.
type memory map[string]string

func (m memory) Open(p string) (detect.Reader, error) {
	data, ok := m[p]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content{bytes.NewReader([]byte(data))}, nil
}

func (m memory) List(dir string, yield func(detect.File) bool) error {
	for p, data := range m {
		if strings.HasPrefix(p, dir+"/") && !yield(detect.File{Path: p, Size: int64(len(data)), Modified: time.Unix(1, 0)}) {
			break
		}
	}
	return nil
}

var seed = maphash.MakeSeed()

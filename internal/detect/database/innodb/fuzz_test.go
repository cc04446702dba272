package innodb

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io/fs"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// memory is a tree of files in memory, in one directory.
type memory map[string][]byte

type memoryFile struct{ *bytes.Reader }

func (f memoryFile) Size() int64 { return f.Reader.Size() }

func (m memory) Open(p string) (detect.Reader, error) {
	if b, ok := m[p]; ok {
		return memoryFile{bytes.NewReader(b)}, nil
	}
	return nil, fs.ErrNotExist
}

func (m memory) List(dir string, yield func(detect.File) bool) error {
	seen := map[string]bool{}
	for p := range m {
		rest, ok := strings.CutPrefix(p, strings.TrimSuffix(dir, "/")+"/")
		if !ok {
			continue
		}
		first, _, deep := strings.Cut(rest, "/")
		f := detect.File{Path: strings.TrimSuffix(dir, "/") + "/" + first, Size: int64(len(m[p]))}
		if deep {
			f.Mode = fs.ModeDir
		}
		if !seen[first] && !yield(f) {
			return nil
		}
		seen[first] = true
	}
	return nil
}

// readAll opens what it can and reads all rows.
func readAll(m memory, root string) (rows int, err error) {
	d, err := Engine.Open(context.Background(), m, root)
	if err != nil {
		return 0, err
	}
	ts, err := d.Tables(context.Background())
	for _, t := range ts {
		e := d.Rows(context.Background(), t, database.RowOptions{Deleted: true}, func(r database.Row) bool {
			if len(r.Values) != len(t.Columns) {
				panic("another number of values than of columns")
			}
			rows++
			return rows < 100000
		})
		if err == nil {
			err = e
		}
	}
	return rows, err
}

// testFrm builds a definition: an int key, a nullable varchar(40), a text.
func testFrm() []byte {
	b := make([]byte, 0x1000)
	copy(b, "\xfe\x01\x0a\x0c")
	put := func(at, v int) { binary.LittleEndian.PutUint16(b[at:], uint16(v)) }
	const form = 0x200
	put(4, 3)
	put(6, 0x100)
	put(14, 64)
	put(16, 16)
	binary.LittleEndian.PutUint32(b[51:], 101119)
	copy(b[64:], "\x00\x01x")
	binary.LittleEndian.PutUint32(b[67:], form)
	copy(b[0x100:], "\x01\x01\x00\x00\x00\x00"+"\x00\x00\x04\x00\x01\x00\x00\x00"+"\x01\x80\x02\x00\x00\x1b\x40\x04\x00"+"\xffPRIMARY\xff\x00")
	put(form+258, 3)
	put(form+268, 15)
	at := form + frmForm
	for _, f := range []struct{ size, pack, kind, cs int }{{11, 0x401b, myLong, 8}, {160, 0x8000, myVarchar, 45}, {8, 0x8000, myBlob, 45}} {
		put(at+3, f.size)
		put(at+8, f.pack)
		b[at+13], b[at+14] = byte(f.kind), byte(f.cs)
		at += frmField
	}
	at += copy(b[at:], "\xffid\xffname\xfftext\xff\x00")
	return b[:at]
}

// testSpace builds a table's file of four pages of 4 KiB, with two rows and one
// on the list of free ones.
func testSpace() []byte {
	const size = 4096
	b := make([]byte, 4*size)
	for i := range 4 {
		p := b[i*size:]
		binary.BigEndian.PutUint32(p[filPage:], uint32(i))
		binary.BigEndian.PutUint32(p[filSpace:], 7)
	}
	put16(b, filType, 8)
	binary.BigEndian.PutUint32(b[filData:], 7)
	binary.BigEndian.PutUint32(b[filData+16:], 0x13)
	p := b[3*size:]
	initIndex(p, true)
	binary.BigEndian.PutUint64(p[pageIndexID:], 99)
	row := func(id byte, name string) []byte {
		r := append([]byte{byte(len(name)), 0x02}, 0x80, 0, 0, id)
		return append(append(r, 0, 0, 0, 0, 1, id, 1, 2, 3, 4, 5, 6, 7), name...)
	}
	prev := 0
	for _, n := range []string{"alpha", "beta", "gamma"} {
		if !insertNew(p[:size], false, prev, 0, 2<<3, 0, 0, row(byte(prev+1), n)) {
			panic("insertion failed")
		}
		prev = be16(p, pageLastInsert) - infimumNew
	}
	sum(b)
	return b
}

// sum sets the checksum of each page.
func sum(b []byte) {
	for i := 0; i+4096 <= len(b); i += 4096 {
		binary.BigEndian.PutUint32(b[i+4092:], crc32.Checksum(b[i:i+4092], castagnoli))
	}
}

func TestMadeTable(t *testing.T) {
	m := memory{"/d/t.ibd": testSpace(), "/d/t.frm": testFrm()}
	n, err := readAll(m, "/d/t.ibd")
	if n != 3 || err != nil {
		t.Fatalf("%d rows, %v", n, err)
	}
	m["/d/t.ibd"][3*4096+200] ^= 1
	if n, err = readAll(m, "/d/t.ibd"); n != 0 || err == nil {
		t.Errorf("with a bad checksum: %d rows, %v", n, err)
	}
}

func FuzzFrm(f *testing.F) {
	f.Add(testFrm())
	f.Fuzz(func(_ *testing.T, b []byte) {
		d, err := parseFrm(b, "f")
		if err != nil || d.view {
			return
		}
		d.shown()
		d.layout(true)
	})
}

func FuzzPages(f *testing.F) {
	f.Add(testSpace(), testFrm(), true)
	f.Fuzz(func(_ *testing.T, b, frm []byte, fix bool) {
		if fix {
			b = bytes.Clone(b)
			sum(b)
		}
		_, _ = readAll(memory{"/d/t.ibd": b, "/d/t.frm": frm}, "/d/t.ibd")
	})
}

// testLog builds a log that inserts and deletes on page 3 of space 7.
func testLog(records []byte) []byte {
	b := make([]byte, logStart+(64<<10))
	copy(b, "Phys")
	binary.BigEndian.PutUint64(b[8:], logStart)
	binary.BigEndian.PutUint32(b[508:], crc32.Checksum(b[:508], castagnoli))
	binary.BigEndian.PutUint64(b[4096:], logStart)
	binary.BigEndian.PutUint64(b[4104:], logStart)
	binary.BigEndian.PutUint32(b[4096+60:], crc32.Checksum(b[4096:4156], castagnoli))
	records = records[:min(len(records), 60<<10)]
	at := logStart + copy(b[logStart:], records)
	b[at] = 1
	binary.BigEndian.PutUint32(b[at+1:], crc32.Checksum(records, castagnoli))
	return b
}

func FuzzRedo(f *testing.F) {
	f.Add([]byte("\x25\x07\x03\x09\x00\x05\x19"), false)
	f.Add([]byte("\x12\x07\x03\xa1\x01\xa8\x06\x00\x10\x00\x00\xff\xff\x36\x07\x03\x40\x02\x03\x04"), false)
	f.Add([]byte("\x46\x07\x03\x40\x10\x01\x02\xd3\x20\x08\x01"), true)
	space, frm := testSpace(), testFrm()
	f.Fuzz(func(_ *testing.T, records []byte, raw bool) {
		log := testLog(records)
		if raw {
			p := bytes.Clone(space[3*4096:])
			var cur redoRecord
			last := 0
			for b := records; len(b) > 0 && b[0] > 1; {
				r, ok := nextRecord(b, cur)
				if !ok {
					break
				}
				if last, ok = applyRecord(p, r, last, nil); !ok {
					break
				}
				b, cur = b[r.size:], r
			}
		}
		main := bytes.Clone(space)
		clear(main[filSpace : filSpace+4])
		clear(main[filData : filData+4])
		sum(main)
		_, _ = readAll(memory{"/ibdata1": main, "/ib_logfile0": log, "/d/t.ibd": space, "/d/t.frm": frm}, "/")
	})
}

func FuzzUndo(f *testing.F) {
	f.Add([]byte("\x0c\x01\x02\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x06\x04\x80\x00\x00\x01\x01\x03\x02ab"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		l := &layout{keys: 1, trx: 1}
		_, _ = l.undo(make([]cell, 6), append([]byte{}, b...))
	})
}

func FuzzValue(f *testing.F) {
	f.Add([]byte("\x80\x00\x00\x01"), byte(myLong), 11, 0, 45)
	f.Add([]byte("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x01\x00a"), byte(myJSON), 4, 0, 63)
	f.Fuzz(func(_ *testing.T, b []byte, kind byte, length, decimals, cs int) {
		c := column{kind: kind, length: length & 0xffff, decimals: decimals & 31, charset: charsetOf(cs & 0xffff), values: []string{"a", "b"}}
		c.storage()
		c.text()
		c.render(nil, b)
	})
}

// testSDI is a definition as the documentation of MySQL 8's dictionary tells:
// an int key and a varchar added at once.
const testSDI = `{"mysqld_version_id":80036,"dd_object_type":"Table","dd_object":{"name":"t","schema_ref":"d","columns":[
{"name":"id","type":4,"is_nullable":false,"char_length":11,"hidden":1,"collation_id":255},
{"name":"name","type":16,"is_nullable":true,"char_length":160,"hidden":1,"collation_id":255,"se_private_data":"default=6162;physical_pos=3;version_added=1;"},
{"name":"DB_TRX_ID","type":10,"hidden":2,"char_length":6,"collation_id":63},{"name":"DB_ROLL_PTR","type":9,"hidden":2,"char_length":7,"collation_id":63}],
"indexes":[{"name":"PRIMARY","se_private_data":"id=5;root=4;space_id=2;","elements":[{"column_opx":0},{"column_opx":2},{"column_opx":3},{"column_opx":1}]}]}}`

func TestSDI(t *testing.T) {
	d, l, root, err := parseSDI([]byte(testSDI))
	if err != nil {
		t.Fatal(err)
	}
	if root != 4 || l.trx != 1 || l.keys != 1 || len(l.fields) != 4 || len(d.shown()) != 2 || l.fields[3].added != 1 || string(l.fields[3].def) != "ab" {
		t.Errorf("root %d, layout %+v", root, l)
	}
}

func FuzzSDI(f *testing.F) {
	f.Add([]byte(testSDI))
	f.Fuzz(func(_ *testing.T, b []byte) {
		d, l, _, err := parseSDI(b)
		if err != nil {
			return
		}
		d.shown()
		p := make([]byte, 4096)
		var r record
		_ = l.parse(p, 2000, &r)
	})
}

func TestBinaryJSON(t *testing.T) {
	// {"a": [1, true], "b": "x"}
	b := []byte{0, 2, 0, 32, 0, 18, 0, 1, 0, 19, 0, 1, 0, 2, 20, 0, 12, 30, 0, 'a', 'b', 2, 0, 10, 0, 5, 1, 0, 4, 1, 0, 1, 'x'}
	// Offsets count from the count of members.
	out, kind := appendJSON(nil, b)
	var v map[string]any
	if kind != database.Text || json.Unmarshal(out, &v) != nil || v["b"] != "x" {
		t.Errorf("kind %d, %d bytes of text", kind, len(out))
	}
}

package postgres

import (
	"bytes"
	"hash/crc32"
	"io/fs"
	"math"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// memory is a tree of files in memory.
type memory map[string][]byte

type memoryFile struct{ *bytes.Reader }

func (f memoryFile) Size() int64 { return f.Reader.Size() }

func (m memory) Open(path string) (detect.Reader, error) {
	b, ok := m[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return memoryFile{bytes.NewReader(b)}, nil
}

func (m memory) List(dir string, yield func(detect.File) bool) error {
	for name, b := range m {
		if strings.HasPrefix(name, dir+"/") && !yield(detect.File{Path: name, Size: int64(len(b))}) {
			break
		}
	}
	return nil
}

// someControl is a pg_control, as far as it is read.
func someControl(state uint32) []byte {
	b := make([]byte, 8192)
	le.PutUint32(b[8:], 1300)
	le.PutUint32(b[12:], 202209061)
	le.PutUint32(b[16:], state)
	le.PutUint64(b[32:], 0x1000028)
	le.PutUint64(b[40:], 0x1000028)
	le.PutUint32(b[48:], 1)
	le.PutUint32(b[64:], 1000)
	le.PutUint64(b[200:], math.Float64bits(1234567))
	for i, v := range []uint32{8192, 131072, 8192, 16 << 20} {
		le.PutUint32(b[208+4*i:], v)
	}
	le.PutUint32(b[288:], crc32.Checksum(b[:288], castagnoli))
	return b
}

func FuzzControl(f *testing.F) {
	f.Add(someControl(1), 15)
	f.Add(someControl(6), 11)
	f.Fuzz(func(t *testing.T, b []byte, major int) {
		if len(b) > 292 { // let what was changed pass the checksum
			le.PutUint32(b[288:], crc32.Checksum(b[:288], castagnoli))
		}
		c, err := readControl(b, major)
		if err == nil && (c.block < 1024 || c.segment < 1 || c.walSegment < 1<<20) {
			t.Fatalf("%+v", c)
		}
		readMap(b)
		readVersion(b)
	})
}

// somePage is a page with a few tuples of three columns.
func somePage() page {
	p := make(page, 8192)
	p.reset()
	for i := 1; i < 5; i++ {
		t := make(tuple, 40)
		t.setXmin(2)
		t.setInfomask2(3)
		t.setInfomask(xminFrozen | xmaxInvalid)
		t[22] = 24
		le.PutUint32(t[24:], uint32(i))
		copy(t[28:], "\x0bvery\x09abc")
		t.setPlace(0, i)
		if err := p.add(i, t[:37]); err != nil {
			panic(err)
		}
	}
	return p
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(somePage()))
	deleted := somePage()
	deleted.prune(nil, []byte{1, 0}, []byte{4, 0})
	f.Add([]byte(deleted))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 1024 || len(b) > 1<<20 {
			return
		}
		b = b[:len(b)/1024*1024]
		k := &class{file: 5, space: defaultSpace, kind: 'r', name: "t", columns: []attribute{
			{name: "a", typ: typInt4, length: 4, align: 'i', num: 1},
			{name: "b", typ: typText, length: -1, align: 'i', num: 2},
			{name: "c", typ: typText, length: -1, align: 'i', num: 3},
		}}
		cat := &catalog{db: dbase{1, "d", defaultSpace}, types: someTypes(), classes: map[uint32]*class{1: k}, names: map[tableName]*class{{"", "t"}: k}}
		files := memory{"/base/1/5": b}
		c := &cluster{files: files, major: 15, control: control{block: 1024, segment: 131072, oldestXid: 3}, last: cat, dbs: []dbase{cat.db}, nextXid: 1000}
		if len(b) >= 8192 {
			c.control.block = 8192
		}
		c.clog = newSLRU(files, "/pg_xact", 8192)
		c.offsets, c.memberPages = newSLRU(files, "/o", 8192), newSLRU(files, "/m", 8192)
		rows := 0
		c.Rows(t.Context(), database.Table{Database: "d", Name: "t"}, database.RowOptions{Deleted: true}, func(r database.Row) bool {
			if rows++; rows > len(b) {
				t.Fatal("more rows than bytes")
			}
			return true
		})
		p := page(append([]byte(nil), b[:c.control.block]...))
		if p.check() == nil {
			p.prune(b[:16], b[16:32], b[32:48])
			p.freezePlans(b[:24], b[24:48])
		}
	})
}

func someTypes() map[uint32]*pgType {
	types := map[uint32]*pgType{}
	for _, oid := range []uint32{
		typText, typBytea, typNumeric, typJSONB, typInet, typBit, typPath, typPolygon, typTSVector, typRecord, typInt2Vector, typOIDVector, typVarchar,
	} {
		types[oid] = &pgType{oid: oid, length: -1, align: 'i', kind: 'b'}
	}
	for oid, size := range fixed {
		types[oid] = &pgType{oid: oid, length: int16(size), align: 'i', kind: 'b'}
	}
	types[1] = &pgType{oid: 1, name: "_any", length: -1, align: 'd', kind: 'b', elem: typText}
	types[2] = &pgType{oid: 2, name: "hstore", length: -1, align: 'i', kind: 'b'}
	types[3] = &pgType{oid: 3, name: "r", length: -1, align: 'i', kind: 'r'}
	types[4] = &pgType{oid: 4, name: "c", length: -1, align: 'd', kind: 'c', relation: 9}
	types[5] = &pgType{oid: 5, name: "m", length: -1, align: 'i', kind: 'm'}
	return types
}

func FuzzValue(f *testing.F) {
	oids := []uint32{1, 2, 3, 4, 5, typText, typNumeric, typJSONB, typInet, typBit, typPath, typPolygon, typTSVector, typInt2Vector, typOIDVector}
	seeds := []string{
		"\x09abc", "\x0b\x00\x81\x01\x00", "\x2b\x01\x00\x00\x20\x01\x00\x00\x00\x02\x00\x00\x00ab\x00\x00", "\x13\x02\x20\x0a\x00\x00\x01\x00\x00",
		"\x3b\x01\x00\x00\x00\x00\x00\x00\x00\x19\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x09abc\x00\x00",
		"\x42\x00\x00\x00\x10\x00\x00\x00\x00abcdefgh\x0f\x01", "\x3b\x01\x00\x00\x80\x01\x00\x00\x80\x02\x00\x00\x00kv",
	}
	for i, s := range seeds {
		for o := range oids {
			f.Add([]byte(s), byte(o+i))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		cat := &catalog{types: someTypes(), ranges: map[uint32]uint32{0: typInt4, 1: typNumeric, 2: 0}, classes: map[uint32]*class{
			9: {columns: []attribute{{typ: typInt4, length: 4, align: 'i'}, {typ: typText, length: -1, align: 'i'}, {typ: 1, length: -1, align: 'd'}}},
		}}
		p := printer{cat: cat}
		d, _, err := next(b, 0, -1, 'i')
		if err == nil {
			if out, err := p.print(nil, oids[int(which)%len(oids)], d, 0); err == nil && len(out) > maxValue+1<<20 {
				t.Fatalf("%d bytes printed", len(out))
			}
		}
		for oid, size := range fixed {
			if len(b) >= size {
				p.print(nil, oid, b, 0)
			}
		}
		missingValue(b, -1, 'i')
		unpglz(b, 1000)
		unlz4(b, 1000)
		deform(append(make(tuple, tupleHeader), b...), cat.classes[9].columns, nil)
	})
}

// someRecord is a record of the log with one page and main data, without the
// checksum.
func someRecord(rmgr, info byte, main, data []byte, flags byte) []byte {
	b := make([]byte, 24)
	le.PutUint32(b[4:], 700)
	b[16], b[17] = info, rmgr
	b = append(b, 0, flags|0x20)
	b = le.AppendUint16(b, uint16(len(data)))
	for _, v := range []uint32{defaultSpace, 1, 5, 0} {
		b = le.AppendUint32(b, v)
	}
	b = append(b, 255, byte(len(main)))
	b = append(append(b, data...), main...)
	le.PutUint32(b, uint32(len(b)))
	return b
}

func FuzzRecord(f *testing.F) {
	head := "\x03\x00\x00\x08\x18\x00\x01\x00\x00\x00\x0bvery\x09abc"
	for _, major := range []int{11, 14, 15, 16, 17} {
		f.Add(someRecord(rmHeap, 0x00, []byte{5, 0, 0}, []byte(head), 0), major)
		f.Add(someRecord(rmHeap, 0x80, []byte{1, 0, 0}, []byte(head), 0x40), major)
		f.Add(someRecord(rmHeap, 0x10, []byte{9, 0, 0, 0, 1, 0, 0, 0}, nil, 0), major)
		f.Add(someRecord(rmHeap, 0x40, []byte{9, 0, 0, 0, 1, 0, 0, 0x60, 0, 0, 0, 0, 5, 0}, []byte("\x02\x00\x02\x00"+head), 0), major)
		f.Add(someRecord(rmHeap2, 0x10, []byte{9, 0, 0, 0, 1, 0, 1, 0}, []byte{1, 0, 2, 0, 3, 0, 4, 0}, 0), major)
		f.Add(someRecord(rmHeap2, 0x10, []byte{1, 0xf0}, []byte{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 4, 0, 2, 0}, 0), major)
		f.Add(someRecord(rmHeap2, 0x50, []byte{0, 0, 1, 0, 6, 0}, append([]byte{19, 0}, head...), 0), major)
		f.Add(someRecord(rmXact, 0x80, append(make([]byte, 8), 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0), nil, 0), major)
		f.Add(someRecord(rmMulti, 0x20, []byte{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0}, nil, 0), major)
	}
	f.Fuzz(func(t *testing.T, b []byte, major int) {
		var rec record
		if rec.parse(b, major, 8192) != nil {
			return
		}
		r := newRedo()
		r.note(&rec, 100, major)
		r.note(&rec, 200, major)
		for _, k := range rec.blocks {
			r.chain(k.rel, k.block, nil)
			p := somePage()
			p.setLSN(1)
			rec.apply(p, k.rel, k.block, 100, major)
			for i := 1; i <= p.items(); i++ {
				p.tuple(i)
			}
		}
	})
}

func FuzzLog(f *testing.F) {
	segment := make([]byte, 3*8192)
	at := 40
	for _, r := range [][]byte{someRecord(rmHeap, 0x10, []byte{9, 0, 0, 0, 1, 0, 0, 0}, nil, 0), someRecord(rmHeap, 0x10, []byte{9, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 9000), 0)} {
		at += copy(segment[at:], r)
		at = (at + 7) &^ 7
	}
	for i := range 3 {
		h := segment[8192*i:]
		le.PutUint16(h, 0xD110)
		le.PutUint64(h[8:], 1<<24+uint64(8192*i))
		if i == 0 {
			h[2] = 2
		}
	}
	f.Add(segment)
	f.Fuzz(func(t *testing.T, b []byte) {
		// Let the first record pass its checksum, wherever what was changed lies.
		if len(b) > 64 {
			if n := int(le.Uint32(b[40:])); n >= 24 && n < len(b)-40 && n < 8100 {
				sum := crc32.Update(crc32.Checksum(b[64:40+n], castagnoli), castagnoli, b[40:60])
				le.PutUint32(b[60:], sum)
			}
		}
		files := memory{"/pg_wal/000000010000000000000001": b}
		c := control{timeline: 1, walBlock: 8192, walSegment: 16 << 20, block: 8192}
		w := newWALReader(files, "", 15, &c)
		newRedo().index(t.Context(), w, 1<<24, 8192)
	})
}

// Opening a directory of nonsense ends, with an error or with nothing.
func FuzzOpen(f *testing.F) {
	f.Add(someControl(6), []byte("\x17\x27\x59\x00\x01\x00\x00\x00\xe1\x04\x00\x00\x05\x00\x00\x00"), []byte(somePage()))
	f.Add(someControl(1), []byte("\x17\x27\x59\x00\x01\x00\x00\x00\xe1\x04\x00\x00\x05\x00\x00\x00"), []byte(somePage()))
	f.Fuzz(func(t *testing.T, control, files, heap []byte) {
		if len(control) > 292 {
			le.PutUint32(control[288:], crc32.Checksum(control[:288], castagnoli))
		}
		db, err := Engine{}.Open(t.Context(), memory{
			"/PG_VERSION": []byte("15\n"), "/global/pg_control": control, "/global/pg_filenode.map": files, "/base/1/pg_filenode.map": files,
			"/base/1/5": heap, "/global/5": heap, "/pg_wal/000000010000000000000001": heap, "/pg_xact/0000": heap,
		}, "")
		if err == nil {
			db.Tables(t.Context())
		}
	})
}

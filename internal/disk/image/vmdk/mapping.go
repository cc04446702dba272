package vmdk

import (
	"bytes"
	"errors"
	"io"
	"sort"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// extent is a part of the disk that lies in one file.
type extent struct {
	start, size int64   // bytes of the disk
	from        int     // the source it lies on
	offset      int64   // where it starts there, when it is flat
	sparse      *sparse // nil when it is flat, or zeros
}

// mapping finds the parts of the disk.
type mapping struct {
	size    int64
	extents []extent
	tables  *image.Tables
	below   int   // the parent's source
	parent  int64 // its bytes
	// packed and markers are set when grains are compressed and have markers.
	packed, markers bool
}

// add puts an extent behind the others.
func (m *mapping) add(e extent) {
	e.start = m.size
	m.size += e.size
	m.extents = append(m.extents, e)
	if e.sparse != nil && e.sparse.layout.packed {
		m.packed, m.markers = true, e.sparse.layout.markers
	}
}

// Run implements [image.Mapping].
func (m *mapping) Run(off, want int64) (image.Run, error) {
	i := sort.Search(len(m.extents), func(i int) bool { return m.extents[i].start+m.extents[i].size > off })
	if i == len(m.extents) {
		return image.Run{}, block.Damaged("no extent holds byte %d of the disk", off)
	}
	e := &m.extents[i]
	within := off - e.start
	run := image.Run{Length: e.size - within, From: e.from, Offset: e.offset + within}
	if e.sparse != nil {
		var err error
		if run, err = e.sparse.run(m, within, want); err != nil {
			return image.Run{}, err
		}
	}
	run.Length = min(run.Length, e.size-within)
	if run.From == notHere {
		run.From, run.Offset = m.below, off
		if off >= m.parent {
			run.From = image.Hole
		} else {
			run.Length = min(run.Length, m.parent-off)
		}
	}
	return run, nil
}

// notHere is where grains come from that the extent does not hold.
const notHere = -2

// run gives the run at off, an offset in the extent. What the directory does
// not lead to, the redundant one may.
func (s *sparse) run(m *mapping, off, want int64) (image.Run, error) {
	run, ok, bad := s.runIn(m, s.directories[0], off, want)
	if ok && bad == nil {
		return run, nil
	}
	for _, d := range s.directories[1:] {
		if run, ok, err := s.runIn(m, d, off, want); ok && err == nil {
			return run, nil
		}
	}
	return image.Run{Length: s.grain*s.perTable - off%(s.grain*s.perTable), From: notHere}, bad
}

// runIn gives the run by one directory; false means that there is no table.
func (s *sparse) runIn(m *mapping, directory, off, want int64) (image.Run, bool, error) {
	size := int64(4)
	if s.layout.se {
		size = 8
	}
	nr := off / (s.grain * s.perTable)
	b, err := m.tables.At(s.from, directory+size*nr, int(size))
	if err != nil {
		return image.Run{}, false, err
	}
	table, err := s.table(b)
	if err != nil || table == 0 {
		return image.Run{}, false, err
	}
	index := off / s.grain % s.perTable
	entries, err := m.tables.At(s.from, table+size*index, int(size))
	if err != nil {
		return image.Run{}, false, err
	}
	entries = entries[:min(int64(len(entries)), (s.perTable-index)*size)]
	run, err := s.extend(entries, size, off, want)
	if err == nil && run.From == s.from && run.Offset >= m.tables.Size(s.from) {
		err = block.Damaged("grain table at %d of the file: a grain at %d", table, run.Offset)
	}
	return run, true, err
}

// table tells where the table lies that an entry of a directory names, 0 when
// there is none.
func (s *sparse) table(b []byte) (int64, error) {
	if !s.layout.se {
		return int64(le.Uint32(b)) * sectorSize, nil
	}
	e := le.Uint64(b)
	if e == 0 {
		return 0, nil
	}
	if e>>32 != 0x10000000 {
		return 0, block.Damaged("grain directory: the entry %#x", e)
	}
	return s.layout.tables + int64(uint32(e))*s.layout.tableSize, nil
}

// extend gives the run that starts at off, in the first of the entries, over as
// many grains as are alike.
func (s *sparse) extend(entries []byte, size, off, want int64) (image.Run, error) {
	from, at, err := s.place(entries)
	if err != nil {
		return image.Run{}, err
	}
	within := off % s.grain
	n := s.grain - within
	if s.layout.packed && from == s.from {
		return s.packed(entries, off), nil
	}
	for entries = entries[size:]; n < want && len(entries) > 0 && s.follows(entries, from, at+within+n); entries = entries[size:] {
		n += s.grain
	}
	return image.Run{Length: n, From: from, Offset: at + within}, nil
}

// follows tells whether the grain of an entry is like the one before it: what
// lies in the file must go on at the given place.
func (s *sparse) follows(entry []byte, from int, at int64) bool {
	f, a, err := s.place(entry)
	return err == nil && f == from && (from != s.from || a == at)
}

// place tells where the grain of an entry lies.
func (s *sparse) place(entry []byte) (from int, at int64, err error) {
	if s.layout.se {
		return s.placeSE(le.Uint64(entry))
	}
	switch e := le.Uint32(entry); {
	case e == 0:
		return notHere, 0, nil
	case e == 1 && s.layout.zeroed:
		return image.Hole, 0, nil
	case e == 1:
		return 0, 0, block.Damaged("grain table: a grain within the header")
	default:
		return s.from, int64(e) * sectorSize, nil
	}
}

// placeSE reads an entry of an seSparse extent: its kind in the highest 4 bits,
// then the 12 lower and the 48 higher bits of the grain's number.
func (s *sparse) placeSE(e uint64) (from int, at int64, err error) {
	switch e >> 60 {
	case 0:
		if e == 0 {
			return notHere, 0, nil
		}
	case 1, 2: // unmapped, zeros
		return image.Hole, 0, nil
	case 3:
		nr := e>>48&0xFFF | e&(1<<48-1)<<12
		if nr <= 1<<40 {
			return s.from, s.layout.grains + int64(nr)*s.grain, nil
		}
	}
	return 0, 0, block.Damaged("grain table: the entry %#x", e)
}

// packed gives the run of a compressed grain. It ends where the next one
// starts, in a stream that was written in order.
func (s *sparse) packed(entries []byte, off int64) image.Run {
	within := off % s.grain
	e := le.Uint32(entries)
	length := s.grain + s.grain>>8 + 2*sectorSize // at worst
	if len(entries) >= 8 {
		if next := le.Uint32(entries[4:]); next > e {
			length = min(length, int64(next-e)*sectorSize)
		}
	}
	unit := min(s.grain, s.capacity-(off-within)) // the last one may be short
	return image.Run{
		Length: unit - within, From: s.from, Offset: int64(e) * sectorSize,
		Packed: length, Unit: unit, Skip: within,
	}
}

var inflaters sync.Pool // of zlib readers

// Unpack implements [image.Unpacker].
func (m *mapping) Unpack(dst, packed []byte) error {
	if m.markers {
		// The grain's first sector, its length, its data.
		if len(packed) < 12 || int64(le.Uint32(packed[8:])) > int64(len(packed)-12) {
			return errors.New("the grain's marker")
		}
		packed = packed[12 : 12+le.Uint32(packed[8:])]
	}
	in := bytes.NewReader(packed)
	r, ok := inflaters.Get().(io.ReadCloser)
	var err error
	if ok {
		err = r.(zlib.Resetter).Reset(in, nil)
	} else {
		r, err = zlib.NewReader(in)
	}
	if err != nil {
		return err
	}
	defer inflaters.Put(r)
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	// The checksum is held at the end.
	if _, err := r.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

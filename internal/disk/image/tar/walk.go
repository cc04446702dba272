package tar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Bounds of what is read of an archive.
const (
	maxMembers = 200_000
	maxText    = 1 << 20 // bytes of a long name, of pax records
	maxName    = 4096
	maxPieces  = 512 << 10 // of all sparse members: 12 MiB of memory
)

// errMany says that an archive has more members than are looked at.
var errMany = fmt.Errorf("more than %d members", maxMembers)

// member is a regular file of an archive.
type member struct {
	name string
	size int64
	// pieces say where its data lies on the source; the rest is holes.
	pieces []piece
	cut    bool  // the archive ends within it
	err    error // why it can't be read
	disk   bool  // it is one
	used   bool  // it is part of something else
}

// piece is a run of a member's bytes.
type piece struct {
	off, length int64 // in the member
	at          int64 // on the source
}

// walker goes from header to header.
type walker struct {
	src    block.Source
	off    int64 // of the next header
	count  int
	pieces int               // of all members
	global map[string]string // pax records for all members
	h      header
}

// next gives the next regular file, [io.EOF] at the end of the archive.
func (w *walker) next(ctx context.Context) (*member, error) {
	var long string
	var pax *paxRecords
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if w.count++; w.count > maxMembers {
			return nil, errMany
		}
		at := w.off
		if err := w.header(); err != nil {
			return nil, err
		}
		switch w.h.kind {
		case typeLongName, typeLongLink, typePax, typePaxGlobal:
			raw, err := w.text()
			if err != nil {
				return nil, fmt.Errorf("header at offset %d: %w", at, err)
			}
			switch w.h.kind {
			case typeLongName:
				long = text(raw)
			case typePax:
				pax, err = parsePax(raw, w.global)
			case typePaxGlobal:
				err = w.setGlobal(raw)
			}
			if err != nil {
				return nil, fmt.Errorf("pax header at offset %d: %w", at, err)
			}
			continue
		}
		m := &member{name: w.h.name}
		if long != "" {
			m.name = long
		}
		if pax == nil && w.global != nil {
			pax, _ = parsePax(nil, w.global)
		}
		if pax != nil && pax.size >= 0 && !w.h.bare() {
			w.h.size = pax.size
		}
		if err := w.lay(m, pax); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, block.ErrDamaged) || errors.Is(err, block.ErrUnsupported) {
				m.err = fmt.Errorf("member %.100q: %w", m.name, err)
			} else {
				return nil, err
			}
		}
		m.cut = w.skip()
		switch w.h.kind {
		case typeRegular, typeOld, typeReserved, typeSparse, typeContinued:
			return m, nil
		}
		long, pax = "", nil
	}
}

// header reads the header at off, and goes behind it. A block of zeros ends the
// archive, and so does the end of the source.
func (w *walker) header() error {
	left := w.src.Size() - w.off
	if left <= 0 {
		return io.EOF
	}
	if left < blockSize {
		return fmt.Errorf("header at offset %d: %w", w.off, io.ErrUnexpectedEOF)
	}
	if err := block.ReadFull(w.src, w.h.raw[:], w.off); err != nil {
		return err
	}
	if w.h.raw == [blockSize]byte{} {
		return io.EOF
	}
	if err := w.h.parse(w.off); err != nil {
		return err
	}
	w.off += blockSize
	return nil
}

// skip goes behind the data; cut tells that the archive ends within.
func (w *walker) skip() (cut bool) {
	if w.h.size > w.src.Size()-w.off {
		w.off = w.src.Size()
		return true
	}
	w.off += (w.h.size + blockSize - 1) / blockSize * blockSize
	return false
}

// text reads the data of a header that is about the next one.
func (w *walker) text() ([]byte, error) {
	if w.h.size > maxText {
		return nil, block.Unsupported("%d bytes of text: want at most %d", w.h.size, maxText)
	}
	data := w.off
	if w.skip() {
		return nil, io.ErrUnexpectedEOF
	}
	raw := make([]byte, w.h.size)
	return raw, block.ReadFull(w.src, raw, data)
}

// setGlobal takes records that hold for all members that follow.
func (w *walker) setGlobal(raw []byte) error {
	if w.global == nil {
		w.global = make(map[string]string)
	}
	p, err := parsePax(raw, nil)
	if err == nil {
		maps.Copy(w.global, p.values)
	}
	return err
}

// lay finds out where a member's data lies.
func (w *walker) lay(m *member, pax *paxRecords) error {
	data := w.off
	if pax != nil && pax.name != "" {
		m.name = pax.name
	}
	m.name = m.name[:min(len(m.name), maxName)]
	switch {
	case w.h.kind == typeContinued:
		return block.Unsupported("it goes on from another volume")
	case w.h.kind == typeSparse && w.h.gnu:
		return w.oldSparse(m)
	case pax != nil && pax.sparse != "":
		return w.paxSparse(m, pax, data)
	}
	m.size = w.h.size
	if m.size > 0 {
		m.pieces = []piece{{0, m.size, data}}
	}
	return nil
}

package ntfs

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// wofTable is how many offsets of chunks are read at once.
const wofTable = 512

// wof is a file that Windows compressed by itself ("compact /exe", CompactOS):
// its bytes are in the stream WofCompressedData, in chunks that are packed each
// for itself or stored as they are. The offsets of all but the first come
// before them, counted from their end.
type wof struct {
	packed fsys.Data
	num    uint64
	size   int64
	chunk  int64 // bytes of an unpacked chunk
	width  int64 // bytes of an offset
	table  int64 // bytes of all offsets
	lzx    bool

	mu     sync.Mutex
	have   int64 // the chunk in buf, plus one
	buf    []byte
	page   int64 // the part of the table in offs, plus one
	offs   []byte
	source []byte
	state  *unpacker
}

// wof opens a file by its reparse point: WOF_EXTERNAL_INFO and
// FILE_PROVIDER_EXTERNAL_INFO.
func (n *node) wof() (fsys.Data, error) {
	b, num := n.reparse, n.rec.num
	if len(b) < 16 {
		return nil, n.badReparse()
	}
	if provider := le.Uint32(b[4:]); provider != 2 {
		return nil, block.Unsupported("MFT record %d: bytes kept in a WIM file (provider %d of the Windows overlay filter)", num, provider)
	}
	w := &wof{num: num, size: int64(n.data.length()), width: 4}
	switch algorithm := le.Uint32(b[12:]); algorithm {
	case 0:
		w.chunk = 4 << 10
	case 1:
		w.chunk, w.lzx = lzxWindow, true
	case 2:
		w.chunk = 8 << 10
	case 3:
		w.chunk = 16 << 10
	default:
		return nil, block.Unsupported("MFT record %d: compression %d of the Windows overlay filter", num, algorithm)
	}
	switch {
	case w.size == 0:
		return resident(nil), nil
	case n.data.length() > 1<<62:
		return nil, block.Damaged("MFT record %d: stream of %d bytes", num, n.data.length())
	case n.packed.typ == 0:
		return nil, block.Damaged("MFT record %d: no stream %s", num, wofName)
	}
	var err error
	if w.packed, err = n.open(n.packed); err != nil {
		return nil, err
	}
	if w.size > 1<<32-1 {
		w.width = 8
	}
	w.table = ((w.size+w.chunk-1)/w.chunk - 1) * w.width
	if w.table > w.packed.Size() {
		return nil, block.Damaged("MFT record %d: %d bytes of offsets in %d bytes of %s", num, w.table, w.packed.Size(), wofName)
	}
	return w, nil
}

func (w *wof) Size() int64 { return w.size }

// Extents implements [fsys.Data].
func (w *wof) Extents(limit int) ([]block.Extent, error) { return w.packed.Extents(limit) }

// ReadAt implements [io.ReaderAt].
func (w *wof) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, w.size)
	w.mu.Lock()
	defer w.mu.Unlock()
	for done := 0; done < n; {
		pos := off + int64(done)
		i := pos / w.chunk
		whole := min(w.chunk, w.size-i*w.chunk)
		if err := w.part(p[done:n], i, pos%w.chunk, whole); err != nil {
			return done, fmt.Errorf("MFT record %d: chunk %d: %w", w.num, i, err)
		}
		done += int(min(int64(n-done), whole-pos%w.chunk))
	}
	return n, end
}

// part reads bytes of one chunk from within on. A whole one is unpacked in
// place, of others the last one is kept.
func (w *wof) part(p []byte, i, within, whole int64) error {
	if within == 0 && int64(len(p)) >= whole {
		return w.unpack(p[:whole], i)
	}
	if w.have != i+1 {
		w.have = 0
		if w.buf == nil {
			w.buf = make([]byte, min(w.chunk, w.size))
		}
		if err := w.unpack(w.buf[:whole], i); err != nil {
			return err
		}
		w.have = i + 1
	}
	copy(p, w.buf[within:whole])
	return nil
}

// unpack reads a chunk.
func (w *wof) unpack(p []byte, i int64) error {
	start, end := int64(0), w.packed.Size()-w.table
	var err error
	if i > 0 {
		start, err = w.offset(i - 1)
	}
	if err == nil && (i+1)*w.chunk < w.size {
		end, err = w.offset(i)
	}
	if err != nil {
		return err
	}
	if n := end - start; start < 0 || n <= 0 || n > int64(len(p)) || end > w.packed.Size()-w.table {
		return block.Damaged("packed bytes from %d to %d of %d, for %d unpacked ones", start, end, w.packed.Size()-w.table, len(p))
	}
	if end-start == int64(len(p)) {
		return block.ReadFull(w.packed, p, w.table+start)
	}
	if w.source == nil {
		w.source, w.state = make([]byte, w.chunk), new(unpacker)
	}
	src := w.source[:end-start]
	if err := block.ReadFull(w.packed, src, w.table+start); err != nil {
		return err
	}
	if w.lzx {
		return w.state.lzx(p, src)
	}
	return w.state.xpress(p, src)
}

// offset reads one offset of the table.
func (w *wof) offset(i int64) (int64, error) {
	if page := i / wofTable; w.page != page+1 {
		w.page = 0
		w.offs = make([]byte, min(wofTable*w.width, w.table-page*wofTable*w.width))
		if err := block.ReadFull(w.packed, w.offs, page*wofTable*w.width); err != nil {
			return 0, err
		}
		w.page = page + 1
	}
	at := i % wofTable * w.width
	if w.width == 4 {
		return int64(le.Uint32(w.offs[at:])), nil
	}
	return int64(le.Uint64(w.offs[at:])), nil
}

package iso9660

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// zisofs is what Rock Ridge says of a compressed file: blocks that are each
// compressed for themselves, behind a table of where they begin.
type zisofs struct {
	headerSize int64
	blockShift byte
	size       int64 // of the file, not compressed
}

// zisofsMagic begins a compressed file.
const zisofsMagic = "\x37\xE4\x53\x96\xC9\xDB\xD6\x07"

// open opens the file that is compressed in packed.
func (z *zisofs) open(packed *parts) (*unpacked, error) {
	header := make([]byte, 16)
	if z.blockShift < 15 || z.blockShift > 17 || z.headerSize < 16 {
		return nil, block.Damaged("record at byte %d: zisofs header of %d bytes, blocks of 1<<%d", packed.id, z.headerSize, z.blockShift)
	}
	if err := block.ReadFull(packed, header, 0); err != nil {
		return nil, fmt.Errorf("record at byte %d: read zisofs header: %w", packed.id, err)
	}
	if string(header[:8]) != zisofsMagic || int64(le.Uint32(header[8:])) != z.size ||
		int64(header[12])*4 != z.headerSize || header[13] != z.blockShift {
		return nil, block.Damaged("record at byte %d: zisofs header says other than the record", packed.id)
	}
	return &unpacked{parts: packed, zisofs: *z, cached: -1}, nil
}

// unpacked is the bytes of a compressed file.
type unpacked struct {
	*parts
	zisofs zisofs

	mu     sync.Mutex
	cached int64 // the block in buf, -1 for none
	buf    []byte
}

// Size implements [fsys.Data].
func (u *unpacked) Size() int64 { return u.zisofs.size }

// ReadAt implements [io.ReaderAt].
func (u *unpacked) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, u.zisofs.size)
	u.mu.Lock()
	defer u.mu.Unlock()
	for done := 0; done < n; {
		pos := off + int64(done)
		if err := u.load(pos >> u.zisofs.blockShift); err != nil {
			return done, fmt.Errorf("record at byte %d: %w", u.id, err)
		}
		done += copy(p[done:n], u.buf[pos&(1<<u.zisofs.blockShift-1):])
	}
	return n, end
}

// load unpacks a block.
func (u *unpacked) load(i int64) error {
	if u.cached == i {
		return nil
	}
	u.cached = -1
	var table [8]byte
	if err := block.ReadFull(u.parts, table[:], u.zisofs.headerSize+4*i); err != nil {
		return err
	}
	from, to := int64(le.Uint32(table[:])), int64(le.Uint32(table[4:]))
	size := min(int64(1)<<u.zisofs.blockShift, u.zisofs.size-i<<u.zisofs.blockShift)
	if from > to || to > u.size || to-from > 2<<u.zisofs.blockShift {
		return block.Damaged("zisofs block %d: bytes %d to %d of %d", i, from, to, u.size)
	}
	if u.buf == nil {
		u.buf = make([]byte, 1<<u.zisofs.blockShift)
	}
	u.buf = u.buf[:size]
	if from == to { // nothing but zeros
		clear(u.buf)
		u.cached = i
		return nil
	}
	packed := make([]byte, to-from)
	if err := block.ReadFull(u.parts, packed, from); err != nil {
		return err
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err == nil {
		_, err = io.ReadFull(r, u.buf)
	}
	if err == nil { // the checksum is behind the last byte
		switch _, end := io.ReadFull(r, make([]byte, 1)); {
		case end == nil:
			err = fmt.Errorf("more than %d bytes", size)
		case !errors.Is(end, io.EOF):
			err = end
		}
	}
	if err != nil {
		return block.Damaged("zisofs block %d: %v", i, err)
	}
	u.cached = i
	return nil
}

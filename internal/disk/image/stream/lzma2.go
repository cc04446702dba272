package stream

import (
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// maxDictionary is the largest dictionary that is given memory: that of xz
	// -9. A header may ask for 4 GiB.
	maxDictionary = 64 << 20
	// maxChunk is the most that one chunk of LZMA2 holds.
	maxChunk = 2 << 20
)

// lzma2 decodes LZMA2 (the .xz file format, section 5.3.1): chunks of LZMA, or
// of bytes as they are.
type lzma2 struct {
	lzma
	in *input
	to io.Writer

	flushed            int  // what of out was given
	needDict, needProp bool // the next chunk must reset the dictionary, set properties
	packed             int64
	content            int64 // bytes given
}

// begin readies the decoder for a stream. size is the content's length, or below
// zero.
func (d *lzma2) begin(dictionary, size int64, to io.Writer) error {
	if size >= 0 {
		dictionary = min(dictionary, size)
	}
	if dictionary > maxDictionary {
		return block.Unsupported("a dictionary of %d bytes: want at most %d", dictionary, maxDictionary)
	}
	room := max(2*maxChunk, dictionary/8)
	if size >= 0 {
		room = min(room, size-dictionary)
	}
	if n := int(dictionary + room); n <= cap(d.out) {
		d.out = d.out[:n]
	} else {
		d.out = make([]byte, n)
	}
	d.to, d.needDict, d.needProp = to, true, true
	d.window, d.w, d.flushed, d.floor, d.packed, d.content = int(dictionary), 0, 0, 0, 0, 0
	return nil
}

// run decodes up to the end marker.
func (d *lzma2) run() error {
	for {
		control, err := d.take(1)
		if err != nil {
			return err
		}
		c := control[0]
		if c == 0 {
			return d.flush()
		}
		if err := d.one(c); err != nil {
			if ferr := d.flush(); ferr != nil { // what came before is right
				return ferr
			}
			return err
		}
	}
}

func (d *lzma2) take(n int) ([]byte, error) {
	d.packed += int64(n)
	return d.in.take(n)
}

// one decodes the chunk with a control byte.
func (d *lzma2) one(c byte) error {
	if c >= 0xe0 || c == 1 {
		d.needDict, d.needProp = false, true
		d.floor = d.w
	}
	if d.needDict || c > 2 && c < 0x80 {
		return block.Damaged("LZMA2 chunk with the control byte %#x before offset %d", c, d.in.offset())
	}
	if c < 0x80 {
		return d.stored()
	}
	h, err := d.take(4)
	if err != nil {
		return err
	}
	n := (int(c&0x1f)<<16 | int(h[0])<<8 | int(h[1])) + 1
	size := (int(h[2])<<8 | int(h[3])) + 1
	if c >= 0xc0 {
		p, err := d.take(1)
		if err == nil {
			err = d.properties(p[0])
		}
		if err != nil {
			return err
		}
		d.needProp = false
	}
	if d.needProp {
		return block.Damaged("LZMA2 chunk without properties before offset %d", d.in.offset())
	}
	if c >= 0xa0 {
		d.reset()
	}
	if err := d.read(d.lzma.in[:size]); err != nil {
		return err
	}
	if err := d.makeRoom(n); err != nil {
		return err
	}
	start := d.w
	if err := d.chunk(n, size); err != nil {
		d.w = start // what was decoded of a damaged chunk may be wrong
		return err
	}
	return nil
}

// stored takes a chunk of bytes as they are.
func (d *lzma2) stored() error {
	h, err := d.take(2)
	if err != nil {
		return err
	}
	n := (int(h[0])<<8 | int(h[1])) + 1
	if err := d.makeRoom(n); err != nil {
		return err
	}
	if err := d.read(d.out[d.w : d.w+n]); err != nil {
		return err
	}
	d.w += n
	return nil
}

// read fills b from the input.
func (d *lzma2) read(b []byte) error {
	d.packed += int64(len(b))
	for len(b) > 0 {
		if d.in.pos >= d.in.end {
			if err := d.in.fill(); err != nil {
				return err
			}
			if d.in.pos >= d.in.end {
				return io.ErrUnexpectedEOF
			}
		}
		n := copy(b, d.in.buf[d.in.pos:d.in.end])
		b, d.in.pos = b[n:], d.in.pos+n
	}
	return nil
}

// makeRoom makes room in out for n bytes.
func (d *lzma2) makeRoom(n int) error {
	if n <= len(d.out)-d.w {
		return nil
	}
	if err := d.flush(); err != nil {
		return err
	}
	gone := max(0, d.w-d.window)
	copy(d.out, d.out[gone:d.w])
	d.w, d.flushed, d.floor = d.w-gone, d.flushed-gone, d.floor-gone
	if n > len(d.out)-d.w {
		return block.Damaged("more data than the %d bytes stated", d.content)
	}
	return nil
}

// flush gives what was decoded.
func (d *lzma2) flush() error {
	n, err := d.to.Write(d.out[d.flushed:d.w])
	d.flushed += n
	d.content += int64(n)
	return err
}

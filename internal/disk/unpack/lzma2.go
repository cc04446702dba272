package unpack

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// maxChunk is the most that one chunk of LZMA2 holds.
const maxChunk = 2 << 20

// LZMA2 decodes LZMA2 (the .xz file format, section 5.3.1): chunks of LZMA, or
// of bytes as they are. It may be used again, which saves memory.
type LZMA2 struct {
	lzma
	src io.Reader
	to  io.Writer // nil: out is where the content belongs

	head               [5]byte
	flushed            int  // what of out was given
	needDict, needProp bool // the next chunk must reset the dictionary, set properties
	packed             int64
	content            int64 // bytes given
	most               int64 // content that there may be, or below zero

	whole bytes.Reader
}

// Stream decodes up to the marker of the end from src to to, and gives how many
// bytes were taken and written. size is the most that may come, or below zero.
// What it holds is the dictionary, whose length the caller bounds, and 4 MiB or
// an eighth more, or size if that is less. What is right before an error is
// written.
func (d *LZMA2) Stream(src io.Reader, to io.Writer, dictionary, size int64) (packed, content int64, err error) {
	if size >= 0 {
		dictionary = min(dictionary, size)
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
	d.begin(src, to, int(dictionary), size)
	err = d.all()
	if ferr := d.flush(); ferr != nil {
		err = ferr
	}
	return d.packed, d.content, err
}

func (d *LZMA2) begin(src io.Reader, to io.Writer, window int, most int64) {
	d.src, d.to, d.most, d.needDict, d.needProp = src, to, most, true, true
	d.window, d.w, d.flushed, d.floor, d.packed, d.content = window, 0, 0, 0, 0, 0
}

var lzmas = sync.Pool{New: func() any { return new(LZMA2) }}

// UnLZMA2 decompresses LZMA2 into dst, and gives how many bytes that were and of
// how many in src.
func UnLZMA2(dst, src []byte) (n, used int, err error) {
	d := lzmas.Get().(*LZMA2)
	defer d.free()
	d.whole.Reset(src)
	d.out = dst
	d.begin(&d.whole, nil, len(dst), int64(len(dst)))
	if err = d.all(); errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrCut
	}
	return d.w, int(d.packed), err
}

// free gives back a decoder that wrote into someone's buffer.
func (d *LZMA2) free() {
	d.out = nil
	d.whole.Reset(nil)
	lzmas.Put(d)
}

// all decodes up to the end marker.
func (d *LZMA2) all() error {
	for {
		control, err := d.take(1)
		if err != nil {
			return err
		}
		c := control[0]
		if c == 0 {
			return nil
		}
		if err := d.one(c); err != nil {
			return err
		}
	}
}

// take gives the next n bytes, at most five.
func (d *LZMA2) take(n int) ([]byte, error) {
	return d.head[:n], d.read(d.head[:n])
}

// read fills b from the input.
func (d *LZMA2) read(b []byte) error {
	d.packed += int64(len(b))
	_, err := io.ReadFull(d.src, b)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// one decodes the chunk with a control byte.
func (d *LZMA2) one(c byte) error {
	if c >= 0xe0 || c == 1 {
		d.needDict, d.needProp = false, true
		d.floor = d.w
	}
	if d.needDict || c > 2 && c < 0x80 {
		return bad("LZMA2 chunk with the control byte %#x", c)
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
		if err := d.newProperties(); err != nil {
			return err
		}
	}
	if d.needProp {
		return bad("LZMA2 chunk without properties")
	}
	if c >= 0xa0 {
		d.reset()
	}
	if err := d.read(d.room(size)); err != nil {
		return err
	}
	if err := d.makeRoom(n); err != nil {
		return err
	}
	start := d.w
	if err := d.chunk(n); err != nil {
		d.w = start // what was decoded of a damaged chunk may be wrong
		return err
	}
	return nil
}

func (d *LZMA2) newProperties() error {
	p, err := d.take(1)
	if err == nil {
		err = d.properties(p[0])
	}
	if err != nil {
		return err
	}
	if d.lc+d.lp > 4 {
		return bad("LZMA2 properties with lc %d and lp %d: want at most 4 together", d.lc, d.lp)
	}
	d.needProp = false
	return nil
}

// chunk decodes the n bytes of the chunk in d.in, which must end with them.
func (d *LZMA2) chunk(n int) error {
	if err := d.start(); err != nil {
		return err
	}
	marked, err := d.run(d.w + n)
	switch {
	case err != nil:
		return err
	case marked:
		return bad("LZMA end marker in a chunk")
	case d.pos != d.size || d.code != 0:
		return bad("LZMA chunk of %d bytes ends at byte %d with %#x left", d.size, d.pos, d.code)
	}
	return nil
}

// stored takes a chunk of bytes as they are.
func (d *LZMA2) stored() error {
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

// makeRoom makes room in out for n bytes.
func (d *LZMA2) makeRoom(n int) error {
	if d.most >= 0 && int64(n) > d.most-d.content-int64(d.w-d.flushed) {
		return ErrLong
	}
	if n <= len(d.out)-d.w {
		return nil
	}
	if err := d.flush(); err != nil {
		return err
	}
	gone := max(0, d.w-d.window)
	copy(d.out, d.out[gone:d.w])
	d.w, d.flushed, d.floor = d.w-gone, d.flushed-gone, d.floor-gone
	return nil
}

// flush gives what was decoded.
func (d *LZMA2) flush() error {
	n, err := d.to.Write(d.out[d.flushed:d.w])
	d.flushed += n
	d.content += int64(n)
	return err
}

package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// compression is how an extent is compressed.
type compression uint8

const (
	methodNone compression = iota
	methodZlib
	methodLZO
	methodZstd
)

func (c compression) String() string {
	return [...]string{"none", "zlib", "lzo", "zstd"}[c]
}

func encrypted(start uint64, method byte) error {
	return fmt.Errorf("extent at %d: encryption %d: %w", start, method, block.ErrEncrypted)
}

// inflater decompresses extents and keeps the last ones, so that a file read
// in small steps is decompressed once.
type inflater struct {
	zlib, zstd, buffers sync.Pool

	mu   sync.Mutex
	kept [keptExtents]*inflated
	next int
}

// keptExtents bounds the extents kept, of maxCompressed bytes each.
const keptExtents = 32

// inflated is a decompressed extent. Its bytes don't change.
type inflated struct {
	logical, ram uint64
	method       compression
	data         []byte
}

func (f *inflater) get(e *extent) *inflated {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.kept {
		if k != nil && k.logical == e.logical && k.ram == e.ram && k.method == e.method {
			return k
		}
	}
	return nil
}

func (f *inflater) put(k *inflated) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[f.next] = k
	f.next = (f.next + 1) % keptExtents
}

// readCompressed fills p from a compressed extent, beginning at the given byte
// of what it decompresses to.
func (t *tree) readCompressed(p []byte, e *extent, at uint64, summed bool) error {
	f := &t.inflate
	if e.inline != nil {
		data := make([]byte, e.ram)
		if err := f.decompress(data, e.inline, e.method, t.sb.sectorSize); err != nil {
			return err
		}
		copy(p, data[at:])
		return nil
	}
	if k := f.get(e); k != nil {
		copy(p, k.data[at:])
		return nil
	}
	whole := at == 0 && uint64(len(p)) == e.ram
	data := p
	if !whole {
		data = make([]byte, e.ram)
	}
	if err := t.inflateExtent(data, e, summed); err != nil {
		return err
	}
	if !whole {
		f.put(&inflated{e.logical, e.ram, e.method, data})
		copy(p, data[at:])
	}
	return nil
}

func (t *tree) inflateExtent(dst []byte, e *extent, summed bool) error {
	f := &t.inflate
	buf, _ := f.buffers.Get().(*[maxCompressed]byte)
	if buf == nil {
		buf = new([maxCompressed]byte)
	}
	defer f.buffers.Put(buf)
	src := buf[:e.diskBytes]
	read := t.readAny
	if summed {
		read = t.readSummed
	}
	if err := read(src, e.logical); err != nil {
		return err
	}
	return f.decompress(dst, src, e.method, t.sb.sectorSize)
}

// decompress fills dst. As with the kernel, what src lacks is zero and what it
// has beyond dst is left.
func (f *inflater) decompress(dst, src []byte, method compression, sector int) (err error) {
	n := 0
	switch method {
	case methodZlib:
		n, err = f.inflateZlib(dst, src)
	case methodLZO:
		n, err = inflateLZO(dst, src, sector)
	case methodZstd:
		n, err = f.inflateZstd(dst, src)
	}
	if err != nil {
		return block.Damaged("decompress %v: %v", method, err)
	}
	clear(dst[n:])
	return nil
}

func (f *inflater) inflateZlib(dst, src []byte) (int, error) {
	if len(src) < 2 || src[0]&15 != 8 || src[1]&32 != 0 || (int(src[0])<<8|int(src[1]))%31 != 0 {
		return 0, errors.New("no zlib header")
	}
	in := bytes.NewReader(src[2:])
	r, _ := f.zlib.Get().(io.ReadCloser)
	if r == nil {
		r = flate.NewReader(in)
	} else if err := r.(flate.Resetter).Reset(in, nil); err != nil {
		return 0, err
	}
	defer f.zlib.Put(r)
	for n := 0; n < len(dst); {
		m, err := r.Read(dst[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return len(dst), nil
}

func (f *inflater) inflateZstd(dst, src []byte) (int, error) {
	n, err := zstdFrame(src)
	if err != nil {
		return 0, err
	}
	d, _ := f.zstd.Get().(*zstd.Decoder)
	if d == nil {
		d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(maxCompressed), zstd.WithDecoderMaxWindow(maxCompressed))
		if err != nil {
			return 0, err
		}
	}
	defer f.zstd.Put(d)
	out, err := d.DecodeAll(src[:n], dst[:0:len(dst)])
	if err != nil {
		return 0, err
	}
	if len(out) > 0 && len(dst) > 0 && &out[0] != &dst[0] {
		return copy(dst, out), nil
	}
	return len(out), nil
}

// zstdFrame gives the length of the frame at the start of b: behind it an
// extent is filled up to the end of its sector.
func zstdFrame(b []byte) (int, error) {
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return 0, err
	}
	if h.Skippable {
		return 0, errors.New("skippable frame")
	}
	for at := h.HeaderSize; at+3 <= len(b); {
		head := uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16
		at += 3
		if head>>1&3 == 1 {
			at++ // a run of one byte
		} else {
			at += int(head >> 3)
		}
		if head&1 == 0 {
			continue
		}
		if h.HasCheckSum {
			at += 4
		}
		if at > len(b) {
			break
		}
		return at, nil
	}
	return 0, errors.New("the frame is cut off")
}

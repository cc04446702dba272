package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Xz reads xz files. Filters besides LZMA2 are not read, nor dictionaries of
// more than 64 MiB, the largest that xz -9 makes.
type Xz struct{}

// Name implements [image.Format].
func (Xz) Name() string { return "xz" }

// Open implements [image.Format]. Blocks are decompressed as they are asked for;
// a file of one large block is decompressed as a whole, and so is one whose
// index can't be read.
func (Xz) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	if err := begins(src, xzMagic); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x := &xzReader{src: src}
	streams, err := xzStreams(src)
	d := image.Disk{}
	switch {
	case err == nil:
		if err = x.lay(streams); err != nil {
			return nil, err
		}
		if d, err = x.parts(env); errors.Is(err, block.ErrUnsupported) {
			d, err = spill(ctx, env, x.all)
		}
	case errors.Is(err, block.ErrDamaged), errors.Is(err, io.ErrUnexpectedEOF):
		end := err
		if d, err = spill(ctx, env, x.all); err == nil && !d.Incomplete {
			d.Incomplete, d.Notes = true, append(d.Notes, fmt.Sprintf("its index could not be read: %v", end))
		}
	}
	if err != nil {
		return nil, err
	}
	return []image.Disk{d}, nil
}

// xzReader decompresses the blocks of an xz file.
type xzReader struct {
	src    block.Source
	index  []part
	checks []byte     // of each part
	dec    *xzDecoder // of the part before, whose memory is used again
}

// lay puts the blocks of all streams, given from the last one back, in order.
func (x *xzReader) lay(streams []xzStream) error {
	off := int64(0)
	for _, s := range slices.Backward(streams) {
		at := s.start + headerSize
		for _, r := range s.records {
			if r.content > maxSize-off {
				return block.Unsupported("it decompresses to more than %d bytes: %w", int64(maxSize), errHuge)
			}
			if r.content > 0 {
				x.index, x.checks = append(x.index, part{off, at}), append(x.checks, s.check)
			}
			off, at = off+r.content, at+(r.stored+3)&^3
		}
	}
	x.index = append(x.index, part{off, x.src.Size()})
	return nil
}

// parts serves the blocks, but not a single one that is large.
func (x *xzReader) parts(env *image.Env) (image.Disk, error) {
	if len(x.index) == 2 && x.index[1].off > maxPart {
		return image.Disk{}, block.ErrUnsupported
	}
	return newParts(x.index, x, env)
}

// unpack implements [unpacker].
func (x *xzReader) unpack(i int, to io.Writer) error {
	if x.dec == nil {
		x.dec = &xzDecoder{in: newInput(x.src)}
	}
	x.dec.in.seek(x.index[i].at)
	_, _, err := x.dec.block(x.checks[i], x.index[i+1].off-x.index[i].off, to)
	return err
}

// close implements [unpacker].
func (x *xzReader) close() {}

// all decompresses stream after stream.
func (x *xzReader) all(to io.Writer) error {
	in := newInput(x.src)
	x.dec = &xzDecoder{in: in}
	for in.offset() < x.src.Size() {
		b, err := in.take(4)
		if err != nil {
			return err
		}
		if in.offset() > headerSize && blank(b) {
			continue // padding
		}
		in.seek(in.offset() - 4)
		if err := x.stream(in, to); err != nil {
			return err
		}
	}
	return nil
}

// stream decompresses the stream at the input's place, and holds its index to
// the blocks that it had.
func (x *xzReader) stream(in *input, to io.Writer) error {
	start := in.offset()
	head := make([]byte, headerSize)
	if err := takeAll(in, head); err != nil {
		return err
	}
	check, err := streamFlags(head, start)
	if err != nil {
		return err
	}
	var had record
	for blocks := 0; ; blocks++ {
		at := in.offset()
		b, err := in.take(1)
		if err != nil {
			return err
		}
		in.seek(at)
		if b[0] == 0 {
			return x.endStream(in, blocks, had, head[6:8])
		}
		stored, content, err := x.dec.block(check, -1, to)
		if err != nil {
			return err
		}
		had.stored, had.content = had.stored+(stored+3)&^3, had.content+content
	}
}

// endStream reads the index and the footer at the input's place.
func (x *xzReader) endStream(in *input, blocks int, had record, flags []byte) error {
	at := in.offset()
	ix := track(x.src, at, x.src.Size()-at)
	records, taken, err := readIndex(ix, maxParts)
	if ix.err != nil {
		return ix.err
	}
	if err != nil {
		return err
	}
	if stored, content := total(records); len(records) != blocks || had != (record{stored, content}) {
		return block.Damaged("index at offset %d: other blocks than there are", at)
	}
	foot := make([]byte, headerSize)
	in.seek(at + taken)
	if err := takeAll(in, foot); err != nil {
		return err
	}
	if size, check, err := streamFooter(foot, at+taken); err != nil || size != taken || string(check) != string(flags) {
		return block.Damaged("stream footer at offset %d does not fit its stream (%v)", at+taken, err)
	}
	return nil
}

// UnpackXz writes what an xz file holds to a writer, from its start, whether or
// not its index can be read.
func UnpackXz(src block.Source, to io.Writer) error {
	if err := begins(src, xzMagic); err != nil {
		return err
	}
	return (&xzReader{src: src}).all(to)
}

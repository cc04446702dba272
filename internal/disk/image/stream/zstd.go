package stream

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

// Zstd reads Zstandard files: of one frame, of several, and of the seekable
// format. A window may have up to 128 MiB, that of zstd --long=27.
type Zstd struct{}

const (
	zstdMagic     = 0xFD2FB528
	skippable     = 0x184D2A50 // and fifteen more
	skippableMask = 0xFFFFFFF0
	maxWindow     = 128 << 20
	// maxSkipped is how many skippable frames may stand before the first one.
	maxSkipped = 64
)

// Name implements [image.Format].
func (Zstd) Name() string { return "zstd" }

// Open implements [image.Format]. Frames are decompressed as they are asked for
// when a seek table or they themselves tell their sizes.
func (Zstd) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	first, err := firstFrame(src)
	if err != nil {
		return nil, err
	}
	z := &zstdReader{src: src}
	if z.index = z.seekTable(); z.index == nil {
		if z.index, err = z.frames(ctx, first); err != nil {
			return nil, err
		}
	}
	d, err := image.Disk{}, block.ErrUnsupported
	if z.index != nil {
		d, err = newParts(z.index, z, env)
		d.Notes, d.Incomplete = append(z.notes, d.Notes...), len(z.notes) > 0
	}
	if errors.Is(err, block.ErrUnsupported) {
		d, err = spill(ctx, env, func(to io.Writer) error { return z.copy(to, 0, src.Size()) })
		z.close()
	}
	if err != nil {
		return nil, err
	}
	return []image.Disk{d}, nil
}

// firstFrame gives the place of the first frame that is not skippable.
func firstFrame(src block.Source) (int64, error) {
	var b [8]byte
	off := int64(0)
	for range maxSkipped {
		if n, err := src.ReadAt(b[:], off); n < 4 {
			if !lost(err) {
				return 0, err
			}
			break
		}
		magic := binary.LittleEndian.Uint32(b[:])
		if magic == zstdMagic {
			return off, nil
		}
		if magic&skippableMask != skippable {
			break
		}
		off += 8 + int64(binary.LittleEndian.Uint32(b[4:]))
	}
	return 0, block.ErrNotThis
}

// zstdReader decompresses frames, one at a time.
type zstdReader struct {
	src   block.Source
	index []part
	dec   *zstd.Decoder
	notes []string // what of the stream is not shown
}

// unpack implements [unpacker].
func (d *zstdReader) unpack(i int, to io.Writer) error {
	return d.copy(to, d.index[i].at, d.index[i+1].at-d.index[i].at)
}

// copy decompresses the frames in a range of the source.
func (d *zstdReader) copy(to io.Writer, off, n int64) error {
	in, out := track(d.src, off, n), &sink{w: to}
	buf := bufio.NewReaderSize(in, inputSize)
	var err error
	if d.dec == nil {
		d.dec, err = zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxSize))
	} else {
		err = d.dec.Reset(buf)
	}
	if err == nil {
		_, err = d.dec.WriteTo(out)
	}
	switch {
	case err == nil:
		return nil
	case in.err != nil:
		return in.err
	case out.err != nil:
		return out.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return block.Unsupported("a window of more than %d bytes (%v)", maxWindow, err)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return block.Unsupported("it needs a dictionary")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return block.Damaged("%v", err)
}

// close implements [unpacker].
func (d *zstdReader) close() {
	if d.dec != nil {
		d.dec.Close()
	}
}

package squashfs

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/unpack"
)

// decompressor decompresses src into dst and gives how many bytes that were.
// More than dst holds is an error. It is safe for use by several goroutines.
type decompressor func(dst, src []byte) (int, error)

// What is wrong with compressed bytes.
var (
	errHeader = errors.New("the header of the compressed bytes is wrong")
	errSum    = errors.New("the checksum is wrong")
	errFilter = errors.New("a filter that is not known")
)

// newDecompressor gives the one of a number in the superblock.
func newDecompressor(kind uint16) (decompressor, error) {
	switch kind {
	case 1:
		return inflate, nil
	case 2:
		return unpack.UnLZMA, nil
	case 3:
		return unpack.LZO1X, nil
	case 4:
		return xz, nil
	case 5:
		return unpack.LZ4, nil
	case 6:
		return unzstd, nil
	}
	return nil, block.Unsupported("superblock: compressor %d", kind)
}

// inflater is a reusable reader of zlib's format.
type inflater struct {
	src bytes.Reader
	z   io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

func inflate(dst, src []byte) (n int, err error) {
	i := inflaters.Get().(*inflater)
	defer inflaters.Put(i)
	i.src.Reset(src)
	if r, ok := i.z.(zlib.Resetter); ok {
		err = r.Reset(&i.src, nil)
	} else {
		i.z, err = zlib.NewReader(&i.src)
	}
	for err == nil && n < len(dst) {
		got := 0
		got, err = i.z.Read(dst[n:])
		n += got
	}
	if err == nil {
		// The end is seen, and the checksum, only by reading on.
		var more [1]byte
		if _, err = io.ReadFull(i.z, more[:]); err == nil {
			err = unpack.ErrLong
		}
	}
	if errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, err
}

var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(2<<20), zstd.WithDecoderConcurrency(0))
})

func unzstd(dst, src []byte) (int, error) {
	d, err := zstdDecoder()
	if err != nil {
		return 0, err
	}
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		return 0, err
	}
	return copy(dst, out), nil // in place already
}

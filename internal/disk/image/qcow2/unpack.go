package qcow2

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory of a zstd decoder. A cluster has 2 MiB at most.
const maxWindow = 8 << 20

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

var zstds sync.Pool // of *zstd.Decoder

// Unpack implements [image.Unpacker]. What follows the compressed data, up to
// the end of its last sector, is anything.
func (m *mapping) Unpack(dst, packed []byte) error {
	if m.compression == compressionZstd {
		return unzstd(dst, packed)
	}
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return err
	}
	_, err := io.ReadFull(r, dst)
	return err
}

func unzstd(dst, packed []byte) error {
	d, ok := zstds.Get().(*zstd.Decoder)
	var err error
	if ok {
		err = d.Reset(bytes.NewReader(packed))
	} else {
		d, err = zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(2*maxWindow))
	}
	if err != nil {
		return err
	}
	defer zstds.Put(d)
	_, err = io.ReadFull(d, dst)
	return err
}

package stream

import (
	"errors"
	"fmt"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	inputSize = 128 << 10
	// padding is how many zeros stand behind the end of the source, so that
	// eight bytes can be loaded at once up to the last one.
	padding = 16
)

// input is a source's bytes in their order, from any place on.
type input struct {
	src      block.Source
	buf      []byte
	base     int64 // of buf[0] on the source
	pos, end int   // of what was not taken yet
	eof      bool  // the source ends at end; zeros stand behind
}

func newInput(src block.Source) *input {
	return &input{src: src, buf: make([]byte, inputSize+padding)}
}

// seek goes to a byte of the source.
func (in *input) seek(off int64) {
	if p := off - in.base; p >= 0 && p <= int64(in.end) {
		in.pos = int(p)
		return
	}
	in.base, in.pos, in.end, in.eof = off, 0, 0, false
}

// limit is the end of what may be loaded from buf.
func (in *input) limit() int {
	if in.eof {
		return in.end + padding
	}
	return in.end
}

// fill makes at least eight bytes ready to be loaded at pos, zeros behind the
// end of the source. It fails when pos lies behind those.
func (in *input) fill() error {
	if in.eof {
		if in.pos+8 > in.limit() {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	copy(in.buf, in.buf[in.pos:in.end])
	in.base += int64(in.pos)
	in.end -= in.pos
	in.pos = 0
	for in.end < 8 && !in.eof {
		at := in.base + int64(in.end)
		n, err := in.src.ReadAt(in.buf[in.end:inputSize], at)
		in.end += n
		switch {
		case errors.Is(err, io.EOF), err == nil && at+int64(n) >= in.src.Size():
			in.eof = true
			clear(in.buf[in.end : in.end+padding])
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("read at offset %d: %w", at, io.ErrNoProgress)
		}
	}
	return nil
}

// take gives the next n bytes, at most eight.
func (in *input) take(n int) ([]byte, error) {
	if in.pos+8 > in.limit() {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	if in.pos+n > in.end {
		return nil, io.ErrUnexpectedEOF
	}
	in.pos += n
	return in.buf[in.pos-n : in.pos], nil
}

// Read implements [io.Reader].
func (in *input) Read(p []byte) (int, error) {
	if in.pos >= in.end {
		if err := in.fill(); err != nil {
			return 0, err
		}
		if in.pos >= in.end {
			return 0, io.EOF
		}
	}
	n := copy(p, in.buf[in.pos:in.end])
	in.pos += n
	return n, nil
}

// offset is the place of the next byte on the source.
func (in *input) offset() int64 { return in.base + int64(in.pos) }

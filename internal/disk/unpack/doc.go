// Package unpack is decompression that several formats share: bytes in, at most
// n bytes out, no panic. What is wrong with the bytes is an [Error].
package unpack

import (
	"encoding/binary"
	"fmt"
)

var le = binary.LittleEndian

// Error tells what is wrong with compressed bytes.
type Error string

func (e Error) Error() string { return string(e) }

func bad(format string, args ...any) error { return Error(fmt.Sprintf(format, args...)) }

// What any compressed bytes may be.
const (
	ErrCut  Error = "the compressed bytes are cut off"
	ErrLong Error = "more bytes than there may be"
	ErrBack Error = "a match before the start"
)

// Repeat fills to with from, the bytes right before it, over and over.
func Repeat(to, from []byte) {
	n := copy(to, from)
	for n < len(to) {
		n += copy(to[n:], to[:n])
	}
}

// match copies n bytes that lie back bytes before out, which may overlap, and
// gives where they end.
func match(dst []byte, out, back, n int) (int, error) {
	if back < 1 || back > out {
		return out, ErrBack
	}
	if n > len(dst)-out {
		return out, ErrLong
	}
	Repeat(dst[out:out+n], dst[out-back:out])
	return out + n, nil
}

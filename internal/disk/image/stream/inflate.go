package stream

import (
	"encoding/binary"
	"io"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/unpack"
)

const (
	windowSize = 32 << 10 // how far a match reaches back
	longest    = 258      // bytes of a match
	// pieceSize is how much is inflated before it is handed on.
	pieceSize = 256 << 10
)

// What an inflater is in the middle of.
const (
	betweenBlocks = iota
	inStored
	inCoded
)

// inflater decodes a raw deflate stream (RFC 1951). Unlike others it can stop
// between any two symbols and be resumed there: what it needs for that is the
// place of the block's header, that of the next bit, and the window.
type inflater struct {
	in   *input
	bits uint64 // loaded and not taken, the next one lowest
	n    uint   // how many of them

	out   []byte // what was given before, as far as a match reaches, then what is new
	w     int    // its end
	floor int    // matches don't reach below: the beginning of the stream

	state  int
	final  bool
	left   int   // bytes of a stored block that are left
	header int64 // the place of the block's header, in bits
	lit    [1<<litBits + 144<<(maxCode-litBits)]entry
	dist   [1<<distBits + 16<<(maxCode-distBits)]entry
}

func newInflater(src block.Source) *inflater {
	return &inflater{in: newInput(src), out: make([]byte, windowSize+pieceSize+longest)}
}

// begin starts a stream at the next byte of the input.
func (d *inflater) begin() {
	d.state, d.final, d.floor = betweenBlocks, false, d.w
	d.bits, d.n = 0, 0
}

// at is the place of the next bit.
func (d *inflater) at() int64 { return d.in.offset()*8 - int64(d.n) }

// seek goes to a bit of the source.
func (d *inflater) seek(bit int64) error {
	d.in.seek(bit / 8)
	d.bits, d.n = 0, 0
	if bit%8 == 0 {
		return nil
	}
	_, err := d.get(uint(bit % 8))
	return err
}

// byteAlign drops the bits up to the next byte and gives those loaded behind it
// back to the input.
func (d *inflater) byteAlign() {
	d.in.seek(d.in.offset() - int64(d.n/8))
	d.bits, d.n = 0, 0
}

// slide keeps the window alone, at the front of out, and gives how many bytes
// went.
func (d *inflater) slide() int {
	gone := max(0, d.w-windowSize)
	copy(d.out, d.out[gone:d.w])
	d.w -= gone
	d.floor = max(0, d.floor-gone)
	return gone
}

// load brings n to at least 56 bits; behind the end of the source they are zero.
func (d *inflater) load() error {
	if d.in.pos+8 > d.in.limit() {
		if err := d.in.fill(); err != nil {
			return err
		}
	}
	d.bits |= binary.LittleEndian.Uint64(d.in.buf[d.in.pos:]) << d.n
	d.in.pos += int((63 - d.n) >> 3)
	d.n |= 56
	return nil
}

// get takes n bits, at most 16.
func (d *inflater) get(n uint) (uint, error) {
	if d.n < n {
		if err := d.load(); err != nil {
			return 0, err
		}
	}
	v := uint(d.bits & (1<<n - 1))
	d.bits >>= n
	d.n -= n
	if d.overrun() {
		return 0, io.ErrUnexpectedEOF
	}
	return v, nil
}

// overrun tells that more bits were taken than there are.
func (d *inflater) overrun() bool {
	return d.in.eof && d.in.pos*8-int(d.n) > d.in.end*8
}

// run inflates until out is filled or the stream ends, which done tells. What it
// gave before an error is right.
func (d *inflater) run() (done bool, err error) {
	for limit := len(d.out) - longest; d.w < limit; {
		switch d.state {
		case betweenBlocks:
			if d.final {
				return true, nil
			}
			err = d.blockHeader()
		case inStored:
			err = d.stored(limit)
		case inCoded:
			err = d.symbols(limit)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// blockHeader reads the header of a block and its codes (RFC 1951, section
// 3.2.3).
func (d *inflater) blockHeader() error {
	at := d.at()
	v, err := d.get(3)
	if err != nil {
		return err
	}
	switch v >> 1 {
	case 0:
		err = d.storedHeader()
	case 1:
		err = d.fixedCodes()
	case 2:
		err = d.dynamicCodes()
	default:
		err = block.Damaged("block of type 3 at bit %d", at)
	}
	if err == nil {
		d.header, d.final = at, v&1 == 1
	}
	return err
}

func (d *inflater) storedHeader() error {
	d.byteAlign()
	b, err := d.in.take(4)
	if err != nil {
		return err
	}
	n, not := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	if n != ^not {
		return block.Damaged("stored block at byte %d: length %#x, its complement %#x", d.in.offset()-4, n, not)
	}
	d.state, d.left = inStored, int(n)
	return nil
}

func (d *inflater) stored(limit int) error {
	for d.left > 0 && d.w < limit {
		if d.in.pos >= d.in.end {
			if err := d.in.fill(); err != nil {
				return err
			}
			if d.in.pos >= d.in.end {
				return io.ErrUnexpectedEOF
			}
		}
		n := copy(d.out[d.w:min(limit, d.w+d.left)], d.in.buf[d.in.pos:d.in.end])
		d.w, d.left, d.in.pos = d.w+n, d.left-n, d.in.pos+n
	}
	if d.left == 0 {
		d.state = betweenBlocks
	}
	return nil
}

func (d *inflater) fixedCodes() error {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	if err := buildTable(d.lit[:], litBits, lengths[:], litEntries[:]); err != nil {
		return err
	}
	for i := range 32 {
		lengths[i] = 5
	}
	d.state = inCoded
	return buildTable(d.dist[:], distBits, lengths[:32], distEntries[:])
}

// codeOrder is the order of the lengths of the code of code lengths (RFC 1951,
// section 3.2.7).
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (d *inflater) dynamicCodes() error {
	v, err := d.get(14)
	if err != nil {
		return err
	}
	nlit, ndist, ncode := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if nlit > 286 || ndist > 30 {
		return block.Damaged("%d codes of literals and %d of distances: want at most 286 and 30", nlit, ndist)
	}
	var lengths [286 + 30]uint8
	if err := d.codeLengths(lengths[:nlit+ndist], ncode); err != nil {
		return err
	}
	if lengths[256] == 0 {
		return block.Damaged("a block without a code for its end")
	}
	if err := buildTable(d.lit[:], litBits, lengths[:nlit], litEntries[:]); err != nil {
		return err
	}
	d.state = inCoded
	return buildTable(d.dist[:], distBits, lengths[nlit:nlit+ndist], distEntries[:])
}

// codeLengths reads the lengths of the codes, which are coded themselves.
func (d *inflater) codeLengths(lengths []uint8, ncode int) error {
	var of [19]uint8
	for _, s := range codeOrder[:ncode] {
		v, err := d.get(3)
		if err != nil {
			return err
		}
		of[s] = uint8(v)
	}
	if err := buildTable(d.lit[:], litBits, of[:], litEntries[:]); err != nil {
		return err
	}
	for i := 0; i < len(lengths); {
		s, err := d.symbol()
		if err != nil {
			return err
		}
		if s < 16 {
			lengths[i] = uint8(s)
			i++
			continue
		}
		bits, repeat, value := uint(2), 3, uint8(0)
		switch s {
		case 16:
			if i == 0 {
				return block.Damaged("a code length that repeats the one before the first")
			}
			value = lengths[i-1]
		case 17:
			bits = 3
		default:
			bits, repeat = 7, 11
		}
		v, err := d.get(bits)
		if err != nil {
			return err
		}
		if repeat += int(v); repeat > len(lengths)-i {
			return block.Damaged("%d code lengths where %d are left", repeat, len(lengths)-i)
		}
		for ; repeat > 0; repeat-- {
			lengths[i] = value
			i++
		}
	}
	return nil
}

// symbol takes one symbol of the code of code lengths.
func (d *inflater) symbol() (int, error) {
	if d.n < maxCode {
		if err := d.load(); err != nil {
			return 0, err
		}
	}
	e := d.lit[d.bits&(1<<litBits-1)]
	if e.kind() != kindLiteral {
		return 0, block.Damaged("a code of no code length at bit %d", d.at())
	}
	_, err := d.get(e.taken())
	return e.value(), err
}

// symbols inflates a block's literals and matches up to limit. The state lives
// in local variables here: this is where the time goes.
func (d *inflater) symbols(limit int) error {
	in, out, buf := d.in, d.out, d.in.buf
	bits, n, pos, w := d.bits, d.n, d.in.pos, d.w
	end := in.limit()
	var err error
loop:
	for w < limit {
		if pos+8 > end {
			in.pos = pos
			if err = in.fill(); err != nil {
				break
			}
			pos, end = in.pos, in.limit()
		}
		if n < 48 { // the most that one symbol takes
			bits |= binary.LittleEndian.Uint64(buf[pos:]) << (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		}
		had := w
		e := d.lit[bits&(1<<litBits-1)]
		if e.kind() == kindLink {
			bits, n = bits>>litBits, n-litBits
			e = d.lit[e.value()+int(bits&(1<<e.extra()-1))]
		}
		bits, n = bits>>e.taken(), n-e.taken()
		switch e.kind() {
		case kindLiteral:
			out[w] = byte(e.value())
			w++
		case kindBase:
			length := e.value() + int(bits&(1<<e.extra()-1))
			bits, n = bits>>e.extra(), n-e.extra()
			e = d.dist[bits&(1<<distBits-1)]
			if e.kind() == kindLink {
				bits, n = bits>>distBits, n-distBits
				e = d.dist[e.value()+int(bits&(1<<e.extra()-1))]
			}
			bits, n = bits>>e.taken(), n-e.taken()
			distance := e.value() + int(bits&(1<<e.extra()-1))
			bits, n = bits>>e.extra(), n-e.extra()
			if e.kind() != kindBase {
				err = block.Damaged("a code of no distance before byte %d", in.base+int64(pos))
				break loop
			}
			if distance > w-d.floor {
				err = block.Damaged("a match %d bytes back before byte %d, where %d were given", distance, in.base+int64(pos), w-d.floor)
				break loop
			}
			unpack.Repeat(out[w:w+length], out[w-distance:w])
			w += length
		case kindEnd:
			d.state = betweenBlocks
		default:
			err = block.Damaged("a code of no length before byte %d", in.base+int64(pos))
			break loop
		}
		if in.eof && pos*8-int(n) > in.end*8 {
			w, err = had, io.ErrUnexpectedEOF
			break
		}
		if d.state == betweenBlocks {
			break
		}
	}
	d.bits, d.n, d.w, in.pos = bits, n, w, pos
	return err
}

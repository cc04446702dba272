package redis

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/database"
)

const (
	// maxString is how long a string is kept; longer ones are lost.
	maxString = 16 << 20
	// maxNumber of a database; the server's own limit is an int.
	maxNumber = 1 << 20
)

// jones is the polynomial of Redis's CRC-64, bits turned round.
var jones = crc64.MakeTable(0x95ac9329ac4bc9b5)

// item is one value: a string, or one of the values of a list, set, sorted set
// or hash. A stream is one item, with the number of its entries.
type item struct {
	db      uint32
	key     []byte
	typ     string
	field   []byte // hash: the field's name; sorted set: the score; nil without
	score   bool   // field is a number
	value   []byte
	lost    bool
	expires int64 // milliseconds since 1970, 0 for never
	at      int64 // where the key's record starts
}

// errStop ends reading when the caller has enough.
var errStop = errors.New("stop")

// rdb reads one snapshot in Redis's RDB format, versions 1 to 12, as
// rdb.h and rdb.c of Redis lay it out.
type rdb struct {
	ctx     context.Context
	in      *bufio.Reader
	file    string
	at      int64
	crc     uint64
	buf     []byte // of str
	packed  []byte // of lzf
	keyBuf  []byte
	item    item
	emit    func(*item) bool
	version int
	aux     map[string]string
	modules int // values of modules, which only the module can read
	steps   int
}

func (r *rdb) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s at %d: "+format, append([]any{database.ErrDamaged, r.file, r.at}, args...)...)
}

func (r *rdb) full(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.crc = ^crc64.Update(^r.crc, jones, b[:n])
	r.at += int64(n)
	if err != nil {
		return r.damaged("expected %d bytes: %w", len(b), err)
	}
	return nil
}

func (r *rdb) bytes(n int) ([]byte, error) {
	var room [16]byte
	err := r.full(room[:n])
	return room[:n:n], err
}

func (r *rdb) byte() (byte, error) {
	b, err := r.bytes(1)
	return b[0], err
}

// length reads a length; encoded is set when it is a special string's kind.
func (r *rdb) length() (n uint64, encoded bool, err error) {
	b, err := r.byte()
	if err != nil {
		return 0, false, err
	}
	switch b >> 6 {
	case 0:
		return uint64(b & 63), false, nil
	case 1:
		c, err := r.byte()
		return uint64(b&63)<<8 | uint64(c), false, err
	case 3:
		return uint64(b & 63), true, nil
	}
	switch b {
	case 0x80:
		c, err := r.bytes(4)
		return uint64(binary.BigEndian.Uint32(c)), false, err
	case 0x81:
		c, err := r.bytes(8)
		return binary.BigEndian.Uint64(c), false, err
	default:
		return 0, false, r.damaged("expected a length, found byte %#x", b)
	}
}

func (r *rdb) plain() (uint64, error) {
	n, encoded, err := r.length()
	if err == nil && encoded {
		err = r.damaged("expected a length, found a special string")
	}
	return n, err
}

// raw reads n bytes into buf, or leaves them out when they are too many.
func (r *rdb) raw(n uint64, buf []byte) (out []byte, lost bool, err error) {
	out = buf[:0]
	lost = n > maxString
	for n > 0 {
		if r.ctx.Err() != nil {
			return nil, false, r.ctx.Err()
		}
		k := int(min(n, 1<<16))
		from := len(out)
		if lost {
			from = 0
		}
		out = append(out[:from], make([]byte, k)...)
		if err := r.full(out[from:]); err != nil {
			return nil, false, err
		}
		n -= uint64(k)
	}
	if lost {
		out = out[:0]
	}
	return out, lost, nil
}

// str reads a string into buf. lost is set when it is too long to keep.
func (r *rdb) str(buf []byte) (out []byte, lost bool, err error) {
	n, encoded, err := r.length()
	if err != nil {
		return nil, false, err
	}
	if !encoded {
		return r.raw(n, buf)
	}
	switch n {
	case 0, 1, 2:
		b, err := r.bytes(1 << n)
		v := int64(int8(b[0]))
		switch n {
		case 1:
			v = int64(int16(binary.LittleEndian.Uint16(b)))
		case 2:
			v = int64(int32(binary.LittleEndian.Uint32(b)))
		}
		return strconv.AppendInt(buf[:0], v, 10), false, err
	case 3:
		packed, err := r.plain()
		if err != nil {
			return nil, false, err
		}
		size, err := r.plain()
		if err != nil {
			return nil, false, err
		}
		r.packed, lost, err = r.raw(packed, r.packed)
		if err != nil || lost || size > maxString {
			return buf[:0], true, err
		}
		out, ok := lzf(r.packed, buf[:0], int(size))
		if !ok {
			return nil, false, r.damaged("expected %d bytes of LZF", size)
		}
		return out, false, nil
	default:
		return nil, false, r.damaged("expected a string, found kind %d", n)
	}
}

// lzf unpacks LibLZF's format.
func lzf(in, out []byte, size int) ([]byte, bool) {
	for i := 0; i < len(in); {
		c := int(in[i])
		i++
		if c < 32 {
			if i+c+1 > len(in) || len(out)+c+1 > size {
				return out, false
			}
			out = append(out, in[i:i+c+1]...)
			i += c + 1
			continue
		}
		n := c >> 5
		if n == 7 {
			if i == len(in) {
				return out, false
			}
			n += int(in[i])
			i++
		}
		if i == len(in) {
			return out, false
		}
		from := len(out) - (c&31)<<8 - int(in[i]) - 1
		i++
		if from < 0 || len(out)+n+2 > size {
			return out, false
		}
		for range n + 2 {
			out = append(out, out[from])
			from++
		}
	}
	return out, len(out) == size
}

// read goes through a snapshot and stops after its checksum.
func (r *rdb) read() error {
	var head [9]byte
	if err := r.full(head[:]); err != nil {
		return err
	}
	v, err := strconv.Atoi(string(head[5:]))
	if err != nil || string(head[:5]) != "REDIS" || v < 1 {
		return r.damaged("expected REDIS and a version")
	}
	if v > 12 {
		return fmt.Errorf("%w: %s: expected RDB version 1 to 12, found %d", database.ErrUnsupported, r.file, v)
	}
	r.version, r.aux = v, map[string]string{}
	r.item = item{}
	for {
		if r.steps++; r.steps%256 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		at := r.at
		op, err := r.byte()
		if err != nil {
			return err
		}
		switch op {
		case 0xff:
			return r.check()
		case 0xfe:
			n, err := r.plain()
			if err != nil {
				return err
			}
			if n >= maxNumber {
				return r.damaged("expected the number of a database, found %d", n)
			}
			r.item.db = uint32(n)
		case 0xfd:
			b, err := r.bytes(4)
			if err != nil {
				return err
			}
			r.item.expires = int64(binary.LittleEndian.Uint32(b)) * 1000
		case 0xfc:
			b, err := r.bytes(8)
			if err != nil {
				return err
			}
			r.item.expires = int64(binary.LittleEndian.Uint64(b))
		case 0xfa:
			if err := r.readAux(); err != nil {
				return err
			}
		default:
			if done, err := r.other(op); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			r.item.at = at
			key, lost, err := r.str(r.keyBuf)
			if err != nil {
				return err
			}
			r.keyBuf, r.item.key = key, key
			if lost {
				return fmt.Errorf("%w: %s at %d: expected a key of at most %d bytes", database.ErrUnsupported, r.file, at, maxString)
			}
			if err := r.value(op); err != nil {
				return err
			}
			r.item.expires = 0
		}
	}
}

// readAux reads a fact of the server; only those about it are kept.
func (r *rdb) readAux() error {
	k, _, err := r.str(nil)
	if err != nil {
		return err
	}
	v, _, err := r.str(nil)
	if err != nil {
		return err
	}
	if k := string(k); len(v) < 64 && (k == "redis-ver" || k == "valkey-ver" || k == "ctime" || k == "aof-preamble" || k == "aof-base") {
		r.aux[k] = string(v)
	}
	return nil
}

// other reads what is no key.
func (r *rdb) other(op byte) (done bool, err error) {
	skip := func(n int) error {
		for range n {
			if _, err := r.plain(); err != nil {
				return err
			}
		}
		return nil
	}
	switch op {
	case 0xf9: // how often used
		_, err = r.byte()
	case 0xf8: // idle
		err = skip(1)
	case 0xfb: // sizes of tables
		err = skip(2)
	case 0xf4: // sizes of a slot
		err = skip(3)
	case 0xf5: // function
		_, _, err = r.str(nil)
	case 0xf7:
		if err = skip(1); err == nil {
			err = r.module()
		}
	case 0xf6:
		err = fmt.Errorf("%w: %s at %d: function of a release candidate", database.ErrUnsupported, r.file, r.at)
	default:
		return false, nil
	}
	return true, err
}

// module skips what a module wrote.
func (r *rdb) module() error {
	for {
		op, err := r.plain()
		if err != nil {
			return err
		}
		switch op {
		case 0:
			return nil
		case 1, 2:
			_, err = r.plain()
		case 3:
			_, err = r.bytes(4)
		case 4:
			_, err = r.bytes(8)
		case 5:
			r.buf, _, err = r.str(r.buf)
		default:
			err = r.damaged("expected what a module may write, found %d", op)
		}
		if err != nil {
			return err
		}
	}
}

// check compares the checksum; versions before 5 have none, and 0 is none.
func (r *rdb) check() error {
	if r.version < 5 {
		return nil
	}
	want := r.crc
	b, err := r.bytes(8)
	if err != nil {
		return err
	}
	if got := binary.LittleEndian.Uint64(b); got != 0 && got != want {
		return r.damaged("expected the checksum %016x, found %016x", want, got)
	}
	return nil
}

func (r *rdb) give(field, value []byte, lost bool) error {
	if r.steps++; r.steps%256 == 0 && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	r.item.field, r.item.value, r.item.lost = field, value, lost
	if !r.emit(&r.item) {
		return errStop
	}
	return nil
}

// value reads the value of a key.
func (r *rdb) value(op byte) error {
	r.item.score = false
	switch op {
	case 0:
		r.item.typ = "string"
		return r.strings(1, false)
	case 1, 10, 14, 18:
		r.item.typ = "list"
	case 2, 11, 20:
		r.item.typ = "set"
	case 3, 5, 12, 17:
		r.item.typ, r.item.score = "zset", true
	case 4, 9, 13, 16, 22, 23, 24, 25:
		r.item.typ = "hash"
	case 15, 19, 21:
		r.item.typ = "stream"
		return r.stream(op)
	case 7:
		r.item.typ = "module"
		r.modules++
		if _, err := r.plain(); err != nil {
			return err
		}
		if err := r.module(); err != nil {
			return err
		}
		return r.give(nil, nil, true)
	default:
		return fmt.Errorf("%w: %s at %d: type %d of value", database.ErrUnsupported, r.file, r.at, op)
	}
	switch op {
	case 9, 10, 11, 12, 13, 16, 17, 20, 23:
		return r.pack(op)
	case 25:
		if _, err := r.bytes(8); err != nil { // when the first field expires
			return err
		}
		return r.pack(op)
	}
	first := uint64(0)
	if op == 24 {
		b, err := r.bytes(8)
		if err != nil {
			return err
		}
		first = binary.LittleEndian.Uint64(b)
	}
	n, err := r.plain()
	if err != nil {
		return err
	}
	switch op {
	case 1, 2:
		return r.strings(n, false)
	case 4:
		return r.strings(n, true)
	case 22, 24:
		return r.expiring(n, first)
	case 14, 18:
		for range n {
			kind := uint64(2)
			if op == 18 {
				if kind, err = r.plain(); err != nil {
					return err
				}
			}
			if kind == 1 {
				err = r.strings(1, false)
			} else {
				err = r.pack(op)
			}
			if err != nil {
				return err
			}
		}
		return nil
	default:
		return r.scores(n, op == 5)
	}
}

// strings gives n values, with fields before each of them.
func (r *rdb) strings(n uint64, fields bool) error {
	var field []byte
	for range n {
		if fields {
			f, _, err := r.str(field)
			if err != nil {
				return err
			}
			field = f
			if field == nil {
				field = []byte{}
			}
		}
		v, lost, err := r.str(r.buf)
		if err != nil {
			return err
		}
		r.buf = v
		if err := r.give(field, v, lost); err != nil {
			return err
		}
	}
	return nil
}

// expiring gives the fields of a hash of which each may expire.
func (r *rdb) expiring(n, first uint64) error {
	own := r.item.expires
	defer func() { r.item.expires = own }()
	for range n {
		ttl, err := r.plain()
		if err != nil {
			return err
		}
		r.item.expires = own
		if ttl > 0 && first > 0 {
			r.item.expires = int64(ttl + first - 1)
		} else if ttl > 0 {
			r.item.expires = int64(ttl)
		}
		if err := r.strings(1, true); err != nil {
			return err
		}
	}
	return nil
}

func appendScore(to []byte, v float64) []byte {
	if math.IsInf(v, 0) {
		return append(to, strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'g', -1, 64)), "+")...)
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e17 {
		return strconv.AppendFloat(to, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(to, v, 'g', -1, 64)
}

// scores gives the members of a sorted set.
func (r *rdb) scores(n uint64, binaryScore bool) error {
	var room [40]byte
	for range n {
		v, lost, err := r.str(r.buf)
		if err != nil {
			return err
		}
		r.buf = v
		var score float64
		if binaryScore {
			b, err := r.bytes(8)
			if err != nil {
				return err
			}
			score = math.Float64frombits(binary.LittleEndian.Uint64(b))
		} else if score, err = r.oldScore(); err != nil {
			return err
		}
		if err := r.give(appendScore(room[:0], score), v, lost); err != nil {
			return err
		}
	}
	return nil
}

// oldScore reads a number as text.
func (r *rdb) oldScore() (float64, error) {
	n, err := r.byte()
	if err != nil {
		return 0, err
	}
	switch n {
	case 253:
		return math.NaN(), nil
	case 254:
		return math.Inf(1), nil
	case 255:
		return math.Inf(-1), nil
	}
	var b [252]byte
	if err := r.full(b[:n]); err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(b[:n]), 64)
	if err != nil {
		return 0, r.damaged("expected a score")
	}
	return v, nil
}

// stream counts a stream's entries.
func (r *rdb) stream(op byte) error {
	plain := func(n int) (last uint64, err error) {
		for range n {
			if last, err = r.plain(); err != nil {
				return 0, err
			}
		}
		return last, nil
	}
	n, err := r.plain()
	if err != nil {
		return err
	}
	for range 2 * n {
		if r.buf, _, err = r.str(r.buf); err != nil {
			return err
		}
	}
	entries, err := r.plain()
	if err != nil {
		return err
	}
	facts := 3 // last id, number of groups
	if op >= 19 {
		facts += 5
	}
	groups, err := plain(facts)
	if err != nil {
		return err
	}
	for range groups {
		if r.buf, _, err = r.str(r.buf); err != nil {
			return err
		}
		facts := 3 // id, number of entries not acknowledged
		if op >= 19 {
			facts++
		}
		waiting, err := plain(facts)
		if err != nil {
			return err
		}
		for range waiting {
			var b [24]byte
			if err := r.full(b[:]); err != nil {
				return err
			}
			if _, err := r.plain(); err != nil {
				return err
			}
		}
		consumers, err := r.plain()
		if err != nil {
			return err
		}
		for range consumers {
			if r.buf, _, err = r.str(r.buf); err != nil {
				return err
			}
			var times [16]byte
			if op == 21 {
				err = r.full(times[:])
			} else {
				err = r.full(times[:8])
			}
			if err != nil {
				return err
			}
			waiting, err := r.plain()
			if err != nil {
				return err
			}
			for range waiting {
				if err := r.full(times[:]); err != nil {
					return err
				}
			}
		}
	}
	var room [20]byte
	return r.give(nil, strconv.AppendUint(room[:0], entries, 10), false)
}

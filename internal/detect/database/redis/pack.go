package redis

import (
	"encoding/binary"
	"strconv"
)

// pack reads a string that holds many small values.
func (r *rdb) pack(op byte) error {
	b, lost, err := r.str(r.buf)
	if err != nil {
		return err
	}
	r.buf = b
	if lost {
		return r.give(nil, nil, true)
	}
	var next func() ([]byte, bool, error)
	switch op {
	case 9:
		next = r.zipmap(b)
	case 11:
		next = r.intset(b)
	case 10, 12, 13, 14:
		next = r.ziplist(b)
	default:
		next = r.listpack(b)
	}
	// Numbers stand in the same room until the next one; a field is copied.
	var field []byte
	own := r.item.expires
	defer func() { r.item.expires = own }()
	for {
		v, ok, err := next()
		if err != nil || !ok {
			return err
		}
		var f []byte
		switch r.item.typ {
		case "hash", "zset":
			field = append(field[:0], v...)
			if v, ok, err = next(); err != nil {
				return err
			}
			if !ok {
				return r.damaged("expected pairs")
			}
			if f = field; f == nil {
				f = []byte{}
			}
		}
		if r.item.typ == "zset" {
			// the member comes before its score
			score := append([]byte(nil), v...)
			if s, err := strconv.ParseFloat(string(score), 64); err == nil {
				score = appendScore(score[:0], s)
			}
			f, v = score, field
		}
		if op == 23 || op == 25 {
			value := append([]byte(nil), v...)
			ttl, ok, err := next()
			if err != nil {
				return err
			}
			if !ok {
				return r.damaged("expected a time after each field")
			}
			r.item.expires = own
			if t, err := strconv.ParseInt(string(ttl), 10, 64); err == nil && t > 0 {
				r.item.expires = t
			}
			v = value
		}
		if err := r.give(f, v, false); err != nil {
			return err
		}
	}
}

// number gives an integer of n bytes, little end first.
func number(b []byte, n int) int64 {
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	shift := 64 - 8*n
	return int64(v<<shift) >> shift
}

func (r *rdb) intset(b []byte) func() ([]byte, bool, error) {
	var room [20]byte
	if len(b) < 8 {
		return func() ([]byte, bool, error) { return nil, false, r.damaged("expected a set of integers") }
	}
	width, count := int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	return func() ([]byte, bool, error) {
		if width != 2 && width != 4 && width != 8 || count*width != int64(len(b)) {
			return nil, false, r.damaged("expected a set of integers")
		}
		if count == 0 {
			return nil, false, nil
		}
		v := number(b, int(width))
		b = b[width:]
		count--
		return strconv.AppendInt(room[:0], v, 10), true, nil
	}
}

func (r *rdb) zipmap(b []byte) func() ([]byte, bool, error) {
	if len(b) > 0 {
		b = b[1:]
	}
	value := false
	return func() ([]byte, bool, error) {
		bad := r.damaged("expected a zipmap")
		if len(b) == 0 {
			return nil, false, bad
		}
		n, at := int64(b[0]), int64(1)
		if n == 255 && !value {
			return nil, false, nil
		}
		if n == 254 {
			if len(b) < 5 {
				return nil, false, bad
			}
			n, at = int64(binary.LittleEndian.Uint32(b[1:])), 5
		}
		free := int64(0)
		if value {
			if at >= int64(len(b)) {
				return nil, false, bad
			}
			free = int64(b[at])
			at++
		}
		if n == 255 || at+n+free > int64(len(b)) {
			return nil, false, bad
		}
		v := b[at : at+n]
		b = b[at+n+free:]
		value = !value
		return v, true, nil
	}
}

func (r *rdb) ziplist(b []byte) func() ([]byte, bool, error) {
	var room [20]byte
	if len(b) < 10 {
		return func() ([]byte, bool, error) { return nil, false, r.damaged("expected a ziplist") }
	}
	b = b[10:]
	return func() ([]byte, bool, error) {
		bad := func() ([]byte, bool, error) { return nil, false, r.damaged("expected an entry of a ziplist") }
		if len(b) == 0 {
			return bad()
		}
		if b[0] == 0xff {
			return nil, false, nil
		}
		at := 1 // the length of the entry before
		if b[0] == 0xfe {
			at = 5
		}
		if at+5 > len(b) && at >= len(b) {
			return bad()
		}
		c := b[at]
		at++
		size, integer := 0, 0
		switch {
		case c < 0x40:
			size = int(c)
		case c < 0x80:
			if at+1 > len(b) {
				return bad()
			}
			size = int(c&63)<<8 | int(b[at])
			at++
		case c == 0x80:
			if at+4 > len(b) {
				return bad()
			}
			size = int(binary.BigEndian.Uint32(b[at:]))
			at += 4
		case c == 0xc0:
			integer = 2
		case c == 0xd0:
			integer = 4
		case c == 0xe0:
			integer = 8
		case c == 0xf0:
			integer = 3
		case c == 0xfe:
			integer = 1
		case c > 0xf0 && c < 0xfe:
			b = b[at:]
			return strconv.AppendInt(room[:0], int64(c&15)-1, 10), true, nil
		default:
			return bad()
		}
		if at+size+integer > len(b) {
			return bad()
		}
		v := b[at : at+size]
		if integer > 0 {
			v = strconv.AppendInt(room[:0], number(b[at:], integer), 10)
		}
		b = b[at+size+integer:]
		return v, true, nil
	}
}

func (r *rdb) listpack(b []byte) func() ([]byte, bool, error) {
	var room [20]byte
	if len(b) < 7 {
		return func() ([]byte, bool, error) { return nil, false, r.damaged("expected a listpack") }
	}
	b = b[6:]
	return func() ([]byte, bool, error) {
		bad := func() ([]byte, bool, error) { return nil, false, r.damaged("expected an entry of a listpack") }
		if len(b) == 0 {
			return bad()
		}
		c := b[0]
		if c == 0xff {
			return nil, false, nil
		}
		at, size, integer := 1, 0, 0
		var v []byte
		switch {
		case c < 0x80:
			v = strconv.AppendInt(room[:0], int64(c), 10)
		case c < 0xc0:
			size = int(c & 63)
		case c < 0xe0:
			if len(b) < 2 {
				return bad()
			}
			at = 2
			v = strconv.AppendInt(room[:0], int64(int16(uint16(c)<<11|uint16(b[1])<<3)>>3), 10)
		case c < 0xf0:
			if len(b) < 2 {
				return bad()
			}
			at, size = 2, int(c&15)<<8|int(b[1])
		case c == 0xf0:
			if len(b) < 5 {
				return bad()
			}
			at, size = 5, int(binary.LittleEndian.Uint32(b[1:]))
		case c < 0xf5:
			integer = [...]int{2, 3, 4, 8}[c-0xf1]
		default:
			return bad()
		}
		n := at + size + integer
		back := 1
		for back < 5 && n >= 1<<(7*back) {
			back++
		}
		if n+back > len(b) {
			return bad()
		}
		switch {
		case integer > 0:
			v = strconv.AppendInt(room[:0], number(b[1:], integer), 10)
		case v == nil:
			v = b[at : at+size]
		}
		b = b[n+back:]
		return v, true, nil
	}
}

package innodb

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// appendJSON writes MySQL's binary JSON as text: a type byte, then the value;
// objects and arrays have tables of offsets to what they hold.
func appendJSON(out, b []byte) ([]byte, database.Kind) {
	if len(b) == 0 {
		return append(out, "null"...), database.Text
	}
	start := len(out)
	j := jsonWriter{out: out, room: 8*len(b) + 1024}
	if !j.value(b[0], b[1:], 0) {
		return j.out[:start], database.Lost
	}
	return j.out, database.Text
}

type jsonWriter struct {
	out  []byte
	room int // values that may still come: offsets may point to the same
}

func (j *jsonWriter) quoted(s []byte) bool {
	q, err := json.Marshal(string(s))
	if err != nil {
		return false
	}
	j.out = append(j.out, q...)
	return true
}

// sized splits off data that its length precedes, seven bits in a byte.
func sized(b []byte) ([]byte, bool) {
	n := 0
	for i := 0; i < 5 && i < len(b); i++ {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			b = b[i+1:]
			return b[:min(n, len(b))], n <= len(b)
		}
	}
	return nil, false
}

func (j *jsonWriter) value(kind byte, b []byte, depth int) bool {
	if j.room--; j.room < 0 || depth > 100 || len(j.out) > maxValue {
		return false
	}
	need := func(n int) bool { return len(b) >= n }
	le := binary.LittleEndian
	switch kind {
	case 0, 1, 2, 3:
		return j.container(kind, b, depth)
	case 4:
		if !need(1) || b[0] > 2 {
			return false
		}
		j.out = append(j.out, [3]string{"null", "true", "false"}[b[0]]...)
	case 5, 6:
		if !need(2) {
			return false
		}
		v := int64(le.Uint16(b))
		if kind == 5 {
			v = int64(int16(v))
		}
		j.out = strconv.AppendInt(j.out, v, 10)
	case 7, 8:
		if !need(4) {
			return false
		}
		v := int64(le.Uint32(b))
		if kind == 7 {
			v = int64(int32(v))
		}
		j.out = strconv.AppendInt(j.out, v, 10)
	case 9:
		if !need(8) {
			return false
		}
		j.out = strconv.AppendInt(j.out, int64(le.Uint64(b)), 10)
	case 10:
		if !need(8) {
			return false
		}
		j.out = strconv.AppendUint(j.out, le.Uint64(b), 10)
	case 11:
		if !need(8) {
			return false
		}
		j.out = appendFloat(j.out, math.Float64frombits(le.Uint64(b)), 64, 31)
	case 12:
		s, ok := sized(b)
		return ok && j.quoted(s)
	case 15:
		if !need(1) {
			return false
		}
		s, ok := sized(b[1:])
		if !ok {
			return false
		}
		return j.opaque(b[0], s)
	default:
		return false
	}
	return true
}

// opaque writes a value of one of the column types: decimals and times are
// kept so.
func (j *jsonWriter) opaque(kind byte, s []byte) bool {
	le := binary.LittleEndian
	switch kind {
	case myNewDecimal:
		if len(s) < 2 || s[0] < s[1] {
			return false
		}
		var ok bool
		j.out, ok = appendDecimal(j.out, s[2:], int(s[0]-s[1]), int(s[1]))
		return ok
	case myDate, myDateTime, myTimestamp, myTime:
		if len(s) != 8 {
			return false
		}
		v := int64(le.Uint64(s))
		j.out = append(j.out, '"')
		if v < 0 {
			j.out, v = append(j.out, '-'), -v
		}
		micro, u := int(v&0xffffff), uint64(v>>24)
		if kind != myTime {
			ymd := u >> 17
			j.out = appendDate(j.out, int(ymd>>5/13), int(ymd>>5%13), int(ymd&31))
			u &= 0x1ffff
		}
		if kind != myDate {
			if kind != myTime {
				j.out = append(j.out, ' ')
			}
			j.out = appendMicro(appendClock(j.out, u>>12, u>>6&63, u&63), micro, 6)
		}
		j.out = append(j.out, '"')
		return true
	}
	j.out = append(j.out, `"base64:type`...)
	j.out = strconv.AppendInt(j.out, int64(kind), 10)
	j.out = append(j.out, ':')
	j.out = base64.StdEncoding.AppendEncode(j.out, s)
	j.out = append(j.out, '"')
	return true
}

func (j *jsonWriter) container(kind byte, b []byte, depth int) bool {
	object, w := kind < 2, 2
	if kind == 1 || kind == 3 {
		w = 4
	}
	num := func(at int) int {
		switch {
		case at < 0 || at+w > len(b):
			return math.MaxInt32
		case w == 2:
			return int(binary.LittleEndian.Uint16(b[at:]))
		}
		return int(min(binary.LittleEndian.Uint32(b[at:]), math.MaxInt32))
	}
	n, size := num(0), num(w)
	if size > len(b) || n > size {
		return false
	}
	b = b[:size]
	ends := "[]"
	entries := 2 * w
	if object {
		ends = "{}"
		entries += n * (w + 2)
	}
	j.out = append(j.out, ends[0])
	for i := range n {
		if i > 0 {
			j.out = append(j.out, ", "...)
		}
		if object {
			at := 2*w + i*(w+2)
			k := num(at)
			if at+w+2 > len(b) {
				return false
			}
			m := int(binary.LittleEndian.Uint16(b[at+w:]))
			if k > len(b)-m || !j.quoted(b[k:k+m]) {
				return false
			}
			j.out = append(j.out, ": "...)
		}
		at := entries + i*(1+w)
		if at+1+w > len(b) {
			return false
		}
		t := b[at]
		v := b[at+1 : at+1+w]
		if t != 4 && t != 5 && t != 6 && (w != 4 || t != 7 && t != 8) {
			o := num(at + 1)
			if o > len(b) {
				return false
			}
			v = b[o:]
		}
		if !j.value(t, v, depth+1) {
			return false
		}
	}
	j.out = append(j.out, ends[1])
	return true
}

package innodb

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lenscap/lenscap/internal/detect/database"
)

func uintOf(b []byte) uint64 {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// render appends a value as the server's client prints it in UTF-8, times in
// UTC.
func (c *column) render(out, b []byte) ([]byte, database.Kind) {
	lost := func() ([]byte, database.Kind) { return out, database.Lost }
	switch c.plugin {
	case "":
	case "uuid":
		if len(b) != 16 {
			return lost()
		}
		return appendUUID(out, b), database.Text
	case "inet6", "inet4":
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return lost()
		}
		return append(out, inetText(a, b)...), database.Text
	default:
		return append(out, b...), database.Bytes
	}
	switch c.kind {
	case myTiny, myShort, myInt24, myLong, myLongLong:
		if len(b) == 0 || len(b) > 8 {
			return lost()
		}
		v := uintOf(b)
		if !c.unsigned {
			shift := 64 - 8*len(b)
			v ^= 1 << (8*len(b) - 1)
			return strconv.AppendInt(out, int64(v<<shift)>>shift, 10), database.Number
		}
		s := strconv.FormatUint(v, 10)
		if c.zerofill && c.length < 64 {
			for range c.length - len(s) {
				out = append(out, '0')
			}
		}
		return append(out, s...), database.Number
	case myFloat:
		if len(b) != 4 {
			return lost()
		}
		f := math.Float32frombits(binary.LittleEndian.Uint32(b))
		return appendFloat(out, float64(f), 32, c.decimals), database.Number
	case myDouble:
		if len(b) != 8 {
			return lost()
		}
		return appendFloat(out, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64, c.decimals), database.Number
	case myNewDecimal:
		whole, after := c.precision()
		o, ok := appendDecimal(out, b, whole, after)
		if !ok {
			return lost()
		}
		return o, database.Number
	case myDecimal:
		return append(out, strings.TrimSpace(string(b))...), database.Number
	case myDate, myNewDate:
		if len(b) != 3 {
			return lost()
		}
		v := uint32(uintOf(b)) ^ 0x800000
		return appendDate(out, int(v>>9), int(v>>5&15), int(v&31)), database.Text
	case myYear:
		if len(b) != 1 {
			return lost()
		}
		if b[0] == 0 {
			return append(out, "0000"...), database.Number
		}
		return strconv.AppendInt(out, 1900+int64(b[0]), 10), database.Number
	case myTimestamp, myTimestamp2:
		if len(b) < 4 {
			return lost()
		}
		sec := int64(uintOf(b[:4]))
		if c.kind == myTimestamp {
			sec ^= 0x80000000
			if c.unsigned {
				sec = int64(uintOf(b[:4]))
			}
		}
		micro, ok := fractionOf(b[4:])
		if !ok {
			return lost()
		}
		if sec == 0 && micro == 0 {
			out = append(out, "0000-00-00 00:00:00"...)
		} else {
			out = time.Unix(sec, 0).UTC().AppendFormat(out, time.DateTime)
		}
		return appendMicro(out, micro, c.fraction()), database.Text
	case myDateTime2:
		if len(b) < 5 {
			return lost()
		}
		v := uintOf(b[:5]) ^ 1<<39
		micro, ok := fractionOf(b[5:])
		if !ok {
			return lost()
		}
		ym, day, hms := v>>22, v>>17&31, v&0x1ffff
		out = appendDate(out, int(ym/13), int(ym%13), int(day))
		out = append(out, ' ')
		out = appendClock(out, hms>>12, hms>>6&63, hms&63)
		return appendMicro(out, micro, c.fraction()), database.Text
	case myDateTime:
		if len(b) != 8 {
			return lost()
		}
		v := uintOf(b) ^ 1<<63
		d, t := v/1e6, v%1e6
		out = appendDate(out, int(d/10000), int(d/100%100), int(d%100))
		out = append(out, ' ')
		return appendClock(out, t/10000, t/100%100, t%100), database.Text
	case myTime:
		if len(b) != 3 {
			return lost()
		}
		v := int64(uintOf(b)) - 0x800000
		if v < 0 {
			out, v = append(out, '-'), -v
		}
		return appendClock(out, uint64(v/10000), uint64(v/100%100), uint64(v%100)), database.Text
	case myTime2:
		if len(b) < 3 || len(b) > 6 {
			return lost()
		}
		// One signed number: seconds packed, then the fraction, from the middle.
		n := 8 * len(b)
		v := int64(uintOf(b)) - 1<<(n-1)
		if v < 0 {
			out, v = append(out, '-'), -v
		}
		frac := n - 24
		hms := uint64(v >> frac)
		micro := int(v & (1<<frac - 1))
		switch len(b) {
		case 4:
			micro *= 10000
		case 5:
			micro *= 100
		}
		out = appendClock(out, hms>>12&0x3ff, hms>>6&63, hms&63)
		return appendMicro(out, micro, c.fraction()), database.Text
	case myBit:
		return append(out, b...), database.Bytes
	case myEnum:
		i := uintOf(b)
		if i == 0 {
			return out, database.Text
		}
		if i > uint64(len(c.values)) {
			return lost()
		}
		return append(out, c.values[i-1]...), database.Text
	case mySet:
		v := uintOf(b)
		first := true
		for i := range c.values {
			if v>>i&1 == 0 {
				continue
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			out = append(out, c.values[i]...)
		}
		if len(c.values) < 64 && v>>len(c.values) != 0 {
			return lost()
		}
		return out, database.Text
	case myJSON:
		return appendJSON(out, b)
	case myGeometry:
		return append(out, b...), database.Bytes
	case myBlobComp, myVarComp:
		return c.renderCompressed(out, b)
	}
	return c.renderString(out, b)
}

func (c *column) renderString(out, b []byte) ([]byte, database.Kind) {
	if c.charset == binaryCharset {
		return append(out, b...), database.Bytes
	}
	if c.kind == myString { // the client shows char without the padding
		pad := []byte{' '}
		switch c.charset {
		case ucs2, utf16be:
			pad = []byte{0, ' '}
		case utf16le:
			pad = []byte{' ', 0}
		case utf32be:
			pad = []byte{0, 0, 0, ' '}
		}
		for len(b) >= len(pad) && string(b[len(b)-len(pad):]) == string(pad) {
			b = b[:len(b)-len(pad)]
		}
	}
	s, ok := c.charset.decode(b)
	if !ok {
		return append(out, b...), database.Bytes
	}
	return append(out, s...), database.Text
}

// renderCompressed undoes the compression of MariaDB's compressed columns: a
// byte with the method and the size of the length, the length, the data.
func (c *column) renderCompressed(out, b []byte) ([]byte, database.Kind) {
	if len(b) == 0 {
		return c.renderString(out, b)
	}
	method, n := b[0]>>4, int(b[0]&7)
	b = b[1:]
	if method == 0 {
		return c.renderString(out, b)
	}
	if method != 8 || n > len(b) || n > 4 {
		return out, database.Lost
	}
	size := uintOf(b[:n])
	if size > maxValue {
		return out, database.Lost
	}
	raw, err := inflateRaw(b[n:], int(size))
	if err != nil {
		return out, database.Lost
	}
	return c.renderString(out, raw)
}

// fractionOf gives the microseconds that follow a time.
func fractionOf(b []byte) (int, bool) {
	v := int(uintOf(b))
	switch len(b) {
	case 0:
		return 0, true
	case 1:
		return v * 10000, v < 100
	case 2:
		return v * 100, v < 10000
	case 3:
		return v, v < 1000000
	}
	return 0, false
}

func appendMicro(out []byte, micro, digits int) []byte {
	if digits == 0 {
		return out
	}
	s := strconv.Itoa(1000000 + micro%1000000)
	return append(append(out, '.'), s[1:1+digits]...)
}

func append2(out []byte, v uint64) []byte {
	if v < 10 {
		out = append(out, '0')
	}
	return strconv.AppendUint(out, v, 10)
}

func appendClock(out []byte, h, m, s uint64) []byte {
	out = append(append2(out, h), ':')
	out = append(append2(out, m), ':')
	return append2(out, s)
}

func appendDate(out []byte, y, m, d int) []byte {
	s := strconv.Itoa(y)
	for range 4 - len(s) {
		out = append(out, '0')
	}
	out = append(append(out, s...), '-')
	out = append(append2(out, uint64(m)), '-')
	return append2(out, uint64(d))
}

// appendFloat writes as few digits as tell the number, as the server does:
// with an exponent from 1e15 on and below 1e-15. 31 decimals mean as many as
// needed.
func appendFloat(out []byte, f float64, bits, decimals int) []byte {
	if decimals < 31 {
		return strconv.AppendFloat(out, f, 'f', decimals, 64)
	}
	format := byte('f')
	a := math.Abs(f)
	if a != 0 && (a >= 1e15 || a < 1e-15) {
		format = 'e'
	}
	var s string
	if bits == 32 {
		// The server prints six digits of a float.
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 5, 64), 64)
		s = strconv.FormatFloat(r, format, -1, 64)
	} else {
		s = strconv.FormatFloat(f, format, -1, bits)
	}
	if i := strings.IndexByte(s, 'e'); i >= 0 {
		m, e := s[:i], s[i+1:]
		e = strings.TrimPrefix(e, "+")
		neg := strings.HasPrefix(e, "-")
		e = strings.TrimLeft(strings.TrimPrefix(e, "-"), "0")
		if neg {
			e = "-" + e
		}
		s = m + "e" + e
	}
	return append(out, s...)
}

// appendDecimal decodes a decimal: groups of nine digits in four bytes, the
// sign in the first bit, all bits turned when it is negative.
func appendDecimal(out, b []byte, whole, after int) ([]byte, bool) {
	if len(b) == 0 || len(b) != digitBytes(whole)+digitBytes(after) || len(b) > 64 {
		return out, false
	}
	var t [64]byte
	b = t[:copy(t[:], b)]
	neg := b[0]&0x80 == 0
	b[0] ^= 0x80
	if neg {
		for i := range b {
			b[i] ^= 0xff
		}
		out = append(out, '-')
	}
	group := func(n int) (string, bool) {
		k := digitBytes(n)
		v := uintOf(b[:k])
		b = b[k:]
		s := strconv.FormatUint(v, 10)
		return strings.Repeat("0", max(n-len(s), 0)) + s, len(s) <= n
	}
	digits := ""
	if n := whole % 9; n != 0 {
		s, ok := group(n)
		if !ok {
			return out, false
		}
		digits = s
	}
	for range whole / 9 {
		s, ok := group(9)
		if !ok {
			return out, false
		}
		digits += s
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		digits = "0"
	}
	out = append(out, digits...)
	if after == 0 {
		return out, true
	}
	out = append(out, '.')
	for n := after; n > 0; n -= 9 {
		s, ok := group(min(n, 9))
		if !ok {
			return out, false
		}
		out = append(out, s...)
	}
	return out, true
}

// appendUUID writes a UUID that is kept with its parts turned around, so that
// those made by time are in order.
func appendUUID(out, b []byte) []byte {
	var m [16]byte
	copy(m[:], b)
	if b[6]&0x80 != 0 && b[8] > 0 && b[8] < 0x60 {
		copy(m[0:], b[12:16])
		copy(m[4:], b[10:12])
		copy(m[6:], b[8:10])
		copy(m[8:], b[6:8])
		copy(m[10:], b[0:6])
	}
	for i, n := range []int{4, 2, 2, 2, 6} {
		if i > 0 {
			out = append(out, '-')
		}
		start := []int{0, 4, 6, 8, 10}[i]
		out = hex.AppendEncode(out, m[start:start+n])
	}
	return out
}

// inetText writes an address as the server does: an IPv6 one that maps an IPv4
// one ends as that.
func inetText(a netip.Addr, b []byte) string {
	if len(b) == 16 && zero(b[:12]) && !zero(b[12:14]) {
		v4, _ := netip.AddrFromSlice(b[12:])
		return "::" + v4.String()
	}
	return a.String()
}

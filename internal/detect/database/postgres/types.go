package postgres

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// Numbers of the types that are printed (pg_type.oid), the same in every version.
const (
	typBool        = 16
	typBytea       = 17
	typChar        = 18
	typName        = 19
	typInt8        = 20
	typInt2        = 21
	typInt2Vector  = 22
	typInt4        = 23
	typRegproc     = 24
	typText        = 25
	typOID         = 26
	typTID         = 27
	typXID         = 28
	typCID         = 29
	typOIDVector   = 30
	typJSON        = 114
	typXML         = 142
	typNodeTree    = 194
	typPoint       = 600
	typLseg        = 601
	typPath        = 602
	typBox         = 603
	typPolygon     = 604
	typLine        = 628
	typCIDR        = 650
	typFloat4      = 700
	typFloat8      = 701
	typUnknown     = 705
	typCircle      = 718
	typMacaddr8    = 774
	typMoney       = 790
	typMacaddr     = 829
	typInet        = 869
	typBpchar      = 1042
	typVarchar     = 1043
	typDate        = 1082
	typTime        = 1083
	typTimestamp   = 1114
	typTimestampTZ = 1184
	typInterval    = 1186
	typTimeTZ      = 1266
	typBit         = 1560
	typVarbit      = 1562
	typNumeric     = 1700
	typRefcursor   = 1790
	typRecord      = 2249
	typUUID        = 2950
	typLSN         = 3220
	typTSVector    = 3614
	typJSONB       = 3802
	typXID8        = 5069
)

const (
	maxValue = 16 << 20 // bytes of one value, as it is stored or printed
	maxDepth = 64
)

var errValue = fmt.Errorf("%w: a value is longer than 16 MiB or nested too deep", database.ErrUnsupported)

func damagedValue(what string) error {
	return fmt.Errorf("%w: %s: its parts don't fit in it", database.ErrDamaged, what)
}

// inline gives what a value with a length holds, unless it lies elsewhere.
func inline(raw []byte) ([]byte, error) {
	switch {
	case len(raw) == 0:
		return nil, damagedValue("value with a length")
	case raw[0] == 1:
		return nil, fmt.Errorf("%w: a value that lies elsewhere within another", database.ErrDamaged)
	case raw[0]&1 == 1:
		return raw[1:], nil
	case len(raw) < 4:
		return nil, damagedValue("value with a length")
	case raw[0]&3 == 0:
		return raw[4:], nil
	case len(raw) < 8:
		return nil, damagedValue("compressed value")
	}
	info := le.Uint32(raw[4:])
	return unpack(raw[8:], int(info&0x3fffffff), info>>30)
}

// unpack decompresses a value.
func unpack(b []byte, size int, method uint32) ([]byte, error) {
	if size > maxValue || size > 64+len(b)*300 {
		return nil, errValue
	}
	switch method {
	case 0:
		return unpglz(b, size)
	case 1:
		return unlz4(b, size)
	}
	return nil, fmt.Errorf("%w: compression method %d", database.ErrUnsupported, method)
}

// array is one array, taken apart.
type array struct {
	elem   uint32
	dims   []int
	lower  []int
	count  int
	bitmap []byte
	data   []byte
}

func parseArray(b []byte) (array, error) {
	var a array
	if len(b) < 12 {
		return a, damagedValue("array")
	}
	n, from := int(le.Uint32(b)), int(le.Uint32(b[4:]))
	a.elem = le.Uint32(b[8:])
	if n < 0 || n > 6 || len(b) < 12+8*n {
		return a, damagedValue("array")
	}
	a.count = min(n, 1)
	for i := range n {
		d := int(int32(le.Uint32(b[12+4*i:])))
		if d < 0 || d > 1<<27 || a.count*d > 1<<27 {
			return a, damagedValue("array")
		}
		a.count *= d
		a.dims = append(a.dims, d)
		a.lower = append(a.lower, int(int32(le.Uint32(b[12+4*n+4*i:]))))
	}
	if a.count > 8*len(b) {
		return a, damagedValue("array")
	}
	at := (16+8*n+7)&^7 - 4
	if from != 0 {
		a.bitmap = b[12+8*n:]
		at = from - 4
		if len(a.bitmap) < (a.count+7)/8 {
			return a, damagedValue("array")
		}
	}
	if at < 12 || at > len(b) {
		if a.count > 0 {
			return a, damagedValue("array")
		}
		at = len(b)
	}
	a.data = b[at:]
	return a, nil
}

// printer prints values as psql does.
type printer struct {
	cat   *catalog
	fetch func(raw []byte) ([]byte, error) // of a value that lies elsewhere
}

// content gives what a value with a length holds.
func (p *printer) content(raw []byte) ([]byte, error) {
	if len(raw) > 1 && raw[0] == 1 {
		if p.fetch == nil {
			return inline(raw)
		}
		return p.fetch(raw)
	}
	return inline(raw)
}

// kind tells what a column's values are.
func (cat *catalog) kindOf(oid uint32) database.Kind {
	for range maxDepth {
		t := cat.types[oid]
		if t == nil || t.kind != 'd' {
			break
		}
		oid = t.base
	}
	switch oid {
	case typBytea:
		return database.Bytes
	case typInt2, typInt4, typInt8, typFloat4, typFloat8, typNumeric, typOID, typXID, typCID, typXID8:
		return database.Number
	}
	return database.Text
}

// print appends a value's text. Of a bytea at the top it is the bytes themselves.
func (p *printer) print(dst []byte, oid uint32, raw []byte, depth int) ([]byte, error) {
	if depth > maxDepth || len(dst) > maxValue {
		return dst, errValue
	}
	if size, ok := fixed[oid]; ok {
		if len(raw) < size {
			return dst, damagedValue("value of a fixed length")
		}
		return printFixed(dst, oid, raw)
	}
	switch oid {
	case typName, 2275:
		b, _, _ := bytes.Cut(raw, []byte{0})
		return append(dst, b...), nil
	case typUnknown:
		return append(dst, bytes.TrimRight(raw, "\x00")...), nil
	}
	t := p.cat.types[oid]
	if t == nil {
		return dst, fmt.Errorf("%w: type %d isn't in the catalogue", database.ErrDamaged, oid)
	}
	switch t.kind {
	case 'd':
		return p.print(dst, t.base, raw, depth+1)
	case 'e':
		if len(raw) >= 4 {
			if label, ok := p.cat.labels[le.Uint32(raw)]; ok {
				return append(dst, label...), nil
			}
		}
		return dst, fmt.Errorf("%w: a label that isn't in pg_enum", database.ErrDamaged)
	}
	if t.length != -1 {
		return dst, fmt.Errorf("%w: values of type %d", database.ErrUnsupported, oid)
	}
	b, err := p.content(raw)
	if err != nil {
		return dst, err
	}
	if len(b) > maxValue {
		return dst, errValue
	}
	switch oid {
	case typText, typVarchar, typBpchar, typJSON, typXML, typNodeTree, typRefcursor:
		return append(dst, b...), nil
	case typBytea:
		if depth == 0 {
			return append(dst, b...), nil
		}
		return hex.AppendEncode(append(dst, '\\', 'x'), b), nil
	case typNumeric:
		return printNumeric(dst, b)
	case typJSONB:
		return printJSONB(dst, b)
	case typInet, typCIDR:
		return printInet(dst, b, oid == typCIDR)
	case typBit, typVarbit:
		return printBits(dst, b)
	case typPath, typPolygon:
		return printPoints(dst, b, oid == typPolygon)
	case typTSVector:
		return printTSVector(dst, b)
	case typRecord:
		return p.printRecord(dst, b, depth)
	case typInt2Vector, typOIDVector:
		return printVector(dst, b, oid == typOIDVector)
	}
	switch {
	case t.kind == 'c':
		return p.printRecord(dst, b, depth)
	case t.kind == 'r':
		return p.printRange(dst, b, depth)
	case t.kind == 'm':
		return p.printMultirange(dst, b, depth)
	case t.elem != 0:
		return p.printArray(dst, b, depth)
	case t.name == "citext":
		return append(dst, b...), nil
	case t.name == "hstore":
		return printHstore(dst, b)
	}
	return dst, fmt.Errorf("%w: values of type %d", database.ErrUnsupported, oid)
}

// fixed are the types of a fixed length, in bytes.
var fixed = map[uint32]int{
	typBool: 1, typChar: 1, typInt2: 2, typInt4: 4, typInt8: 8, typOID: 4, typXID: 4, typCID: 4, typTID: 6, typRegproc: 4,
	2202: 4, 2203: 4, 2204: 4, 2205: 4, 2206: 4, 3734: 4, 3769: 4, 4089: 4, 4096: 4, 4191: 4, // reg…
	typFloat4: 4, typFloat8: 8, typMoney: 8, typDate: 4, typTime: 8, typTimeTZ: 12, typTimestamp: 8, typTimestampTZ: 8,
	typInterval: 16, typUUID: 16, typMacaddr: 6, typMacaddr8: 8, typLSN: 8, typXID8: 8,
	typPoint: 16, typLseg: 32, typBox: 32, typLine: 24, typCircle: 24,
}

func printFixed(dst []byte, oid uint32, raw []byte) ([]byte, error) {
	float := func(i int) float64 { return math.Float64frombits(le.Uint64(raw[8*i:])) }
	point := func(i int) {
		dst = append(dst, '(')
		dst = printFloat(dst, float(i), 64)
		dst = append(dst, ',')
		dst = printFloat(dst, float(i+1), 64)
		dst = append(dst, ')')
	}
	switch oid {
	case typBool:
		if raw[0] != 0 {
			return append(dst, 't'), nil
		}
		return append(dst, 'f'), nil
	case typChar:
		switch {
		case raw[0] == 0:
			return dst, nil
		case raw[0] >= 128:
			return fmt.Appendf(dst, "\\%03o", raw[0]), nil
		}
		return append(dst, raw[0]), nil
	case typInt2:
		return strconv.AppendInt(dst, int64(int16(le.Uint16(raw))), 10), nil
	case typInt4:
		return strconv.AppendInt(dst, int64(int32(le.Uint32(raw))), 10), nil
	case typInt8:
		return strconv.AppendInt(dst, int64(le.Uint64(raw)), 10), nil
	case typXID8:
		return strconv.AppendUint(dst, le.Uint64(raw), 10), nil
	case typTID:
		return fmt.Appendf(dst, "(%d,%d)", uint32(le.Uint16(raw))<<16|uint32(le.Uint16(raw[2:])), le.Uint16(raw[4:])), nil
	case typFloat4:
		return printFloat(dst, float64(math.Float32frombits(le.Uint32(raw))), 32), nil
	case typFloat8:
		return printFloat(dst, float(0), 64), nil
	case typMoney:
		return printMoney(dst, int64(le.Uint64(raw))), nil
	case typDate:
		return printDate(dst, int32(le.Uint32(raw))), nil
	case typTime:
		return printTime(dst, int64(le.Uint64(raw))), nil
	case typTimeTZ:
		return printZone(printTime(dst, int64(le.Uint64(raw))), -int64(int32(le.Uint32(raw[8:])))), nil
	case typTimestamp, typTimestampTZ:
		return printTimestamp(dst, int64(le.Uint64(raw)), oid == typTimestampTZ), nil
	case typInterval:
		return printInterval(dst, int64(le.Uint64(raw)), int32(le.Uint32(raw[8:])), int32(le.Uint32(raw[12:]))), nil
	case typUUID:
		for i, n := range []int{4, 2, 2, 2, 6} {
			if i > 0 {
				dst = append(dst, '-')
			}
			dst, raw = hex.AppendEncode(dst, raw[:n]), raw[n:]
		}
		return dst, nil
	case typMacaddr, typMacaddr8:
		for i := range fixed[oid] {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = hex.AppendEncode(dst, raw[i:i+1])
		}
		return dst, nil
	case typLSN:
		return fmt.Appendf(dst, "%X/%X", le.Uint32(raw[4:]), le.Uint32(raw)), nil
	case typPoint:
		point(0)
		return dst, nil
	case typLseg, typBox:
		if oid == typLseg {
			dst = append(dst, '[')
		}
		point(0)
		dst = append(dst, ',')
		point(2)
		if oid == typLseg {
			dst = append(dst, ']')
		}
		return dst, nil
	case typLine:
		dst = printFloat(append(dst, '{'), float(0), 64)
		dst = printFloat(append(dst, ','), float(1), 64)
		dst = printFloat(append(dst, ','), float(2), 64)
		return append(dst, '}'), nil
	case typCircle:
		dst = append(dst, '<')
		point(0)
		dst = printFloat(append(dst, ','), float(2), 64)
		return append(dst, '>'), nil
	}
	return strconv.AppendUint(dst, uint64(le.Uint32(raw)), 10), nil
}

// printFloat prints the shortest number that reads back the same.
func printFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	// A number that lies just between two of its kind may read back the same, but
	// PostgreSQL takes one more digit. That can happen only in this range.
	if a := math.Abs(f); a >= 1<<22 && a < 1e42 && (bits == 32 || a >= 1<<52) {
		n := bytes.IndexByte(dst[from:], 'e')
		precision := n - 2
		if f < 0 {
			precision--
		}
		for precision = max(precision, 0); precision < 17 && between(string(dst[from:]), f, bits); {
			precision++
			dst = strconv.AppendFloat(dst[:from], f, 'e', precision, bits)
		}
	}
	e := bytes.LastIndexByte(dst[from:], 'e')
	exp, _ := strconv.Atoi(string(dst[from+e+1:]))
	limit := 15
	if bits == 32 {
		limit = 6
	}
	if exp >= -4 && exp < limit {
		return strconv.AppendFloat(dst[:from], f, 'f', -1, bits)
	}
	return dst
}

// between tells whether a number lies just between f and one beside it.
func between(text string, f float64, bits int) bool {
	x, _, err := big.ParseFloat(text, 10, 256, big.ToNearestEven)
	if err != nil {
		return false
	}
	for _, to := range []float64{math.Inf(1), math.Inf(-1)} {
		side := math.Nextafter(f, to)
		if bits == 32 {
			side = float64(math.Nextafter32(float32(f), float32(to)))
		}
		if math.IsInf(side, 0) {
			continue
		}
		sum := new(big.Float).SetPrec(256).SetFloat64(f)
		sum.Add(sum, new(big.Float).SetFloat64(side))
		if new(big.Float).SetPrec(256).Add(x, x).Cmp(sum) == 0 {
			return true
		}
	}
	return false
}

func printMoney(dst []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		dst, u = append(dst, '-'), -u
	}
	digits := strconv.FormatUint(u/100, 10)
	dst = append(dst, '$')
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, digits[i])
	}
	return fmt.Appendf(dst, ".%02d", u%100)
}

// civil gives the date of a day counted from 2000-01-01 in the calendar without
// a break, as PostgreSQL does.
func civil(days int64) (year int64, month, day int) {
	z := days + 730425 // from 0000-03-01
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	year, month, day = yoe+era*400, int(mp)+3, int(doy-(153*mp+2)/5)+1
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}

func appendDay(dst []byte, days int64) (out []byte, bc bool) {
	y, m, d := civil(days)
	if y <= 0 {
		y, bc = 1-y, true
	}
	return fmt.Appendf(dst, "%04d-%02d-%02d", y, m, d), bc
}

func printDate(dst []byte, days int32) []byte {
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...)
	case math.MinInt32:
		return append(dst, "-infinity"...)
	}
	dst, bc := appendDay(dst, int64(days))
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// printTime prints microseconds since midnight.
func printTime(dst []byte, us int64) []byte {
	s := us / 1e6
	dst = fmt.Appendf(dst, "%02d:%02d:%02d", s/3600, s/60%60, s%60)
	return appendFraction(dst, us%1e6)
}

func appendFraction(dst []byte, us int64) []byte {
	if us == 0 {
		return dst
	}
	return bytes.TrimRight(fmt.Appendf(dst, ".%06d", us), "0")
}

func printZone(dst []byte, east int64) []byte {
	sign := byte('+')
	if east < 0 {
		sign, east = '-', -east
	}
	dst = fmt.Appendf(append(dst, sign), "%02d", east/3600)
	if east%3600 != 0 {
		dst = fmt.Appendf(dst, ":%02d", east/60%60)
		if east%60 != 0 {
			dst = fmt.Appendf(dst, ":%02d", east%60)
		}
	}
	return dst
}

func printTimestamp(dst []byte, us int64, zone bool) []byte {
	switch us {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case math.MinInt64:
		return append(dst, "-infinity"...)
	}
	const day = 86400e6
	days, rest := us/day, us%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	dst, bc := appendDay(dst, days)
	dst = printTime(append(dst, ' '), rest)
	if zone {
		dst = append(dst, "+00"...)
	}
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

func printInterval(dst []byte, us int64, days, months int32) []byte {
	switch {
	case us == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return append(dst, "infinity"...)
	case us == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return append(dst, "-infinity"...)
	}
	first, before := true, false
	for _, part := range []struct {
		n    int32
		unit string
	}{{months / 12, "year"}, {months % 12, "mon"}, {days, "day"}} {
		if part.n == 0 {
			continue
		}
		if !first {
			dst = append(dst, ' ')
		}
		if before && part.n > 0 {
			dst = append(dst, '+')
		}
		dst = append(strconv.AppendInt(dst, int64(part.n), 10), ' ')
		dst = append(dst, part.unit...)
		if part.n != 1 {
			dst = append(dst, 's')
		}
		first, before = false, part.n < 0
	}
	if !first && us == 0 {
		return dst
	}
	if !first {
		dst = append(dst, ' ')
	}
	u := uint64(us)
	if us < 0 {
		dst, u = append(dst, '-'), -u
	} else if before {
		dst = append(dst, '+')
	}
	s := u / 1e6
	dst = fmt.Appendf(dst, "%02d:%02d:%02d", s/3600, s/60%60, s%60)
	return appendFraction(dst, int64(u%1e6))
}

func printNumeric(dst, b []byte) ([]byte, error) {
	if len(b) < 2 {
		return dst, damagedValue("numeric")
	}
	h := le.Uint16(b)
	var weight, scale int
	negative := false
	switch h & 0xc000 {
	case 0xc000:
		switch h & 0xf000 {
		case 0xd000:
			return append(dst, "Infinity"...), nil
		case 0xf000:
			return append(dst, "-Infinity"...), nil
		}
		return append(dst, "NaN"...), nil
	case 0x8000:
		negative, scale = h&0x2000 != 0, int(h&0x1f80>>7)
		weight = int(h & 0x3f)
		if h&0x40 != 0 {
			weight -= 64
		}
		b = b[2:]
	default:
		if len(b) < 4 {
			return dst, damagedValue("numeric")
		}
		negative, scale, weight = h&0x4000 != 0, int(h&0x3fff), int(int16(le.Uint16(b[2:])))
		b = b[4:]
	}
	digit := func(i int) int {
		if i < 0 || 2*i+2 > len(b) {
			return 0
		}
		return int(le.Uint16(b[2*i:])) % 10000
	}
	if negative {
		dst = append(dst, '-')
	}
	if weight < 0 {
		dst = append(dst, '0')
	}
	for i := 0; i <= weight; i++ {
		if i == 0 {
			dst = strconv.AppendInt(dst, int64(digit(0)), 10)
		} else {
			d := digit(i)
			dst = append(dst, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
		}
	}
	if scale > 0 {
		dst = append(dst, '.')
		end := len(dst) + scale
		for i := weight + 1; len(dst) < end; i++ {
			d := digit(i)
			dst = append(dst, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
		}
		dst = dst[:end]
	}
	return dst, nil
}

// quoteJSON appends a string as JSON (src/backend/utils/adt/json.c).
func quoteJSON(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = fmt.Appendf(dst, "\\u%04x", c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func printJSONB(dst, b []byte) ([]byte, error) {
	left := len(b) / 4
	return jsonContainer(dst, b, 0, &left)
}

// jsonContainer prints an array or object (src/include/utils/jsonb.h). left is
// how many values there can be at most in so many bytes.
func jsonContainer(dst, b []byte, depth int, left *int) ([]byte, error) {
	if len(b) < 4 {
		return dst, damagedValue("jsonb")
	}
	h := le.Uint32(b)
	count := int(h & 0x0fffffff)
	object, scalar := h&0x20000000 != 0, h&0x10000000 != 0
	entries := count
	if object {
		entries = 2 * count
	}
	if depth > 1000 || len(dst) > maxValue {
		return dst, errValue
	}
	if *left -= entries; *left < 0 || len(b)-4 < 4*entries || scalar && count != 1 {
		return dst, damagedValue("jsonb")
	}
	heads, body := b[4:4+4*entries], b[4+4*entries:]
	type pos struct{ from, to int }
	at := 0
	step := func(i int) (pos, uint32, error) {
		e := le.Uint32(heads[4*i:])
		from := at
		if e&0x80000000 != 0 {
			at = int(e & 0x0fffffff)
		} else {
			at += int(e & 0x0fffffff)
		}
		if from > at || at > len(body) {
			return pos{}, 0, damagedValue("jsonb")
		}
		return pos{from, at}, e >> 28 & 7, nil
	}
	value := func(k pos, kind uint32) (err error) {
		s := body[k.from:k.to]
		switch kind {
		case 0:
			dst = quoteJSON(dst, s)
		case 1, 5: // aligned by four bytes
			pad := (k.from+3)&^3 - k.from
			if pad > len(s) {
				return damagedValue("jsonb")
			}
			if s = s[pad:]; kind == 5 {
				dst, err = jsonContainer(dst, s, depth+1, left)
				return err
			}
			n := varSize(s)
			if n == 0 || n > len(s) {
				return damagedValue("jsonb")
			}
			if s, err = inline(s[:n]); err == nil {
				dst, err = printNumeric(dst, s)
			}
			return err
		case 2:
			dst = append(dst, "false"...)
		case 3:
			dst = append(dst, "true"...)
		case 4:
			dst = append(dst, "null"...)
		default:
			return damagedValue("jsonb")
		}
		return nil
	}
	if !object {
		if !scalar {
			dst = append(dst, '[')
		}
		for i := range count {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			k, kind, err := step(i)
			if err == nil {
				err = value(k, kind)
			}
			if err != nil {
				return dst, err
			}
			if len(dst) > maxValue {
				return dst, errValue
			}
		}
		if !scalar {
			dst = append(dst, ']')
		}
		return dst, nil
	}
	keys := make([]pos, count) // all keys come before all values
	for i := range keys {
		k, kind, err := step(i)
		if err != nil || kind != 0 {
			return dst, damagedValue("jsonb")
		}
		keys[i] = k
	}
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(quoteJSON(dst, body[k.from:k.to]), ": "...)
		v, kind, err := step(count + i)
		if err == nil {
			err = value(v, kind)
		}
		if err != nil {
			return dst, err
		}
		if len(dst) > maxValue {
			return dst, errValue
		}
	}
	return append(dst, '}'), nil
}

func printInet(dst, b []byte, cidr bool) ([]byte, error) {
	if len(b) < 2 || b[0] == 2 && len(b) < 6 || b[0] == 3 && len(b) < 18 {
		return dst, damagedValue("inet")
	}
	full := 32
	switch b[0] {
	case 2:
		dst = netip.AddrFrom4([4]byte(b[2:6])).AppendTo(dst)
	case 3:
		full = 128
		a := [16]byte(b[2:18])
		// An address of the old kind within the new is written so.
		if [12]byte(a[:12]) == [12]byte{} && (a[12] != 0 || a[13] != 0) {
			dst = netip.AddrFrom4([4]byte(a[12:])).AppendTo(append(dst, "::"...))
		} else {
			dst = netip.AddrFrom16(a).AppendTo(dst)
		}
	default:
		return dst, damagedValue("inet")
	}
	if cidr || int(b[1]) != full {
		dst = strconv.AppendInt(append(dst, '/'), int64(b[1]), 10)
	}
	return dst, nil
}

func printBits(dst, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return dst, damagedValue("bit string")
	}
	n := int(int32(le.Uint32(b)))
	b = b[4:]
	if n < 0 || (n+7)/8 > len(b) {
		return dst, damagedValue("bit string")
	}
	if n > maxValue {
		return dst, errValue
	}
	for i := range n {
		dst = append(dst, '0'+b[i/8]>>(7-i%8)&1)
	}
	return dst, nil
}

func printPoints(dst, b []byte, polygon bool) ([]byte, error) {
	skip, opening, closing := 12, byte('('), byte(')')
	if polygon {
		skip = 36
	}
	if len(b) < skip {
		return dst, damagedValue("path or polygon")
	}
	n := int(int32(le.Uint32(b)))
	if !polygon && le.Uint32(b[4:]) == 0 {
		opening, closing = '[', ']'
	}
	b = b[skip:]
	if n < 0 || n > len(b)/16 {
		return dst, damagedValue("path or polygon")
	}
	dst = append(dst, opening)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = printFixed(dst, typPoint, b[16*i:])
	}
	return append(dst, closing), nil
}

func printTSVector(dst, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return dst, damagedValue("tsvector")
	}
	n := int(int32(le.Uint32(b)))
	if n < 0 || n > (len(b)-4)/4 {
		return dst, damagedValue("tsvector")
	}
	heads, body := b[4:4+4*n], b[4+4*n:]
	for i := range n {
		h := le.Uint32(heads[4*i:])
		from, size := int(h>>12), int(h>>1&0x7ff)
		if from+size > len(body) {
			return dst, damagedValue("tsvector")
		}
		if len(dst) > maxValue {
			return dst, errValue
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, '\'')
		for _, c := range body[from : from+size] {
			if c == '\'' || c == '\\' {
				dst = append(dst, c)
			}
			dst = append(dst, c)
		}
		dst = append(dst, '\'')
		if h&1 == 0 {
			continue
		}
		at := (from + size + 1) &^ 1
		if at+2 > len(body) {
			return dst, damagedValue("tsvector")
		}
		count := int(le.Uint16(body[at:]))
		if at+2+2*count > len(body) {
			return dst, damagedValue("tsvector")
		}
		for j := range count {
			p := le.Uint16(body[at+2+2*j:])
			if j == 0 {
				dst = append(dst, ':')
			} else {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(p&0x3fff), 10)
			if w := p >> 14; w > 0 {
				dst = append(dst, " CBA"[w])
			}
		}
	}
	return dst, nil
}

func printVector(dst, b []byte, wide bool) ([]byte, error) {
	a, err := parseArray(b)
	if err != nil {
		return dst, err
	}
	size := 2
	if wide {
		size = 4
	}
	if a.count*size > len(a.data) {
		return dst, damagedValue("vector")
	}
	for i := range a.count {
		if i > 0 {
			dst = append(dst, ' ')
		}
		if wide {
			dst = strconv.AppendUint(dst, uint64(le.Uint32(a.data[4*i:])), 10)
		} else {
			dst = strconv.AppendInt(dst, int64(int16(le.Uint16(a.data[2*i:]))), 10)
		}
	}
	return dst, nil
}

func printHstore(dst, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return dst, damagedValue("hstore")
	}
	n := int(le.Uint32(b) & 0x0fffffff)
	if le.Uint32(b)&0x80000000 == 0 || n > (len(b)-4)/8 {
		return dst, damagedValue("hstore")
	}
	heads, body := b[4:4+8*n], b[4+8*n:]
	at := 0
	text := func(i int) error {
		to := int(le.Uint32(heads[4*i:]) & 0x3fffffff)
		if to < at || to > len(body) {
			return damagedValue("hstore")
		}
		dst = append(dst, '"')
		for _, c := range body[at:to] {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		}
		dst = append(dst, '"')
		at = to
		return nil
	}
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if err := text(2 * i); err != nil {
			return dst, err
		}
		dst = append(dst, "=>"...)
		if le.Uint32(heads[8*i+4:])&0x40000000 != 0 {
			dst = append(dst, "NULL"...)
		} else if err := text(2*i + 1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// quoted appends the text that print makes, quoted where the outer form needs
// it: with a backslash before marks, or by doubling them.
func quoted(dst []byte, special string, double, nullWord bool, print func([]byte) ([]byte, error)) ([]byte, error) {
	from := len(dst)
	dst, err := print(dst)
	if err != nil {
		return dst, err
	}
	s := dst[from:]
	need, marks := len(s) == 0 || nullWord && len(s) == 4 && bytes.EqualFold(s, []byte("null")), 0
	for _, c := range s {
		if c == '"' || c == '\\' {
			need = true
			marks++
		} else if bytes.IndexByte([]byte(special), c) >= 0 || c < utf8.RuneSelf && unicode.IsSpace(rune(c)) {
			need = true
		}
	}
	if !need {
		return dst, nil
	}
	old := s
	if marks > 0 {
		old = bytes.Clone(s)
	}
	dst = append(dst, 0, 0)
	dst = append(dst, make([]byte, marks)...)
	out := dst[from:]
	if marks == 0 {
		copy(out[1:], old)
		out[0], out[len(out)-1] = '"', '"'
		return dst, nil
	}
	out = append(out[:0], '"')
	for _, c := range old {
		if c == '"' || c == '\\' {
			if double {
				out = append(out, c)
			} else {
				out = append(out, '\\')
			}
		}
		out = append(out, c)
	}
	_ = append(out, '"')
	return dst, nil
}

func (p *printer) printArray(dst, b []byte, depth int) ([]byte, error) {
	a, err := parseArray(b)
	if err != nil {
		return dst, err
	}
	if a.count == 0 {
		return append(dst, "{}"...), nil
	}
	t := p.cat.types[a.elem]
	if t == nil {
		return dst, fmt.Errorf("%w: array of type %d, which isn't in the catalogue", database.ErrDamaged, a.elem)
	}
	for _, lower := range a.lower {
		if lower != 1 {
			for i, d := range a.dims {
				dst = fmt.Appendf(dst, "[%d:%d]", a.lower[i], a.lower[i]+d-1)
			}
			dst = append(dst, '=')
			break
		}
	}
	delimiter := byte(',')
	if a.elem == typBox {
		delimiter = ';'
	}
	off := 0
	for i := range a.count {
		if i > 0 {
			dst = append(dst, delimiter)
		}
		size := 1
		for _, d := range slices.Backward(a.dims) { // a row begins
			if size *= d; i%size == 0 {
				dst = append(dst, '{')
			}
		}
		if a.bitmap != nil && a.bitmap[i/8]>>(i%8)&1 == 0 {
			dst = append(dst, "NULL"...)
		} else {
			d, end, err := next(a.data, off, t.length, t.align)
			if err != nil {
				return dst, err
			}
			off = end
			dst, err = quoted(dst, "{}"+string(delimiter), false, true, func(dst []byte) ([]byte, error) {
				return p.print(dst, a.elem, d, depth+1)
			})
			if err != nil {
				return dst, err
			}
		}
		size = 1
		for _, d := range slices.Backward(a.dims) {
			if size *= d; (i+1)%size == 0 {
				dst = append(dst, '}')
			}
		}
		if len(dst) > maxValue {
			return dst, errValue
		}
	}
	return dst, nil
}

func (p *printer) printRecord(dst, b []byte, depth int) ([]byte, error) {
	if len(b) < tupleHeader-4 {
		return dst, damagedValue("composite")
	}
	t := append(make(tuple, 4, 4+len(b)), b...)
	ty := p.cat.types[le.Uint32(t[8:])]
	if ty == nil || p.cat.classes[ty.relation] == nil {
		return dst, fmt.Errorf("%w: a row of a type that isn't in the catalogue", database.ErrUnsupported)
	}
	columns := p.cat.classes[ty.relation].columns
	ds, err := deform(t, columns, nil)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '(')
	first := true
	for i := range columns {
		c := &columns[i]
		if c.dropped {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if ds[i].null {
			continue
		}
		dst, err = quoted(dst, "(),", true, false, func(dst []byte) ([]byte, error) {
			return p.print(dst, c.typ, ds[i].data, depth+1)
		})
		if err != nil {
			return dst, err
		}
	}
	return append(dst, ')'), nil
}

func (p *printer) printRange(dst, b []byte, depth int) ([]byte, error) {
	if len(b) < 5 {
		return dst, damagedValue("range")
	}
	flags := b[len(b)-1]
	sub := p.cat.ranges[le.Uint32(b)]
	t := p.cat.types[sub]
	if t == nil {
		return dst, fmt.Errorf("%w: a range that isn't in the catalogue", database.ErrDamaged)
	}
	if flags&1 != 0 {
		return append(dst, "empty"...), nil
	}
	dst, _, err := p.printBounds(dst, b[4:len(b)-1], 0, flags, sub, t, depth)
	return dst, err
}

// printBounds prints one range whose bounds begin at off, and tells where they
// end.
func (p *printer) printBounds(dst, data []byte, off int, flags byte, sub uint32, t *pgType, depth int) ([]byte, int, error) {
	bound := func(infinite bool) error {
		if infinite {
			return nil
		}
		d, end, err := next(data, off, t.length, t.align)
		if err != nil {
			return err
		}
		off = end
		dst, err = quoted(dst, "()[],", true, false, func(dst []byte) ([]byte, error) {
			return p.print(dst, sub, d, depth+1)
		})
		return err
	}
	dst = append(dst, "(["[flags>>1&1])
	if err := bound(flags&0x28 != 0); err != nil {
		return dst, 0, err
	}
	dst = append(dst, ',')
	if err := bound(flags&0x50 != 0); err != nil {
		return dst, 0, err
	}
	return append(dst, ")]"[flags>>2&1]), off, nil
}

// printMultirange prints several ranges (src/include/utils/multirangetypes.h):
// how many, where each begins, the flags of each, then the bounds.
func (p *printer) printMultirange(dst, b []byte, depth int) ([]byte, error) {
	if len(b) < 8 {
		return dst, damagedValue("multirange")
	}
	sub := p.cat.ranges[p.cat.ranges[le.Uint32(b)]]
	t := p.cat.types[sub]
	if t == nil {
		return dst, fmt.Errorf("%w: a multirange that isn't in the catalogue", database.ErrDamaged)
	}
	n := int(le.Uint32(b[4:]))
	if n > len(b) || n > 0 && 8+4*(n-1)+n > len(b) {
		return dst, damagedValue("multirange")
	}
	dst = append(dst, '{')
	at := 8
	if n > 0 {
		at += 4 * (n - 1)
	}
	flags := b[at : at+n]
	// Values are aligned from the start of the length before b.
	at = alignUp(at+n+4, t.align) - 4
	if n > 0 && at > len(b) {
		return dst, damagedValue("multirange")
	}
	off := 0
	if n > 0 {
		b = b[at:]
	}
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, off, err = p.printBounds(dst, b, alignUp(off, t.align), flags[i], sub, t, depth); err != nil {
			return dst, err
		}
		if len(dst) > maxValue {
			return dst, errValue
		}
	}
	return append(dst, '}'), nil
}

package innodb

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// Types of columns, by the numbers of .frm files and the protocol.
const (
	myDecimal    = 0
	myTiny       = 1
	myShort      = 2
	myLong       = 3
	myFloat      = 4
	myDouble     = 5
	myTimestamp  = 7
	myLongLong   = 8
	myInt24      = 9
	myDate       = 10
	myTime       = 11
	myDateTime   = 12
	myYear       = 13
	myNewDate    = 14
	myVarchar    = 15
	myBit        = 16
	myTimestamp2 = 17
	myDateTime2  = 18
	myTime2      = 19
	myBlobComp   = 140 // MariaDB's compressed columns
	myVarComp    = 141
	myJSON       = 245
	myNewDecimal = 246
	myEnum       = 247
	mySet        = 248
	myTinyBlob   = 249
	myMediumBlob = 250
	myLongBlob   = 251
	myBlob       = 252
	myVarString  = 253
	myString     = 254
	myGeometry   = 255
)

// column is one column as the server sees it.
type column struct {
	name     string
	kind     byte
	length   int // bytes that it can hold, or characters of its display
	unsigned bool
	nullable bool
	zerofill bool
	decimals int
	charset  *charset
	values   []string // of enum and set
	virtual  bool     // computed when asked, not kept
	plugin   string   // MariaDB: uuid, inet4, inet6
	comment  string
	hidden   bool // the engine's own
	fixed    int  // bytes, when the dictionary says them
}

// key is one index: its columns by number, and of each the bytes kept, 0 for
// all.
type key struct {
	name   string
	unique bool
	parts  []keyPart
}

type keyPart struct{ column, prefix int }

// definition is a table as a .frm file or a serialised dictionary tells it.
type definition struct {
	columns []column
	keys    []key
	engine  string
	version uint32 // of the server that wrote it, as 101119
	view    bool
	maria   bool
}

const (
	frmHeader = 64
	frmForm   = 288
	frmField  = 17
)

type frmError struct{ at int }

// frmReader takes numbers out of a file, and gives up at once where there is
// none.
type frmReader []byte

func (b frmReader) span(at, n int) []byte {
	if at < 0 || n < 0 || at > len(b)-n {
		panic(frmError{at})
	}
	return b[at : at+n]
}
func (b frmReader) u8(at int) int  { return int(b.span(at, 1)[0]) }
func (b frmReader) u16(at int) int { return int(binary.LittleEndian.Uint16(b.span(at, 2))) }
func (b frmReader) u32(at int) int { return int(binary.LittleEndian.Uint32(b.span(at, 4))) }

// parseFrm reads a .frm file of MySQL 5.0 to 5.7 or MariaDB.
func parseFrm(data []byte, path string) (d *definition, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(frmError)
			if !ok {
				panic(r)
			}
			d, err = nil, fmt.Errorf("%s: table definition ends at %d, needs %d: %w", path, len(data), e.at, database.ErrDamaged)
		}
	}()
	if strings.HasPrefix(string(data), "TYPE=") {
		return &definition{view: true}, nil
	}
	b := frmReader(data)
	if b.u8(0) != 0xfe || b.u8(1) != 1 {
		return nil, fmt.Errorf("%s: table definition begins with %x, expected fe01: %w", path, b.span(0, 2), database.ErrDamaged)
	}
	d = &definition{version: uint32(b.u32(51)), maria: b.u32(51) >= 100000}
	names := b.u16(4)
	keyAt := b.u16(6)
	form := b.u32(frmHeader + names)
	b.span(form, frmForm)
	n := b.u16(form + 258)
	at := form + frmForm + b.u16(form+260)
	nameLen, intervals, comments, exprs := b.u16(form+268), b.u16(form+274), b.u16(form+284), b.u16(form+286)
	if n == 0 || n > 4096 {
		return nil, fmt.Errorf("%s: table definition has %d columns: %w", path, n, database.ErrDamaged)
	}
	fields := at
	at += n * frmField
	colNames := splitNames(b.span(at, nameLen))
	at += nameLen
	sets := b.span(at, intervals)
	at += intervals
	texts := b.span(at, comments)
	at += comments
	if len(colNames) < n {
		return nil, fmt.Errorf("%s: table definition has %d columns and %d names: %w", path, n, len(colNames), database.ErrDamaged)
	}
	var lists [][]string
	for len(sets) > 0 {
		end := 0
		for end < len(sets) && sets[end] != 0 {
			end++
		}
		lists = append(lists, splitNames(sets[:end]))
		sets = sets[min(end+1, len(sets)):]
	}
	d.columns = make([]column, n)
	for i := range d.columns {
		f := fields + i*frmField
		pack := b.u16(f + 8)
		c := column{
			name:     colNames[i],
			kind:     byte(b.u8(f + 13)),
			length:   b.u16(f + 3),
			unsigned: pack&1 == 0,
			zerofill: pack&4 != 0,
			nullable: pack&0x8000 != 0,
			decimals: pack >> 8 & 31,
			charset:  charsetOf(b.u8(f+14) + b.u8(f+11)<<8),
		}
		if b.u8(f+10) == 24 { // MariaDB keeps it compressed
			switch c.kind {
			case myBlob:
				c.kind = myBlobComp
			case myVarchar:
				c.kind = myVarComp
			}
		}
		if c.kind == myGeometry {
			c.charset = binaryCharset
		}
		if c.kind == myEnum || c.kind == mySet {
			if k := b.u8(f + 12); k > 0 && k <= len(lists) {
				c.values = c.charset.textAll(lists[k-1])
			}
		}
		if m := b.u16(f + 15); m <= len(texts) {
			c.comment = c.charset.text(texts[:m])
			texts = texts[m:]
		}
		d.columns[i] = c
	}
	parseFrmExtra(b, names, d)
	parseFrmExprs(b, at, exprs, d)
	parseFrmKeys(b, keyAt, d)
	total := b.u16(14)
	if total == 0xffff {
		total = b.u32(47)
	}
	rec := keyAt + total + b.u16(16)
	if rec+2 <= len(b) {
		// After the default row: a connection string, then the engine's name.
		p := rec + 2 + b.u16(rec)
		if p+2 <= len(b) {
			if k := b.u16(p); k < 64 && p+2+k <= len(b) {
				d.engine = string(b.span(p+2, k))
			}
		}
	}
	return d, nil
}

// splitNames splits names that each follow the separator that begins them all.
func splitNames(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	s := strings.TrimSuffix(strings.TrimRight(string(b[1:]), "\x00"), string(b[:1]))
	return strings.Split(s, string(b[:1]))
}

// parseFrmExtra reads MariaDB's list of extensions for types that plugins make.
func parseFrmExtra(b frmReader, n int, d *definition) {
	at, end := frmHeader, frmHeader+n
	if n == 0 || b.u8(at) == '/' {
		return
	}
	for at+2 < end {
		kind, size := b.u8(at), b.u8(at+1)
		at += 2
		if size == 0 {
			size = b.u16(at)
			at += 2
		}
		x := frmReader(b.span(at, size))
		at += size
		if kind != 130 {
			continue
		}
		for p := 0; p+2 <= len(x); {
			i, w := x.u8(p), 1
			if i == 252 {
				i, w = x.u16(p+1), 3
			}
			k := x.u8(p + w)
			name := string(x.span(p+w+1, k))
			p += w + 1 + k
			if i < len(d.columns) {
				d.columns[i].plugin = name
			}
		}
	}
}

// parseFrmExprs finds which columns are computed and not kept.
func parseFrmExprs(b frmReader, at, n int, d *definition) {
	if n < 16 || at+n > len(b) {
		for i := range d.columns {
			if d.columns[i].kind == 16 && d.columns[i].length == 0 {
				d.columns[i].virtual = true
			}
		}
		return
	}
	end := at + n
	for at += 16; at+7 <= end; {
		kind, field, expr, name := b.u8(at), b.u16(at+1), b.u16(at+3), b.u8(at+5)
		at += 6 + expr + name
		if kind == 0 && field < len(d.columns) {
			d.columns[field].virtual = true
		}
	}
}

func parseFrmKeys(b frmReader, at int, d *definition) {
	n := b.u8(at)
	if n&0x80 != 0 {
		n = b.u8(at+1)<<7 | n&0x7f
	}
	at += 6
	if n > 256 {
		return
	}
	for range n {
		k := key{unique: b.u16(at)&1 == 0}
		parts := b.u8(at + 4)
		at += 8
		for range parts {
			p := keyPart{column: b.u16(at)&0x3fff - 1}
			if p.column < 0 || p.column >= len(d.columns) {
				return
			}
			c := d.columns[p.column]
			if size := b.u16(at + 7); size < c.length || c.isBlob() {
				p.prefix = size
			}
			if !c.isString() {
				p.prefix = 0
			}
			k.parts = append(k.parts, p)
			at += 9
		}
		d.keys = append(d.keys, k)
	}
	end := at
	for end < len(b) && b[end] != 0 {
		end++
	}
	for i, name := range splitNames(b[at:end]) {
		if i < len(d.keys) {
			d.keys[i].name = name
		}
	}
}

func (c *column) isBlob() bool {
	switch c.kind {
	case myTinyBlob, myMediumBlob, myLongBlob, myBlob, myGeometry, myJSON, myBlobComp:
		return true
	}
	return false
}

func (c *column) isString() bool {
	return c.isBlob() || c.plugin == "" && (c.kind == myVarchar || c.kind == myString || c.kind == myVarString || c.kind == myVarComp)
}

// fraction is how many digits follow the seconds.
func (c *column) fraction() int {
	base := 0
	switch c.kind {
	case myTimestamp2, myDateTime2, myDateTime, myTimestamp:
		base = 19
	case myTime2, myTime:
		base = 10
	}
	if base == 0 || c.length <= base {
		return 0
	}
	return min(c.length-base-1, 6)
}

// precision is how many digits a decimal has, before and after the point.
func (c *column) precision() (whole, after int) {
	n := c.length
	if c.decimals > 0 {
		n--
	}
	if !c.unsigned {
		n--
	}
	return max(n-c.decimals, 0), c.decimals
}

// digitBytes is how many bytes some digits of a decimal take.
func digitBytes(n int) int { return n/9*4 + [9]int{0, 1, 1, 2, 2, 3, 3, 4, 4}[n%9] }

// storage is how many bytes a column takes, when that is the same for each row
// in the compact form, else 0; and at most how many.
func (c *column) storage() (fixed, most int) {
	if c.fixed != 0 {
		return c.fixed, c.fixed
	}
	switch c.plugin {
	case "uuid", "inet6":
		return 16, 16
	case "inet4":
		return 4, 4
	}
	switch c.kind {
	case myTiny, myYear:
		fixed = 1
	case myShort:
		fixed = 2
	case myInt24, myDate, myNewDate, myTime:
		fixed = 3
	case myLong, myFloat, myTimestamp:
		fixed = 4
	case myDouble, myLongLong, myDateTime:
		fixed = 8
	case myBit:
		fixed = max((c.length+7)/8, 1)
	case myTime2:
		fixed = 3 + (c.fraction()+1)/2
	case myTimestamp2:
		fixed = 4 + (c.fraction()+1)/2
	case myDateTime2:
		fixed = 5 + (c.fraction()+1)/2
	case myNewDecimal:
		whole, after := c.precision()
		fixed = digitBytes(whole) + digitBytes(after)
	case myEnum:
		fixed = 1
		if len(c.values) > 255 {
			fixed = 2
		}
	case mySet:
		fixed = [9]int{1, 1, 2, 3, 4, 8, 8, 8, 8}[(min(len(c.values), 64)+7)/8]
	case myDecimal:
		fixed = max(c.length, 1)
	case myString:
		if c.charset.min == c.charset.max {
			fixed = c.length
		}
		return fixed, c.length
	default:
		if c.isBlob() {
			return 0, 1 << 30
		}
		return 0, c.length
	}
	return fixed, fixed
}

// text is the column's type as the server writes it.
func (c *column) text() string {
	u := ""
	if c.unsigned {
		u = " unsigned"
	}
	if c.zerofill {
		u = " unsigned zerofill"
	}
	chars := c.length / max(c.charset.max, 1)
	bin := c.charset == binaryCharset
	frac := ""
	if f := c.fraction(); f > 0 {
		frac = "(" + strconv.Itoa(f) + ")"
	}
	if c.plugin != "" {
		return c.plugin
	}
	pick := func(text, blob string) string {
		if bin {
			return blob
		}
		return text
	}
	switch c.kind {
	case myTiny:
		return fmt.Sprintf("tinyint(%d)%s", c.length, u)
	case myShort:
		return fmt.Sprintf("smallint(%d)%s", c.length, u)
	case myInt24:
		return fmt.Sprintf("mediumint(%d)%s", c.length, u)
	case myLong:
		return fmt.Sprintf("int(%d)%s", c.length, u)
	case myLongLong:
		return fmt.Sprintf("bigint(%d)%s", c.length, u)
	case myFloat:
		return "float" + u
	case myDouble:
		return "double" + u
	case myDecimal, myNewDecimal:
		whole, after := c.precision()
		return fmt.Sprintf("decimal(%d,%d)%s", whole+after, after, u)
	case myTimestamp, myTimestamp2:
		return "timestamp" + frac
	case myDateTime, myDateTime2:
		return "datetime" + frac
	case myTime, myTime2:
		return "time" + frac
	case myDate, myNewDate:
		return "date"
	case myYear:
		return fmt.Sprintf("year(%d)", c.length)
	case myBit:
		return fmt.Sprintf("bit(%d)", c.length)
	case myVarchar, myVarString, myVarComp:
		return fmt.Sprintf("%s(%d)", pick("varchar", "varbinary"), chars)
	case myString:
		return fmt.Sprintf("%s(%d)", pick("char", "binary"), chars)
	case myEnum:
		return "enum('" + strings.Join(c.values, "','") + "')"
	case mySet:
		return "set('" + strings.Join(c.values, "','") + "')"
	case myTinyBlob:
		return pick("tinytext", "tinyblob")
	case myMediumBlob:
		return pick("mediumtext", "mediumblob")
	case myLongBlob:
		return pick("longtext", "longblob")
	case myBlob, myBlobComp:
		// The size of its length says which, kept in bits of the length.
		return pick("text", "blob")
	case myJSON:
		return "json"
	case myGeometry:
		return "geometry"
	}
	return "type " + strconv.Itoa(int(c.kind))
}

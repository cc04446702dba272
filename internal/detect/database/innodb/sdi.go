package innodb

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/database"
)

const maxSDI = 4 << 20

// sdiTable is what MySQL 8 keeps of a table in its own file, as far as it is
// needed.
type sdiTable struct {
	Version int64  `json:"mysqld_version_id"`
	Type    string `json:"dd_object_type"`
	Object  struct {
		Name    string      `json:"name"`
		Schema  string      `json:"schema_ref"`
		Private string      `json:"se_private_data"`
		Columns []sdiColumn `json:"columns"`
		Indexes []struct {
			Name     string `json:"name"`
			Private  string `json:"se_private_data"`
			Elements []struct {
				Length uint32 `json:"length"`
				Column int    `json:"column_opx"`
			} `json:"elements"`
		} `json:"indexes"`
	} `json:"dd_object"`
}

type sdiColumn struct {
	Name      string `json:"name"`
	Type      int    `json:"type"`
	Nullable  bool   `json:"is_nullable"`
	Zerofill  bool   `json:"is_zerofill"`
	Unsigned  bool   `json:"is_unsigned"`
	Virtual   bool   `json:"is_virtual"`
	Hidden    int    `json:"hidden"`
	Length    int    `json:"char_length"`
	Scale     int    `json:"numeric_scale"`
	Digits    int    `json:"numeric_precision"`
	Fraction  int    `json:"datetime_precision"`
	Text      string `json:"column_type_utf8"`
	Collation int    `json:"collation_id"`
	Private   string `json:"se_private_data"`
	Elements  []struct {
		Name string `json:"name"`
	} `json:"elements"`
}

// sdiKinds are the types of columns of the dictionary.
var sdiKinds = [32]byte{
	1: myDecimal, 2: myTiny, 3: myShort, 4: myLong, 5: myFloat, 6: myDouble, 8: myTimestamp, 9: myLongLong, 10: myInt24,
	11: myDate, 12: myTime, 13: myDateTime, 14: myYear, 15: myNewDate, 16: myVarchar, 17: myBit, 18: myTimestamp2,
	19: myDateTime2, 20: myTime2, 21: myNewDecimal, 22: myEnum, 23: mySet, 24: myTinyBlob, 25: myMediumBlob,
	26: myLongBlob, 27: myBlob, 28: myVarString, 29: myString, 30: myGeometry, 31: myJSON,
}

// sdi finds the definition of a table in the file itself, as MySQL 8 keeps it.
func (d *db) sdi(t *table) error {
	sp := t.sp
	first, err := d.page(sp, 0)
	if err != nil {
		return err
	}
	at := sp.xdesEnd() + 115 // after what tells of encryption
	if sp.fcrc || sp.flags&(1<<14) == 0 || at+8 > len(first) {
		return fmt.Errorf("%s: no definition of its table: %w", sp.path, database.ErrUnsupported)
	}
	no := be32(first, at+4)
	l := &layout{comp: true, guess: -1, keys: 2, trx: 2}
	l.fields = append(l.fields, physical{col: colDropped, fixed: 4}, physical{col: colDropped, fixed: 8}, physical{col: colTrx, fixed: 6},
		physical{col: colRoll, fixed: 7}, physical{col: colDropped, fixed: 4}, physical{col: colDropped, fixed: 4}, physical{col: colDropped, big: true})
	l.core = len(l.fields)
	for range 20 {
		p, err := d.page(sp, no)
		if err != nil {
			return err
		}
		if be16(p, filType) != typeSDI || !compact(p) {
			return fmt.Errorf("%s: page %d: no page of definitions: %w", sp.path, no, database.ErrDamaged)
		}
		if be16(p, pageLevel) != 0 {
			next := no
			if err := records(p, func(at int) bool { next, _ = l.nodeChild(p, at); return false }); err != nil {
				return err
			}
			no = next
			continue
		}
		return d.sdiLeaf(t, l, p)
	}
	return fmt.Errorf("%s: definitions have no leaf: %w", sp.path, database.ErrDamaged)
}

func (d *db) sdiLeaf(t *table, l *layout, p []byte) error {
	found := fmt.Errorf("%s: no definition of its table: %w", t.sp.path, database.ErrDamaged)
	err := records(p, func(at int) bool {
		var r record
		if err := l.parse(p, at, &r); err != nil {
			found = err
			return false
		}
		if be32(r.cells[0].data, 0) != 1 || r.info&infoDeleted != 0 {
			return true
		}
		z, err := d.whole(t.sp, r.cells[6])
		if err != nil {
			found = err
			return false
		}
		n := be32(r.cells[4].data, 0)
		if n > maxSDI {
			return true
		}
		b := make([]byte, n)
		m, err := inflate(z, b)
		if err != nil {
			found = fmt.Errorf("%s: definition: %w", t.sp.path, database.ErrDamaged)
			return false
		}
		def, lay, root, err := parseSDI(b[:m])
		if err != nil {
			found = fmt.Errorf("%s: definition: %w", t.sp.path, err)
			return false
		}
		t.def, t.layout, t.root, found = def, lay, root, nil
		return false
	})
	if found != nil {
		return found
	}
	return err
}

// private splits what the engine keeps with parts of the dictionary: key=value;
func private(s string) map[string]string {
	m := map[string]string{}
	for kv := range strings.SplitSeq(s, ";") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}

// parseSDI reads a table's serialised definition: its columns, how its records
// are laid out, and the root of its clustered index.
func parseSDI(b []byte) (*definition, *layout, uint32, error) {
	var s sdiTable
	if err := json.Unmarshal(bytes.TrimRight(b, "\x00"), &s); err != nil {
		return nil, nil, 0, fmt.Errorf("not JSON as expected: %w", database.ErrDamaged)
	}
	o := &s.Object
	if len(o.Columns) == 0 || len(o.Columns) > 5000 || len(o.Indexes) == 0 {
		return nil, nil, 0, fmt.Errorf("%d columns and %d indexes: %w", len(o.Columns), len(o.Indexes), database.ErrDamaged)
	}
	d := &definition{version: uint32(s.Version), engine: "InnoDB"}
	l := &layout{comp: true, guess: -1, mysql: true, trx: -1}
	phys := make([]physical, len(o.Columns))
	for i := range o.Columns {
		c := &o.Columns[i]
		col := column{
			name: c.Name, nullable: c.Nullable, unsigned: c.Unsigned, zerofill: c.Zerofill, length: c.Length,
			decimals: c.Scale, virtual: c.Virtual, hidden: c.Hidden > 1, charset: charsetOf(c.Collation),
		}
		if c.Type > 0 && c.Type < len(sdiKinds) {
			col.kind = sdiKinds[c.Type]
		}
		switch col.kind {
		case myFloat, myDouble:
			if c.Scale == 0 {
				col.decimals = 31
			}
		case myNewDecimal:
			col.length = c.Digits + min(c.Scale, 1)
			if !c.Unsigned {
				col.length++
			}
		case myTimestamp2, myDateTime2:
			col.length = 19
			if c.Fraction > 0 {
				col.length += 1 + c.Fraction
			}
		case myTime2:
			col.length = 10
			if c.Fraction > 0 {
				col.length += 1 + c.Fraction
			}
		case myBit:
			if c.Digits > 0 {
				col.length = c.Digits
			}
		}
		for _, e := range c.Elements {
			v := []byte(e.Name)
			if raw, err := base64.StdEncoding.DecodeString(e.Name); err == nil {
				v = raw
			}
			col.values = append(col.values, strings.ToValidUTF8(string(v), "\ufffd"))
		}
		f := col.physical(i)
		switch c.Name {
		case "DB_ROW_ID":
			f = physical{col: colRowID, fixed: 6}
		case "DB_TRX_ID":
			f = physical{col: colTrx, fixed: 6}
		case "DB_ROLL_PTR":
			f = physical{col: colRoll, fixed: 7}
		}
		m := private(c.Private)
		f.added, _ = strconv.Atoi(m["version_added"])
		f.dropped, _ = strconv.Atoi(m["version_dropped"])
		if v, ok := m["default"]; ok {
			if raw, err := hex.DecodeString(v); err == nil {
				f.hasDef, f.def = true, raw
			}
		} else if m["default_null"] == "1" {
			f.hasDef = true
		}
		if f.dropped != 0 {
			col.hidden = true
		}
		phys[i] = f
		d.columns = append(d.columns, col)
	}
	root := uint32(0)
	ix := &o.Indexes[0]
	if v, err := strconv.ParseUint(private(ix.Private)["root"], 10, 32); err == nil {
		root = uint32(v)
	}
	for i, e := range ix.Elements {
		if e.Column < 0 || e.Column >= len(phys) || i > maxRecordFields {
			return nil, nil, 0, fmt.Errorf("index names column %d of %d: %w", e.Column, len(phys), database.ErrDamaged)
		}
		f := phys[e.Column]
		if f.col == colTrx {
			l.trx, l.keys = i, i
		}
		l.fields = append(l.fields, f)
	}
	if l.trx <= 0 || l.trx+1 >= len(l.fields) || l.fields[l.trx+1].col != colRoll || root < 3 {
		return nil, nil, 0, fmt.Errorf("clustered index isn't as expected: %w", database.ErrDamaged)
	}
	// Before 8.0.29 the table tells how many columns it had before any came at
	// once.
	if v, ok := private(o.Private)["instant_col"]; ok {
		if n, err := strconv.Atoi(v); err == nil && n > 0 && n < len(l.fields) {
			l.instV1 = min(n+l.trx+2-l.userKeys(), len(l.fields))
		}
	}
	return d, l, root, nil
}

// userKeys is how many of the key's fields are the user's.
func (l *layout) userKeys() int {
	n := 0
	for _, f := range l.fields[:l.keys] {
		if f.col >= 0 {
			n++
		}
	}
	return n
}

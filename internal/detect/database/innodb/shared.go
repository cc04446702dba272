package innodb

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lenscap/lenscap/internal/detect/database"
)

// The dictionary in the system tablespace of MySQL to 5.7 and of MariaDB is
// tables itself, in the old form of records. The page 7 has their roots.
const (
	dictPage    = 7
	dictTables  = filData + 32
	dictIndexes = filData + 44
)

// dictionary is a made-up table that reads one of them: the names of its
// columns, in the order of its records; numbers but for NAME.
func dictionary(sp *space, root uint32, keys int, names ...string) *table {
	t := &table{sp: sp, root: root, def: &definition{}, layout: &layout{keys: keys, trx: keys, guess: -1}}
	for i, n := range names {
		c := column{name: n, kind: myLongLong, unsigned: true, charset: utf8mb4}
		if n == "NAME" || n == "CLUSTER_NAME" {
			c.kind = myVarchar
		}
		t.def.columns = append(t.def.columns, c)
		if i == keys {
			t.layout.fields = append(t.layout.fields, physical{col: colTrx, fixed: 6}, physical{col: colRoll, fixed: 7})
		}
		t.layout.fields = append(t.layout.fields, physical{col: i, nullable: i >= keys})
	}
	t.layout.core = len(t.layout.fields)
	return t
}

// scan gives the rows of a table as text.
func (d *db) scan(ctx context.Context, t *table, f func(v []string)) error {
	w := &walker{d: d, ctx: ctx, t: t, seen: map[uint32]struct{}{}, room: 64 << 20, undo: 1 << 20}
	n := 0
	w.yield = func(r database.Row) bool {
		v := make([]string, len(r.Values))
		for i := range r.Values {
			v[i] = string(r.Values[i].Data)
		}
		f(v)
		n++
		return n < 10*maxTables
	}
	w.tree(t.root, -1)
	return w.failed
}

// shared finds where tables without a file of their own lie in the system
// tablespace. waiting has them by their names in the dictionary.
func (d *db) shared(ctx context.Context, waiting map[string]*table) error {
	sys := d.spaces[0]
	p, err := d.page(sys, dictPage)
	if err != nil {
		return err
	}
	ids := map[string]*table{}
	tables := dictionary(sys, be32(p, dictTables), 1, "NAME", "ID", "N_COLS", "TYPE", "MIX_ID", "MIX_LEN", "CLUSTER_NAME", "SPACE")
	if err := d.scan(ctx, tables, func(v []string) {
		if t := waiting[v[0]]; t != nil && v[7] == "0" {
			ids[v[1]] = t
		}
	}); err != nil {
		return fmt.Errorf("dictionary of tables: %w", err)
	}
	indexes := dictionary(sys, be32(p, dictIndexes), 2, "TABLE_ID", "ID", "NAME", "N_FIELDS", "TYPE", "SPACE", "PAGE_NO", "MERGE_THRESHOLD")
	if err := d.scan(ctx, indexes, func(v []string) {
		t := ids[v[0]]
		kind, _ := strconv.Atoi(v[4])
		root, err := strconv.ParseUint(v[6], 10, 32)
		if t != nil && kind&1 != 0 && v[5] == "0" && err == nil {
			t.sp, t.root = sys, uint32(root)
		}
	}); err != nil {
		return fmt.Errorf("dictionary of indexes: %w", err)
	}
	return nil
}

// settle reads the tables in the system tablespace, and says which have no rows
// that can be found.
func (d *db) settle(ctx context.Context) {
	if len(d.waiting) == 0 {
		return
	}
	if err := d.shared(ctx, d.waiting); err != nil {
		d.fail(err)
	}
	for _, t := range d.waiting {
		if t.sp != nil {
			t.err = d.prepare(t)
			continue
		}
		t.Note = "its rows are in no file that is here"
		t.err = fmt.Errorf("table without a file: %w", database.ErrUnsupported)
		d.note(true, "there are tables whose rows are in no file that is here")
	}
}

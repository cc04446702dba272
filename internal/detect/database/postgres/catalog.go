package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sort"
	"strconv"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// Numbers of the catalogues (pg_class.oid), the same in every version.
const (
	oidType      = 1247
	oidAttribute = 1249
	oidClass     = 1259
	oidDatabase  = 1262
	oidEnum      = 3501
	oidRange     = 3541
	oidNamespace = 2615

	defaultSpace = 1663
	globalSpace  = 1664
)

// Limits of what is kept of the catalogues of one database.
const (
	maxRelations  = 100_000
	maxAttributes = 200_000
	maxTypes      = 100_000
	maxLabels     = 100_000
	maxDatabases  = 10_000
)

var errLimit = fmt.Errorf("%w: catalogue: more than is kept in memory", database.ErrUnsupported)

// relation reads the pages of one relation, brought up to date. It is for one
// goroutine.
type relation struct {
	c      *cluster
	key    relKey
	path   string
	segs   map[uint32]detect.Reader
	blocks uint32 // pages it has
	disk   uint32 // pages of it that are on disk
	size   int64
	wal    *walReader
	rec    record
	chain  []uint64
}

// path gives the file of a relation.
func (c *cluster) path(k relKey) string {
	switch k.space {
	case globalSpace:
		return fmt.Sprintf("%s/global/%d", c.root, k.rel)
	case defaultSpace:
		return fmt.Sprintf("%s/base/%d/%d", c.root, k.db, k.rel)
	}
	return fmt.Sprintf("%s/pg_tblspc/%d/PG_%d_%d/%d/%d", c.root, k.space, c.major, c.control.catalog, k.db, k.rel)
}

// relation opens one. A file that isn't there is empty; missing tells.
func (c *cluster) relation(k relKey) (r *relation, missing bool, err error) {
	r = &relation{c: c, key: k, path: c.path(k), segs: map[uint32]detect.Reader{}}
	first, err := c.files.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) && c.redo != nil {
		if from, ok := c.redo.copies[k.db]; ok { // the copy of the database was not finished
			r.path = c.path(relKey{k.space, from, k.rel})
			first, err = c.files.Open(r.path)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("open %s: %w", r.path, err)
	}
	block, segment := int64(c.control.block), uint32(c.control.segment)
	full := block * int64(segment)
	for n := uint32(0); first != nil && n < 65536; n++ {
		r.segs[n] = first
		r.size += first.Size()
		r.disk += uint32(min(first.Size(), full) / block)
		if first.Size() < full {
			break
		}
		next, err := c.files.Open(fmt.Sprintf("%s.%d", r.path, n+1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return nil, false, fmt.Errorf("open %s.%d: %w", r.path, n+1, err)
		}
		first = next
	}
	missing = len(r.segs) == 0
	r.blocks = r.disk
	if c.redo != nil {
		if id, ok := c.redo.rels[k]; ok {
			s := &c.redo.states[id]
			r.disk = min(r.disk, s.cut)
			r.blocks = max(r.disk, s.blocks)
			missing = false
		}
		r.wal = newWALReader(c.files, c.root, c.major, &c.control)
	}
	return r, missing, nil
}

// page reads one page into p and brings it up to date. Where the page is void,
// it is new.
func (r *relation) page(n uint32, p page) error {
	clear(p)
	if n < r.disk {
		segment := uint32(r.c.control.segment)
		k, err := r.segs[n/segment].ReadAt(p, int64(n%segment)*int64(len(p)))
		if k < len(p) {
			clear(p)
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("read page %d of %s: %w", n, r.path, err)
			}
		}
	}
	if r.c.redo == nil {
		return nil
	}
	r.chain = r.c.redo.chain(r.key, n, r.chain)
	for _, lsn := range r.chain {
		b, _, end, err := r.wal.read(lsn)
		if err == nil {
			if err = r.rec.parse(b, r.c.major, len(p)); err == nil {
				err = r.rec.apply(p, r.key, n, end, r.c.major)
			}
		}
		if err != nil {
			return fmt.Errorf("page %d of %s: log at %X: %w", n, r.path, lsn, err)
		}
	}
	return nil
}

// place says where a page lies.
func (r *relation) place(n uint32) (file string, offset int64) {
	segment := uint32(r.c.control.segment)
	file = r.path
	if s := n / segment; s > 0 {
		file += "." + strconv.Itoa(int(s))
	}
	return file, int64(n%segment) * int64(r.c.control.block)
}

// scan gives the tuples of all pages that the server would show. The tuple is
// good until yield returns.
func (r *relation) scan(ctx context.Context, yield func(tuple) error) error {
	p := make(page, r.c.control.block)
	var first error
	for n := range r.blocks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.page(n, p); err != nil {
			first = firstOf(first, err)
			continue
		}
		if p.isNew() {
			continue
		}
		if err := p.check(); err != nil {
			first = firstOf(first, fmt.Errorf("page %d of %s: %w", n, r.path, err))
			continue
		}
		for i := 1; i <= p.items(); i++ {
			t := p.tuple(i)
			if t == nil {
				continue
			}
			f, err := r.c.fate(t)
			if err != nil {
				first = firstOf(first, err)
			}
			if f != fateLive {
				continue
			}
			if err := yield(t); err != nil {
				if errors.Is(err, errLimit) {
					return err
				}
				first = firstOf(first, fmt.Errorf("page %d of %s, item %d: %w", n, r.path, i, err))
			}
		}
	}
	return first
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// pgType is one row of pg_type.
type pgType struct {
	oid      uint32
	name     string
	schema   uint32
	length   int16
	align    byte
	kind     byte // b, c, d, e, m, p, r
	elem     uint32
	base     uint32
	baseMod  int32
	relation uint32
}

// class is one row of pg_class.
type class struct {
	oid         uint32
	name        string
	schema      uint32
	kind        byte
	persistence byte
	file        uint32
	space       uint32
	toast       uint32
	toastFile   uint32
	toastSpace  uint32
	shared      bool
	partition   bool
	columns     []attribute
}

// catalog is what the catalogues of one database say. It doesn't change.
type catalog struct {
	db      dbase
	schemas map[uint32]string
	types   map[uint32]*pgType
	labels  map[uint32]string
	ranges  map[uint32]uint32 // range and multirange types: their element's or range's type
	classes map[uint32]*class
	list    []*class // the tables, in order
	names   map[tableName]*class
	err     error // the first damage
}

// tableName is what a table is called by.
type tableName struct{ schema, name string }

// dbase is one row of pg_database.
type dbase struct {
	oid   uint32
	name  string
	space uint32
}

// shape is how one catalogue's tuples are read.
type shape struct {
	atts  []attribute
	index map[string]int
}

// row is one tuple of a catalogue.
type row struct {
	s *shape
	t tuple
	d []datum
}

func (r *row) raw(name string) []byte {
	i, ok := r.s.index[name]
	if !ok || i >= len(r.d) || r.d[i].null {
		return nil
	}
	return r.d[i].data
}

func (r *row) u32(name string) uint32 {
	if b := r.raw(name); len(b) >= 4 {
		return le.Uint32(b)
	}
	return 0
}

func (r *row) i16(name string) int16 {
	if b := r.raw(name); len(b) >= 2 {
		return int16(le.Uint16(b))
	}
	return 0
}

func (r *row) byte(name string) byte {
	if b := r.raw(name); len(b) >= 1 {
		return b[0]
	}
	return 0
}

func (r *row) text(name string) string {
	b := r.raw(name)
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	return string(b)
}

// oid is the row's number: a column since 12, before that a part of the header.
func (r *row) oid() uint32 {
	if _, ok := r.s.index["oid"]; ok {
		return r.u32("oid")
	}
	if h := r.t.hoff(); r.t.infomask()&hasOID != 0 && h >= tupleHeader+4 && h <= len(r.t) {
		return le.Uint32(r.t[h-4:])
	}
	return 0
}

// bootstrap reads the shapes of the catalogues from pg_attribute, which
// describes itself: only its first columns must be known.
func (c *cluster) bootstrap(ctx context.Context, k relKey) (map[uint32]*shape, error) {
	r, _, err := c.relation(k)
	if err != nil {
		return nil, err
	}
	lengthAt, numAt := 76, 78
	if c.major >= 16 { // attstattarget moved behind
		lengthAt, numAt = 72, 74
	}
	shapes := map[uint32]*shape{}
	for _, oid := range []uint32{oidType, oidAttribute, oidClass, oidDatabase, oidEnum, oidRange, oidNamespace} {
		shapes[oid] = &shape{index: map[string]int{}}
	}
	err = r.scan(ctx, func(t tuple) error {
		h := t.hoff()
		if h > len(t) || len(t)-h < 84 {
			return fmt.Errorf("%w: pg_attribute: a row of %d bytes", database.ErrDamaged, len(t))
		}
		d := t[h:]
		s := shapes[le.Uint32(d)]
		num := int16(le.Uint16(d[numAt:]))
		if s == nil || num < 1 || num > 100 {
			return nil
		}
		name, _, _ := bytes.Cut(d[4:68], []byte{0})
		a := attribute{name: string(name), typ: le.Uint32(d[68:]), length: int16(le.Uint16(d[lengthAt:])), num: num, align: 'i'}
		switch {
		case a.length == 1 || a.length == 64:
			a.align = 'c'
		case a.length == 2:
			a.align = 's'
		case a.length == 8 || a.typ == 1034 && c.major >= 16: // aclitem[]
			a.align = 'd'
		}
		s.atts = append(s.atts, a)
		return nil
	})
	for oid, s := range shapes {
		sort.Slice(s.atts, func(i, j int) bool { return s.atts[i].num < s.atts[j].num })
		for i := range s.atts {
			if int(s.atts[i].num) != i+1 {
				s.atts = s.atts[:i]
				break
			}
			s.index[s.atts[i].name] = i
		}
		if len(s.atts) == 0 {
			return nil, fmt.Errorf("%w: pg_attribute doesn't tell of the catalogue %d: %w", database.ErrDamaged, oid, err)
		}
	}
	return shapes, err
}

// rows gives the rows of a catalogue.
func (c *cluster) rows(ctx context.Context, k relKey, s *shape, yield func(*row) error) error {
	r, missing, err := c.relation(k)
	if err != nil {
		return err
	}
	if missing {
		return fmt.Errorf("%w: catalogue %s is not there", database.ErrDamaged, r.path)
	}
	row := row{s: s}
	return r.scan(ctx, func(t tuple) error {
		row.t = t
		if row.d, err = deform(t, s.atts, row.d); err != nil {
			return err
		}
		return yield(&row)
	})
}

// fileMap gives the map of files of a database, or of the cluster for 0.
func (c *cluster) fileMap(db, space uint32) (map[uint32]uint32, error) {
	if c.redo != nil {
		if m, ok := c.redo.maps[db]; ok {
			return m, nil
		}
	}
	k := relKey{space, db, 0}
	dir := c.path(k)
	data, err := readAll(c.files, dir[:len(dir)-2]+"/pg_filenode.map", 4096)
	if errors.Is(err, fs.ErrNotExist) && c.redo != nil {
		if from, ok := c.redo.copies[db]; ok {
			dir = c.path(relKey{space, from, 0})
			data, err = readAll(c.files, dir[:len(dir)-2]+"/pg_filenode.map", 4096)
		}
	}
	if err != nil {
		return nil, err
	}
	return readMap(data)
}

// databases reads pg_database.
func (c *cluster) databases(ctx context.Context) ([]dbase, error) {
	global, err := c.fileMap(0, globalSpace)
	if err != nil {
		return nil, fmt.Errorf("global map: %w", err)
	}
	// template1 has the number 1 and is always there.
	m, err := c.fileMap(1, defaultSpace)
	if err != nil {
		return nil, fmt.Errorf("map of template1: %w", err)
	}
	shapes, err := c.bootstrap(ctx, relKey{defaultSpace, 1, m[oidAttribute]})
	if shapes == nil {
		return nil, err
	}
	var list []dbase
	err = c.rows(ctx, relKey{globalSpace, 0, global[oidDatabase]}, shapes[oidDatabase], func(r *row) error {
		if len(list) >= maxDatabases {
			return errLimit
		}
		if name := r.text("datname"); name != "" {
			list = append(list, dbase{r.oid(), name, r.u32("dattablespace")})
		}
		return nil
	})
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list, err
}

// load reads the catalogues of one database.
func (c *cluster) load(ctx context.Context, db dbase) (*catalog, error) {
	cat := &catalog{
		db: db, schemas: map[uint32]string{}, types: map[uint32]*pgType{}, labels: map[uint32]string{},
		ranges: map[uint32]uint32{}, classes: map[uint32]*class{},
	}
	files, err := c.fileMap(db.oid, db.space)
	if err != nil {
		return nil, fmt.Errorf("map of files: %w", err)
	}
	shapes, err := c.bootstrap(ctx, relKey{db.space, db.oid, files[oidAttribute]})
	if shapes == nil {
		return nil, err
	}
	note := func(err error) { cat.err = firstOf(cat.err, err) }
	note(err)
	type place struct{ file, space uint32 }
	toast, others := map[uint32]place{}, map[uint32]place{}
	note(c.rows(ctx, relKey{db.space, db.oid, files[oidClass]}, shapes[oidClass], func(r *row) error {
		k := class{
			oid: r.oid(), name: r.text("relname"), schema: r.u32("relnamespace"), kind: r.byte("relkind"),
			persistence: r.byte("relpersistence"), file: r.u32("relfilenode"), space: r.u32("reltablespace"),
			toast: r.u32("reltoastrelid"), shared: r.byte("relisshared") != 0, partition: r.byte("relispartition") != 0,
		}
		if k.space == 0 {
			k.space = db.space
		}
		switch k.kind {
		case 't':
			if len(toast) >= maxRelations {
				return errLimit
			}
			if k.file == 0 { // a mapped one
				k.file = files[k.oid]
			}
			toast[k.oid] = place{k.file, k.space}
		case 'r', 'm', 'p', 'c':
			if len(cat.classes) >= maxRelations {
				return errLimit
			}
			others[k.oid] = place{k.file, k.space}
			if k.persistence != 't' {
				cat.classes[k.oid] = &k
			}
		}
		return nil
	}))
	var global map[uint32]uint32
	for _, k := range cat.classes {
		if k.file == 0 {
			k.file = files[k.oid]
		}
		if k.shared {
			if global == nil {
				if global, err = c.fileMap(0, globalSpace); err != nil {
					note(err)
					global = map[uint32]uint32{}
				}
			}
			if f := global[k.oid]; f != 0 {
				k.file = f
			}
		}
		if p, ok := toast[k.toast]; ok {
			k.toastFile, k.toastSpace = p.file, p.space
			if f := global[k.toast]; k.shared && f != 0 {
				k.toastFile = f
			}
		}
	}
	table := func(oid uint32) relKey {
		if f := files[oid]; f != 0 {
			return relKey{db.space, db.oid, f}
		}
		return relKey{others[oid].space, db.oid, others[oid].file}
	}
	note(c.rows(ctx, table(oidNamespace), shapes[oidNamespace], func(r *row) error {
		if len(cat.schemas) >= maxTypes {
			return errLimit
		}
		cat.schemas[r.oid()] = r.text("nspname")
		return nil
	}))
	note(c.rows(ctx, table(oidType), shapes[oidType], func(r *row) error {
		if len(cat.types) >= maxTypes {
			return errLimit
		}
		t := &pgType{
			oid: r.oid(), name: r.text("typname"), schema: r.u32("typnamespace"), length: r.i16("typlen"),
			align: r.byte("typalign"), kind: r.byte("typtype"), elem: r.u32("typelem"), base: r.u32("typbasetype"),
			baseMod: int32(r.u32("typtypmod")), relation: r.u32("typrelid"),
		}
		cat.types[t.oid] = t
		return nil
	}))
	note(c.rows(ctx, table(oidEnum), shapes[oidEnum], func(r *row) error {
		if len(cat.labels) >= maxLabels {
			return errLimit
		}
		cat.labels[r.oid()] = r.text("enumlabel")
		return nil
	}))
	note(c.rows(ctx, table(oidRange), shapes[oidRange], func(r *row) error {
		if len(cat.ranges) >= maxTypes {
			return errLimit
		}
		cat.ranges[r.u32("rngtypid")] = r.u32("rngsubtype")
		if m := r.u32("rngmultitypid"); m != 0 {
			cat.ranges[m] = r.u32("rngtypid")
		}
		return nil
	}))
	count := 0
	note(c.rows(ctx, relKey{db.space, db.oid, files[oidAttribute]}, shapes[oidAttribute], func(r *row) error {
		k := cat.classes[r.u32("attrelid")]
		num := r.i16("attnum")
		if k == nil || num < 1 || num > 1664 {
			return nil
		}
		if count++; count > maxAttributes {
			return errLimit
		}
		a := attribute{
			name: r.text("attname"), typ: r.u32("atttypid"), mod: int32(r.u32("atttypmod")), length: r.i16("attlen"),
			align: r.byte("attalign"), num: num, dropped: r.byte("attisdropped") != 0, virtual: r.byte("attgenerated") == 'v',
		}
		if r.byte("atthasmissing") != 0 {
			if m := missingValue(r.raw("attmissingval"), a.length, a.align); m != nil {
				a.missing = &m
			}
		}
		k.columns = append(k.columns, a)
		return nil
	}))
	for _, k := range cat.classes {
		sort.Slice(k.columns, func(i, j int) bool { return k.columns[i].num < k.columns[j].num })
		for i := range k.columns {
			if int(k.columns[i].num) != i+1 {
				note(fmt.Errorf("%w: pg_attribute: column %d of relation %d is not there", database.ErrDamaged, i+1, k.oid))
				k.columns = k.columns[:i]
				break
			}
		}
	}
	cat.list = cat.tables()
	cat.names = make(map[tableName]*class, len(cat.list))
	for _, k := range cat.list {
		cat.names[tableName{cat.schemas[k.schema], k.name}] = k
	}
	return cat, ctx.Err()
}

// missingValue takes the one value out of the array that keeps it.
func missingValue(raw []byte, length int16, align byte) []byte {
	b, err := inline(raw)
	if err != nil {
		return nil
	}
	a, err := parseArray(b)
	if err != nil || a.count != 1 {
		return nil
	}
	d, _, err := next(a.data, 0, length, align)
	if err != nil {
		return nil
	}
	return bytes.Clone(d)
}

// tables lists the tables of a database, in order.
func (cat *catalog) tables() []*class {
	var list []*class
	for _, oid := range sortedKeys(cat.classes) {
		if k := cat.classes[oid]; k.kind != 'c' {
			list = append(list, k)
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := cat.schemas[list[i].schema], cat.schemas[list[j].schema]
		return a < b || a == b && list[i].name < list[j].name
	})
	return list
}

func sortedKeys[V any](m map[uint32]V) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range maps.Keys(m) {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// typeName writes a type as psql does.
func (cat *catalog) typeName(oid uint32, mod int32, depth int) string {
	t := cat.types[oid]
	if t == nil || depth > 8 {
		return strconv.FormatUint(uint64(oid), 10)
	}
	if t.length == -1 && t.elem != 0 && len(t.name) > 1 && t.name[0] == '_' {
		return cat.typeName(t.elem, mod, depth+1) + "[]"
	}
	size := ""
	if mod >= 0 {
		size = "(" + strconv.Itoa(int(mod)) + ")"
	}
	switch oid {
	case typBool:
		return "boolean"
	case typInt2:
		return "smallint"
	case typInt4:
		return "integer"
	case typInt8:
		return "bigint"
	case typFloat4:
		return "real"
	case typFloat8:
		return "double precision"
	case typChar:
		return `"char"`
	case typBpchar, typVarchar:
		name := "character"
		if oid == typVarchar {
			name = "character varying"
		}
		if mod >= 4 {
			name += "(" + strconv.Itoa(int(mod)-4) + ")"
		}
		return name
	case typNumeric:
		if mod < 4 {
			return "numeric"
		}
		scale := int((mod-4)&0x7ff) ^ 1024
		return fmt.Sprintf("numeric(%d,%d)", (mod-4)>>16&0xffff, scale-1024)
	case typTime:
		return "time" + size + " without time zone"
	case typTimeTZ:
		return "time" + size + " with time zone"
	case typTimestamp:
		return "timestamp" + size + " without time zone"
	case typTimestampTZ:
		return "timestamp" + size + " with time zone"
	case typBit:
		return "bit" + size
	case typVarbit:
		return "bit varying" + size
	case typInterval:
		if p := mod & 0xffff; mod >= 0 && p != 0xffff {
			return "interval(" + strconv.Itoa(int(p)) + ")"
		}
		return "interval"
	}
	if s := cat.schemas[t.schema]; s != "pg_catalog" && s != "public" {
		return s + "." + t.name
	}
	return t.name
}

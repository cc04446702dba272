package named

import (
	"bytes"
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

const notRead = "recognised by its name, not read"

func table(dbName, name string, size int64) database.Table {
	return database.Table{Database: dbName, Name: name, Rows: -1, Size: size, Note: notRead}
}

// MongoDB keeps WiredTiger's files; the file WiredTiger says the version.
func claimsMongoDB(f detect.File, head []byte) (string, bool) {
	return f.Path, path.Base(f.Path) == "WiredTiger" && bytes.HasPrefix(head, []byte("WiredTiger\nWiredTiger "))
}

func openMongoDB(d *db) error {
	b, err := d.read(d.root, 0, 200)
	if err != nil {
		return err
	}
	rest, ok := bytes.CutPrefix(b, []byte("WiredTiger\nWiredTiger "))
	if !ok {
		return d.damaged("expected WiredTiger's version")
	}
	v, _, _ := bytes.Cut(rest, []byte(":"))
	d.info.Version = "WiredTiger " + printable(v)
	dir := path.Dir(d.root)
	files, err := d.list(dir)
	if err != nil {
		return err
	}
	d.take(files, all)
	mongo := false
	for _, f := range files {
		name := path.Base(f.Path)
		mongo = mongo || name == "storage.bson" || name == "_mdb_catalog.wt"
		if f.Mode.IsDir() && name != "journal" && name != "diagnostic.data" { // one for each database
			inner, err := d.list(f.Path)
			if err != nil {
				return err
			}
			d.take(inner, func(n string) bool { return strings.HasSuffix(n, ".wt") })
			d.collections(name, inner)
		}
		if name == "mongod.lock" && f.Size > 0 {
			d.note("It was left in use: its journal was not replayed.")
		}
	}
	d.collections("", files)
	if !mongo {
		d.note("WiredTiger without MongoDB's catalogue.")
	}
	return nil
}

// collections takes the files of collections; the catalogue that has their
// names is not read.
func (d *db) collections(dbName string, files []detect.File) {
	for _, f := range files {
		name := path.Base(f.Path)
		stem, ok := strings.CutSuffix(name, ".wt")
		if !ok || !f.Mode.IsRegular() || !strings.HasPrefix(stem, "collection") {
			continue
		}
		d.tables = append(d.tables, table(dbName, stem, f.Size))
	}
	// With one folder for each database and for collections and indexes.
	for _, f := range files {
		if name := path.Base(f.Path); !f.Mode.IsDir() || name != "collection" {
			continue
		}
		inner, err := d.list(f.Path)
		if err != nil {
			continue
		}
		for _, c := range inner {
			if stem, ok := strings.CutSuffix(path.Base(c.Path), ".wt"); ok {
				d.info.Size += c.Size
				d.info.Files = append(d.info.Files, c.Path)
				d.tables = append(d.tables, table(dbName, "collection/"+stem, c.Size))
			}
		}
	}
}

// The indexes of MyISAM and Aria, in the folder of a database of MySQL's or
// MariaDB's.
func claimsMyISAM(f detect.File, head []byte) (string, bool) {
	switch path.Ext(f.Path) {
	case ".MYI":
		return path.Dir(f.Path), bytes.HasPrefix(head, []byte("\xfe\xfe\x07"))
	case ".MAI":
		return path.Dir(f.Path), bytes.HasPrefix(head, []byte("\xfe\xfe\x09"))
	}
	return "", false
}

func openMyISAM(d *db) error {
	files, err := d.list(d.root)
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, f := range files {
		sizes[path.Base(f.Path)] = f.Size
	}
	d.take(files, func(n string) bool {
		e := path.Ext(n)
		return e == ".MYI" || e == ".MYD" || e == ".MAI" || e == ".MAD"
	})
	for _, f := range files {
		name := path.Base(f.Path)
		stem, ext := strings.TrimSuffix(name, path.Ext(name)), path.Ext(name)
		if ext != ".MYI" && ext != ".MAI" {
			continue
		}
		t := table(path.Base(d.root), stem, sizes[stem+ext[:3]+"D"])
		t.System = t.Database == "mysql" || t.Database == "sys" || t.Database == "performance_schema"
		t.Note = map[string]string{".MYI": "MyISAM, ", ".MAI": "Aria, "}[ext] + notRead
		// The index tells how many rows there are and how many were deleted, after
		// a head of 24 bytes.
		if b, err := d.read(f.Path, 0, 44); err == nil && len(b) == 44 && ext == ".MYI" && b[0] == 0xfe {
			if n := binary.BigEndian.Uint64(b[28:]); n < 1<<48 {
				t.Rows = int64(n)
			}
		}
		d.tables = append(d.tables, t)
	}
	if len(d.tables) == 0 {
		return d.damaged("expected indexes of MyISAM or Aria")
	}
	return nil
}

// cassandraFile is one part of a table: version, generation, format.
var cassandraFile = regexp.MustCompile(`^([a-z]{2})-[0-9a-z_]+-(big|bti)-Data\.db$`)

func claimsCassandra(f detect.File, _ []byte) (string, bool) {
	// …/data/keyspace/table-id/nb-1-big-Data.db
	return path.Dir(path.Dir(path.Dir(f.Path))), cassandraFile.MatchString(path.Base(f.Path))
}

func openCassandra(d *db) error {
	spaces, err := d.list(d.root)
	if err != nil {
		return err
	}
	for _, space := range spaces {
		if !space.Mode.IsDir() {
			continue
		}
		tables, err := d.list(space.Path)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if !t.Mode.IsDir() {
				continue
			}
			parts, err := d.list(t.Path)
			if err != nil {
				return err
			}
			size, found := int64(0), false
			for _, p := range parts {
				if m := cassandraFile.FindStringSubmatch(path.Base(p.Path)); m != nil {
					size += p.Size
					found = true
					d.info.Files = append(d.info.Files, p.Path)
					d.info.Version = max(d.info.Version, m[1])
				}
			}
			if !found {
				continue
			}
			d.info.Size += size
			name := path.Base(t.Path)
			if i := strings.LastIndexByte(name, '-'); i > 0 && len(name)-i == 33 {
				name = name[:i]
			}
			tab := table(path.Base(space.Path), name, size)
			tab.System = strings.HasPrefix(tab.Database, "system")
			d.tables = append(d.tables, tab)
		}
	}
	if len(d.tables) == 0 {
		return d.damaged("expected folders of keyspaces with tables")
	}
	return nil
}

const luceneMark = "\x3f\xd7\x6c\x17\x08segments"

// Lucene's commit, of Elasticsearch, OpenSearch and Solr too.
func claimsLucene(f detect.File, head []byte) (string, bool) {
	return f.Path, strings.HasPrefix(path.Base(f.Path), "segments_") && bytes.HasPrefix(head, []byte(luceneMark))
}

func openLucene(d *db) error {
	b, err := d.read(d.root, 0, 128)
	if err != nil {
		return err
	}
	rest, ok := bytes.CutPrefix(b, []byte(luceneMark))
	if !ok || len(rest) < 4+16+1 {
		return d.damaged("expected the header of a commit")
	}
	// Version, id, a suffix, then the version of Lucene that wrote it.
	if v := rest[min(len(rest), 21+int(rest[20])):]; len(v) >= 3 && v[0] < 128 && v[1] < 128 && v[2] < 128 && binary.BigEndian.Uint32(rest) >= 7 {
		d.info.Version = strings.Join([]string{itoa(v[0]), itoa(v[1]), itoa(v[2])}, ".")
	}
	files, err := d.list(path.Dir(d.root))
	if err != nil {
		return err
	}
	d.take(files, func(n string) bool { return strings.HasPrefix(n, "_") || strings.HasPrefix(n, "segments") })
	return nil
}

func itoa(b byte) string {
	if b >= 10 {
		return itoa(b/10) + itoa(b%10)
	}
	return string(rune('0' + b))
}

// LevelDB and RocksDB: CURRENT names the manifest.
func claimsLevelDB(f detect.File, head []byte) (string, bool) {
	return path.Dir(f.Path), path.Base(f.Path) == "CURRENT" && bytes.HasPrefix(head, []byte("MANIFEST-"))
}

var sorted = regexp.MustCompile(`^(MANIFEST-\d+|\d+\.(log|ldb|sst|blob)|CURRENT|OPTIONS-\d+|IDENTITY)$`)

func openLevelDB(d *db) error {
	b, err := d.read(path.Join(d.root, "CURRENT"), 0, 64)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(string(b))
	if !sorted.MatchString(name) {
		return d.damaged("CURRENT: expected the name of a manifest")
	}
	files, err := d.list(d.root)
	if err != nil {
		return err
	}
	d.take(files, sorted.MatchString)
	families := map[string]bool{}
	for _, f := range files {
		if n := path.Base(f.Path); strings.HasPrefix(n, "OPTIONS-") {
			if err := d.rocksOptions(f.Path, families); err != nil {
				return err
			}
		}
	}
	// The manifest is a log of records: checksum, length, kind; the first one
	// starts with the name of how keys are ordered.
	m, err := d.read(path.Join(d.root, name), 0, 256)
	if err != nil {
		return err
	}
	if len(m) > 9 && m[7] == 1 && int(m[8]) <= len(m)-9 {
		if order := printable(m[9 : 9+int(m[8])]); order != "" {
			d.note("Keys are ordered by %s.", order)
		}
	}
	return nil
}

// rocksOptions reads RocksDB's options: its version and column families.
func (d *db) rocksOptions(name string, seen map[string]bool) error {
	b, err := d.read(name, 0, maxText)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "rocksdb_version="); ok {
			d.info.Version = "RocksDB " + graphic(v)
		}
		f, ok := strings.CutPrefix(line, `[CFOptions "`)
		if f = strings.TrimSuffix(f, `"]`); ok && !seen[f] && graphic(f) == f && len(d.tables) < maxEntries {
			seen[f] = true
			d.tables = append(d.tables, table("", f, 0))
		}
	}
	return nil
}

const influxMark = "\x16\xd1\x16\xd1"

// InfluxDB's files: …/data/database/retention/shard/000000001-000000001.tsm
func claimsInfluxDB(f detect.File, head []byte) (string, bool) {
	return path.Dir(path.Dir(path.Dir(path.Dir(f.Path)))), path.Ext(f.Path) == ".tsm" && bytes.HasPrefix(head, []byte(influxMark))
}

func openInfluxDB(d *db) error {
	var walk func(dir string, names []string) (int64, error)
	walk = func(dir string, names []string) (int64, error) {
		files, err := d.list(dir)
		if err != nil {
			return 0, err
		}
		size := int64(0)
		for _, f := range files {
			name := path.Base(f.Path)
			switch {
			case f.Mode.IsDir() && len(names) < 3 && name != "_series":
				n, err := walk(f.Path, append(slices.Clip(names), name))
				if err != nil {
					return 0, err
				}
				size += n
			case len(names) == 3 && path.Ext(name) == ".tsm":
				size += f.Size
				d.info.Files = append(d.info.Files, f.Path)
			}
		}
		if len(names) == 2 && size > 0 {
			t := table(names[0], names[1], size)
			t.System = names[0] == "_internal"
			d.tables = append(d.tables, t)
		}
		return size, nil
	}
	size, err := walk(d.root, nil)
	if err != nil {
		return err
	}
	if len(d.tables) == 0 {
		return d.damaged("expected folders of databases, retention policies and shards")
	}
	d.info.Size = size
	return nil
}

const clickHouseMark = "columns format version: 1\n"

// ClickHouse's parts: a table's folder has one for each part, with columns.txt.
func claimsClickHouse(f detect.File, head []byte) (string, bool) {
	return path.Dir(path.Dir(f.Path)), path.Base(f.Path) == "columns.txt" && bytes.HasPrefix(head, []byte(clickHouseMark))
}

func openClickHouse(d *db) error {
	parts, err := d.list(d.root)
	if err != nil {
		return err
	}
	// data/database/table or store/abc/abc…: the name is the folder's.
	t := table("", path.Base(d.root), 0)
	if p := path.Dir(d.root); path.Base(path.Dir(p)) == "data" {
		t.Database = path.Base(p)
	}
	t.System = t.Database == "system"
	for _, part := range parts {
		if !part.Mode.IsDir() {
			continue
		}
		files, err := d.list(part.Path)
		if err != nil {
			return err
		}
		before := d.info.Size
		b, err := d.read(path.Join(part.Path, "columns.txt"), 0, maxText)
		if err != nil || !bytes.HasPrefix(b, []byte(clickHouseMark)) {
			continue
		}
		d.take(files, all)
		t.Size += d.info.Size - before
		if len(t.Columns) == 0 {
			t.Columns = clickHouseColumns(string(b))
		}
	}
	if len(d.info.Files) == 0 {
		return d.damaged("expected parts with columns.txt")
	}
	d.tables = append(d.tables, t)
	return nil
}

// clickHouseColumns reads lines of a name in backquotes and a type.
func clickHouseColumns(text string) []database.Column {
	var out []database.Column
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "`")
		name, typ, both := strings.Cut(rest, "` ")
		if ok && both && len(out) < 10_000 {
			out = append(out, database.Column{Name: name, Type: typ})
		}
	}
	return out
}

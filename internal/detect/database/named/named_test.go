package named

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/detect/database/databasetest"
)

func utf16le(s string) []byte {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}

// at makes a file of n bytes with parts at their offsets.
func at(n int, parts map[int]string) []byte {
	b := make([]byte, n)
	for o, p := range parts {
		copy(b[o:], p)
	}
	return b
}

func le32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }

// Files as their makers' documents and public descriptions lay them out.
var cases = []struct {
	engine, path, root string
	files              map[string][]byte
	version            string
	tables             []string // database.name columns
	note               string
	size               int64
}{
	{
		engine: "sqlserver", path: "/data/a.mdf", root: "/data/a.mdf",
		files: map[string][]byte{"/data/a.mdf": at(10*8192, map[int]string{
			0: "\x01\x0f", 9 * 8192: "\x01\x0d", 9*8192 + 32: le32(9), 9*8192 + 100: "\x88\x03", 9*8192 + 148: string(utf16le("Shop")),
		})},
		version: "2019", note: "Shop", size: 10 * 8192,
	},
	{
		engine: "sqlserver", path: "/data/a_log.ldf", root: "/data/a_log.ldf",
		files: map[string][]byte{"/data/a_log.ldf": at(8192, map[int]string{0: "\x01\x0f"})}, note: "log", size: 8192,
	},
	{
		engine: "sqlserver", path: "/b/a.bak", root: "/b/a.bak",
		files: map[string][]byte{"/b/a.bak": at(4096, map[int]string{0: "TAPE", 200: string(utf16le("Microsoft SQL Server"))})}, note: "backup", size: 4096,
	},
	{
		engine: "oracle", path: "/u01/system01.dbf", root: "/u01/system01.dbf",
		files: map[string][]byte{"/u01/system01.dbf": at(16384, map[int]string{
			0: "\x00\xa2", 20: le32(8192), 28: "}|{z", 8192 + 24: le32(0x0b200000), 8192 + 32: "ORCL",
		})},
		version: "11.2.0", note: "ORCL", size: 16384,
	},
	{
		engine: "oracle", path: "/b/full.dmp", root: "/b/full.dmp",
		files:   map[string][]byte{"/b/full.dmp": []byte("\x03\x00\x01EXPORT:V11.02.00\nDSYSTEM\n")},
		version: "11.02.00", note: "export", size: 28,
	},
	{
		engine: "mongodb", path: "/db/WiredTiger", root: "/db/WiredTiger",
		files: map[string][]byte{
			"/db/WiredTiger":   []byte("WiredTiger\nWiredTiger 11.2.0: (November 1, 2023)\n"),
			"/db/storage.bson": make([]byte, 10), "/db/mongod.lock": []byte("12\n"),
			"/db/collection-0-123.wt": make([]byte, 4096), "/db/index-1-123.wt": make([]byte, 100), "/db/shop/collection/7-9.wt": make([]byte, 50),
		},
		version: "WiredTiger 11.2.0", tables: []string{".collection-0-123", "shop.collection/7-9"}, note: "in use", size: 4096 + 100 + 50 + 10 + 3 + 49,
	},
	{
		engine: "ese", path: "/Windows/NTDS/ntds.dit", root: "/Windows/NTDS/ntds.dit",
		files: map[string][]byte{"/Windows/NTDS/ntds.dit": at(8192, map[int]string{4: le32(0x89abcdef), 8: le32(0x620), 52: le32(2)})}, version: "0x620", note: "Active Directory", size: 8192,
	},
	{
		engine: "access", path: "/a.accdb", root: "/a.accdb",
		files: map[string][]byte{"/a.accdb": at(4096, map[int]string{0: "\x00\x01\x00\x00Standard ACE DB\x00\x03"})}, version: "2010", size: 4096,
	},
	{
		engine: "cassandra", path: "/c/data/shop/users-5a1c395e0123456789abcdef01234567/nb-1-big-Data.db", root: "/c/data",
		files: map[string][]byte{
			"/c/data/shop/users-5a1c395e0123456789abcdef01234567/nb-1-big-Data.db":   make([]byte, 77),
			"/c/data/system/local-5a1c395e0123456789abcdef01234567/nb-2-big-Data.db": make([]byte, 3),
		},
		version: "nb", tables: []string{"shop.users", "system.local"}, size: 80,
	},
	{
		engine: "lucene", path: "/es/0/index/segments_4", root: "/es/0/index/segments_4",
		files: map[string][]byte{
			"/es/0/index/segments_4": []byte(luceneMark + "\x00\x00\x00\x0a" + strings.Repeat("i", 16) + "\x014" + "\x09\x0b\x01" + strings.Repeat("\x00", 40)),
			"/es/0/index/_0.cfs":     make([]byte, 1000),
		},
		version: "9.11.1", size: 1000 + 13 + 4 + 16 + 2 + 3 + 40,
	},
	{
		engine: "leveldb", path: "/r/CURRENT", root: "/r",
		files: map[string][]byte{
			"/r/CURRENT": []byte("MANIFEST-000005\n"), "/r/MANIFEST-000005": []byte("crc!\x20\x00\x01\x01\x1aleveldb.BytewiseComparator"), "/r/000010.sst": make([]byte, 500),
			"/r/OPTIONS-000007": []byte("[Version]\n  rocksdb_version=8.1.1\n[CFOptions \"default\"]\n[CFOptions \"accounts\"]\n"),
		},
		version: "RocksDB 8.1.1", tables: []string{".accounts", ".default"}, note: "BytewiseComparator", size: 16 + 35 + 500 + 79,
	},
	{
		engine: "influxdb", path: "/i/data/metrics/autogen/2/000000001-000000001.tsm", root: "/i/data",
		files: map[string][]byte{
			"/i/data/metrics/autogen/2/000000001-000000001.tsm":   []byte(influxMark + "\x01more"),
			"/i/data/_internal/monitor/1/000000001-000000001.tsm": []byte(influxMark + "\x01"),
		},
		tables: []string{"_internal.monitor", "metrics.autogen"}, size: 14,
	},
	{
		engine: "clickhouse", path: "/ch/data/shop/users/all_1_1_0/columns.txt", root: "/ch/data/shop/users",
		files: map[string][]byte{
			"/ch/data/shop/users/all_1_1_0/columns.txt": []byte(clickHouseMark + "2 columns:\n`id` UInt64\n`mail` Nullable(String)\n"),
			"/ch/data/shop/users/all_1_1_0/data.bin":    make([]byte, 300),
		},
		tables: []string{"shop.users id UInt64,mail Nullable(String)"}, size: 300 + 73,
	},
}

func find(t *testing.T, name string) database.Engine {
	t.Helper()
	for _, e := range Engines() {
		if e.Name() == name {
			return e
		}
	}
	t.Fatalf("no engine %s", name)
	return nil
}

func TestEngines(t *testing.T) {
	for _, c := range cases {
		t.Run(c.engine+c.path, func(t *testing.T) {
			data := c.files[c.path]
			f := detect.File{Path: c.path, Size: int64(len(data))}
			for _, e := range Engines() {
				root, ok := e.Claims(f, data[:min(len(data), 4096)])
				if ok != (e.Name() == c.engine) || ok && root != c.root {
					t.Errorf("%s: got %q, %v", e.Name(), root, ok)
				}
			}
			e := find(t, c.engine)
			db, err := e.Open(t.Context(), databasetest.Mem(c.files), c.root)
			if err != nil {
				t.Fatal(err)
			}
			i := db.Info()
			if i.Engine != c.engine || i.State != database.Named || i.Version != c.version || i.Size != c.size || !strings.Contains(strings.Join(i.Notes, " "), c.note) {
				t.Errorf("got %+v, want version %q, size %d", i, c.version, c.size)
			}
			var got []string
			tables, err := db.Tables(t.Context())
			for _, tab := range tables {
				s := tab.Database + "." + tab.Name
				var cols []string
				for _, col := range tab.Columns {
					cols = append(cols, col.Name+" "+col.Type)
				}
				if len(cols) > 0 {
					s += " " + strings.Join(cols, ",")
				}
				got = append(got, s)
				if err := db.Rows(t.Context(), tab, database.RowOptions{}, nil); !errors.Is(err, database.ErrUnsupported) {
					t.Errorf("rows: got %v", err)
				}
			}
			if err != nil || !slices.Equal(got, c.tables) {
				t.Errorf("got tables %q, want %q (%v)", got, c.tables, err)
			}
			// What is cut or turned over ends in an error or a smaller answer.
			for n := range min(len(data), 300) {
				hurt := maps.Clone(c.files)
				hurt[c.path] = data[:n]
				_, _ = e.Open(t.Context(), databasetest.Mem(hurt), c.root)
				hurt[c.path] = slices.Clone(data)
				hurt[c.path][n] ^= 0xff
				_, _ = e.Open(t.Context(), databasetest.Mem(hurt), c.root)
			}
		})
	}
}

// TestMyISAM compares with tables that MariaDB made.
func TestMyISAM(t *testing.T) {
	bin, err := exec.LookPath("mariadbd")
	if err != nil {
		t.Skip("mariadbd is not installed")
	}
	dir := t.TempDir()
	cmd := exec.Command(bin, "--no-defaults", "--bootstrap", "--datadir="+dir, "--skip-innodb", "--default-storage-engine=MyISAM", "--user=root", "--skip-networking")
	cmd.Stdin = strings.NewReader("create database shop;\nuse shop;\ncreate table a (id int primary key, v varchar(20)) engine=MyISAM;\n" +
		"insert into a values (1, 'a'), (2, 'b'), (3, 'c');\ndelete from a where id = 2;\ncreate table b (id int primary key) engine=Aria;\ninsert into b values (1);\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files := databasetest.Files(dir)
	for _, name := range []string{"/shop/a.MYI", "/shop/b.MAI"} {
		head, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		root, ok := find(t, "myisam").Claims(detect.File{Path: name}, head[:min(len(head), 4096)])
		if !ok || root != "/shop" {
			t.Errorf("%s: got %q, %v", name, root, ok)
		}
	}
	db, err := find(t, "myisam").Open(t.Context(), files, "/shop")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := db.Tables(t.Context())
	got := fmt.Sprintf("%v", err)
	for _, tab := range tables {
		got += fmt.Sprintf(" %s.%s %d", tab.Database, tab.Name, tab.Rows)
		if tab.Size <= 0 {
			t.Errorf("%s: got size %d", tab.Name, tab.Size)
		}
	}
	if want := "<nil> shop.a 2 shop.b -1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzOpen(f *testing.F) {
	for i, c := range cases {
		f.Add(byte(i), c.files[c.path])
	}
	f.Fuzz(func(_ *testing.T, n byte, b []byte) {
		c := cases[int(n)%len(cases)]
		files := maps.Clone(c.files)
		files[c.path] = bytes.Clone(b)
		for _, e := range Engines() {
			root, ok := e.Claims(detect.File{Path: c.path, Size: int64(len(b))}, b[:min(len(b), 4096)])
			if !ok {
				continue
			}
			if db, err := e.Open(context.Background(), databasetest.Mem(files), root); err == nil {
				_, _ = db.Tables(context.Background())
			}
		}
	})
}

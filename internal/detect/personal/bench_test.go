package personal

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func benchmarkScan(b *testing.B, name string, data []byte) {
	b.Helper()
	b.SetBytes(int64(len(data)))
	found := 0
	for b.Loop() {
		s := NewScanner(name)
		for off := 0; off < len(data); off += 256 << 10 {
			s.Write(int64(off), data[off:min(len(data), off+256<<10)])
		}
		found = len(s.Close())
	}
	b.ReportMetric(float64(found), "findings")
}

// BenchmarkScanner reads text and binary files with nothing in them, and tables.
func BenchmarkScanner(b *testing.B) {
	p := newPeople(9)
	var prose, logs, code, alike, table strings.Builder
	for prose.Len() < 8<<20 {
		prose.WriteString("The quick brown fox, born in 1998, jumps over 12 lazy dogs; see section 4.2 of the manual for more on that.\n")
	}
	for logs.Len() < 8<<20 {
		logs.WriteString("2024-03-01T12:33:21.123Z INFO [worker-3] GET /api/v1/orders?page=2 200 12ms 10.0.3.17 bytes=4312\n")
	}
	for code.Len() < 8<<20 {
		code.WriteString("\tfor i := 0; i < len(data); i += 16 { sum += int64(table[data[i]]) << 3 } // 0x1F\n")
	}
	for alike.Len() < 8<<20 {
		alike.WriteString(p.lookAlike() + "\n")
	}
	header, rows := sheet(p, 2000)
	table.WriteString(strings.Join(header, ",") + "\n")
	for table.Len() < 8<<20 {
		table.WriteString(strings.Join(rows[p.IntN(len(rows))], ",") + "\n")
	}
	binary := make([]byte, 8<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range binary {
		binary[i] = byte(r.Uint32())
	}
	for _, c := range []struct {
		name, path string
		data       []byte
	}{
		{"prose", "/srv/a.txt", []byte(prose.String())},
		{"log", "/srv/a.log", []byte(logs.String())},
		{"code", "/srv/a.go", []byte(code.String())},
		{"lookalikes", "/srv/a.log", []byte(alike.String())},
		{"binary", "/srv/a.bin", binary},
		{"table", "/srv/a.csv", []byte(table.String())},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkScan(b, c.path, c.data) })
	}
}

// BenchmarkTree reads every text file of the tree in LENSCAP_DETECT_TREE and prints
// what it finds: on a clean system all of it is false.
func BenchmarkTree(b *testing.B) {
	root := os.Getenv("LENSCAP_DETECT_TREE")
	if root == "" {
		b.Skip("LENSCAP_DETECT_TREE names no tree")
	}
	type file struct {
		name string
		data []byte
	}
	var files []file
	total := int64(0)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.IndexByte(data[:min(len(data), 8<<10)], 0) >= 0 {
			return nil
		}
		total += int64(len(data))
		files = append(files, file{strings.TrimPrefix(path, filepath.Clean(root)), data})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(total)
	found := 0
	for b.Loop() {
		found = 0
		for _, f := range files {
			s := NewScanner(f.name)
			s.Write(0, f.data)
			for _, x := range s.Close() {
				found++
				fmt.Fprintf(os.Stderr, "%s: %s %d %s %v\n", f.name, x.Kind, x.Distinct, x.Severity, x.Columns)
			}
		}
	}
	b.ReportMetric(float64(len(files)), "files")
	b.ReportMetric(float64(found), "findings")
}

// Command evidence measures looks into a disk: how long a disk of 20 GB with 2 GB
// of data takes, and what a second look reads after 1 % of the data's blocks
// changed.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	databases "github.com/lenscap/lenscap/internal/detect/database/all"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/rules"
)

func main() {
	dir := flag.String("dir", "", "folder for the disks; empty makes one and removes it")
	data := flag.Int("mb", 2000, "megabytes of files")
	flag.Parse()
	if err := run(*dir, *data); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, megabytes int) error {
	if dir == "" {
		made, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made) //nolint:errcheck // a leftover in the temporary folder
		dir = made
	}
	img := filepath.Join(dir, "disk.raw")
	files, err := build(dir, img, megabytes)
	if err != nil {
		return err
	}
	insp, err := inspector()
	if err != nil {
		return err
	}
	first, took, err := look(insp, img, nil)
	if err != nil {
		return err
	}
	fmt.Printf("%-28s %8.1f s  %6d files read  %8.1f MB read of the disk  %d finds\n", "first look", took.Seconds(), first.Evidence.FilesRead, mb(first.Evidence.BytesRead), len(first.Evidence.Items))
	changed, err := change(dir, img, files)
	if err != nil {
		return err
	}
	before := &evidence.Before{Evidence: first.Evidence, Ledger: first.Ledger}
	for _, known := range []bool{false, true} {
		name := "second look, by times"
		if known {
			name = "second look, by blocks"
			before.Changed, before.ChangesKnown = changed, true
		}
		second, took, err := look(insp, img, before)
		if err != nil {
			return err
		}
		fmt.Printf("%-28s %8.1f s  %6d files read  %8.1f MB read of the disk  %.2f %% of the first look's reads, %.2f %% of the data's blocks changed\n", name, took.Seconds(),
			second.Evidence.FilesRead, mb(second.Evidence.BytesRead), 100*float64(second.Evidence.BytesRead)/float64(first.Evidence.BytesRead), 100*float64(total(changed))/float64(megabytes)/1e6)
	}
	return nil
}

func mb(n int64) float64 { return float64(n) / 1e6 }

func total(list []block.Extent) (n int64) {
	for _, e := range list {
		n += e.Length
	}
	return n
}

func inspector() (*evidence.Inspector, error) {
	rs, err := rules.Detect()
	if err != nil {
		return nil, err
	}
	engine, err := detect.Everything(rs)
	if err != nil {
		return nil, err
	}
	return evidence.New(evidence.Options{Engine: engine, Databases: databases.Engines(), Disk: all.Options(), Key: make([]byte, 32), MaxBytes: 64 << 30}), nil
}

func look(insp *evidence.Inspector, img string, before *evidence.Before) (evidence.Result, time.Duration, error) {
	src, err := block.OpenFile(img)
	if err != nil {
		return evidence.Result{}, 0, err
	}
	defer src.Close() //nolint:errcheck // reading only
	start := time.Now()
	got, err := insp.Inspect(context.Background(), evidence.Request{Ref: lenscap.Ref{Provider: "file", ID: "bench"}, Source: src, Before: before})
	return got, time.Since(start), err
}

// build makes a disk of 20 GB with files of text, a key in some.
func build(dir, img string, megabytes int) ([]string, error) {
	root := filepath.Join(dir, "root")
	r := rand.New(rand.NewPCG(1, 1))
	var files []string
	for left := megabytes * 1_000_000; left > 0; {
		size := min(left, 20_000+r.IntN(600_000))
		left -= size
		name := fmt.Sprintf("/srv/d%02d/f%05d.log", len(files)%50, len(files))
		files = append(files, name)
		full := root + name
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(full, text(r, size), 0o600); err != nil {
			return nil, err
		}
	}
	out, err := exec.CommandContext(context.Background(), "mke2fs", "-q", "-F", "-t", "ext4", "-d", root, img, "20G").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("mke2fs: %w: %s", err, out)
	}
	return files, os.RemoveAll(root)
}

func text(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "2026-11-%02dT%02d:%02d:%02dZ info request id=%08x path=/api/v1/items/%d status=200 took=%dms\n", 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.Uint32(), r.IntN(1e6), r.IntN(900))
		if r.IntN(20_000) == 0 {
			fmt.Fprintf(&b, "DB_PASSWORD=Vq%08x7Lx\n", r.Uint32())
		}
	}
	return b.Bytes()[:size]
}

// change replaces one file in a hundred and tells which blocks of 512 KiB differ.
func change(dir, img string, files []string) ([]block.Extent, error) {
	old := filepath.Join(dir, "old.raw")
	if out, err := exec.CommandContext(context.Background(), "cp", "--sparse=always", img, old).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cp: %w: %s", err, out)
	}
	defer os.Remove(old) //nolint:errcheck // in our own folder
	r := rand.New(rand.NewPCG(2, 2))
	var script bytes.Buffer
	src := filepath.Join(dir, "src")
	if err := os.WriteFile(src, text(r, 300_000), 0o600); err != nil {
		return nil, err
	}
	// Neighbours, as a running system changes them: a log, a folder.
	for i := range len(files) / 100 {
		fmt.Fprintf(&script, "rm %s\nwrite %s %s\n", files[i*50%len(files)], src, files[i*50%len(files)])
	}
	commands := filepath.Join(dir, "commands")
	if err := os.WriteFile(commands, script.Bytes(), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(context.Background(), "debugfs", "-w", "-f", commands, img).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("debugfs: %w: %s", err, out)
	}
	return differs(old, img)
}

func differs(a, b string) ([]block.Extent, error) {
	x, err := block.OpenFile(a)
	if err != nil {
		return nil, err
	}
	defer x.Close() //nolint:errcheck // reading only
	y, err := block.OpenFile(b)
	if err != nil {
		return nil, err
	}
	defer y.Close() //nolint:errcheck // reading only
	const size = 64 << 10
	var out []block.Extent
	p, q := make([]byte, size), make([]byte, size)
	holds, err := block.Extents(context.Background(), y)
	if err != nil {
		return nil, err
	}
	last := int64(-1)
	for _, e := range holds {
		for off := max(last, e.Offset&^(size-1)); off < e.Offset+e.Length; off += size {
			last = off + size
			n, _ := x.ReadAt(p, off)
			m, _ := y.ReadAt(q, off)
			if n != m || !bytes.Equal(p[:n], q[:m]) {
				out = append(out, block.Extent{Offset: off, Length: size})
			}
		}
	}
	return out, nil
}

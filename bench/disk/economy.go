package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	databases "github.com/lenscap/lenscap/internal/detect/database/all"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/rules"
)

// ebsBlock is the unit in which EBS gives the blocks of a snapshot.
const ebsBlock = 512 << 10

// touched is a source that notes which blocks are read.
type touched struct {
	*block.File
	mu     sync.Mutex
	blocks map[int64]bool
}

func (t *touched) ReadAt(p []byte, off int64) (int, error) {
	t.mu.Lock()
	for b := off / ebsBlock; b <= (off+int64(len(p))-1)/ebsBlock; b++ {
		t.blocks[b] = true
	}
	t.mu.Unlock()
	return t.File.ReadAt(p, off)
}

// economy prints the blocks that three kinds of reading touch, of those that
// hold data: a block in a hole costs nothing.
func economy(ctx context.Context, path string) error {
	file, err := block.OpenFile(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // reading only
	extents, err := file.Extents(ctx)
	if err != nil {
		return err
	}
	data := map[int64]bool{}
	for _, e := range extents {
		for b := e.Offset / ebsBlock; b <= (e.Offset+e.Length-1)/ebsBlock; b++ {
			data[b] = true
		}
	}
	fmt.Printf("%d blocks of 512 KiB hold data\n", len(data))
	for _, step := range []struct {
		name string
		do   func(context.Context, block.Source) (int, error)
	}{{"list every file", list}, {"content scan", scan}, {"read every file", hash}} {
		src := &touched{File: file, blocks: map[int64]bool{}}
		files, err := step.do(ctx, src)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		n := 0
		for b := range src.blocks {
			if data[b] {
				n++
			}
		}
		fmt.Printf("%-16s %6d files %6d blocks  %5.1f %%\n", step.name, files, n, 100*float64(n)/float64(max(len(data), 1)))
	}
	return nil
}

func list(ctx context.Context, src block.Source) (n int, err error) {
	d, err := disk.Open(ctx, src, all.Options())
	if err != nil {
		return 0, err
	}
	defer d.Close() //nolint:errcheck // reading only
	return n, d.Walk(ctx, func(disk.Entry) error { n++; return nil })
}

func scan(ctx context.Context, src block.Source) (int, error) {
	records, err := rules.Detect()
	if err != nil {
		return 0, err
	}
	engine, err := detect.Everything(records)
	if err != nil {
		return 0, err
	}
	got, err := evidence.New(evidence.Options{Disk: all.Options(), Engine: engine, Databases: databases.Engines(), Key: make([]byte, 32)}).
		Inspect(ctx, evidence.Request{Ref: lenscap.Ref{Provider: "file", ID: "bench"}, Source: src})
	return got.Evidence.FilesRead, err
}

func hash(ctx context.Context, src block.Source) (int, error) {
	d, err := disk.Open(ctx, src, all.Options())
	if err != nil {
		return 0, err
	}
	defer d.Close() //nolint:errcheck // reading only
	n := 0
	_, err = d.Hash(ctx, lineCounter{&n}, "", "/")
	return n, err
}

// lineCounter counts lines that are written to it.
type lineCounter struct{ n *int }

func (c lineCounter) Write(p []byte) (int, error) {
	*c.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// find gives where a volume lies, from the lines of disk info --json.
func find(info []byte, volume string) (offset, size int64, err error) {
	for dec := json.NewDecoder(bytes.NewReader(info)); dec.More(); {
		var v struct {
			Volume       string
			Offset, Size int64
		}
		if err := dec.Decode(&v); err != nil {
			return 0, 0, err
		}
		if v.Volume == volume {
			return v.Offset, v.Size, nil
		}
	}
	return 0, 0, fmt.Errorf("there is no volume %s", volume)
}

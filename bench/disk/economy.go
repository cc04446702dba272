package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/evidence"
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
	ev, err := evidence.New(evidence.Options{Disk: all.Options(), Detectors: detect.All(), Key: make([]byte, 32)}).
		Inspect(ctx, lenscap.Ref{Provider: "file", ID: "bench"}, src, nil)
	return ev.FilesRead, err
}

func hash(ctx context.Context, src block.Source) (int, error) {
	d, err := disk.Open(ctx, src, all.Options())
	if err != nil {
		return 0, err
	}
	defer d.Close() //nolint:errcheck // reading only
	_, err = d.Hash(ctx, io.Discard, "", "/")
	return 0, err
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

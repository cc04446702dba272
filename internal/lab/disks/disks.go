// Package disks holds the lab's disks: small but genuine file systems, built
// once by make.sh, kept as their written blocks only, packed with zstd. They
// hold secrets that are well-formed and belong to nobody.
package disks

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// BlockSize is the unit of the EBS direct APIs, in bytes.
const BlockSize = 512 << 10

// maxBlocks bounds a packed disk: 64 MiB of written blocks.
const maxBlocks = 128

// Magic starts a packed disk: then the disk's size in bytes (8), the number of
// blocks (4), each block's index (4 each), all little-endian, then the blocks.
const Magic = "LCDISK1\n"

//go:embed *.zst
var packed embed.FS

// Disk is one disk's bytes, unpacked on first use. A nil Disk has no block.
// Disks that were made with With share their base's blocks.
type Disk struct {
	name string
	load func() (*content, error)
}

type content struct {
	size    int64
	indexes []int
	blocks  map[int][]byte
	sums    map[int]*sum
}

type sum struct {
	once sync.Once
	sha  [sha256.Size]byte
}

// Open gives a disk by name: web, data or plain. The same name gives disks
// that share their bytes.
func Open(name string) (*Disk, error) {
	raw, err := packed.ReadFile(name + ".zst")
	if err != nil {
		return nil, fmt.Errorf("open lab disk %q: %w", name, err)
	}
	return &Disk{name, sync.OnceValues(func() (*content, error) { return unpack(raw) })}, nil
}

func unpack(raw []byte) (*content, error) {
	dec, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("unpack lab disk: %w", err)
	}
	defer dec.Close()
	var head struct {
		Magic [len(Magic)]byte
		Size  int64
		Count uint32
	}
	if err := binary.Read(dec, binary.LittleEndian, &head); err != nil {
		return nil, fmt.Errorf("read lab disk's head: %w", err)
	}
	if string(head.Magic[:]) != Magic || head.Count > maxBlocks || head.Size <= 0 {
		return nil, errors.New("read lab disk's head: not a packed disk")
	}
	indexes := make([]uint32, head.Count)
	if err := binary.Read(dec, binary.LittleEndian, indexes); err != nil {
		return nil, fmt.Errorf("read lab disk's blocks: %w", err)
	}
	c := &content{size: head.Size, blocks: make(map[int][]byte, head.Count)}
	for _, i := range indexes {
		b := make([]byte, BlockSize)
		if _, err := io.ReadFull(dec, b); err != nil {
			return nil, fmt.Errorf("read lab disk's block %d: %w", i, err)
		}
		c.blocks[int(i)] = b
	}
	c.index()
	return c, nil
}

func (c *content) index() {
	c.indexes = slices.Sorted(maps.Keys(c.blocks))
	c.sums = make(map[int]*sum, len(c.indexes))
	for _, i := range c.indexes {
		c.sums[i] = new(sum)
	}
}

// get gives the bytes; a disk that can't be unpacked has none, which the
// package's own test would have shown.
func (d *Disk) get() *content {
	if d == nil {
		return &content{}
	}
	c, err := d.load()
	if err != nil {
		return &content{}
	}
	return c
}

// Check unpacks the disk and tells what went wrong.
func (d *Disk) Check() error {
	_, err := d.load()
	return err
}

// Name is what the disk was opened as.
func (d *Disk) Name() string { return d.name }

// Size is the disk's length in bytes.
func (d *Disk) Size() int64 { return d.get().size }

// Bytes is how many bytes were ever written, in whole blocks.
func (d *Disk) Bytes() int64 {
	if d == nil {
		return 0
	}
	return int64(len(d.get().indexes)) * BlockSize
}

// Indexes lists the written blocks, ascending. The caller must not change it.
func (d *Disk) Indexes() []int { return d.get().indexes }

// Has tells whether a block was written.
func (d *Disk) Has(index int) bool { return d.get().blocks[index] != nil }

// Block gives a written block and its SHA-256. The caller must not change it.
func (d *Disk) Block(index int) (data []byte, sha [sha256.Size]byte, ok bool) {
	c := d.get()
	data, ok = c.blocks[index]
	if !ok {
		return nil, sha, false
	}
	s := c.sums[index]
	s.once.Do(func() { s.sha = sha256.Sum256(data) })
	return data, s.sha, true
}

// ReadAt reads like io.ReaderAt; what was never written is zeros.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	c := d.get()
	if off < 0 {
		return 0, fmt.Errorf("read lab disk: negative offset %d", off)
	}
	n := 0
	for n < len(p) && off < c.size {
		at := int(off % BlockSize)
		want := min(len(p)-n, BlockSize-at, int(min(c.size-off, BlockSize)))
		if b := c.blocks[int(off/BlockSize)]; b != nil {
			copy(p[n:n+want], b[at:])
		} else {
			clear(p[n : n+want])
		}
		n, off = n+want, off+int64(want)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// With gives a disk like this one but for one block, as a later snapshot of
// the same volume would be.
func (d *Disk) With(index int, data []byte) *Disk {
	return &Disk{d.name, sync.OnceValues(func() (*content, error) {
		base, err := d.load()
		if err != nil {
			return nil, err
		}
		c := &content{size: base.size, blocks: maps.Clone(base.blocks)}
		block := make([]byte, BlockSize)
		copy(block, data)
		c.blocks[index] = block
		c.index()
		return c, nil
	})}
}

// Changed lists the blocks in which two disks differ, ascending.
func Changed(a, b *Disk) []int {
	x, y := a.get(), b.get()
	var out []int
	for _, i := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(x.indexes, y.indexes)))) {
		if !bytes.Equal(x.blocks[i], y.blocks[i]) {
			out = append(out, i)
		}
	}
	return out
}

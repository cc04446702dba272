package image

import (
	"context"
	"errors"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Hole is what a [Run] comes from that is zeros.
const Hole = -1

// Run is what a range of a disk is made of.
type Run struct {
	// Length is how many bytes of the disk it covers, above zero.
	Length int64
	// From is the index of the source that holds them, or [Hole].
	From int
	// Offset is where they start on that source.
	Offset int64
	// Packed is above zero when they are part of a compressed unit, which
	// starts at Offset: how many bytes it takes at most, counted over the end
	// of the source where the format rounds up.
	Packed int64
	// Unit is the length of that unit when it is unpacked, and Skip is where in
	// it the run starts.
	Unit, Skip int64
}

// Mapping tells what a disk is made of. It is safe for concurrent use.
type Mapping interface {
	// Run gives the run at off, an offset on the disk. want is how far the
	// caller is interested: a run may be shorter, the next one goes on then.
	Run(off, want int64) (Run, error)
}

// Unpacker is a [Mapping] with compressed units.
type Unpacker interface {
	Mapping
	// Unpack fills dst with what the unit at the start of packed holds.
	Unpack(dst, packed []byte) error
}

// unitCache bounds the memory for unpacked units of one disk.
const unitCache = 16 << 20

// Mapped is a disk that is made of ranges of other sources. It is a
// [block.Mapper], a [block.Prefetcher] and a [block.Locator].
type Mapped struct {
	size    int64
	sources []block.Source
	m       Mapping
	units   *lru
	buffers sync.Pool // *[]byte, for packed units
}

// NewMapped gives the disk of size bytes that m describes. The first source is
// the file that was opened, which stays open; closing the disk closes the
// others.
func NewMapped(size int64, sources []block.Source, m Mapping) *Mapped {
	return &Mapped{size: size, sources: sources, m: m, units: newLRU(unitCache)}
}

// Size implements [block.Source].
func (d *Mapped) Size() int64 { return d.size }

// Close implements [block.Source].
func (d *Mapped) Close() error { return CloseSources(d.sources[1:]) }

// CloseSources closes what a format opened.
func CloseSources(sources []block.Source) error {
	var errs []error
	for _, s := range sources {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// ReadAt implements [io.ReaderAt].
func (d *Mapped) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, d.size)
	w := d.walk(off, off+int64(n))
	for done := 0; done < n; {
		run, ok := w.next()
		if !ok {
			return done, w.err
		}
		if err := d.fill(p[done:done+int(run.Length)], run); err != nil {
			return done, err
		}
		done += int(run.Length)
	}
	return n, end
}

// fill reads the bytes of one run.
func (d *Mapped) fill(p []byte, run Run) error {
	switch {
	case run.From == Hole:
		clear(p)
		return nil
	case run.Packed > 0:
		return d.unpacked(p, run)
	}
	src := d.sources[run.From]
	if size := src.Size(); run.Offset > size-run.Length {
		return block.Damaged("%d bytes of the disk lie at offset %d of the file, which ends at %d", run.Length, run.Offset, size)
	}
	return block.ReadFull(src, p, run.Offset)
}

// unpacked reads a part of a compressed unit. A whole unit passes by the cache.
func (d *Mapped) unpacked(p []byte, run Run) error {
	k := key{run.From, run.Offset}
	data, ok := d.units.hit(k)
	switch {
	case !ok && int64(len(p)) == run.Unit:
		return d.unpack(p, run)
	case !ok:
		var err error
		data, err = d.units.get(k, run.Unit, func() ([]byte, error) {
			unit := make([]byte, run.Unit)
			return unit, d.unpack(unit, run)
		})
		if err != nil {
			return err
		}
	}
	copy(p, data[run.Skip:])
	return nil
}

// unpack reads and unpacks a whole unit.
func (d *Mapped) unpack(unit []byte, run Run) error {
	src := d.sources[run.From]
	n := min(run.Packed, src.Size()-run.Offset)
	if n <= 0 {
		return block.Damaged("compressed data at offset %d of the file, which ends at %d", run.Offset, src.Size())
	}
	buf, ok := d.buffers.Get().(*[]byte)
	if !ok || int64(cap(*buf)) < n {
		b := make([]byte, n)
		buf = &b
	}
	defer d.buffers.Put(buf)
	packed := (*buf)[:n]
	if err := block.ReadFull(src, packed, run.Offset); err != nil {
		return err
	}
	u, ok := d.m.(Unpacker)
	if !ok {
		return block.Unsupported("compressed data at offset %d of the file", run.Offset)
	}
	if err := u.Unpack(unit, packed); err != nil {
		return block.Damaged("compressed data at offset %d of the file: %v", run.Offset, err)
	}
	return nil
}

// walker gives the runs of a range, neighbours that belong together as one.
type walker struct {
	d        *Mapped
	pos, end int64
	ahead    Run // found at pos already, when its length is above zero
	looks    int // how often the mapping was asked
	err      error
}

// maxMerge bounds how many runs are made one, so that the caller has a say.
const maxMerge = 1 << 12

func (d *Mapped) walk(off, end int64) walker { return walker{d: d, pos: off, end: end} }

// next gives the next run; false means the end, or err.
func (w *walker) next() (Run, bool) {
	run := w.ahead
	if run.Length == 0 {
		if run = w.look(); run.Length == 0 {
			return run, false
		}
	}
	w.ahead = Run{}
	w.pos += run.Length
	for range maxMerge {
		n := w.look()
		if n.Length == 0 {
			break
		}
		if n.From != run.From || n.Packed+run.Packed > 0 || n.From != Hole && n.Offset != run.Offset+run.Length {
			w.ahead = n
			break
		}
		run.Length += n.Length
		w.pos += n.Length
	}
	return run, true
}

// look asks the mapping and holds its answer against the walk.
func (w *walker) look() Run {
	if w.err != nil || w.pos >= w.end {
		return Run{}
	}
	w.looks++
	run, err := w.d.m.Run(w.pos, w.end-w.pos)
	switch {
	case err != nil:
		w.err = err
		return Run{}
	case run.Length <= 0 || run.From >= len(w.d.sources):
		w.err = block.Damaged("the mapping at offset %d of the disk", w.pos)
		return Run{}
	case run.From < 0:
		run.From = Hole
	case run.Offset < 0 || run.Skip < 0 || run.Packed > 0 && run.Skip > run.Unit-min(run.Length, w.end-w.pos):
		w.err = block.Damaged("the mapping at offset %d of the disk", w.pos)
		return Run{}
	}
	run.Length = min(run.Length, w.end-w.pos)
	return run
}

// Locate implements [block.Locator]. The places on further files come after
// those on the first one.
func (d *Mapped) Locate(off int64) int64 {
	if off < 0 || off >= d.size {
		return -1
	}
	w := d.walk(off, off+1)
	run := w.look()
	if run.Length == 0 || run.From == Hole {
		return -1
	}
	base := int64(0)
	for _, s := range d.sources[:run.From] {
		base += s.Size()
	}
	at := block.Locate(d.sources[run.From], run.Offset)
	if base < 0 || at < 0 || base+at < 0 {
		return -1
	}
	return base + at
}

// Prefetch implements [block.Prefetcher]. What can't be mapped is left to the
// read that will meet it.
func (d *Mapped) Prefetch(ctx context.Context, ranges []block.Extent) error {
	wanted := make([]collector, len(d.sources))
	runs := 0
	for _, r := range ranges {
		start, end := max(r.Offset, 0), min(r.Offset+min(r.Length, d.size), d.size)
		if r.Offset >= d.size || start >= end || runs >= maxPrefetch {
			continue
		}
		w := d.walk(start, end)
		for run, ok := w.next(); ok && runs < maxPrefetch; run, ok = w.next() {
			runs++
			if err := ctx.Err(); err != nil {
				return err
			}
			if run.From != Hole {
				wanted[run.From].loose = append(wanted[run.From].loose, block.Extent{Offset: run.Offset, Length: max(run.Packed, run.Length)})
			}
		}
	}
	for i, w := range wanted {
		if err := block.Prefetch(ctx, d.sources[i], w.sorted(d.sources[i].Size())); err != nil {
			return err
		}
	}
	return nil
}

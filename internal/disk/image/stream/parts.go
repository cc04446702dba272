package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image"
)

const (
	// maxParts bounds how many parts a stream has: 16 MiB of memory.
	maxParts = 1 << 20
	// maxMemory bounds the decompressed parts that are kept in memory, maxPart
	// the size of one there, in bytes.
	maxMemory = 48 << 20
	maxPart   = 32 << 20
)

// part is a piece of a stream that is decompressed by itself: a block of xz, a
// frame of Zstandard. It ends where the next one begins.
type part struct {
	off int64 // in the content
	at  int64 // on the source
}

// unpacker decompresses parts of a stream, one at a time.
type unpacker interface {
	unpack(i int, to io.Writer) error
	close()
}

// parts is the content of a stream, decompressed part by part as it is asked
// for. Parts are kept in memory or, when it is permitted, in a temporary file;
// those that were used longest ago go first.
type parts struct {
	index   []part // and the end
	from    unpacker
	largest int64    // bytes of a part
	file    *os.File // nil: in memory
	most    int      // slots

	unpacking sync.Mutex // one at a time: a decoder takes memory

	mu     sync.Mutex
	freed  *sync.Cond
	slots  []*slot
	have   map[int]*slot
	failed map[int]error // parts that are damaged
	clock  int64
}

// slot holds one part.
type slot struct {
	part  int
	users int
	used  int64         // the clock when it was last
	ready chan struct{} // closed when the part is there, or err is set
	err   error
	fresh bool   // its place in the file holds zeros
	at    int64  // in the file
	mem   []byte // without a file
}

// newParts serves a stream by its parts. It gives [block.ErrUnsupported] when
// they are too large for memory and for the temporary files permitted.
func newParts(index []part, from unpacker, env *image.Env) (image.Disk, error) {
	largest := int64(1)
	for i := range len(index) - 1 {
		largest = max(largest, index[i+1].off-index[i].off)
	}
	p := &parts{index: index, from: from, largest: largest, have: make(map[int]*slot), failed: make(map[int]error)}
	p.freed = sync.NewCond(&p.mu)
	all, inMemory := int64(len(index)-1), int64(0)
	if largest <= maxPart {
		inMemory = maxMemory / largest
	}
	if want := min(all, env.SpillBytes/largest); want > inMemory {
		f, err := env.Spill()
		if err != nil {
			return image.Disk{}, err
		}
		if err := f.Truncate(want * largest); err != nil {
			return image.Disk{}, errors.Join(fmt.Errorf("size a temporary file: %w", err), closeSpill(f))
		}
		p.file, p.most = f, int(want)
		note := fmt.Sprintf("decompressed to a temporary file of at most %d bytes", want*largest)
		return image.Disk{Source: p, Notes: []string{note}}, nil
	}
	if inMemory == 0 {
		return image.Disk{}, block.Unsupported("it is in parts of up to %d bytes, and temporary files may hold %d", largest, env.SpillBytes)
	}
	p.most = max(1, int(min(all, inMemory)))
	return image.Disk{Source: p}, nil
}

// Size implements [block.Source].
func (p *parts) Size() int64 { return p.index[len(p.index)-1].off }

// Close implements [block.Source].
func (p *parts) Close() error {
	p.from.close()
	if p.file == nil {
		return nil
	}
	return closeSpill(p.file)
}

// ReadAt implements [io.ReaderAt].
func (p *parts) ReadAt(b []byte, off int64) (int, error) {
	n, end := block.Clip(len(b), off, p.Size())
	for done := 0; done < n; {
		pos := off + int64(done)
		i := sort.Search(len(p.index), func(i int) bool { return p.index[i].off > pos }) - 1
		want := int(min(int64(n-done), p.index[i+1].off-pos))
		if err := p.read(b[done:done+want], i, pos-p.index[i].off); err != nil {
			return done, err
		}
		done += want
	}
	return n, end
}

func (p *parts) read(b []byte, i int, off int64) error {
	s, err := p.pin(i)
	if err != nil {
		return err
	}
	defer p.unpin(s)
	if p.file != nil {
		return block.ReadFull(p.file, b, s.at+off)
	}
	copy(b, s.mem[off:])
	return nil
}

// pin gives the slot with a part in it, which stays until it is unpinned.
func (p *parts) pin(i int) (*slot, error) {
	p.mu.Lock()
	var s *slot
	for s == nil {
		if err := p.failed[i]; err != nil {
			p.mu.Unlock()
			return nil, err
		}
		if s := p.have[i]; s != nil {
			p.touch(s)
			p.mu.Unlock()
			return p.wait(s)
		}
		if s = p.victim(); s == nil {
			p.freed.Wait()
		}
	}
	delete(p.have, s.part)
	p.have[i] = s
	s.part, s.err, s.ready = i, nil, make(chan struct{})
	p.touch(s)
	p.mu.Unlock()
	p.load(s)
	return p.wait(s)
}

func (p *parts) touch(s *slot) {
	p.clock++
	s.users, s.used = s.users+1, p.clock
}

func (p *parts) wait(s *slot) (*slot, error) {
	<-s.ready
	if s.err != nil {
		defer p.unpin(s)
		return nil, s.err
	}
	return s, nil
}

func (p *parts) unpin(s *slot) {
	p.mu.Lock()
	if s.users--; s.users == 0 {
		p.freed.Signal()
	}
	p.mu.Unlock()
}

// victim gives a slot that is free or was used longest ago, nil when all are in
// use. mu is held.
func (p *parts) victim() *slot {
	if n := len(p.slots); n < p.most {
		s := &slot{part: -1, fresh: true, at: int64(n) * p.largest}
		if p.file == nil {
			s.mem = make([]byte, p.largest)
		}
		p.slots = append(p.slots, s)
		return s
	}
	var oldest *slot
	for _, s := range p.slots {
		if s.users == 0 && (oldest == nil || s.used < oldest.used) {
			oldest = s
		}
	}
	return oldest
}

// load decompresses the part that a slot is for.
func (p *parts) load(s *slot) {
	i := s.part
	w := &slotWriter{parts: p, slot: s, size: p.index[i+1].off - p.index[i].off}
	p.unpacking.Lock()
	err := p.from.unpack(i, w)
	if err == nil && w.n != w.size {
		err = block.Damaged("it holds %d bytes, want %d", w.n, w.size)
	}
	p.unpacking.Unlock()
	s.fresh = false
	if err != nil {
		err = fmt.Errorf("decompress the %d bytes at %d, from offset %d: %w", w.size, p.index[i].off, p.index[i].at, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.err = err; err != nil {
		delete(p.have, i)
		s.part, s.used = -1, 0
		if errors.Is(err, block.ErrDamaged) || errors.Is(err, io.ErrUnexpectedEOF) {
			p.failed[i] = err // it will not get better
		}
	}
	close(s.ready)
}

// slotWriter takes a part's content.
type slotWriter struct {
	*parts
	*slot
	n, size int64
}

func (w *slotWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > w.size-w.n {
		return 0, block.Damaged("it holds more than %d bytes", w.size)
	}
	switch {
	case w.file == nil:
		copy(w.mem[w.n:], b)
	case w.fresh && blank(b):
	default:
		if _, err := w.file.WriteAt(b, w.at+w.n); err != nil {
			return 0, fmt.Errorf("write decompressed data to a temporary file: %w", err)
		}
	}
	w.n += int64(len(b))
	return len(b), nil
}

// blank tells whether bytes are all zero.
func blank(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), len(zeros))
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

package ext4

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// overlay is a disk with blocks of the journal in the place of its own.
type overlay struct {
	block.Source
	bs    int64
	moved map[int64]place // block of the file system → where its content is
}

type place struct {
	at      int64 // byte on the disk
	escaped bool  // the first four bytes are the journal's magic, kept as zeros
}

// overlay lays the newest content of each block over the disk. Blocks revoked
// by the same or a later transaction are left as they are. lost counts those
// whose checksum fails.
func (j *journal) overlay() (over *overlay, lost int, err error) {
	over = &overlay{Source: j.t.src, bs: j.bs, moved: map[int64]place{}}
	buf := make([]byte, j.bs)
	for _, g := range j.tags {
		if last, ok := j.revoked[g.at]; ok && int32(g.seq-last) <= 0 {
			continue
		}
		if err := j.read(buf, g.log); err != nil {
			return nil, 0, fmt.Errorf("read its block %d: %w", g.log, err)
		}
		if !j.dataHolds(g, buf) {
			lost++
			continue
		}
		at, err := j.file.physical(uint64(g.log))
		if err != nil {
			return nil, 0, err
		}
		over.moved[int64(g.at)] = place{at, g.escaped}
	}
	return over, lost, nil
}

// physical tells where a block of a file starts on the disk.
func (m *mapped) physical(n uint64) (int64, error) {
	r, err := m.t.lookup(m.in, n)
	if err == nil && r.phys == 0 {
		err = damaged("inode %d: block %d is a hole", m.in.num, n)
	}
	return int64(r.phys) * int64(m.t.sb.blockSize), err
}

// ReadAt implements [io.ReaderAt].
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, end := block.Clip(len(p), off, o.Size())
	for done := 0; done < n; {
		pos := off + int64(done)
		nr, within := pos/o.bs, pos%o.bs
		to, ok := o.moved[nr]
		span := min(o.bs-within, int64(n-done))
		if !ok {
			for span < int64(n-done) { // as far as the disk's own blocks reach
				nr++
				if _, next := o.moved[nr]; next {
					break
				}
				span = min(span+o.bs, int64(n-done))
			}
			if err := block.ReadFull(o.Source, p[done:done+int(span)], pos); err != nil {
				return done, err
			}
		} else if err := o.readMoved(p[done:done+int(span)], to, within); err != nil {
			return done, err
		}
		done += int(span)
	}
	return n, end
}

func (o *overlay) readMoved(p []byte, from place, within int64) error {
	if err := block.ReadFull(o.Source, p, from.at+within); err != nil {
		return err
	}
	if from.escaped && within < 4 {
		magic := be.AppendUint32(nil, jbdMagic)
		copy(p, magic[within:])
	}
	return nil
}

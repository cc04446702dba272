package raid

import (
	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// windowMost is how far a read is looked ahead to find what lies together.
	windowMost = 2 << 20
	// gatherMost is how long one gathered read may get.
	gatherMost = 1 << 20
)

// chunk is a part of a window: n bytes at p lie at a place of a member.
type chunk struct {
	p, n int
	at   int64
	next int32 // of the same read, -1 at the end
}

// reading is a read of a member that several chunks share.
type reading struct {
	member      int
	at, end     int64
	first, last int32
}

// window reads up to windowMost bytes at off: chunks that lie on a member at
// most slack bytes apart come with one read.
func (a *Array) window(p []byte, off, slack int64) (int, error) {
	p = p[:min(len(p), windowMost)]
	chunks, reads := a.plan(p, off, slack)
	for _, r := range reads {
		if err := a.scatter(p, off, chunks, r); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// plan finds the first copy of each byte and joins what lies together.
func (a *Array) plan(p []byte, off, slack int64) ([]chunk, []reading) {
	_, _, run := a.geo.place(off, 0)
	chunks := make([]chunk, 0, 2+int64(len(p))/max(run, 512))
	var reads []reading
	open := make([]int, len(a.members)) // the reading of each member, plus one
	for done := 0; done < len(p); {
		member, at, run := a.first(off + int64(done))
		n := int(min(run, int64(len(p)-done)))
		i := int32(len(chunks))
		chunks = append(chunks, chunk{done, n, at, -1})
		done += n
		end := at + int64(n)
		if o := open[member] - 1; o >= 0 {
			if r := &reads[o]; at >= r.end && at-r.end <= slack && end-r.at <= gatherMost {
				chunks[r.last].next = i
				r.end, r.last = end, i
				continue
			}
		}
		reads = append(reads, reading{member, at, end, i, i})
		open[member] = len(reads)
	}
	return chunks, reads
}

// first gives the first place of a byte on a member that is there, or the very
// first when there is none.
func (a *Array) first(off int64) (member int, at, n int64) {
	for c := range a.geo.copies() {
		if member, at, n = a.geo.place(off, c); !a.absent[member] {
			return member, at, n
		}
	}
	return a.geo.place(off, 0)
}

// scatter does one reading and puts its chunks into p. Where it fails, each
// chunk is read by itself.
func (a *Array) scatter(p []byte, off int64, chunks []chunk, r reading) error {
	if r.first != r.last && !a.absent[r.member] {
		buf, back := buffer(int(r.end - r.at))
		defer back()
		err := block.ReadFull(a.members[r.member], buf, r.at)
		if err == nil {
			for i := r.first; i >= 0; i = chunks[i].next {
				c := chunks[i]
				copy(p[c.p:c.p+c.n], buf[c.at-r.at:])
			}
			return nil
		}
		if stopped(err) {
			return err
		}
	}
	for i := r.first; i >= 0; i = chunks[i].next {
		for c := chunks[i]; c.n > 0; {
			n, err := a.piece(p[c.p:c.p+c.n], off+int64(c.p))
			if err != nil {
				return err
			}
			c.p, c.n = c.p+n, c.n-n
		}
	}
	return nil
}

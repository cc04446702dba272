package btrfs

import (
	"fmt"
	"sync"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// bounceBytes is the length of the buffers for reads that don't begin and end
// with a sector.
const bounceBytes = 64 << 10

var bounces = sync.Pool{New: func() any { return new([bounceBytes]byte) }}

// readSummed reads file data and holds it against its checksums: a copy that
// fails is left for another one.
func (t *tree) readSummed(p []byte, logical uint64) error {
	if t.csums == nil {
		return t.readAny(p, logical)
	}
	sector := uint64(t.sb.sectorSize)
	for len(p) > 0 {
		skip := logical % sector
		if n := uint64(len(p)) &^ (sector - 1); skip == 0 && n > 0 {
			if err := t.readSectors(p[:n], logical); err != nil {
				return err
			}
			p, logical = p[n:], logical+n
			continue
		}
		buf := bounces.Get().(*[bounceBytes]byte)
		n := min(uint64(len(p))+skip+sector-1, bounceBytes) &^ (sector - 1)
		err := t.readSectors(buf[:n], logical-skip)
		done := copy(p, buf[skip:n])
		bounces.Put(buf)
		if err != nil {
			return err
		}
		p, logical = p[done:], logical+uint64(done)
	}
	return nil
}

// readSectors reads whole sectors.
func (t *tree) readSectors(p []byte, logical uint64) error {
	if err := t.readAny(p, logical); err != nil {
		return err
	}
	sector := uint64(t.sb.sectorSize)
	return t.eachSum(logical, uint64(len(p))/sector, func(i uint64, sum []byte) error {
		s := p[i*sector : (i+1)*sector]
		if t.sb.sum.holds(s, sum) {
			return nil
		}
		return t.readOther(s, logical+i*sector, sum)
	})
}

// readOther reads a sector whose first copy is bad.
func (t *tree) readOther(p []byte, logical uint64, sum []byte) error {
	copies, err := t.copiesAt(logical)
	if err != nil {
		return err
	}
	for i := range copies {
		if t.readCopy(p, logical, i) == nil && t.sb.sum.holds(p, sum) {
			return nil
		}
	}
	return block.Damaged("logical address %d: the checksum of the data holds for none of %d copies", logical, copies)
}

// eachSum gives the checksums of n sectors. Sectors without one are left out,
// as are those whose checksums can't be read: the data may be good.
func (t *tree) eachSum(logical, n uint64, fn func(i uint64, sum []byte) error) error {
	size, sector := uint64(t.sb.sum.size()), uint64(t.sb.sectorSize)
	end := logical + n*sector
	at := key{objCsums, typeExtentCsum, logical}
	from, ok, err := t.floor(t.csums, at)
	if err != nil || !ok || from.obj != objCsums || from.typ != typeExtentCsum {
		from = at
	}
	var failed error
	_ = t.scan(t.csums, from, key{objCsums, typeExtentCsum, end - 1}, func(k key, data []byte) bool {
		if k.off%sector != 0 {
			return true
		}
		i := uint64(0)
		if k.off < logical {
			i = (logical - k.off) / sector
		}
		for ; (i+1)*size <= uint64(len(data)) && k.off+i*sector < end; i++ {
			if failed = fn((k.off+i*sector-logical)/sector, data[i*size:(i+1)*size]); failed != nil {
				return false
			}
		}
		return true
	})
	if failed != nil {
		return fmt.Errorf("read data: %w", failed)
	}
	return nil
}

package mdraid

import (
	"context"
	"errors"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// cut gives the first n bytes of a source that has as many.
func cut(src block.Source, n int64) block.Source {
	sec, err := block.NewSection(src, 0, n)
	if err != nil {
		return src
	}
	return sec
}

// data gives the part of a member that belongs to the array, without the
// sectors that md found unreadable.
func (a *array) data(name string, src block.Source, sb *superblock) (block.Source, error) {
	bad, err := sb.badBlocks(src)
	if err != nil {
		a.note(false, "%s: %v", name, err)
	}
	if len(bad) > 0 {
		a.note(false, "%s has a list of %d bad ranges, read from elsewhere", name, len(bad))
		src = &blemished{src, bad}
	}
	length := sb.data.Length
	if sb.used > 0 && sb.level > 0 {
		length = max(length, sb.used)
	}
	if rest := src.Size() - sb.data.Offset; length > rest {
		a.note(true, "%s is cut short: it ends at byte %d of %d", name, rest, length)
		length = rest
	}
	sec, err := block.NewSection(src, sb.data.Offset, length)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, err, block.ErrDamaged)
	}
	return sec, nil
}

// badBlocks reads a member's list of bad blocks: 54 bits of sector and 10 bits
// of length each.
func (sb *superblock) badBlocks(src block.Source) ([]block.Extent, error) {
	if sb.bad.Length == 0 {
		return nil, nil
	}
	if sb.bad.Offset < 0 || sb.bad.Length > 64<<10 || sb.badShift > 20 {
		return nil, block.Damaged("list of bad blocks at byte %d, %d bytes", sb.bad.Offset, sb.bad.Length)
	}
	b := make([]byte, sb.bad.Length)
	if err := block.ReadFull(src, b, sb.bad.Offset); err != nil {
		return nil, fmt.Errorf("read list of bad blocks: %w", err)
	}
	var list []block.Extent
	for i := 0; i < len(b); i += 8 {
		v := le.Uint64(b[i:])
		if v == 1<<64-1 {
			break
		}
		at, n := v>>10<<sb.badShift, (v&1023)<<sb.badShift
		if at > farthest {
			return list, block.Damaged("list of bad blocks: sector %d", at)
		}
		list = append(list, block.Extent{Offset: int64(at) * sector, Length: int64(n) * sector})
	}
	return list, nil
}

// blemished is a member whose bad blocks fail to read.
type blemished struct {
	block.Source
	bad []block.Extent
}

var errBad = errors.New("on the member's list of bad blocks")

// ReadAt implements [io.ReaderAt].
func (b *blemished) ReadAt(p []byte, off int64) (int, error) {
	for _, e := range b.bad {
		if off < e.Offset+e.Length && e.Offset < off+int64(len(p)) {
			return 0, fmt.Errorf("bytes %d to %d: %w: %w", e.Offset, e.Offset+e.Length, errBad, block.ErrDamaged)
		}
	}
	return b.Source.ReadAt(p, off)
}

// Locate implements [block.Locator].
func (b *blemished) Locate(off int64) int64 { return block.Locate(b.Source, off) }

// Extents implements [block.Mapper].
func (b *blemished) Extents(ctx context.Context) ([]block.Extent, error) {
	return block.Extents(ctx, b.Source)
}

// Prefetch implements [block.Prefetcher].
func (b *blemished) Prefetch(ctx context.Context, ranges []block.Extent) error {
	return block.Prefetch(ctx, b.Source, ranges)
}

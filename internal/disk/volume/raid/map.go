package raid

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Locate implements [block.Locator].
func (a *Array) Locate(off int64) int64 {
	if off < 0 || off >= a.Size() {
		return -1
	}
	member, at, _ := a.first(off)
	if a.absent[member] {
		return -1
	}
	return block.Locate(a.members[member], at)
}

// Extents implements [block.Mapper]. It may name more than holds data: a row
// with data on one member counts as a whole.
func (a *Array) Extents(ctx context.Context) ([]block.Extent, error) {
	var out []block.Extent
	redundant := a.parity != nil || a.geo.copies() > 1
	_, mirrored := a.geo.(*mirror)
	for i, m := range a.members {
		if a.absent[i] && redundant {
			continue
		}
		below, err := block.Extents(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, e := range below {
			a.geo.lift(i, e, func(off, n int64) {
				if n = min(n, a.Size()-off); n > 0 {
					out = append(out, block.Extent{Offset: off, Length: n})
				}
			})
		}
		if mirrored {
			break // the others hold the same
		}
	}
	return Join(out, 0), nil
}

// Join sorts ranges and makes one of those that overlap, touch, or have at most
// gap bytes between them. It works in place.
func Join(list []block.Extent, gap int64) []block.Extent {
	slices.SortFunc(list, func(a, b block.Extent) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	out := list[:0]
	for _, e := range list {
		if n := len(out); n > 0 && e.Offset-gap <= out[n-1].Offset+out[n-1].Length {
			out[n-1].Length = max(out[n-1].Length, e.Offset+e.Length-out[n-1].Offset)
			continue
		}
		out = append(out, e)
	}
	return out
}

// Prefetch implements [block.Prefetcher]: members fetch at the same time.
func (a *Array) Prefetch(ctx context.Context, ranges []block.Extent) error {
	wanted := make([][]block.Extent, len(a.members))
	gap := max(a.geo.gather(), 0)
	want := func(member int, at, n int64) {
		list := wanted[member]
		if i := len(list) - 1; i >= 0 {
			if end := list[i].Offset + list[i].Length; at >= end && at-end <= gap {
				list[i].Length = at + n - list[i].Offset
				return
			}
		}
		wanted[member] = append(list, block.Extent{Offset: at, Length: n})
	}
	for _, r := range ranges {
		end := min(r.Offset+r.Length, a.Size())
		for off, steps := max(r.Offset, 0), 0; off < end; steps++ {
			if steps%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			member, at, run := a.first(off)
			n := min(run, end-off)
			off += n
			if !a.absent[member] {
				want(member, at, n)
				continue
			}
			for i := range a.members { // what it is computed from
				if a.parity != nil && !a.absent[i] {
					want(i, at, n)
				}
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, list := range wanted {
		if len(list) > 0 {
			group.Go(func() error { return block.Prefetch(ctx, a.members[i], Join(list, 0)) })
		}
	}
	return group.Wait()
}

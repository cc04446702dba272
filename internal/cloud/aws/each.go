package aws

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// inFlight is how many assets of a page are read at once. The pace of their
// calls is set by the limiters; this only hides the latency of each.
const inFlight = 4

// each runs seen for every item of a page, then one for every item, several at
// once, and adds those that were given to *n. The error, of the sink or of ctx,
// is marked with [sinkError].
func each[T any](ctx context.Context, items []T, n *int, one func(context.Context, *T) (bool, error), seen func(*T)) error {
	for i := range items {
		seen(&items[i])
	}
	var given atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for i := range items {
		g.Go(func() error {
			ok, err := one(gctx, &items[i])
			if ok {
				given.Add(1)
			}
			return err
		})
	}
	err := g.Wait()
	*n += int(given.Load())
	if err != nil {
		return sinkError{err}
	}
	return nil
}

// stateRecycled is the state of what lies in the recycle bin.
const stateRecycled = "recycled"

// stamp writes a time for people, "" when it is not told.
func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

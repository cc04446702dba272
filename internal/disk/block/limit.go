package block

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/time/rate"
)

// Limit is a [Source] that reads no faster than it may.
type Limit struct {
	through
	ctx      context.Context // io.ReaderAt takes none
	bytes    *rate.Limiter
	requests *rate.Limiter
}

// NewLimit bounds the reads of src to so many bytes and requests a second; 0
// means no bound. A read larger than a second's bytes takes its time. Who waits
// ends with ctx. Closing it closes src.
func NewLimit(ctx context.Context, src Source, bytes, requests float64) *Limit {
	return &Limit{through{src}, ctx, limiter(bytes), limiter(requests)}
}

func limiter(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), int(min(max(1, perSecond), math.MaxInt32)))
}

// ReadAt implements [io.ReaderAt].
func (l *Limit) ReadAt(p []byte, off int64) (int, error) {
	n, _ := Clip(len(p), off, l.Size())
	if err := l.wait(int64(n)); err != nil {
		return 0, err
	}
	return l.Source.ReadAt(p, off)
}

// Prefetch implements [Prefetcher]: nothing is fetched ahead, as it would count
// when it is fetched and when it is read.
func (l *Limit) Prefetch(context.Context, []Extent) error { return nil }

// wait is until one request for so many bytes may be made.
func (l *Limit) wait(bytes int64) error {
	if err := l.requests.Wait(l.ctx); err != nil {
		return fmt.Errorf("wait for the limit of requests: %w", err)
	}
	for burst := int64(l.bytes.Burst()); bytes > 0 && burst > 0; bytes -= burst {
		if err := l.bytes.WaitN(l.ctx, int(min(bytes, burst))); err != nil {
			return fmt.Errorf("wait for the limit of bytes: %w", err)
		}
	}
	return nil
}

package block_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	base, data := source(100_000)
	check(t, block.NewLimit(t.Context(), base, 0, 0), data)
	slow := block.NewLimit(t.Context(), base, 100_000, 0)
	start := time.Now()
	for range 3 { // the first is free: a second's bytes are at hand
		if err := block.ReadFull(slow, make([]byte, 60_000), 0); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 700*time.Millisecond || took > 5*time.Second {
		t.Errorf("180,000 bytes at 100,000 a second took %s", took)
	}
	few := block.NewLimit(t.Context(), base, 0, 20)
	start = time.Now()
	for range 30 {
		if _, err := few.ReadAt(make([]byte, 1), 5); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 400*time.Millisecond || took > 5*time.Second {
		t.Errorf("30 requests at 20 a second took %s", took)
	}
}

func TestLimitEndsWithContext(t *testing.T) {
	t.Parallel()
	base, _ := source(1000)
	ctx, stop := context.WithCancel(t.Context())
	l := block.NewLimit(ctx, base, 1, 0)
	stop()
	if _, err := l.ReadAt(make([]byte, 500), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

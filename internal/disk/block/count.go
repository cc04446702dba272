package block

import "sync/atomic"

// Counter is a [Source] that counts what is read through it.
type Counter struct {
	through
	requests, bytes atomic.Int64
}

// NewCounter counts the reads of src. Closing the counter closes src.
func NewCounter(src Source) *Counter { return &Counter{through: through{src}} }

// ReadAt implements [io.ReaderAt].
func (c *Counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Source.ReadAt(p, off)
	c.requests.Add(1)
	c.bytes.Add(int64(n))
	return n, err
}

// Requests is how many reads there were.
func (c *Counter) Requests() int64 { return c.requests.Load() }

// Bytes is how many bytes they gave.
func (c *Counter) Bytes() int64 { return c.bytes.Load() }
